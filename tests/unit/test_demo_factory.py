"""The frames of the demo line: the same from the same seed, different only where a fault is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.demo import geometry as g
from pipeline.demo.canvas import Image
from pipeline.demo.factory import Factory, still
from pipeline.demo.script import Fault, FaultKind, make_script
from pipeline.demo.truth import place_of

SETTLING_FRAMES = {FaultKind.STOP: 92, FaultKind.REVERSED_BELT: 92}
"""Parts that were in view when the drive failed need this long out of it."""
VISIBLE_LEVELS = 12


@pytest.fixture(scope="module")
def with_faults() -> Factory:
    return Factory(make_script(6, normal_seconds=0.0))


@pytest.fixture(scope="module")
def without_faults(with_faults: Factory) -> Factory:
    return Factory(with_faults.script.without_faults())


def _fault(factory: Factory, kind: FaultKind) -> Fault:
    return next(fault for fault in factory.script.faults if fault.kind is kind)


def _differs(one: Image, other: Image) -> np.ndarray:
    return np.abs(one.astype(int) - other.astype(int)).max(axis=2) > VISIBLE_LEVELS


def test_the_same_seed_gives_the_same_frames_in_any_order(with_faults: Factory) -> None:
    again = Factory(make_script(6, normal_seconds=0.0))
    numbers = [0, 1, 137, 700, 1_533]
    forwards = [with_faults.frame(number) for number in numbers]
    backwards = [again.frame(number) for number in reversed(numbers)][::-1]
    for one, other in zip(forwards, backwards, strict=True):
        assert np.array_equal(one, other)


def test_frames_are_what_the_camera_delivers(with_faults: Factory) -> None:
    frames = list(with_faults.frames(5, 8))
    assert len(frames) == 3
    assert all(frame.shape == (192, 320, 3) and frame.dtype == np.uint8 for frame in frames)
    assert not np.array_equal(frames[0], frames[1])
    assert with_faults.frame_count == round(with_faults.script.duration_seconds * 10)


def test_another_seed_gives_other_frames(with_faults: Factory) -> None:
    other = Factory(make_script(7, normal_seconds=0.0)).frame(40)
    assert _differs(with_faults.frame(40), other).mean() > 0.02


@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_is_seen_in_its_place_in_its_time_and_nowhere_else(
    kind: FaultKind, with_faults: Factory, without_faults: Factory
) -> None:
    fault = _fault(with_faults, kind)
    first, end = round(fault.start_seconds * 10), round(fault.end_seconds * 10)
    settled = end + SETTLING_FRAMES.get(kind, 0)
    for number in (first - 60, first - 5, first - 1, settled, settled + 5, settled + 60):
        assert np.array_equal(with_faults.frame(number), without_faults.frame(number))
    place = place_of(kind)
    inside = np.zeros((g.HEIGHT_PX, g.WIDTH_PX), bool)
    left, top = round(place.x * g.WIDTH_PX), round(place.y * g.HEIGHT_PX)
    right = round((place.x + place.width) * g.WIDTH_PX)
    bottom = round((place.y + place.height) * g.HEIGHT_PX)
    inside[top:bottom, left:right] = True
    for number in range(first + 8, end - 8, 9):
        changed = _differs(with_faults.frame(number), without_faults.frame(number))
        assert changed[inside].sum() > 60, f"second {number / 10}"
        assert not changed[~inside].any(), f"second {number / 10}"


def test_the_first_and_last_second_of_a_fault_already_show_it(
    with_faults: Factory, without_faults: Factory
) -> None:
    for fault in with_faults.script.faults:
        first, end = round(fault.start_seconds * 10), round(fault.end_seconds * 10)
        for numbers in (range(first, first + 10), range(end - 10, end)):
            assert any(
                _differs(with_faults.frame(n), without_faults.frame(n)).any() for n in numbers
            ), fault.kind


def test_pixels_of_the_belt_move_four_a_frame_to_the_right(without_faults: Factory) -> None:
    rows = slice(96, 118)
    for number in (30, 333, 1_204):
        one, following = (
            cv2.cvtColor(without_faults.frame(n)[rows], cv2.COLOR_BGR2GRAY).astype(np.float32)
            for n in (number, number + 1)
        )
        errors = {
            shift: float(np.abs(following[:, 20:300] - one[:, 20 - shift : 300 - shift]).mean())
            for shift in range(-10, 11)
        }
        assert min(errors, key=lambda shift: errors[shift]) == 4


def test_light_drifts_slowly_and_stays_within_a_tenth(without_faults: Factory) -> None:
    wall = (slice(4, 28), slice(170, 220))
    means = [float(without_faults.frame(n)[wall].mean()) for n in range(0, 2_700, 100)]
    assert 2.0 < max(means) - min(means) < 0.2 * float(np.mean(means))


def test_stills_show_every_fault_in_readme_size() -> None:
    normal = still(5)
    assert normal.shape == (384, 640, 3)
    jam = still(5, FaultKind.JAM, size=1)
    assert jam.shape == (192, 320, 3)
    assert np.array_equal(jam, still(5, FaultKind.JAM, size=1))
