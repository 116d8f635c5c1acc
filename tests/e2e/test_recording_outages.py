"""Outages of real RTSP cameras, hundreds of them: each is found, listed with its cause and right to
a second, and over soon after the camera is back; cameras beside them lose nothing."""

from __future__ import annotations

import os
import random
import resource
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pipeline.assembly import Site
from pipeline.footage.admission import Reason
from tests.cable import Cable, speak_http
from tests.outages import LIMITS, RECONNECT_SECONDS, RECORDED_SECONDS, Outage, check_ledger
from tests.promises import Promise
from tests.rtsp_camera import PASSWORD, LiveCamera, Recording, live_site, now, open_files, until

PATIENT = replace(LIMITS, stall_seconds=4.0, open_seconds=6.0)
"""Many cameras and their servers on few cores."""
FRAMES_A_SECOND = 10
OUTAGES = 200
RESETS = 125
"""Of each camera with a bad cable."""
_GROWTH_MIB = 40.0


class Line:
    """A camera, its cable and its recorder, and everything that can happen to them."""

    def __init__(self, camera: LiveCamera, cable: Cable, recording: Recording) -> None:
        self.camera, self.cable, self.recording = camera, cable, recording
        self.outages: list[Outage] = []
        self.back_seconds: list[tuple[float, str]] = []
        self.begun = now()

    def closed(self) -> None:
        """The camera closes the connection, and welcomes a new one."""
        self._out("lost", self.camera.drop)

    def reset(self) -> None:
        """The connection is reset."""
        self._out("lost", self.cable.reset)

    def cut(self) -> None:
        """The connection ends, and nobody listens for a while."""
        self._out("refused", self.cable.cut, self.cable.join)

    def pulled(self) -> None:
        """Nothing comes through, and nobody says so."""
        self._out("stalled", self.cable.pull, self.cable.plug)

    def frozen(self) -> None:
        """The camera's program stops, and goes on."""
        self._out("stalled", self.camera.stall, self.camera.go_on)

    def power(self) -> None:
        """The camera goes away and comes back."""
        self._out("refused", self._off, self._on)

    def other_size(self) -> None:
        """It comes back with another size of the picture."""
        self.camera.size = "320x240" if self.camera.size == "160x120" else "160x120"
        self._out("refused", self._off, self._on)

    def other_password(self) -> None:
        """Its password is another one, for as long as one attempt: an account may be locked after
        a few, so their waits grow to half a minute whoever listens."""
        self._out(
            "unauthorised",
            lambda: self._as(password="other"),
            lambda: self._as(),
            away_seconds=0.0,
        )

    def other_stream(self) -> None:
        """It has no such stream for a while."""
        self._out("refused", lambda: self._as(stream="other"), lambda: self._as())

    def no_rtsp(self) -> None:
        """Something else listens there, and speaks another language."""
        self._out("unusable", lambda: self.cable.answer(speak_http), self.cable.join)

    def hangs_up(self) -> None:
        """Whoever listens there hangs up at once."""
        self._out("unusable", lambda: self.cable.answer(lambda end: end.close()), self.cable.join)

    def silent(self) -> None:
        """Whoever listens there says nothing."""
        self._out("unreachable", lambda: self.cable.answer(lambda _: None), self.cable.join)

    def hung(self) -> None:
        """The program that reads the stream here hangs; somebody has to end it."""
        child = self.recording.recorder.child_pid
        assert child is not None
        # Whenever it is over: the camera was there all the time.
        self._out("stalled", lambda: os.kill(child, signal.SIGSTOP), away_seconds=0.0)

    def _off(self) -> None:
        self.cable.cut()
        self.camera.kill()

    def _on(self) -> None:
        self.camera.start()
        self.cable.join()

    def _as(self, *, password: str = PASSWORD, stream: str = "live") -> None:
        self.cable.cut()
        self.camera.kill()
        self.camera.password, self.camera.stream = password, stream
        self._on()

    def _out(
        self,
        cause: str,
        do: Callable[[], None],
        undo: Callable[[], None] = lambda: None,
        *,
        away_seconds: float = 2.0,
    ) -> None:
        known, times = len(self.recording.lines), self.recording.times_recording()
        begun = now()
        do()
        until(
            lambda: any(f"blind, {cause}: " in line for line in self.recording.lines[known:]),
            cause,
        )
        over = begun
        if cause != "lost":
            time.sleep(away_seconds)
            over = now()
            undo()
        self.recording.until_recording(times + 1)
        self.back_seconds.append(((now() - over).total_seconds(), cause))
        self.outages.append(Outage(cause, begun, over))
        time.sleep(RECORDED_SECONDS)


KINDS: tuple[Callable[[Line], None], ...] = (
    Line.closed,
    Line.reset,
    Line.cut,
    Line.pulled,
    Line.frozen,
    Line.power,
    Line.other_size,
    Line.other_password,
    Line.other_stream,
    Line.no_rtsp,
    Line.hangs_up,
    Line.silent,
    Line.hung,
)


def memory_mib() -> float:
    """Return how much memory this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def _go_through(line: Line, kinds: Sequence[Callable[[Line], None]]) -> None:
    for kind in kinds:
        kind(line)


@contextmanager
def recorded(folder: Path, names: Sequence[str], dead: Sequence[str] = ()) -> Iterator[Plant]:
    """Yield cameras that are being recorded, and among them some that were never there."""
    with ExitStack() as stack:
        cameras = {name: LiveCamera() for name in names}
        cables = {name: Cable(camera.port) for name, camera in cameras.items()}
        for number, name in enumerate(dead):
            cables[name] = Cable(camera_port=1)
            if number % 2:
                cables[name].cut()
            else:
                cables[name].answer(lambda _: None)
        for cable in cables.values():
            stack.callback(cable.close)
        for camera in cameras.values():
            stack.callback(camera.kill)
        urls = {name: f"rtsp://127.0.0.1:{cable.port}/live" for name, cable in cables.items()}
        site = stack.enter_context(live_site(folder, urls))
        recordings = stack.enter_context(ExitStack())
        lines = {}
        for name in dead:
            recordings.enter_context(Recording(site, name, PATIENT))
        for name in names:
            recording = recordings.enter_context(Recording(site, name, PATIENT))
            recording.until_recording(1)
            lines[name] = Line(cameras[name], cables[name], recording)
        time.sleep(2.0)
        yield Plant(site=site, lines=lines, recordings=recordings)


@dataclass(frozen=True, kw_only=True)
class Plant:
    """A site with cameras that are being recorded until `recordings` is closed."""

    site: Site
    lines: dict[str, Line]
    recordings: ExitStack

    def suffer(self, shares: Sequence[Sequence[Callable[[Line], None]]]) -> None:
        """Let things happen to the first cameras, to all of them at once."""
        with ThreadPoolExecutor(len(shares)) as pool:
            list(pool.map(_go_through, self.lines.values(), shares))


@dataclass(frozen=True, kw_only=True)
class Held:
    """What this process holds."""

    files: int = field(default_factory=open_files)
    threads: int = field(default_factory=threading.active_count)
    memory_mib: float = field(default_factory=memory_mib)

    def assert_no_more(self) -> float:
        """Check that it is no more now; return by how many MiB the memory grew."""
        # One of them may be connecting just now; what leaks stays.
        until(lambda: open_files() <= self.files + 2, "as few open files as before")
        assert threading.active_count() <= self.threads + 2
        growth_mib = memory_mib() - self.memory_mib
        assert growth_mib < _GROWTH_MIB
        return growth_mib


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_cameras_through_outages_of_every_kind(tmp_path: Path, promise: Promise) -> None:
    kinds = [KINDS[number % len(KINDS)] for number in range(OUTAGES)]
    random.Random(7).shuffle(kinds)
    with recorded(tmp_path, ["a", "b", "c", "d"]) as plant:
        held = Held()
        plant.suffer([kinds[index::4] for index in range(4)])
        growth_mib = held.assert_no_more()
        plant.recordings.close()
        for name, line in plant.lines.items():
            check_ledger(plant.site, name, line.outages, begun=line.begun)
        lines = plant.lines.values()
    back = [one for line in lines for one in line.back_seconds]
    assert len(back) == OUTAGES
    assert max(back)[0] < RECONNECT_SECONDS, sorted(back)[-5:]
    causes = Counter(outage.cause for line in lines for outage in line.outages)
    promise(
        "R1",
        f"{OUTAGES} outages of {len(set(kinds))} kinds on 4 cameras "
        f"({', '.join(f'{count} {cause}' for cause, count in sorted(causes.items()))}): recorded "
        f"again within {max(back)[0]:.1f} s, ledger right to 1 s, memory {growth_mib:+.0f} MiB",
    )


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_cameras_beside_dead_ones_and_bad_cables_lose_nothing(
    tmp_path: Path, promise: Promise
) -> None:
    bad, good = ["a", "b", "c", "d"], ["e", "f", "g", "h"]
    with recorded(tmp_path, [*bad, *good], dead=list("ijklmnop")) as plant:
        held = Held()
        plant.suffer([[Line.reset] * RESETS] * len(bad))
        growth_mib = held.assert_no_more()
        plant.recordings.close()
        for name, line in plant.lines.items():
            check_ledger(plant.site, name, line.outages, begun=line.begun)
        frames, missing = 0, 0
        for name in good:
            begun = plant.lines[name].begun
            footage = [
                one
                for one in plant.site.store.footage_of(name)
                if one.start_utc is not None and one.start_utc > begun
            ]
            seconds = sum(one.duration_us for one in footage) / 1e6
            frames += sum(one.frames for one in footage)
            missing += round(seconds * FRAMES_A_SECOND) - sum(one.frames for one in footage)
            blind = [one for one in plant.site.store.blind(name) if one.start_utc > begun]
            # The end of the recording, where that is too short for a clip: its frames are counted.
            assert all(one.reason is Reason.TOO_SHORT for one in blind), blind
            assert len(blind) <= 1, blind
    assert abs(missing) <= len(good)
    promise(
        "R3",
        f"16 cameras, 8 of them dead, {RESETS * len(bad)} resets on 4 others: {frames} frames of "
        f"the other 4, {max(missing, 0)} missing; memory {growth_mib:+.0f} MiB",
    )


@pytest.mark.full
@pytest.mark.timeout(600)
def test_whoever_says_nothing_is_given_up(tmp_path: Path, promise: Promise) -> None:
    kept_seconds: list[float] = []

    def say_nothing(end: socket.socket) -> None:
        if end.recv(1):  # not a look whether somebody listens
            begun = time.monotonic()
            while end.recv(1 << 16):
                pass
            kept_seconds.append(time.monotonic() - begun)

    names = list("abcdefghij")
    with ExitStack() as stack:
        cable = Cable(camera_port=1)
        stack.callback(cable.close)
        cable.answer(say_nothing)
        url = f"rtsp://127.0.0.1:{cable.port}/live"
        site = stack.enter_context(live_site(tmp_path, dict.fromkeys(names, url)))
        held = Held()
        with ExitStack() as recordings:
            for name in names:
                recordings.enter_context(Recording(site, name, LIMITS))
            until(lambda: len(kept_seconds) >= 50, "fifty attempts", seconds=300.0)
        held.assert_no_more()
    assert max(kept_seconds) < LIMITS.stall_seconds + 2.0
    promise(
        "R2",
        f"{len(kept_seconds)} connections to who says nothing: each given up within "
        f"{max(kept_seconds):.1f} s, nothing left open",
    )
