"""A camera that cannot see is found out, and what it shows meanwhile reaches nobody."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from pipeline.evaluation.camera_troubles import trouble_paint
from pipeline.health.events import Trouble
from pipeline.health.look import Looker
from pipeline.health.reference import HealthReference, health_from_manifest
from tests.health_makers import VIEW, Image, background, frames, learnt, watched

Change = Callable[[int, Image], Image | None]

FIRST, END, COUNT = 100, 250, 350
"""Frames: trouble from 10 s to 25 s of 35 s."""


@pytest.fixture(scope="module")
def reference() -> HealthReference:
    return learnt(frames(600, seed=7))


def with_trouble(trouble: Trouble, seed: int = 0) -> Change:
    rng = np.random.default_rng([seed, *trouble.value.encode()])
    paint = trouble_paint(trouble, width_px=VIEW.width_px, height_px=VIEW.height_px, rng=rng)
    if trouble is Trouble.OUT_OF_FOCUS:
        # Of a picture of 128 pixels, what is drawn for one of 768 would hardly be seen.
        paint = lambda _, image: np.asarray(cv2.GaussianBlur(image, (0, 0), 2.0), np.uint8)  # noqa: E731
    return lambda index, image: paint(index - FIRST, image) if FIRST <= index < END else image


@pytest.mark.parametrize("trouble", [one for one in Trouble if one.blinds and one.is_trouble])
def test_each_trouble_is_named_within_ten_seconds_and_lets_no_frame_through(
    reference: HealthReference, trouble: Trouble
) -> None:
    events, passed = watched(reference, frames(COUNT, paint=with_trouble(trouble)), COUNT)
    assert [one.trouble for one in events] == [trouble]
    (event,) = events
    assert event.found_us - FIRST * 100_000 <= 10_000_000
    assert FIRST * 100_000 - 1_500_000 <= event.start_us <= FIRST * 100_000 + 1
    assert END * 100_000 - 500_000 <= event.end_us <= END * 100_000 + 3_000_000
    assert event.detail
    inside = [one.pts_us for one in passed if event.start_us <= one.pts_us < event.end_us]
    assert inside == []
    # What comes after belongs to no window with what came before.
    after = [one for one in passed if one.pts_us >= event.end_us]
    assert after[0].follows_hole
    assert not any(one.follows_hole for one in after[1:])


def test_normal_frames_are_let_through_as_they_are(reference: HealthReference) -> None:
    given = list(frames(COUNT, seed=3))
    events, passed = watched(reference, iter(given), COUNT)
    assert events == []
    assert all(one is other for one, other in zip(passed, given, strict=True))


def lamps_off(index: int, image: Image) -> Image:
    return (image * 0.35).astype(np.uint8) if index >= 120 else image


def brighter_and_brighter(index: int, image: Image) -> Image:
    return np.clip(image * (1.0 + index / 700), 0, 255).astype(np.uint8)


def infrared(index: int, image: Image) -> Image:
    # Another light from another side: contrast and noise of its own.
    if index < 120:
        return image
    shade = np.linspace(0.4, 1.3, image.shape[1])
    noise = np.random.default_rng(index).normal(0.0, 3.0, image.shape)
    return np.clip(40 + 0.6 * image * shade + noise, 0, 255).astype(np.uint8)


def somebody_close(index: int, image: Image) -> Image:
    # In two seconds across the whole picture, two thirds of it at once.
    left = (index - 120) * 12 - 85
    if not 120 <= index < 140:
        return image
    shown = image.copy()
    shown[:, max(0, left) : max(0, left + 85)] = 70
    return shown


def shaken(index: int, image: Image) -> Image:
    right, down = np.random.default_rng(index).uniform(-1.0, 1.0, 2)
    matrix = np.array([[1.0, 0.0, right], [0.0, 1.0, down]])
    moved = cv2.warpAffine(
        image, matrix, (128, 96), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved).astype(np.uint8)


@pytest.mark.parametrize(
    "paint", [lamps_off, brighter_and_brighter, infrared, somebody_close, shaken]
)
def test_what_is_no_trouble_opens_nothing(reference: HealthReference, paint: Change) -> None:
    events, passed = watched(reference, frames(COUNT, paint=paint), COUNT)
    assert events == []
    assert len(passed) == COUNT


def test_a_machine_that_stops_is_not_a_frozen_picture(reference: HealthReference) -> None:
    events, _ = watched(reference, frames(COUNT, stops_at=100), COUNT)
    assert events == []


def test_without_noise_nobody_can_tell_a_frozen_picture_from_a_machine_that_stopped() -> None:
    silent = learnt(frames(600, noise=0.0))
    assert silent.repeat_seconds is None
    events, _ = watched(silent, frames(COUNT, noise=0.0, stops_at=100), COUNT)
    assert events == []


def test_a_picture_that_always_stands_still_for_long_takes_longer_to_be_frozen() -> None:
    # A new picture every two seconds, as some cameras give at night.
    kept: list[Image] = []

    def slow(index: int, image: Image) -> Image:
        if index % 20 == 0:
            kept[:] = [image]
        return kept[0]

    found = learnt(frames(600, paint=slow))
    assert found.repeat_seconds is not None
    assert found.repeat_seconds >= 4.0
    assert watched(found, frames(COUNT, paint=slow), COUNT)[0] == []


def test_a_small_move_is_shifted_back_and_said(reference: HealthReference) -> None:
    paint = with_trouble(Trouble.MOVED_SLIGHTLY)
    events, passed = watched(reference, frames(COUNT, paint=paint), COUNT)
    assert [one.trouble for one in events] == [Trouble.MOVED_SLIGHTLY]
    assert "px right" in events[0].detail
    assert len(passed) == COUNT
    straight = list(frames(COUNT))
    for index in (FIRST + 5, END - 20):
        one, other = passed[index].image[8:-8, 8:-8], straight[index].image[8:-8, 8:-8]
        assert np.abs(one.astype(int) - other).mean() < 2.0
    holes = [one.pts_us for one in passed if one.follows_hole]
    assert holes == [events[0].start_us, events[0].end_us] or len(holes) == 2


def test_what_passes_in_two_seconds_is_no_trouble(reference: HealthReference) -> None:
    def blink(index: int, image: Image) -> Image:
        return np.zeros_like(image) if 100 <= index < 120 else image

    events, passed = watched(reference, frames(COUNT, paint=blink), COUNT)
    assert events == []
    assert len(passed) == COUNT


def test_trouble_at_the_end_of_a_file_counts_from_half_of_its_time(
    reference: HealthReference,
) -> None:
    def dark_from(first: int) -> Change:
        return lambda index, image: np.zeros_like(image) if index >= first else image

    events, _ = watched(reference, frames(200, paint=dark_from(180)), 200)
    assert [one.trouble for one in events] == [Trouble.BLACK]
    assert events[0].end_us == 20_000_000
    assert watched(reference, frames(200, paint=dark_from(192)), 200)[0] == []


def test_trouble_from_the_first_frame_on_is_blind_from_the_beginning(
    reference: HealthReference,
) -> None:
    events, passed = watched(
        reference, frames(100, paint=lambda _, image: np.full_like(image, 3)), 100
    )
    assert [(one.start_us, one.end_us) for one in events] == [(0, 10_000_000)]
    assert passed == []


def test_a_camera_without_a_reference_is_only_ever_black() -> None:
    covered = with_trouble(Trouble.COVERED)
    assert watched(None, frames(COUNT, paint=covered), COUNT)[0] == []
    events, _ = watched(None, frames(COUNT, paint=with_trouble(Trouble.BLACK)), COUNT)
    assert [one.trouble for one in events] == [Trouble.BLACK]


def test_a_tenth_of_trouble_in_what_is_learnt_hides_none(reference: HealthReference) -> None:
    def sometimes(index: int, image: Image) -> Image:
        return np.full_like(image, 60) if 300 <= index < 350 else image

    found = learnt(frames(600, seed=7, paint=sometimes))
    events, _ = watched(found, frames(COUNT, paint=with_trouble(Trouble.COVERED)), COUNT)
    assert [one.trouble for one in events] == [Trouble.COVERED]


def test_a_look_says_where_the_scene_went() -> None:
    image = background()
    looker = Looker(image)
    moved = np.roll(image, (-6, 9), axis=(0, 1))
    look = looker.look(moved)
    assert look.shift_px == pytest.approx((9.0, -6.0), abs=0.3)
    matrix = cv2.getRotationMatrix2D((64, 48), 6.0, 1.0)
    turned = cv2.warpAffine(image, matrix, (128, 96), borderMode=cv2.BORDER_REFLECT_101)
    assert looker.look(np.asarray(turned, np.uint8), search=0.9).turned_degrees == 6.0


def test_a_masked_part_of_the_picture_says_nothing() -> None:
    image = background()
    whole = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    looker = Looker(image, (whole,))
    hidden = image.copy()
    hidden[:, :60] = 0
    assert looker.look(hidden).agreement == pytest.approx(looker.look(image).agreement, abs=1e-6)


def test_a_reference_survives_being_stored_and_old_models_have_none(
    reference: HealthReference,
) -> None:
    assert health_from_manifest({"health": reference.to_dict()}) == reference
    assert health_from_manifest({}) is None
