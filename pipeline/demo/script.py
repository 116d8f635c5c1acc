"""The script of the demo line: who walks when, and which fault happens when. Exact, from a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from pipeline.demo.geometry import (
    ARM_CYCLE_SECONDS,
    BELT_PX_PER_SECOND,
    DROP_REST_X_PX,
    FOREIGN_HALF_WIDTH_PX,
    FRAME_RATE,
    JAM_BLOCK_SECONDS,
    JAM_STEP_PX,
    JAM_X_PX,
    PITCH_PX,
    WALK_MARGIN_PX,
    WIDTH_PX,
)

__all__ = ["Fault", "FaultKind", "Load", "Script", "Walk", "make_script"]

Generator = np.random.Generator

RAMP_SECONDS = 0.5
"""The drive needs this long to change the speed of the belt."""
_FIRST_FAULT_SECONDS = 42.0
_GAP_SECONDS = (20.5, 24.5)
_TAIL_SECONDS = 15.0


class FaultKind(StrEnum):
    """What can go wrong on the demo line."""

    JAM = "jam"
    """Parts pile up before the arm; the belt runs on beneath them."""
    STOP = "stop"
    """The belt stands still with its parts; arm and press go on."""
    REVERSED_BELT = "reversed_belt"
    """The belt runs backwards."""
    MISSING_PART = "missing_part"
    """One or two holders come along empty."""
    FOREIGN_OBJECT = "foreign_object"
    """A rag or a tool lies on the belt and travels with it."""
    DROPPED_PART = "dropped_part"
    """A part falls off the belt and lies on the floor until somebody takes it away."""
    ARM_OUT_OF_CYCLE = "arm_out_of_cycle"
    """The arm halts half-way, then hurries after its cycle at double speed."""
    PERSON_IN_CLOSED_ZONE = "person_in_closed_zone"
    """Somebody walks into the hatched zone of the robot."""


class Load(StrEnum):
    """What a passing worker has with him."""

    NOTHING = "nothing"
    BOX = "box"
    TROLLEY = "trolley"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault: from the first frame that shows it to the first that does not, half-open."""

    kind: FaultKind
    start_seconds: float
    end_seconds: float
    variant: int
    """Chooses among the looks of the kind; >= 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """A worker who passes along the walkway: normal operation."""

    start_seconds: float
    """When he is one margin outside of the picture."""
    speed_px_per_second: float
    """Positive to the right, negative to the left."""
    load: Load
    lane_px: float
    """How much nearer to the camera than the middle of the walkway he goes."""
    look: int
    """Seed of clothing and build."""

    @property
    def duration_seconds(self) -> float:
        """Time from one margin outside of the picture to the other."""
        return (WIDTH_PX + 2 * WALK_MARGIN_PX) / abs(self.speed_px_per_second)

    @property
    def end_seconds(self) -> float:
        """When he is one margin outside on the other side."""
        return self.start_seconds + self.duration_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """Everything that happens on the line, from second 0 to `duration_seconds`."""

    seed: int
    normal_seconds: float
    """No fault before this: footage to learn from."""
    duration_seconds: float
    """A whole number of frames."""
    walks: tuple[Walk, ...]
    """By start; never two at a time."""
    faults: tuple[Fault, ...]
    """By start; each is over before the next begins."""

    def without_faults(self) -> Script:
        """Return the same day without its faults."""
        return replace(self, faults=())

    def fault_at(self, seconds: float) -> Fault | None:
        """Return the fault that is visible at a time, or None."""
        for fault in self.faults:
            if fault.start_seconds <= seconds < fault.end_seconds:
                return fault
        return None


def make_script(
    seed: int,
    *,
    normal_seconds: float = 480.0,
    kinds: Sequence[FaultKind] = tuple(FaultKind),
) -> Script:
    """Return the day of the line that `seed` determines.

    After `normal_seconds` without a fault come >= 40 s more of the same, then one fault of each of
    `kinds` in an order of chance, >= 20 s of normal operation after each.
    """
    if normal_seconds < 0 or normal_seconds != round(normal_seconds):
        raise ValueError(f"normal_seconds {normal_seconds}: give whole seconds, 0 or more")
    rng = np.random.default_rng([seed, 1])
    faults: list[Fault] = []
    earliest = normal_seconds + _FIRST_FAULT_SECONDS
    for position in rng.permutation(len(kinds)):
        fault = _placed(kinds[int(position)], earliest, int(rng.integers(1 << 16)))
        faults.append(fault)
        earliest = fault.end_seconds + float(rng.uniform(*_GAP_SECONDS))
    last = faults[-1].end_seconds if faults else normal_seconds
    duration = math.ceil((last + _TAIL_SECONDS) / 10.0) * 10.0
    return Script(
        seed=seed,
        normal_seconds=float(normal_seconds),
        duration_seconds=duration,
        walks=tuple(_walks(np.random.default_rng([seed, 2]), duration, faults)),
        faults=tuple(faults),
    )


def _placed(kind: FaultKind, earliest_seconds: float, variant: int) -> Fault:
    """Return a fault at the first moment from `earliest_seconds` that fits the cycle of the line.

    Outside of faults a part stands at x = 5 px + whole pitches at every whole second, and the arm
    begins its cycle at every multiple of four seconds; each kind starts in step with that, and
    ends in step again.
    """
    second = math.ceil(earliest_seconds)
    start, length = float(second), 8.0
    match kind:
        case FaultKind.JAM:
            length = JAM_BLOCK_SECONDS + _jam_clearing_seconds()
        case FaultKind.STOP | FaultKind.REVERSED_BELT:
            length = 8.0 + RAMP_SECONDS
        case FaultKind.MISSING_PART:
            start += 0.5  # the front of a part comes into view at every half second
            length = (WIDTH_PX + 30 + PITCH_PX * (2 + variant % 2)) / BELT_PX_PER_SECOND
        case FaultKind.FOREIGN_OBJECT:
            length = (WIDTH_PX + 2 * FOREIGN_HALF_WIDTH_PX) / BELT_PX_PER_SECOND
        case FaultKind.DROPPED_PART:
            length = 9.0 + variant % 3
        case FaultKind.ARM_OUT_OF_CYCLE:
            start = math.ceil((earliest_seconds - 1.2) / ARM_CYCLE_SECONDS) * ARM_CYCLE_SECONDS
            start += 1.2  # half-way between tray and belt
            length = 2 * ARM_CYCLE_SECONDS
        case FaultKind.PERSON_IN_CLOSED_ZONE:
            length = 9.0 + variant % 3
    length = math.ceil(round(length * FRAME_RATE, 6)) / FRAME_RATE
    return Fault(
        kind=kind,
        start_seconds=round(start, 1),
        end_seconds=round(start + length, 1),
        variant=variant,
    )


def _jam_clearing_seconds() -> float:
    """Return how long the last of the piled parts needs out of the picture after the release."""
    piled = JAM_BLOCK_SECONDS * BELT_PX_PER_SECOND // (PITCH_PX - JAM_STEP_PX)
    return (WIDTH_PX - JAM_X_PX + piled * JAM_STEP_PX + 22) / BELT_PX_PER_SECOND


def _walks(rng: Generator, duration_seconds: float, faults: Sequence[Fault]) -> list[Walk]:
    """Return the passes of the workers: chance in all but that every kind comes equally often."""
    fetching = [_fetch(fault) for fault in faults if fault.kind is FaultKind.DROPPED_PART]
    walks: list[Walk] = []
    start = float(rng.uniform(1.0, 5.0))
    kinds: list[tuple[int, Load]] = []
    while start < duration_seconds:
        if not kinds:
            both = [(direction, load) for direction in (-1, 1) for load in Load]
            kinds = [both[int(i)] for i in rng.permutation(len(both))]
        direction, load = kinds.pop()
        pace = float(rng.uniform(34.0, 54.0)) * (0.85 if load is Load.TROLLEY else 1.0)
        walk = Walk(
            start_seconds=start,
            speed_px_per_second=direction * pace,
            load=load,
            lane_px=float(rng.uniform(-2.5, 3.0)),
            look=int(rng.integers(1 << 31)),
        )
        if not any(_overlap(walk, other) for other in fetching):
            walks.append(walk)
        start = walk.end_seconds + float(rng.uniform(3.0, 14.0))
    return sorted(walks + fetching, key=lambda walk: walk.start_seconds)


def _fetch(fault: Fault) -> Walk:
    """Return the pass whose trolley covers the fallen part just when the fault ends.

    He passes in the day without faults too: that the part is gone after him is the only change.
    """
    speed = 36.0 * (1 if fault.variant % 2 else -1)
    way = (
        DROP_REST_X_PX + WALK_MARGIN_PX if speed > 0 else WIDTH_PX + WALK_MARGIN_PX - DROP_REST_X_PX
    )
    way -= TROLLEY_AHEAD_PX
    return Walk(
        start_seconds=fault.end_seconds - way / abs(speed),
        speed_px_per_second=speed,
        load=Load.TROLLEY,
        lane_px=-2.0,
        look=fault.variant,
    )


TROLLEY_AHEAD_PX = 27.0
"""The middle of a trolley is this far before the worker who pushes it."""


def _overlap(one: Walk, other: Walk) -> bool:
    return one.start_seconds < other.end_seconds and other.start_seconds < one.end_seconds
