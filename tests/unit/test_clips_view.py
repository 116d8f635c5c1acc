"""The working view of a camera: its size, and a rate that takes every n-th frame."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.reader import view_for
from tests import footage_maker as make
from tests.admitted_folder import admitted_folder

WANTED = 10.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("view") / "frames"
    return make.write_folder(made, np.zeros((60, 64, 96, 3), np.uint8), suffix=".png")


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        (0.07, 0.07),
        (5.0, 5.0),
        (10.0, 10.0),
        (12.0, 12.0),
        (12.5, 12.5),
        (15.0, 7.5),
        (20.0, 10.0),
        (24.0, 12.0),
        (25.0, 25 / 3),
        (29.97, 9.99),
        (30.0, 10.0),
        (50.0, 10.0),
        (59.94, 9.99),
    ],
)
def test_every_nth_frame_is_taken_and_none_between(
    folder: Path, source: float, taken: float
) -> None:
    stretch = admitted_folder(folder, source)
    view = view_for(stretch.footage, width_px=96, frame_rate=WANTED, grey=True)
    assert view.frame_rate == pytest.approx(taken)
    times_us = [frame.pts_us for frame in stretch.frames(view)]
    steps_us = {round((after - before) / 1e3) for before, after in pairwise(times_us)}
    assert len(times_us) == pytest.approx(60 * taken / source, abs=1)
    assert max(steps_us) - min(steps_us) <= 1


def test_a_source_that_says_nothing_of_its_rate_is_taken_at_the_wanted_one(folder: Path) -> None:
    unknown = replace(admitted_folder(folder, 10.0).footage, frame_rate=0.0)
    assert view_for(unknown, width_px=96, frame_rate=WANTED, grey=True).frame_rate == WANTED
