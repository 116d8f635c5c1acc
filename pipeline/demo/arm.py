"""The robot arm of the demo line: its cycle, and the joints that take the tool there.

World coordinates of the arm, in px from the foot of its pillar: x to the right, y towards the
camera, z up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from pipeline.demo.geometry import ARM_CYCLE_SECONDS, BELT_PX_PER_SECOND, SLANT

__all__ = ["FOOT_PX", "TRAY_PX", "ArmPose", "arm_pose"]

Point = tuple[float, float]
World = tuple[float, float, float]

FOOT_PX = (186.0, 82.0)
"""Foot of the pillar in the picture."""
_SHOULDER_Z = 23.0
_UPPER_PX, _FORE_PX = 33.0, 33.0
_DEPTH = 0.7
"""Depth towards the camera is shortened to this share in the picture."""

TRAY: World = (-37.0, 2.0, 10.0)
"""Where the arm takes caps from."""
PRESS: World = (25.5, 38.0, 34.0)
"""Where it presses one on a part, at second 2 of its cycle."""
_ALONG = 0.25 * BELT_PX_PER_SECOND

_STATIONS: tuple[tuple[float, World], ...] = (
    (0.0, (TRAY[0], TRAY[1], TRAY[2] + 12.0)),
    (0.35, TRAY),
    (0.7, (TRAY[0], TRAY[1], TRAY[2] + 18.0)),
    (1.7, (PRESS[0] - _ALONG, PRESS[1], PRESS[2] + 15.0)),
    (2.0, PRESS),
    (2.25, (PRESS[0] + _ALONG, PRESS[1], PRESS[2])),
    (2.6, (PRESS[0] + _ALONG + 4.0, PRESS[1], PRESS[2] + 18.0)),
    (3.6, (TRAY[0], TRAY[1], TRAY[2] + 12.0)),
    (ARM_CYCLE_SECONDS, (TRAY[0], TRAY[1], TRAY[2] + 12.0)),
)
"""Second of the cycle -> where the tool is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmPose:
    """Joints of the arm in the picture."""

    shoulder: Point
    elbow: Point
    wrist: Point
    tool: Point
    holds_cap: bool


def on_picture(point: World) -> Point:
    """Return where a point of the arm's world is in the picture."""
    x, y, z = point
    return FOOT_PX[0] + x - SLANT * _DEPTH * y, FOOT_PX[1] - z + _DEPTH * y


TRAY_PX = on_picture(TRAY)
"""Where the arm takes caps from, in the picture."""


def arm_pose(within_seconds: float, jitter: Point) -> ArmPose:
    """Return the pose at a second of the cycle, in [0, 4); `jitter` px move the free way only."""
    azimuth, radius, height = _tool(within_seconds, jitter)
    cosine, sine = math.cos(azimuth), math.sin(azimuth)
    wrist_height = height + 9.0
    elbow_radius, elbow_height = _elbow(radius, wrist_height)
    return ArmPose(
        shoulder=on_picture((0.0, 0.0, _SHOULDER_Z)),
        elbow=on_picture((elbow_radius * cosine, elbow_radius * sine, elbow_height)),
        wrist=on_picture((radius * cosine, radius * sine, wrist_height)),
        tool=on_picture((radius * cosine, radius * sine, height)),
        holds_cap=0.35 <= within_seconds < 2.2,
    )


def _tool(within_seconds: float, jitter: Point) -> World:
    """Return azimuth (radians), radius and height of the tool: it swings about its pillar."""
    for (t0, start), (t1, end) in pairwise(_STATIONS):
        if within_seconds > t1:
            continue
        share = (within_seconds - t0) / (t1 - t0)
        share = share * share * (3.0 - 2.0 * share)  # no jerk at the stations
        polar0, polar1 = _polar(start), _polar(end)
        azimuth, radius, height = (a + (b - a) * share for a, b in zip(polar0, polar1, strict=True))
        free = math.sin(math.pi * share) if t1 - t0 > 0.8 else 0.0
        return azimuth, radius + jitter[0] * free, height + (9.0 + jitter[1]) * free
    return _polar(_STATIONS[-1][1])


def _polar(point: World) -> World:
    return math.atan2(point[1], point[0]), math.hypot(point[0], point[1]), point[2]


def _elbow(radius: float, height: float) -> Point:
    """Return radius and height of the elbow, bent upwards, for a wrist at `radius` and `height`."""
    rise = height - _SHOULDER_Z
    reach = min(max(math.hypot(radius, rise), 1.0), _UPPER_PX + _FORE_PX - 0.5)
    inner = math.acos((_UPPER_PX**2 + reach**2 - _FORE_PX**2) / (2 * _UPPER_PX * reach))
    angle = math.atan2(rise, radius) + inner
    return _UPPER_PX * math.cos(angle), _SHOULDER_Z + _UPPER_PX * math.sin(angle)
