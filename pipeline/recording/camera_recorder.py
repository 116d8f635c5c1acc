"""Camera recorder: one live camera, recorded until told to stop, every second accounted for."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

from pipeline.errors import LeaseHeld, SettingsError
from pipeline.files import make_folder
from pipeline.footage.gaps import note_gap, recording_folder
from pipeline.footage.segments import Blind
from pipeline.recording.backoff import Backoff
from pipeline.recording.ffmpeg import FileClosed, FrameCame, Reader
from pipeline.recording.films import as_left, publish, salvage, work_folder
from pipeline.recording.ledger import Ledger
from pipeline.recording.outage import Cause, told
from pipeline.recording.session import Film, Session
from pipeline.recording.state import Activity, OpenFile, RecordingState, read_state, write_state
from pipeline.recording.stream import Place, Stream, place_of
from pipeline.timebase import Clock
from pipeline.zones.polygon import Polygon

__all__ = ["CameraRecorder", "Limits"]

_LOOK_SECONDS = 0.25
_BEAT_SECONDS = 1.0
_PROBE_SECONDS = 1.0
_OPEN_SECONDS = 3.0
"""The longest wait where somebody listens: a camera that starts says "no such stream" for a while,
and another attempt costs it little."""
_NO_PROBE = (Cause.UNAUTHORISED, Cause.DISK_FULL, Cause.RESTARTING)
"""Where the whole wait is kept: a camera may lock an account after a few wrong passwords, and the
other two are no matter of the camera."""
_GRACE_SECONDS = 2.0
_MASKS_SECONDS = 2.0
"""How often somebody looks whether the privacy masks have changed."""
_LATE = timedelta(seconds=10)
"""Frames may be this old when they come; time that is younger is not called blind yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """When what is given up."""

    file_seconds: float = 60.0
    stall_seconds: float = 5.0
    """Without a frame for so long, the child is ended."""
    least_free_bytes: int = 2 << 30
    open_seconds: float = 20.0
    """From a new connection to its first frame."""
    healthy_seconds: float = 60.0
    """A connection that lasted so long lets the waiting begin anew."""
    piece_seconds: float = 600.0
    """Blind time that goes on is noted in pieces of this length."""


class CameraRecorder:
    """Records one camera; `run` returns when it is told to stop."""

    def __init__(
        self,
        camera: str,
        stream: Stream,
        *,
        source: Path,
        site_folder: Path,
        clock: Clock,
        limits: Limits,
        chance: Callable[[], float],
        progress: Callable[[str], None],
        masks: Callable[[], tuple[Polygon, ...]] = tuple,
    ) -> None:
        """`masks`: gives the privacy masks of now, which are burnt in before a file is written."""
        self._camera = camera
        self._masks_of_now = masks
        self._masks: tuple[Polygon, ...] = ()
        self._masks_asked = clock.monotonic()
        self._stream = stream
        self._source = source
        self._site_folder = site_folder
        self._folder = recording_folder(site_folder, camera)
        self._clock = clock
        self._limits = limits
        self._backoff = Backoff(chance, healthy_seconds=limits.healthy_seconds)
        self._progress = progress
        self._ledger = Ledger(camera, clock.now_utc())
        self._place: Place | None = None
        self._since_utc = clock.now_utc()
        self._beaten = clock.monotonic() - _BEAT_SECONDS
        self._last_frame_utc: datetime | None = None
        self._films = 0
        self._gaps: list[Blind] = []
        """Known and not written yet."""
        self._mute = False
        self.child_pid: int | None = None
        """Process of the child, while there is one."""

    def run(self, stop: Event) -> None:
        """Record until `stop` is set. Raises LeaseHeld when the camera is being recorded
        already."""
        make_folder(self._folder)
        with _only_one(self._folder / "lock", self._camera):
            self._take_over()
            try:
                while not stop.is_set():
                    recorded_seconds = self._connect(stop) if self._has_room() else 0.0
                    if not stop.is_set():
                        self._wait(stop, self._backoff.after(recorded_seconds))
            finally:
                self._ledger.note(Cause.NOT_RUNNING, self._clock.now_utc())
                self._beat(Activity.STOPPED, None, now=True)

    # one connection ------------------------------------------------------------------------

    def _connect(self, stop: Event) -> float:
        """Record one connection to its end; return how long frames came.

        A secret that is not there, or a program that is just being replaced by a newer one, may be
        there at the next attempt: nothing of that ends the recording.
        """
        try:
            return self._record(stop)
        except SettingsError as error:
            self.child_pid = None
            self._fail(Cause.UNUSABLE, str(error))
            return 0.0

    def _record(self, stop: Event) -> float:
        address = self._stream.address()
        self._place = place_of(address)
        work_folder(self._source).mkdir(mode=0o750, exist_ok=True)
        self._masks, self._masks_asked = self._masks_of_now(), self._clock.monotonic()
        prefix = f"{self._clock.now_utc():%Y%m%dT%H%M%S%f}"
        session = Session(prefix, self._clock)
        limits = self._limits
        reader = Reader(
            address,
            work_folder(self._source),
            prefix,
            file_seconds=limits.file_seconds,
            quiet_seconds=limits.stall_seconds,
            masks=self._masks,
        )
        with reader:
            self.child_pid = reader.pid
            cause: Cause | None = None
            while cause is None and reader.writes and not stop.is_set():
                self._take(reader.events(_LOOK_SECONDS), session)
                cause = self._give_up(session)
                self._beat(Activity.RECORDING if session.has_frames else Activity.BLIND, session)
            self._take(reader.stop(), session)
            self.child_pid = None
            left = session.left()
            self._keep(session.open_name, left and as_left(self._source, left))
        if not stop.is_set():
            self._fail(cause or _cause_of_end(reader.cause, session.has_frames))
        return session.recorded_seconds

    def _take(self, events: Iterator[FrameCame | FileClosed], session: Session) -> None:
        for event in events:
            if isinstance(event, FileClosed):
                self._keep(event.name, session.closed(event))
                continue
            if not session.has_frames:
                self._progress(f"{self._camera}: recording {self._place}")
                self._since_utc = self._clock.now_utc()
            session.frame(event.media_us)
        self._last_frame_utc = session.newest_utc or self._last_frame_utc

    def _give_up(self, session: Session) -> Cause | None:
        """Return why the connection is to be ended by us; None while all is well."""
        if session.jumped_after_us is not None or self._is_masked_otherwise():
            return Cause.RESTARTING
        limits = self._limits
        patience = limits.stall_seconds if session.has_frames else limits.open_seconds
        if session.silent_seconds > patience + _GRACE_SECONDS:
            return Cause.STALLED  # the child should have ended by itself
        return None if self._has_room() else Cause.DISK_FULL

    def _is_masked_otherwise(self) -> bool:
        """Tell whether the privacy masks have changed since the connection was made."""
        if self._clock.monotonic() - self._masks_asked < _MASKS_SECONDS:
            return False
        self._masks_asked = self._clock.monotonic()
        return self._masks_of_now() != self._masks

    def _keep(self, name: str, film: Film | None) -> None:
        if film is None:  # no frame, or none whose time is known
            (work_folder(self._source) / name).unlink(missing_ok=True)
            return
        try:
            kept = publish(self._source, film)
        except OSError as error:
            # The film lies in the folder of work still; the ledger calls its time blind.
            self._progress(f"{self._camera}: {film.name} cannot be kept ({error.strerror})")
            return
        if kept is not None:
            self._films += 1
            self._gaps += self._ledger.recorded(film.start_utc, film.end_utc)
            self._beaten -= _BEAT_SECONDS  # what is known now is said at the next look

    # between connections -------------------------------------------------------------------

    def _has_room(self) -> bool:
        free = shutil.disk_usage(self._source).free
        if free >= self._limits.least_free_bytes:
            return True
        if self._ledger.cause is not Cause.DISK_FULL:
            self._fail(Cause.DISK_FULL, f"{free >> 20} MiB are free; free some, or another disk")
        return False

    def _fail(self, cause: Cause, detail: str = "") -> None:
        if cause is not self._ledger.cause:
            self._since_utc = self._clock.now_utc()
            where = f" ({self._place})" if self._place else ""
            more = f": {detail}" if detail else ""
            self._progress(f"{self._camera}: blind, {cause}: {told(cause)}{where}{more}")
        self._ledger.note(cause, self._clock.now_utc())

    def _wait(self, stop: Event, seconds: float) -> None:
        """Wait for the next attempt: so long; less where somebody listens, and no longer than
        until somebody listens again where nobody did."""
        begun = self._clock.monotonic()
        deadline = begun + seconds
        probing = self._place is not None and self._ledger.cause not in _NO_PROBE
        was_closed = False
        while not stop.is_set() and (left := deadline - self._clock.monotonic()) > 0:
            self._beat(Activity.BLIND, None)
            if probing:
                is_open = self._place is not None and _listens(self._place)
                if is_open and was_closed:
                    return
                if is_open:
                    deadline = min(deadline, begun + _OPEN_SECONDS)
                was_closed, probing = True, not is_open
            stop.wait(min(left, _PROBE_SECONDS))

    def _take_over(self) -> None:
        """Go on from where the recorder before stopped, however it ended."""
        before = read_state(self._site_folder, self._camera)
        now_utc = self._clock.now_utc()
        if before is not None and before.known_until_utc <= now_utc:
            self._ledger = Ledger(self._camera, before.known_until_utc)
            for at_utc, cause in before.changes:
                self._ledger.note(Cause(cause), at_utc)
            saved, unknown = salvage(self._source, before.open_file, before.beat_utc)
            for film in saved:
                end_utc = min(film.end_utc, before.last_frame_utc or film.end_utc)
                self._gaps += self._ledger.recorded(film.start_utc, end_utc)
            for name in unknown:
                self._progress(
                    f"{self._camera}: {work_folder(self._source) / name} was left by a recorder"
                    " that was killed, and its time is not known; look at it, then remove it"
                )
            self._ledger.note(Cause.NOT_RUNNING, before.beat_utc)
        self._ledger.note(Cause.RESTARTING, now_utc)

    # what others see -----------------------------------------------------------------------

    def _beat(self, activity: Activity, session: Session | None, *, now: bool = False) -> None:
        """Say once a second that the recorder runs, and note long blind time in pieces."""
        if not now and self._clock.monotonic() - self._beaten < _BEAT_SECONDS:
            return
        self._beaten = self._clock.monotonic()
        now_utc = self._clock.now_utc()
        if activity is Activity.BLIND:
            sure_utc = now_utc - _LATE
            piece = timedelta(seconds=self._limits.piece_seconds)
            if sure_utc - self._ledger.known_until_utc >= piece:
                self._gaps += self._ledger.blind_until(sure_utc)
        open_start = session.open_start_utc if session else None
        state = RecordingState(
            activity=activity,
            since_utc=self._since_utc,
            beat_utc=now_utc,
            known_until_utc=self._ledger.known_until_utc,
            changes=tuple((at, cause.value) for at, cause in self._ledger.changes),
            last_frame_utc=self._last_frame_utc,
            cause="" if activity is Activity.RECORDING else self._ledger.cause or "",
            files=self._films,
            open_file=OpenFile(name=session.open_name, start_utc=open_start)
            if session and open_start
            else None,
        )
        try:
            # First the gaps: the state says up to when everything is noted.
            while self._gaps:
                note_gap(self._folder, self._gaps[0])
                del self._gaps[0]
            write_state(self._site_folder, self._camera, state)
        except OSError as error:  # a full disk, most likely: recording goes on, noting waits
            if not self._mute:
                self._progress(f"{self._camera}: {self._folder} cannot be written ({error})")
            self._mute = True
        else:
            self._mute = False


def _cause_of_end(said: Cause | None, had_frames: bool) -> Cause:
    """Return why a child ended by itself."""
    if said is Cause.DISK_FULL:
        return said
    if had_frames:
        return Cause.STALLED if said is Cause.UNREACHABLE else Cause.LOST
    return said or Cause.STALLED


def _listens(place: Place) -> bool:
    """Tell whether a TCP connection can be made; nothing is said over it."""
    try:
        with socket.create_connection((place.host, place.port), timeout=_PROBE_SECONDS):
            return True
    except OSError:
        return False


@contextmanager
def _only_one(path: Path, camera: str) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LeaseHeld(
                f"camera {camera} is being recorded by another kizashi record; stop that one first"
            ) from None
        yield
    finally:
        os.close(descriptor)  # which lets the lock go, also when the process is killed
