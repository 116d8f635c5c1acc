"""The busiest part of footage is where something moves, whichever stretch that is in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.evaluation.busiest import busiest_part
from pipeline.evaluation.parts import Parts
from tests.evaluation_makers import FakeFrame
from tests.unit.test_model_trial import PARTS, Part

STEP_US = 200_000
SECOND_US = 1_000_000


def parts_of(moving: dict[str, range]) -> Parts:
    """Footage in which a block moves in some seconds of each video, and the rest is noise."""

    def frames(video: Path, grey: bool, start_us: int) -> Iterator[FakeFrame]:
        assert grey
        rng = np.random.default_rng(0)
        for pts_us in range(start_us, 600 * SECOND_US, STEP_US):
            image = rng.integers(100, 106, (64, 128), dtype=np.uint8)
            if pts_us // SECOND_US in moving[video.name]:
                left = 4 * (pts_us // STEP_US % 20)
                image[20:40, left : left + 16] = 255
            yield FakeFrame(pts_us=pts_us, image=image)

    def decode(video: Path, grey: bool, start_us: int) -> Any:
        return nullcontext(frames(video, grey, start_us))

    return replace(PARTS, decode=decode)


def part(name: str, start: int, end: int) -> Any:
    return Part(source=Path(name), start_us=start * SECOND_US, end_us=end * SECOND_US)


@pytest.mark.parametrize("begin", [30, 117, 240])
def test_it_holds_what_moves(begin: int) -> None:
    moving = parts_of({"a": range(0), "b": range(begin, begin + 20)})
    video, start_us, end_us = busiest_part([part("a", 0, 400), part("b", 10, 300)], 60.0, moving)
    assert video == Path("b")
    assert end_us - start_us == 60 * SECOND_US
    assert start_us <= begin * SECOND_US
    assert end_us >= (begin + 20) * SECOND_US


def test_of_two_that_move_the_busier_one_is_taken_and_a_short_stretch_is_taken_whole() -> None:
    moving = parts_of({"a": range(100, 103), "b": range(20, 40)})
    found = busiest_part([part("a", 0, 300), part("b", 15, 45)], 60.0, moving)
    assert found == (Path("b"), 15 * SECOND_US, 45 * SECOND_US)


def test_where_nothing_moves_it_is_the_beginning_of_the_longest() -> None:
    still = parts_of({"a": range(0), "b": range(0)})
    found = busiest_part([part("a", 0, 100), part("b", 50, 250)], 60.0, still)
    assert found == (Path("b"), 50 * SECOND_US, 110 * SECOND_US)
