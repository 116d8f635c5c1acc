"""Faults and nuisances put into footage: where they are, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import EvaluationError
from pipeline.evaluation.faults import FaultKind
from pipeline.evaluation.injection import Variant, untouched, variants, write_variant
from pipeline.evaluation.nuisances import NuisanceKind
from pipeline.evaluation.scene import Scene, scene_of
from pipeline.footage.decoding import open_decoder
from tests import footage_maker

RATE = 10
IN_PLACE = (
    FaultKind.FROZEN_REGION,
    FaultKind.FOREIGN_OBJECT,
    FaultKind.VANISHED_OBJECT,
    FaultKind.CAMERA_KNOCKED,
)


def _times(count: int, rate: float = RATE) -> NDArray[np.int64]:
    return (np.arange(count) * 1e6 / rate).astype(np.int64)


def _scene(frames: int = 300, *, seed: int = 5, grey: bool = False) -> Scene:
    video = footage_maker.scene(seed, frames)
    pictures = [image[..., 1].copy() if grey else image for image in video]
    return scene_of(pictures, _times(frames))


@pytest.fixture(scope="module")
def scene() -> Scene:
    return _scene()


def _first(scene: Scene, kind: FaultKind | NuisanceKind, *, seed: int = 0) -> Variant:
    return next(variants(scene, seed=seed, instances=1, kinds=[kind]))


@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_lasts_two_to_four_seconds_with_normal_time_on_both_sides(
    scene: Scene, kind: FaultKind
) -> None:
    for variant in variants(scene, seed=1, instances=3, kinds=[kind]):
        (span,) = variant.spans
        assert variant.group == "fault"
        assert 2 * RATE - 1 <= span.end - span.first <= 4 * RATE + 1
        assert span.first >= 2.5 * RATE
        assert len(variant) - span.end >= RATE
        assert len(span.boxes) == span.end - span.first
        assert variant.labels().sum() == span.end - span.first
        shapes = {(image.shape, image.dtype) for image in variant.frames()}
        assert shapes == {((64, 96, 3), np.dtype(np.uint8))}


@pytest.mark.parametrize("kind", FaultKind)
def test_nothing_changes_outside_the_interval_of_a_fault(scene: Scene, kind: FaultKind) -> None:
    variant = _first(scene, kind)
    (span,) = variant.spans
    for index, image in enumerate(variant.frames()):
        if not span.first <= index < span.end:
            assert np.array_equal(image, scene.frames[int(variant.order_F[index])])


@pytest.mark.parametrize("kind", IN_PLACE)
def test_a_fault_in_place_changes_its_boxes_and_nothing_else(scene: Scene, kind: FaultKind) -> None:
    variant = _first(scene, kind)
    (span,) = variant.spans
    pictures = list(variant.frames())[span.first : span.end]
    changed = 0
    for index, (image, box) in enumerate(zip(pictures, span.boxes, strict=True)):
        was = scene.frames[int(variant.order_F[span.first + index])]
        outside = np.ones(was.shape[:2], dtype=np.bool_)
        outside[box.rows, box.columns] = False
        assert np.array_equal(image[outside], was[outside])
        changed += not np.array_equal(image, was)
    assert changed >= 0.5 * len(pictures)


@pytest.mark.parametrize("kind", [*FaultKind, *NuisanceKind])
def test_the_same_seed_gives_the_same_pictures_in_any_order(
    scene: Scene, kind: FaultKind | NuisanceKind
) -> None:
    one, again = _first(scene, kind), _first(scene, kind)
    assert one.spans == again.spans
    frames, frames_again = list(one.frames()), list(again.frames())
    assert all(np.array_equal(a, b) for a, b in zip(frames, frames_again, strict=True))
    # Asked for a second time, and another seed.
    assert np.array_equal(next(iter(one.frames())), frames[0])
    other = list(_first(scene, kind, seed=9).frames())
    assert len(other) != len(frames) or any(
        not np.array_equal(a, b) for a, b in zip(other, frames, strict=True)
    )


def test_another_kind_leaves_the_faults_of_the_first_as_they_were(scene: Scene) -> None:
    alone = [v.spans for v in variants(scene, seed=0, instances=2, kinds=[FaultKind.REVERSED])]
    both = variants(scene, seed=0, instances=3, kinds=[FaultKind.FROZEN_REGION, FaultKind.REVERSED])
    assert [v.spans for v in both if v.kind == "reversed"][:2] == alone


def _steps(variant: Variant) -> tuple[NDArray[np.float64], float, float]:
    """Return the steps inside a fault, the one into it and the one out of it."""
    (span,) = variant.spans
    steps = np.diff(variant.order_F)
    inside = steps[span.first : span.end - 1]
    return inside, float(steps[span.first - 1]), float(steps[span.end - 1])


@pytest.mark.parametrize(
    ("kind", "step", "into", "out_of"),
    [
        (FaultKind.REVERSED, -1.0, -1.0, 1.0),
        (FaultKind.DOUBLE_SPEED, 2.0, 2.0, 1.0),
        (FaultKind.HALF_SPEED, 0.5, 0.5, 1.0),
    ],
)
def test_order_and_speed_change_without_a_jump(
    scene: Scene, kind: FaultKind, step: float, into: float, out_of: float
) -> None:
    inside, entering, leaving = _steps(_first(scene, kind))
    assert set(inside.tolist()) == {step}
    assert (entering, leaving) == (into, out_of)


def test_a_repeated_step_shows_what_was_just_shown(scene: Scene) -> None:
    variant = _first(scene, FaultKind.REPEATED_STEP)
    (span,) = variant.spans
    length = span.end - span.first
    second = variant.order_F[span.first : span.end]
    assert np.array_equal(second, variant.order_F[span.first - length : span.first])
    assert variant.order_F[span.end] == second[-1] + 1


def test_a_frozen_region_stands_still_where_the_footage_moves(scene: Scene) -> None:
    variant = _first(scene, FaultKind.FROZEN_REGION)
    (span,) = variant.spans
    box = span.boxes[0]
    shown = [image[box.rows, box.columns] for image in variant.frames()][span.first : span.end]
    assert all(np.array_equal(part, shown[0]) for part in shown)
    was = [scene.frames[int(place)][box.rows, box.columns] for place in variant.order_F]
    moving = [not np.array_equal(part, was[span.first]) for part in was[span.first : span.end]]
    assert np.mean(moving) > 0.3


def test_a_vanished_object_leaves_the_background_behind(scene: Scene) -> None:
    variant = _first(scene, FaultKind.VANISHED_OBJECT)
    (span,) = variant.spans
    background = scene.background.astype(np.int64)
    for index, image in enumerate(variant.frames()):
        if span.first <= index < span.end:
            was = scene.frames[int(variant.order_F[index])].astype(np.int64)
            things_before = (np.abs(was - background).max(axis=2) > 30).sum()
            things_now = (np.abs(image - background).max(axis=2) > 30).sum()
            assert things_now < things_before


def test_the_background_is_what_shows_again_and_not_who_stands_there_longest() -> None:
    floor = np.full((64, 96), 90, dtype=np.uint8)
    frames = []
    for person in (200, 30, 150, 240):
        standing = floor.copy()
        standing[10:50, 30:60] = person
        frames += [standing] * 40 + [floor] * 8
    found = scene_of(frames, _times(len(frames)))
    assert np.abs(found.background.astype(np.int64) - 90).max() <= 1


def test_half_a_step_shows_a_thing_half_way() -> None:
    frames = []
    for index in range(150):
        image = np.full((64, 96), 60, dtype=np.uint8)
        x = 8 + (index * 4) % 60
        image[20:44, x : x + 20] = 200
        frames.append(cv2.GaussianBlur(image, (9, 9), 0.0))
    scene = scene_of([np.asarray(image, dtype=np.uint8) for image in frames], _times(150))
    between = scene.shown(3.5).astype(np.float64) - 60
    centre = (between.sum(axis=0) * np.arange(96)).sum() / between.sum()
    before, after = (
        ((f.astype(np.float64) - 60).sum(axis=0) * np.arange(96)).sum() / (f - 60.0).sum()
        for f in (scene.frames[3], scene.frames[4])
    )
    assert centre == pytest.approx((before + after) / 2, abs=0.7)


@pytest.mark.parametrize("kind", NuisanceKind)
def test_a_nuisance_is_in_the_whole_picture_and_labels_nothing(
    scene: Scene, kind: NuisanceKind
) -> None:
    variant = _first(scene, kind)
    assert variant.group == "nuisance"
    assert len(variant) == len(scene.frames)
    assert not variant.labels().any()
    pictures = list(variant.frames())
    assert {(image.shape, image.dtype) for image in pictures} == {((64, 96, 3), np.dtype(np.uint8))}
    apart = [
        float(np.abs(a.astype(np.int64) - b).mean())
        for a, b in zip(pictures, scene.frames, strict=True)
    ]
    assert 0.1 < max(apart) < 45


def test_a_shake_is_one_pixel_at_most() -> None:
    frames = [np.full((64, 96), 50, dtype=np.uint8) for _ in range(150)]
    for index, image in enumerate(frames):
        image[20:40, 40:60] = 200
        image[2:6, index % 90 : index % 90 + 6] = 255
    shaken = _first(scene_of(frames, _times(150)), NuisanceKind.CAMERA_SHAKE)
    centres = []
    for image in shaken.frames():
        bright = np.clip(image[10:60].astype(np.float64) - 50, 0, None)
        centres.append((bright.sum(axis=0) * np.arange(96)).sum() / bright.sum())
    moved = np.abs(np.array(centres) - 49.5)
    assert moved.max() < 1.1
    assert moved.max() > 0.3


def test_footage_that_is_too_short_is_refused_in_one_line() -> None:
    with pytest.raises(EvaluationError, match=r"^5\.0 s of footage are too short.*12 s$"):
        _scene(50)
    with pytest.raises(EvaluationError, match="too short"):
        scene_of([], _times(0))


def test_footage_of_changing_size_is_refused() -> None:
    frames = [np.zeros((64, 96), dtype=np.uint8)] * 149 + [np.zeros((64, 90), dtype=np.uint8)]
    with pytest.raises(EvaluationError, match="pictures of one size"):
        scene_of(frames, _times(150))


@pytest.mark.parametrize("kind", FaultKind)
def test_footage_in_which_nothing_moves_is_refused_or_left_out(kind: FaultKind) -> None:
    still = scene_of([np.full((64, 96, 3), 90, dtype=np.uint8)] * 150, _times(150))
    with pytest.raises(EvaluationError, match="nothing moves"):
        _first(still, kind)
    told: dict[str, str] = {}
    made = variants(
        still,
        seed=0,
        instances=2,
        kinds=[kind, NuisanceKind.FLICKER],
        left_out=lambda name, error: told.update({name: str(error)}),
    )
    assert [variant.name for variant in made] == ["flicker-1", "flicker-2"]
    assert list(told) == [f"{kind}-1"]


@pytest.mark.parametrize("grey", [False, True])
def test_a_written_variant_comes_back_as_it_was(tmp_path: Path, grey: bool) -> None:
    video = footage_maker.scene(3, 380)
    rate = 179 / 6
    pictures = [image[..., 1].copy() if grey else image for image in video]
    variant = untouched(scene_of(pictures, _times(380, rate)))
    write_variant(tmp_path / "untouched.avi", variant)
    with open_decoder(tmp_path / "untouched.avi", grey=grey) as decoder:
        decoded = [(frame.pts_us, frame.image) for frame in decoder]
    assert len(decoded) == 380
    assert decoded[-1][0] == pytest.approx(379 / rate * 1e6, rel=1e-3)
    assert all(
        np.array_equal(image, was) for (_, image), was in zip(decoded, pictures, strict=True)
    )


@pytest.mark.parametrize("grey", [False, True])
def test_pictures_with_odd_sides_are_cut_before_anything_is_injected(
    tmp_path: Path, grey: bool
) -> None:
    """A writer that cuts them itself moves the boxes of faults beside what is in the video."""
    pictures = [
        np.pad(image, ((0, 1), (0, 1), (0, 0)), mode="edge")
        for image in footage_maker.scene(3, 150)
    ]
    height, width = pictures[0].shape[:2]
    assert (height % 2, width % 2) == (1, 1)
    given = [image[..., 1].copy() if grey else image for image in pictures]
    scene = scene_of(given, _times(150))
    assert (scene.motion.height_px, scene.motion.width_px) == (height - 1, width - 1)
    knocked = _first(scene, FaultKind.CAMERA_KNOCKED)
    whole = knocked.spans[0].boxes[0]
    assert (whole.x, whole.y, whole.width, whole.height) == (0, 0, width - 1, height - 1)
    write_variant(tmp_path / "untouched.avi", untouched(scene))
    with open_decoder(tmp_path / "untouched.avi", grey=grey) as decoder:
        decoded = [frame.image for frame in decoder]
    assert len(decoded) == 150
    for image, frame, was in zip(decoded, scene.frames, given, strict=True):
        assert np.array_equal(image, frame)
        assert np.array_equal(image, was[: height - 1, : width - 1])


def test_grey_footage_takes_every_fault_and_nuisance() -> None:
    made = list(variants(_scene(grey=True), seed=2, instances=1))
    assert {variant.kind for variant in made} == {*FaultKind, *NuisanceKind}
    for variant in made:
        assert {image.shape for image in variant.frames()} == {(64, 96)}
