"""What moves by itself on the demo line: arm, press, rollers, lamp."""

from __future__ import annotations

import math

from pipeline.demo import geometry as g
from pipeline.demo.arm import ArmPose
from pipeline.demo.canvas import Canvas, Colour, shade

__all__ = ["draw_arm", "draw_lamp", "draw_press", "draw_rollers"]

_ORANGE: Colour = (35, 125, 240)
_EDGE: Colour = (20, 72, 150)
_JOINT: Colour = (78, 74, 70)
_STEEL: Colour = (196, 194, 188)


def draw_arm(canvas: Canvas, pose: ArmPose) -> None:
    """Draw the two links, the joints and the gripper, with a cap when it holds one."""
    for start, end, widths in (
        (pose.shoulder, pose.elbow, (10.0, 7.8)),
        (pose.elbow, pose.wrist, (7.8, 5.2)),
    ):
        canvas.limb(start, end, (widths[0] + 1.4, widths[1] + 1.4), _EDGE)
        canvas.limb(start, end, widths, _ORANGE)
        lighter = ((start[0] - 0.8, start[1] - 1.6), (end[0] - 0.6, end[1] - 1.2))
        canvas.limb(*lighter, (2.4, 1.6), shade(_ORANGE, 1.25))
    for joint, radius in ((pose.shoulder, 5.4), (pose.elbow, 4.4), (pose.wrist, 3.0)):
        canvas.disc(joint, radius, _JOINT)
        canvas.disc(joint, radius * 0.55, (140, 136, 130))
    x, y = pose.tool
    canvas.limb(pose.wrist, (x, y - 3.0), (3.4, 3.4), (120, 116, 110))
    canvas.rectangle(x - 5.0, y - 4.0, 10.0, 2.4, _JOINT)
    for side in (-4.6, 3.0):
        canvas.rectangle(x + side, y - 2.0, 1.8, 4.6, (110, 108, 104))
    if pose.holds_cap:
        canvas.rectangle(x - 3.0, y - 0.6, 6.0, 2.8, (228, 230, 232))


def draw_press(canvas: Canvas, down: float) -> None:
    """Draw the piston, `down` from 0 (up) to 1 (on the part)."""
    x, head = g.PRESS_X_PX, 47.0
    foot = head + 5.0 + 23.0 * down
    canvas.rectangle(x - 3.0, head - 1.0, 6.0, foot - head, _STEEL)
    canvas.rectangle(x - 1.8, head - 1.0, 1.4, foot - head, (238, 238, 234))
    canvas.rectangle(x + 1.6, head - 1.0, 1.4, foot - head, (136, 134, 130))
    canvas.rectangle(x - 9.0, foot - 2.0, 18.0, 4.4, (84, 80, 76))
    canvas.rectangle(x - 9.0, foot - 2.0, 18.0, 1.2, (128, 124, 118))
    canvas.rectangle(x - 7.0, foot + 2.4, 14.0, 1.6, (48, 46, 44))


def draw_lamp(canvas: Canvas, brightness: float) -> None:
    """Draw the signal column: red and amber dark, green as bright as said."""
    for y, tint in ((9.0, (50, 50, 120)), (12.4, (50, 110, 130))):
        canvas.rectangle(105.4, y, 4.4, 3.2, tint)
    canvas.rectangle(105.4, 15.8, 4.4, 3.4, shade((110, 225, 120), 0.35 + 0.7 * brightness))
    canvas.disc((107.6, 9.0), 2.2, (60, 60, 60), 0.5)


def draw_rollers(canvas: Canvas, travel_px: float) -> None:
    """Draw the ends of the rollers below the belt, turned as far as the belt has come."""
    loops = travel_px / (g.PITCH_PX * g.LOOP_PITCHES)
    angle = 2.0 * math.pi * g.ROLLER_TURNS_A_LOOP * loops
    dx, dy = 2.8 * math.cos(angle), 2.8 * math.sin(angle)
    for x in g.ROLLER_X_PX:
        centre = (x, g.ROLLER_Y_PX)
        canvas.disc(centre, g.ROLLER_RADIUS_PX, (158, 160, 158))
        spoke = [(x - dx, g.ROLLER_Y_PX - dy), (x + dx, g.ROLLER_Y_PX + dy)]
        canvas.line(spoke, 1.0, (92, 94, 92))
        canvas.disc((x + dx, g.ROLLER_Y_PX + dy), 1.0, (200, 170, 60))
