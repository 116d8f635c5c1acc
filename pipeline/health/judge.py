"""Judging a look: is the camera well, and if not, what is wrong with it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from pipeline.footage.frames import View, WorkingFrame
from pipeline.health.events import Trouble
from pipeline.health.look import Look, Looker, grey_of
from pipeline.health.reference import HealthReference
from pipeline.health.stillness import Still, StillnessMeter

__all__ = ["LOOK_US", "Finding", "Judge", "finding_of"]

LOOK_US = 450_000
"""Looks are at least this far apart: two a second."""
_RATE_WINDOW_US = 1_000_000
_SLOWER = 1.8
"""Times the usual step: a working frame rate of six where it was ten is an ordinary camera."""
_BLACK = 30.0
_BLACK_UNKNOWN = 16.0
"""Grey levels, for a camera of which nothing is known."""
_BLURRED = 0.6
_STILL_LIKE = 0.5
_FOUND = 0.55
_GONE = 0.35
"""Shares of what is normal."""
_REPEATS = 0.2
"""Times the share of pixels that changes in the quietest tenth of normal looks."""
_SMALL_SHIFT = 0.025
"""Of the picture's width: larger ones are not shifted back, since too much has left the picture."""
_LEAST_SHIFT_PX = 1.5
"""A mast in the wind moves by less."""
_OPENS_US = 3_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one look came to."""

    pts_us: int
    trouble: Trouble | None
    opens_us: int
    """For how long it must last before it counts."""
    detail: str
    shift_px: tuple[float, float]


class Judge:
    """Looks at frames of a stretch in order of time and says what each look comes to."""

    def __init__(self, looker: Looker, reference: HealthReference | None, view: View) -> None:
        self._looker = looker
        self._reference = reference
        self._view = view
        self._meter = StillnessMeter()
        self._times: deque[int] = deque()
        self._looked_us: int | None = None

    def finding(self, frame: WorkingFrame) -> Finding | None:
        """Return the finding of a frame; None for the frames in between, which nobody looks at."""
        self._times.append(frame.pts_us)
        while self._times[0] < frame.pts_us - _RATE_WINDOW_US and len(self._times) > 2:
            self._times.popleft()
        if self._looked_us is not None and 0 <= frame.pts_us - self._looked_us < LOOK_US:
            return None
        self._looked_us = frame.pts_us
        known = self._reference
        search = _FOUND * known.agreement if known else 0.0
        look = self._looker.look(frame.image, search=search)
        still = self._meter.add(frame.pts_us, grey_of(frame.image))
        if known is None:
            return _unknown_camera(frame.pts_us, look)
        if (slow := self._frame_rate_down(known)) is not None:
            return Finding(
                pts_us=frame.pts_us,
                trouble=Trouble.FRAME_RATE_DOWN,
                opens_us=_OPENS_US,
                detail=slow,
                shift_px=look.shift_px,
            )
        return finding_of(frame.pts_us, look, still, known, looker=self._looker, view=self._view)

    def _frame_rate_down(self, known: HealthReference) -> str | None:
        steps, length_us = len(self._times) - 1, self._times[-1] - self._times[0]
        if known.step_seconds <= 0 or steps < 1 or length_us < _RATE_WINDOW_US // 2:
            return None
        # Sources less than a third faster than the working rate keep their own.
        wanted = 1.0 / self._view.frame_rate
        usual = known.step_seconds if known.step_seconds > 0.75 * wanted else wanted
        step = length_us / 1e6 / steps
        if step <= _SLOWER * usual:
            return None
        return f"{1 / step:.1f} frames a second, usually {1 / usual:.1f}"


def finding_of(
    pts_us: int,
    look: Look,
    still: Still,
    known: HealthReference,
    *,
    looker: Looker,
    view: View,
) -> Finding:
    """Return what a look comes to beside the normal ones."""
    small_px = _SMALL_SHIFT * view.width_px
    trouble, detail = _trouble(look, still, known, looker.has_structure, small_px)
    opens_us = _OPENS_US
    if trouble is Trouble.FROZEN and known.repeat_seconds is not None:
        opens_us = round(1e6 * known.repeat_seconds)
    return Finding(
        pts_us=pts_us,
        trouble=trouble,
        opens_us=opens_us,
        detail=detail,
        shift_px=look.shift_px,
    )


def _unknown_camera(pts_us: int, look: Look) -> Finding:
    """Return what a look comes to without a reference: only darkness needs none."""
    black = look.brightness < _BLACK_UNKNOWN
    return Finding(
        pts_us=pts_us,
        trouble=Trouble.BLACK if black else None,
        opens_us=_OPENS_US,
        detail=_brightness(look) if black else "",
        shift_px=look.shift_px,
    )


def _trouble(
    look: Look, still: Still, known: HealthReference, has_structure: bool, small_px: float
) -> tuple[Trouble | None, str]:
    """Return the trouble that a look shows, None for none, and what was measured."""
    gone = look.found < min(_GONE * known.agreement, 0.8 * known.agreement_low)
    dark = look.brightness < min(_BLACK, 0.5 * known.brightness_low)
    if dark and (gone or not has_structure):
        return Trouble.BLACK, _brightness(look)
    if has_structure:
        blurred = look.sharpness < min(_BLURRED * known.sharpness, 0.85 * known.sharpness_low)
        if blurred and look.likeness > _STILL_LIKE * known.likeness:
            detail = f"fine detail {look.sharpness:.2f}, usually {known.sharpness:.2f}"
            return Trouble.OUT_OF_FOCUS, detail
        elsewhere = look.shifted_px > max(_LEAST_SHIFT_PX, 1.5 * known.shifted_px)
        if look.found > _FOUND * known.agreement and (elsewhere or look.turned_degrees):
            small = look.shifted_px <= small_px and not look.turned_degrees
            return (Trouble.MOVED_SLIGHTLY if small else Trouble.MOVED), _where(look)
        if gone:
            share = max(0.0, look.found) / max(known.agreement, 1e-3)
            return Trouble.COVERED, f"{share:.0%} of the usual structure"
    if known.repeat_seconds is not None and still.changed <= _REPEATS * known.changed_low:
        return Trouble.FROZEN, "the picture repeats"
    return None, ""


def _brightness(look: Look) -> str:
    return f"brightness {look.brightness:.0f} of 255"


def _where(look: Look) -> str:
    right, down = look.shift_px
    text = f"{right:+.1f} px right and {down:+.1f} px down of where it was learnt"
    if look.turned_degrees:
        text += f", turned by about {abs(look.turned_degrees):.0f} degrees"
    return text
