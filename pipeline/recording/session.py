"""Session: what one connection brought, and at which wall time each of its files was."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.recording.arrival_clock import ArrivalClock
from pipeline.recording.ffmpeg import SUFFIX, FileClosed
from pipeline.timebase import Clock, seconds

__all__ = ["Film", "Session"]

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_STEP_US = 1_000_000
_LOOK_US = 250_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Film:
    """A file that was written, and what is known of its time."""

    name: str
    start_utc: datetime
    """Wall time of media time 0 of the file."""
    end_utc: datetime
    """Wall time at which its last frame ends."""
    frames: int
    cut_seconds: float | None = None
    """Frames after so long belong to another time, and are to be cut off."""


class Session:
    """Keeps the times of the frames that are in no finished film yet."""

    def __init__(self, prefix: str, clock: Clock) -> None:
        self._prefix = prefix
        self._clock = clock
        self._arrival = ArrivalClock()
        self._frames: deque[int] = deque()
        self._files = 0
        self._next_us = 0
        self._begun = clock.monotonic()
        self._first: float | None = None
        self._last = self._begun
        self._newest_us = 0
        self._looked = 0
        self.jumped_after_us: int | None = None
        """Where wall time and media time came apart; the connection is of no more use then."""

    def frame(self, media_us: int) -> None:
        """Take in a frame that arrived just now."""
        self._last = self._clock.monotonic()
        if self._first is None:
            self._first = self._last
        self._frames.append(media_us)
        self._newest_us = media_us
        arrival_us = (self._clock.now_utc() - _UNIX) // timedelta(microseconds=1)
        self._arrival.add(media_us, arrival_us)
        look = arrival_us // _LOOK_US  # not at every frame
        if self.jumped_after_us is None and look != self._looked:
            self._looked = look
            self.jumped_after_us = self._arrival.jumped_after_us()

    @property
    def has_frames(self) -> bool:
        """Whether any frame came."""
        return self._first is not None

    @property
    def silent_seconds(self) -> float:
        """How long nothing has come."""
        return self._clock.monotonic() - self._last

    @property
    def recorded_seconds(self) -> float:
        """From the first frame to the last."""
        return 0.0 if self._first is None else self._last - self._first

    @property
    def newest_utc(self) -> datetime | None:
        """Wall time of the newest frame."""
        return self._utc(self._newest_us, self._newest_us) if self.has_frames else None

    @property
    def open_name(self) -> str:
        """Name of the file that is being written."""
        return f"{self._prefix}-{self._files:06d}{SUFFIX}"

    @property
    def open_start_utc(self) -> datetime | None:
        """Wall time at which that file begins."""
        return self._utc(self._next_us, self._newest_us) if self.has_frames else None

    def closed(self, event: FileClosed) -> Film | None:
        """Return the film of a file that the child has closed; None when it holds no frame."""
        self._files += 1
        self._next_us = event.end_us
        times = []
        while self._frames and self._frames[0] < event.end_us:
            times.append(self._frames.popleft())
        return self._film(event.name, event.start_us, times)

    def left(self) -> Film | None:
        """Return the film of the file that a killed child left open."""
        times, start_us = list(self._frames), self._next_us
        self._frames.clear()
        return self._film(self.open_name, start_us, times)

    def _film(self, name: str, start_us: int, times: list[int]) -> Film | None:
        cut_us = self.jumped_after_us
        # A frame may come in two packets.
        ordered = sorted({time for time in times if cut_us is None or time <= cut_us})
        if not ordered:
            return None
        last_us = ordered[-1]
        step_us = (last_us - ordered[0]) // (len(ordered) - 1) if len(ordered) > 1 else 0
        end_us = last_us + min(step_us, _LONGEST_STEP_US)
        start_utc, end_utc = self._utc(start_us, last_us), self._utc(end_us, last_us)
        if start_utc is None or end_utc is None:
            return None
        cut = cut_us is not None and any(time > cut_us for time in times)
        return Film(
            name=name,
            start_utc=start_utc,
            end_utc=end_utc,
            frames=len(ordered),
            cut_seconds=seconds(end_us - start_us) if cut else None,
        )

    def _utc(self, media_us: int, known_us: int) -> datetime | None:
        epoch_us = self._arrival.epoch_us(known_us)
        return None if epoch_us is None else _UNIX + timedelta(microseconds=epoch_us + media_us)
