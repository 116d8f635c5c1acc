"""Windows are taken evenly over all footage, whatever files it was recorded in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.pace import Pace, denser_stride
from pipeline.distillation.teaching import normal_windows
from pipeline.errors import FootageError
from pipeline.learning import tiles_to_learn
from pipeline.learning.normality import learn_looks, learn_places
from pipeline.learning.tiles_to_learn import tile_source
from pipeline.scoring.experts import experts_named
from tests.short_files import short_files
from tests.store_samples import MORNING
from tests.synthesis_makers import camera_model

LENGTH = 8
"""Frames of a window."""


def taken(pace: Pace, *stretches: int, length: int = LENGTH, before: int = 0) -> list[int]:
    """Return which windows are taken of stretches of so many frames, by their first frame, counted
    over all of them."""
    found, passed = [], 0
    for frames in stretches:
        skipped = pace.enter(frames, before=before)
        if skipped is not None:
            read = range(frames - skipped - length + 1)
            found += [passed + skipped + start for start in read if pace.takes(start)]
        passed += frames
    return found


@pytest.mark.parametrize("stride", [1, 4, 8, 9, 200])
@pytest.mark.parametrize("first", [0, 4])
def test_one_stretch_is_counted_from_its_start(stride: int, first: int) -> None:
    assert taken(Pace(stride, first=first), 500) == list(range(first, 493, stride))


def test_folders_of_many_strides_are_counted_each_from_its_start() -> None:
    own = [[start + at for at in range(4, 113, 8)] for start in (0, 120, 240)]
    assert taken(Pace(8, first=4), 120, 120, 120) == [at for part in own for at in part]


@pytest.mark.parametrize("frames", [10, 100, 600, 36_000])
def test_short_files_give_as_many_windows_as_long_ones(frames: int) -> None:
    files = 360_000 // frames
    found = taken(Pace(1_000), *[frames] * files)
    assert len(found) == pytest.approx(360, abs=1)
    assert max(np.diff(found)) <= 1_020


def test_not_always_the_begin_of_a_file_is_seen() -> None:
    where = [at % 600 for at in taken(Pace(9_650), *[600] * 2_000)]
    assert np.histogram(where, bins=4, range=(0, 600))[0].min() >= len(where) // 5


@pytest.mark.parametrize("stride", [8, 16, 904])
@pytest.mark.parametrize("frames", [10, 36, 79, 100])
def test_paces_half_a_stride_apart_never_take_the_same_window(stride: int, frames: int) -> None:
    looks, places = (
        taken(Pace(stride, first=first), *[frames] * 200) for first in (0, stride // 2)
    )
    assert not set(looks) & set(places)
    assert len(looks) == pytest.approx(len(places), abs=2)


def test_a_window_is_read_with_what_comes_before_it() -> None:
    pace = Pace(1_000, first=700)
    assert pace.enter(600, before=41) is None
    assert pace.enter(600, before=41) == 100 - 41
    assert [start for start in range(500) if pace.takes(start)] == [41]


@pytest.mark.parametrize(
    ("stride", "windows", "least", "denser"),
    [
        (8, 120, 2, 2),  # a minute or two: every clip that would be scored
        (8, 130, 2, 4),  # no more windows than most
        (8, 251, 2, 8),
        (8, 120, 3, 4),  # no closer than clips are scored
        (16, 40, 1, 4),
        (12, 40, 1, 6),  # every third would now and then be one of the other pace
        (6, 40, 1, 6),
        (904, 500, 2, 904),  # a day
    ],
)
def test_short_footage_is_looked_at_more_often(
    stride: int, windows: int, least: int, denser: int
) -> None:
    assert denser_stride(stride, windows=windows, most=500, least=least) == denser
    looks, places = Pace(stride), Pace(denser, first=denser // 2)
    assert not set(taken(looks, *[100] * 50)) & set(taken(places, *[100] * 50))


@pytest.mark.parametrize(("stride", "first"), [(0, 0), (4, -1)])
def test_a_pace_that_is_none_is_refused(stride: int, first: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        Pace(stride, first=first)


def test_places_are_learnt_from_files_shorter_than_half_a_stride(tmp_path: Path) -> None:
    """A window every eight seconds, of files of two seconds: every fourth of them gives one."""
    files = short_files(tmp_path, 24)
    model = camera_model()
    reader = replace(model.reader(), history=None)
    looks = learn_looks(files, model.sight, reader, stride=80)
    assert looks.feature_bank[0].bank_GWMD.shape[2] == 6
    learnt = learn_places(files, looks, reader, experts_named(("motion",)), stride=80)
    starts = [(clip.start_utc - MORNING).total_seconds() for part in learnt.parts for clip in part]
    assert starts == [4.0, 12.0, 20.0, 28.0, 36.0, 44.0]


def test_no_window_at_all_is_said(tmp_path: Path) -> None:
    (file,) = short_files(tmp_path, 1)
    model = camera_model()
    reader = replace(model.reader(), history=None)
    short = file.part(file.segment.start_us, file.segment.start_us + 500_000)
    with pytest.raises(FootageError, match="no window of 8 frames"):
        learn_looks([short], model.sight, reader, stride=8)
    looks = learn_looks([file], model.sight, reader, stride=8)
    with pytest.raises(FootageError, match="give longer footage"):
        learn_places([short], looks, reader, experts_named(("motion",)), stride=8)


def test_tiles_and_lessons_are_of_few_windows_of_many_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = short_files(tmp_path, 24)
    model = camera_model()
    reader = replace(model.reader(), history=None)
    monkeypatch.setattr(tiles_to_learn, "_MOST_WINDOWS", 8)
    source, windows = tile_source(files, reader, model.preset, 0, None)
    assert windows == 480 // LENGTH
    assert len(source.reservoir) <= 8 * source.reservoir.tiles_per_window
    monkeypatch.setattr("pipeline.distillation.teaching._MOST_WINDOWS", 8)
    normal = normal_windows(reader, files)
    # Three times as fast, two seconds hold no window.
    assert {speed: len(found) for speed, found in normal.by_speed.items()} == {1: 8, 2: 8}


@pytest.mark.parametrize(("room", "each"), [(150, 12), (1_500, 50), (6_000, 96)])
def test_short_footage_gives_more_tiles_of_each_window(
    room: int, each: int, tmp_path: Path
) -> None:
    model = camera_model()
    preset = replace(model.preset, reservoir_tiles=room, tiles_per_window=12)
    files = short_files(tmp_path, 6)
    reader = replace(model.reader(), history=None)
    source, windows = tile_source(files, reader, preset, 0, None)
    assert source.reservoir.tiles_per_window == each
    assert len(source.reservoir) == min(room, 2 * windows * each)
