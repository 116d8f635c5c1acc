"""Footage of any size is read into memory for faults: small as it is, large is shrunk to fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import EvaluationError
from pipeline.evaluation.fault_protocol import read_scene
from pipeline.evaluation.faults import FaultKind
from pipeline.evaluation.injection import variants
from pipeline.evaluation.parts import Parts
from pipeline.evaluation.scene import Scene, fitting_picture
from tests.evaluation_makers import FakeFrame

MEBIBYTE = 1 << 20


def never(*given: Any) -> Any:
    raise AssertionError(given)


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """A camera of one size and frame rate: a bright thing goes from left to right."""

    width_px: int
    height_px: int
    frame_rate: int
    seconds: int

    def picture(self, index: int) -> NDArray[np.uint8]:
        image = np.full((self.height_px, self.width_px, 3), 60, dtype=np.uint8)
        left = (index * self.width_px // 60) % self.width_px
        image[self.height_px // 3 : self.height_px // 2, left : left + self.width_px // 10] = 220
        return image

    def decode(self, video: Path, grey: bool, start_us: int) -> Any:
        assert not grey
        return nullcontext(self._frames(start_us))

    def _frames(self, start_us: int) -> Iterator[FakeFrame]:
        turn = [self.picture(index) for index in range(60)]
        for index in range(self.seconds * self.frame_rate):
            pts_us = index * 1_000_000 // self.frame_rate
            if pts_us >= start_us:
                yield FakeFrame(pts_us=pts_us, image=turn[index % 60])

    def scene(self, **limits: int) -> Scene:
        parts = Parts(
            stretches=never, decode=self.decode, learn=never, load=never, score=never,
            with_budget=never,
        )  # fmt: skip
        whole_us = self.seconds * 1_000_000
        return read_scene(Path("hall.mp4"), 0, whole_us, parts, "its last 40%", **limits)


def test_full_hd_is_shrunk_so_that_enough_of_it_fits() -> None:
    """At its own size eleven seconds of it would fit, and twelve are needed."""
    scene = Camera(width_px=1920, height_px=1080, frame_rate=10, seconds=13).scene()
    assert len(scene.frames) == 130
    assert {image.shape for image in scene.frames} == {(432, 768, 3)}
    assert (scene.motion.width_px, scene.motion.height_px) == (768, 432)
    variant = next(variants(scene, seed=0, instances=1, kinds=[FaultKind.FOREIGN_OBJECT]))
    boxes = variant.spans[0].boxes
    assert all(box.x + box.width <= 768 and box.y + box.height <= 432 for box in boxes)
    # Of the picture, not of a number of pixels.
    assert boxes[0].width / 768 == pytest.approx(0.15, abs=0.05)
    assert len(list(variant.frames())) == len(variant)


@pytest.mark.parametrize(("width_px", "height_px"), [(360, 240), (640, 360), (768, 576)])
def test_smaller_pictures_are_those_of_the_footage(width_px: int, height_px: int) -> None:
    camera = Camera(width_px=width_px, height_px=height_px, frame_rate=5, seconds=13)
    scene = camera.scene()
    assert len(scene.frames) == 65
    for index in (0, 17, 64):
        assert np.array_equal(scene.frames[index], camera.picture(index % 60))


def test_memory_ends_what_is_read_and_nothing_is_shrunk_for_more() -> None:
    """Sixteen of forty seconds fit: they do, as they are."""
    camera = Camera(width_px=160, height_px=120, frame_rate=25, seconds=40)
    scene = camera.scene(most_bytes=16 * 25 * 160 * 120 * 3)
    assert scene.seconds == pytest.approx(16.0, abs=0.1)
    assert scene.frames[0].shape == (120, 160, 3)


@pytest.mark.parametrize("frame_rate", [30, 60, 120])
def test_footage_of_many_frames_a_second_is_shrunk_further(frame_rate: int) -> None:
    camera = Camera(width_px=640, height_px=480, frame_rate=frame_rate, seconds=20)
    scene = camera.scene(most_bytes=100 * MEBIBYTE)
    assert scene.seconds >= 15.0
    height, width = scene.frames[0].shape[:2]
    assert sum(image.nbytes for image in scene.frames) < 101 * MEBIBYTE
    assert width / height == pytest.approx(640 / 480, rel=0.02)
    assert (width % 2, height % 2) == (0, 0)


def test_footage_that_is_too_short_is_refused_whatever_its_size() -> None:
    camera = Camera(width_px=1920, height_px=1080, frame_rate=5, seconds=9)
    with pytest.raises(EvaluationError, match=r"hall\.mp4, its last 40%: 9\.0 s of footage"):
        camera.scene()


@pytest.mark.parametrize(
    ("width", "height", "fitting"),
    [
        (1280, 720, (768, 432)),
        (1366, 768, (768, 430)),
        (1080, 1920, (432, 768)),
        (769, 577, (768, 576)),
        (4000, 100, (1280, 32)),
        (768, 576, (768, 576)),
        (161, 121, (160, 120)),
    ],
)
def test_the_longer_side_is_bounded(width: int, height: int, fitting: tuple[int, int]) -> None:
    image = np.zeros((height, width, 3), dtype=np.uint8)
    assert fitting_picture(image, 768).shape[1::-1] == fitting
