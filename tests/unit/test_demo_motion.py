"""Where things on the demo line are: constant belt, dense parts, machines in their cycles."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest

from pipeline.demo import geometry as g
from pipeline.demo.motion import Line
from pipeline.demo.script import Fault, FaultKind, make_script

NARROWEST_PART_PX = 18.0


def _line(kind: FaultKind, seed: int = 2) -> tuple[Line, Fault]:
    script = make_script(seed, normal_seconds=0.0, kinds=(kind,))
    return Line(script), script.faults[0]


def _speed_px(line: Line, seconds: float) -> float:
    return (line.travel_px(seconds + 0.1) - line.travel_px(seconds)) / 0.1


def test_the_belt_moves_four_pixels_a_frame_all_day_without_faults() -> None:
    line = Line(make_script(0).without_faults())
    for frame in range(0, 7_000, 7):
        moved = line.travel_px((frame + 1) / 10) - line.travel_px(frame / 10)
        assert moved == pytest.approx(4.0)


def test_a_window_of_48_pixels_of_the_belt_always_shows_a_part() -> None:
    line = Line(make_script(4, kinds=()))
    for frame in range(0, 2_000, 3):
        parts = sorted(pose.x_px for pose in line.parts(frame / 10))
        assert parts[0] <= 48.0
        assert parts[-1] >= g.WIDTH_PX - 48.0
        for left, right in pairwise(parts):
            assert right - left - NARROWEST_PART_PX < 48.0


def test_every_look_of_a_part_comes_by_often_in_the_training_part() -> None:
    line = Line(make_script(0, normal_seconds=480.0))
    looks = Counter(pose.look % 32 for second in range(480) for pose in line.parts(float(second)))
    assert len(looks) == 32
    assert min(looks.values()) >= 20  # a part is seen for 8 to 10 of these seconds


@pytest.mark.parametrize(
    ("kind", "px_per_second"), [(FaultKind.STOP, 0.0), (FaultKind.REVERSED_BELT, -40.0)]
)
def test_a_fault_of_the_drive_changes_the_speed_and_costs_whole_loops(
    kind: FaultKind, px_per_second: float
) -> None:
    line, fault = _line(kind)
    assert _speed_px(line, fault.start_seconds - 0.2) == pytest.approx(40.0)
    assert _speed_px(line, fault.start_seconds + 1.0) == pytest.approx(px_per_second)
    assert _speed_px(line, fault.end_seconds - 1.0) == pytest.approx(px_per_second)
    assert _speed_px(line, fault.end_seconds) == pytest.approx(40.0)
    lost_px = 40.0 * fault.end_seconds - line.travel_px(fault.end_seconds)
    assert lost_px > 0
    assert lost_px % (g.PITCH_PX * g.LOOP_PITCHES) == pytest.approx(0.0, abs=1e-6)


def test_in_a_jam_parts_stand_before_the_arm_while_the_belt_moves() -> None:
    line, fault = _line(FaultKind.JAM)
    before, after = fault.start_seconds + 3.0, fault.start_seconds + 4.0
    standing = {p.look: p.x_px for p in line.parts(before) if 150.0 < p.x_px < 210.0}
    assert len(standing) >= 3
    later = {p.look: p.x_px for p in line.parts(after)}
    for look, x_px in standing.items():
        assert later[look] == pytest.approx(x_px, abs=1e-6)
    assert _speed_px(line, before) == pytest.approx(40.0)
    assert not any(260.0 < p.x_px < 310.0 for p in line.parts(fault.start_seconds + 4.5))


def test_missing_parts_leave_three_or_four_holders_empty() -> None:
    line, fault = _line(FaultKind.MISSING_PART)
    middle = (fault.start_seconds + fault.end_seconds) / 2
    whole = Line(line.script.without_faults()).parts(middle)
    left = line.parts(middle)
    assert len(whole) - len(left) == 3 + fault.variant % 2
    assert {pose.look for pose in left} <= {pose.look for pose in whole}


def test_a_dropped_part_leaves_the_belt_and_rests_on_the_floor() -> None:
    line, fault = _line(FaultKind.DROPPED_PART)
    for seconds in (fault.start_seconds + 1.0, fault.end_seconds - 0.1):
        fallen = [p for p in line.parts(seconds) if p.y_px > g.BELT_FRONT_Y_PX + 20.0]
        assert [(p.x_px, p.y_px) for p in fallen] == [(g.DROP_REST_X_PX, g.DROP_REST_Y_PX)]
    assert all(p.y_px < g.BELT_FRONT_Y_PX for p in line.parts(fault.end_seconds))


def test_a_trolley_covers_the_fallen_part_when_it_is_taken_away() -> None:
    line, fault = _line(FaultKind.DROPPED_PART)
    walker = line.walker(fault.end_seconds)
    assert walker is not None
    trolley_px = walker.x_px + 27.0 * walker.direction
    assert trolley_px == pytest.approx(g.DROP_REST_X_PX, abs=0.5)


def test_the_arm_repeats_its_cycle_of_four_seconds_with_little_play() -> None:
    line = Line(make_script(1))
    for frame in range(0, 400, 3):
        one, following = line.arm(frame / 10), line.arm(frame / 10 + 4.0)
        assert math.dist(one.tool, following.tool) < 8.0
        assert math.dist(one.elbow, following.elbow) < 8.0


def test_the_arm_moves_without_jumps() -> None:
    line = Line(make_script(1))
    for frame in range(1_200):
        one, following = line.arm(frame / 30), line.arm((frame + 1) / 30)
        assert math.dist(one.tool, following.tool) < 7.0
        assert math.dist(one.elbow, following.elbow) < 7.0


def test_an_arm_out_of_cycle_halts_and_then_catches_up() -> None:
    line, fault = _line(FaultKind.ARM_OUT_OF_CYCLE)
    start = fault.start_seconds
    held = line.arm(start)
    assert line.arm(start + 1.0) == line.arm(start + 3.9) == held
    assert line.arm(start + 5.0) == line.arm(start + 4.0 + 1.0)
    calm = Line(line.script.without_faults())
    assert calm.arm(start + 2.0) != held
    assert line.arm(fault.end_seconds) == calm.arm(fault.end_seconds)


def test_a_person_is_in_the_closed_zone_only_in_that_fault() -> None:
    line, fault = _line(FaultKind.PERSON_IN_CLOSED_ZONE)
    assert line.intruder(fault.start_seconds - 0.1) is None
    assert line.intruder(fault.end_seconds) is None
    inside = line.intruder(fault.start_seconds + 4.0)
    assert inside is not None
    xs, ys = zip(*g.ZONE_PX, strict=True)
    assert min(xs) < inside.x_px < max(xs)
    assert min(ys) < inside.y_px < max(ys)


def test_the_press_is_down_on_a_part_every_two_seconds() -> None:
    line = Line(make_script(5))
    for second in range(0, 60, 2):
        assert line.press(float(second)) == pytest.approx(1.0)
        assert line.press(second + 1.0) == pytest.approx(0.0, abs=1e-9)
        nearest = min(abs(p.x_px - g.PRESS_X_PX) for p in line.parts(float(second)))
        assert nearest <= 2.0
