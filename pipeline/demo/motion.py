"""Where everything on the demo line is at a given second. Pure functions of script and time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.demo import geometry as g
from pipeline.demo.arm import ArmPose, arm_pose
from pipeline.demo.script import RAMP_SECONDS, Fault, FaultKind, Load, Script, Walk

__all__ = ["Figure", "Line", "PartPose"]

_IN_VIEW_PX = 34.0
"""Parts and figures are in view until they are this far outside of the picture."""
_PARTS = 4_096
"""After this many parts the mix of kinds comes round again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartPose:
    """One part: which it is, and where it stands (middle of its foot) and leans."""

    look: int
    x_px: float
    y_px: float
    angle_degrees: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A person: where the feet are, which way he goes and how far his stride is."""

    x_px: float
    y_px: float
    height_px: float
    direction: int
    """1 to the right, -1 to the left."""
    stride: float
    """Phase of the step in radians; it stands still when he does."""
    walking: float
    """0 standing, 1 walking."""
    load: Load
    look: int


class Line:
    """The line of one script. Asking again for the same second gives the same answer."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._drives = tuple(f for f in script.faults if f.kind in _SPEED)

    @cached_property
    def _jitter(self) -> NDArray[np.float64]:
        """(parts, 2): how far each stands from the middle of its holder, in px."""
        rng = np.random.default_rng([self.script.seed, 3])
        return rng.uniform((-2.0, -1.0), (2.0, 1.0), (_PARTS, 2))

    @cached_property
    def _looks(self) -> NDArray[np.int64]:
        """(parts,): a number that chooses kind and colour of each."""
        return np.random.default_rng([self.script.seed, 4]).integers(0, 1 << 16, _PARTS)

    # belt ------------------------------------------------------------------------
    def travel_px(self, seconds: float) -> float:
        """Return how far the belt has come since second 0."""
        lost = sum(_lost_seconds(fault, seconds) for fault in self._drives)
        return g.BELT_PX_PER_SECOND * (seconds - lost)

    def parts(self, seconds: float) -> list[PartPose]:
        """Return the parts in view, from left to right, a heaped or falling one included."""
        travel = self.travel_px(seconds)
        first = math.ceil((-_IN_VIEW_PX - g.SLOT_X_PX - travel) / g.PITCH_PX)
        # A heap holds parts back: look further to the right than the picture goes.
        last = first + round((g.WIDTH_PX + 2 * _IN_VIEW_PX) / g.PITCH_PX) + 8
        fault = self.script.fault_at(seconds)
        poses = []
        for slot in range(first, last):
            pose = self._part(slot, travel, seconds, fault)
            if pose is not None and -_IN_VIEW_PX < pose.x_px < g.WIDTH_PX + _IN_VIEW_PX:
                poses.append(pose)
        return poses

    def _part(
        self, slot: int, travel_px: float, seconds: float, fault: Fault | None
    ) -> PartPose | None:
        centre_px = travel_px + slot * g.PITCH_PX + g.SLOT_X_PX
        number = self._number(slot, seconds) % _PARTS
        dx, dy = self._jitter[number]
        look = int(self._looks[number])
        angle = 0.0
        y_px = g.PART_Y_PX + dy
        if fault is not None:
            # Which part a fault strikes is fixed by where it stood when the fault began.
            began_px = centre_px - (travel_px - self.travel_px(fault.start_seconds))
            age = seconds - fault.start_seconds
            if fault.kind is FaultKind.MISSING_PART:
                empty = 3 + fault.variant % 2
                if -15.5 - g.PITCH_PX * (empty - 1) < began_px < -14.5:
                    return None
            elif fault.kind is FaultKind.JAM:
                centre_px, lift, angle = _heaped(centre_px, began_px, age, look)
                y_px -= lift
            elif fault.kind is FaultKind.DROPPED_PART and abs(began_px - g.DROP_X_PX) < 1.0:
                x_px, y_px, angle = _fallen(began_px, age)
                return PartPose(look=look, x_px=x_px, y_px=y_px, angle_degrees=angle)
        return PartPose(look=look, x_px=centre_px + dx, y_px=y_px, angle_degrees=angle)

    def _number(self, slot: int, seconds: float) -> int:
        """Return which part is in a slot.

        A belt that stood is behind the one that did not. Parts that come into view after the
        fault are again those of a day without it, so the two days look alike once it has passed.
        """
        number = slot
        for fault in self._drives:
            if seconds >= fault.end_seconds:
                end_px = self.travel_px(fault.end_seconds) + slot * g.PITCH_PX + g.SLOT_X_PX
                if end_px < -_IN_VIEW_PX:
                    lost_px = _lost_seconds(fault, seconds) * g.BELT_PX_PER_SECOND
                    number -= round(lost_px / g.PITCH_PX)
        return number

    def foreign_object(self, seconds: float) -> tuple[float, int] | None:
        """Return the middle (px) and the look of what lies on the belt and should not, or None."""
        fault = self.script.fault_at(seconds)
        if fault is None or fault.kind is not FaultKind.FOREIGN_OBJECT:
            return None
        moved_px = self.travel_px(seconds) - self.travel_px(fault.start_seconds)
        return moved_px - g.FOREIGN_HALF_WIDTH_PX, fault.variant

    # machines --------------------------------------------------------------------
    def arm(self, seconds: float) -> ArmPose:
        """Return the pose of the arm: tray, over to the belt, press along with a part, and back."""
        phase = seconds
        fault = self.script.fault_at(seconds)
        if fault is not None and fault.kind is FaultKind.ARM_OUT_OF_CYCLE:
            age, half = seconds - fault.start_seconds, g.ARM_CYCLE_SECONDS
            phase = fault.start_seconds + (0.0 if age < half else 2.0 * (age - half))
        cycle, within = divmod(phase, g.ARM_CYCLE_SECONDS)
        rng = np.random.default_rng([self.script.seed, 5, int(cycle)])
        dx, dy = rng.uniform(-2.5, 2.5, 2)
        return arm_pose(within, (float(dx), float(dy)))

    def press(self, seconds: float) -> float:
        """Return how far the piston of the press is down: 0 up, 1 on the part."""
        phase = (seconds / g.PRESS_CYCLE_SECONDS) % 1.0
        if phase > 0.5:
            phase = 1.0 - phase  # same way up as down, at the turn of the cycle
        return max(0.0, math.cos(min(phase / 0.22, 1.0) * math.pi / 2.0))

    def lamp(self, seconds: float) -> float:
        """Return the brightness of the green lamp: it breathes with the press."""
        return 0.55 + 0.45 * self.press(seconds + 0.6)

    # people ------------------------------------------------------------------------
    def walker(self, seconds: float) -> Figure | None:
        """Return the worker on the walkway, or None."""
        for walk in self.script.walks:
            if walk.start_seconds <= seconds < walk.end_seconds:
                return _walking(walk, seconds)
        return None

    def intruder(self, seconds: float) -> Figure | None:
        """Return the person in the closed zone, or None."""
        fault = self.script.fault_at(seconds)
        if fault is None or fault.kind is not FaultKind.PERSON_IN_CLOSED_ZONE:
            return None
        speed, edge_px = 30.0, g.WIDTH_PX + 9.0
        age, left = seconds - fault.start_seconds, fault.end_seconds - seconds
        inside_px = min(speed * age, speed * left, 62.0 + fault.variant % 12)
        standing = inside_px < speed * min(age, left) - 1e-6
        # He shifts his weight and looks around while he stands.
        sway = 3.0 * math.sin(1.3 * age) if standing else 0.0
        return Figure(
            x_px=edge_px - inside_px + sway,
            y_px=g.INTRUDER_Y_PX,
            height_px=g.INTRUDER_HEIGHT_PX,
            direction=-1 if age < left + 2.0 else 1,
            stride=inside_px / 6.0,
            walking=0.15 if standing else 1.0,
            load=Load.NOTHING,
            look=fault.variant,
        )


_SPEED = {FaultKind.STOP: 0.0, FaultKind.REVERSED_BELT: -1.0}
"""Speed of the belt in the fault, as a share of its usual one."""


def _lost_seconds(fault: Fault, seconds: float) -> float:
    """Return how many seconds of travel a fault has cost until now; the speed changes in ramps."""
    age = min(max(seconds - fault.start_seconds, 0.0), fault.end_seconds - fault.start_seconds)
    length = fault.end_seconds - fault.start_seconds
    braking = min(age, RAMP_SECONDS)
    starting = max(0.0, age - (length - RAMP_SECONDS))
    area = braking**2 / (2 * RAMP_SECONDS)
    area += max(0.0, min(age, length - RAMP_SECONDS) - RAMP_SECONDS)
    area += starting - starting**2 / (2 * RAMP_SECONDS)
    return area * (1.0 - _SPEED[fault.kind])


def _heaped(
    centre_px: float, began_px: float, age_seconds: float, look: int
) -> tuple[float, float, float]:
    """Return middle, lift (px) and lean (degrees) of a part while the way is blocked and after."""
    place = round((g.JAM_X_PX - began_px) / g.PITCH_PX)
    if place < 0:
        return centre_px, 0.0, 0.0
    barrier_px = g.JAM_X_PX - place * g.JAM_STEP_PX
    moving_px = max(0.0, age_seconds - g.JAM_BLOCK_SECONDS) * g.BELT_PX_PER_SECOND
    held_px = max(0.0, centre_px - moving_px - barrier_px)
    if held_px == 0.0:
        return centre_px, 0.0, 0.0
    pressed = min(1.0, held_px / 24.0)
    lift = (0.0, 9.0, 3.0)[place % 3] * pressed
    lean = ((look >> 4) % 49 - 24) * pressed if place else 0.0
    return centre_px - held_px, lift, lean


def _fallen(began_px: float, age_seconds: float) -> tuple[float, float, float]:
    """Return foot (x, y) and lean of the part that falls off the front of the belt."""
    slide = min(age_seconds / 0.4, 1.0)
    fall = min(max(age_seconds - 0.4, 0.0) / 0.5, 1.0)
    edge_y = g.BELT_FRONT_Y_PX + 2.0
    y_px = g.PART_Y_PX + (edge_y - g.PART_Y_PX) * slide
    y_px += (g.DROP_REST_Y_PX - edge_y) * fall**2
    x_px = began_px + (g.DROP_REST_X_PX - began_px) * (0.5 * slide + 0.5 * fall)
    return x_px, y_px, 20.0 * slide + 70.0 * fall


def _walking(walk: Walk, seconds: float) -> Figure:
    direction = 1 if walk.speed_px_per_second > 0 else -1
    start_px = -g.WALK_MARGIN_PX if direction > 0 else g.WIDTH_PX + g.WALK_MARGIN_PX
    x_px = start_px + walk.speed_px_per_second * (seconds - walk.start_seconds)
    build = 0.95 + 0.1 * ((walk.look >> 3) % 17) / 16.0
    return Figure(
        x_px=x_px,
        y_px=g.WALK_Y_PX + walk.lane_px,
        height_px=g.WORKER_HEIGHT_PX * build,
        direction=direction,
        stride=x_px * direction / 7.0,
        walking=1.0,
        load=walk.load,
        look=walk.look,
    )
