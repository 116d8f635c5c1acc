"""Measures of the demo line, in scene pixels: the picture is 320 x 192 of them."""

from __future__ import annotations

__all__ = [
    "ARM_CYCLE_SECONDS",
    "BELT_BACK_Y_PX",
    "BELT_FRONT_Y_PX",
    "BELT_PX_PER_SECOND",
    "DROP_REST_X_PX",
    "DROP_REST_Y_PX",
    "DROP_X_PX",
    "FOREIGN_HALF_WIDTH_PX",
    "FRAME_RATE",
    "HEIGHT_PX",
    "INTRUDER_HEIGHT_PX",
    "INTRUDER_Y_PX",
    "JAM_BLOCK_SECONDS",
    "JAM_STEP_PX",
    "JAM_X_PX",
    "LOOP_PITCHES",
    "PART_Y_PX",
    "PITCH_PX",
    "PRESS_CYCLE_SECONDS",
    "PRESS_X_PX",
    "ROLLER_RADIUS_PX",
    "ROLLER_TURNS_A_LOOP",
    "ROLLER_X_PX",
    "ROLLER_Y_PX",
    "SLANT",
    "SLOT_X_PX",
    "WALK_MARGIN_PX",
    "WALK_Y_PX",
    "WIDTH_PX",
    "WORKER_HEIGHT_PX",
    "ZONE_PX",
]

WIDTH_PX = 320
HEIGHT_PX = 192
FRAME_RATE = 10.0

# The belt runs from left to right. Ten frames take a part to the place of the one before it.
BELT_PX_PER_SECOND = 40.0
PITCH_PX = 40.0
"""From holder to holder. Parts are 18 to 28 px wide: a window of 48 px never lacks one."""
SLOT_X_PX = 5.0
"""A part stands here, or whole pitches away, at every whole second."""
LOOP_PITCHES = 8
"""After this many pitches the same piece of belt comes round again, with its stains. A fault of
the drive costs whole loops, so that the day after it is the day without it."""
BELT_BACK_Y_PX = 94.0
BELT_FRONT_Y_PX = 120.0
PART_Y_PX = 111.0
"""Where parts stand."""
FOREIGN_HALF_WIDTH_PX = 46.0
"""Of the largest thing that does not belong on the belt."""
SLANT = 0.22
"""Depth goes up and to the right: this many px to the right for each px up."""

ROLLER_X_PX = (10.0, 50.0, 90.0, 130.0, 170.0, 210.0, 250.0, 290.0)
ROLLER_Y_PX = 128.0
ROLLER_RADIUS_PX = 4.4
ROLLER_TURNS_A_LOOP = 12

PRESS_X_PX = 45.0
PRESS_CYCLE_SECONDS = 2.0

ARM_CYCLE_SECONDS = 4.0

WALK_Y_PX = 178.0
"""Feet of a worker in the middle of the walkway."""
WALK_MARGIN_PX = 55.0
WORKER_HEIGHT_PX = 55.0

ZONE_PX = ((132.0, 89.0), (313.0, 89.0), (319.0, 60.0), (139.0, 60.0))
INTRUDER_Y_PX = 84.0
INTRUDER_HEIGHT_PX = 46.0

JAM_X_PX = 205.0
JAM_STEP_PX = 14.0
"""From part to part in the heap."""
JAM_BLOCK_SECONDS = 5.0

DROP_X_PX = 125.0
DROP_REST_X_PX = 150.0
DROP_REST_Y_PX = 154.0
