"""Pace: which windows are taken of many stretches of footage, so that all of it is seen evenly."""

from __future__ import annotations

__all__ = ["Pace", "denser_stride"]

_OWN_STRIDES = 10
"""A stretch that holds so many strides is even by itself."""
_DENSER = (4, 2)
"""How many times as many windows short footage may give; the first that fits is taken."""


class Pace:
    """Takes a window every `stride` frames of all stretches together, the first after `first`.

    Cameras record in files of a minute or of ten seconds. Counted anew in each file, every file
    would give a window, however many there are, and always from the same seconds of it. A stretch
    of ten strides or more is counted from its own start all the same: nothing is lost there, and
    its windows do not depend on what comes before it.

    A window that does not fit before an end or a hole is taken less than half a stride later, or
    not at all: two paces that are half a stride apart never take the same one.
    """

    def __init__(self, stride: int, *, first: int = 0) -> None:
        if stride < 1 or first < 0:
            raise ValueError(f"stride {stride} must be at least 1, first {first} at least 0")
        self._stride = stride
        self._first = first
        self._due = first
        """Frames of what is read now before the next window; negative where that is late."""
        self._frames = 0
        """Frames of what is read now."""

    def enter(self, frames: int, *, before: int = 0) -> int | None:
        """Begin a stretch of about so many frames, and return how many of them need not be read;
        None where no window begins in it.

        `before`: frames that should be read before a window, so that its history is known.
        """
        self._due -= self._frames
        self._frames = frames
        if frames >= _OWN_STRIDES * self._stride:
            self._due, before = self._first, 0
        if self._due >= frames:
            return None
        skipped = max(0, self._due - before)
        self._due -= skipped
        self._frames -= skipped
        return skipped

    def takes(self, start: int) -> bool:
        """Tell whether the window that begins at this frame of what is read is taken; windows are
        asked about in order."""
        if start < self._due:
            return False
        late = (start - self._due) % self._stride
        self._due = start - late + self._stride
        return 2 * late < self._stride


def denser_stride(stride: int, *, windows: int, most: int, least: int) -> int:
    """Return the frames between two windows that usual ranges are learnt from: `stride`, or a half
    or a quarter of it where footage is short: at most `most` windows in place of `windows`, and no
    closer than clips are scored, every `least` frames.

    What breaks or appears is over in a frame or two. Side by side, windows would miss half of the
    moments, and one of the others would decide how rare they are.
    """
    for times in _DENSER:
        # By twice as much: from half a stride on, no window is then one of the other pace.
        if stride % (2 * times) == 0 and stride // times >= least and windows * times <= most:
            return stride // times
    return stride
