"""What overlapping windows share is worked out once, and comes out as if each had its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.clips.reader import ClipReader, Stretch, WindowBatch
from pipeline.evaluation.parts import real_parts
from pipeline.footage.frames import View
from pipeline.scoring import continuity, motion
from pipeline.scoring.clip_batch import ClipBatch
from pipeline.scoring.continuity import broken_odds, displaced_difference
from pipeline.scoring.feature_bank import DepthBank
from pipeline.scoring.fusion import CalibratedClips
from pipeline.scoring.motion import coherent_speed
from pipeline.scoring.rim import inside_GW, inside_HW
from pipeline.scoring.scorer import BATCH_CLIPS, ScoringModel, score_stretch
from pipeline.stopwatch import Stopwatch, stage
from tests.footage_maker import encode
from tests.scoring_makers import GRID, clip_batch, small_networks

FRAMES = 26


def _scene(index: int) -> NDArray[np.uint8]:
    """Return a picture in which a block goes to the right, and turns back at the 12th."""
    picture = np.random.default_rng(0).integers(60, 90, (64, 96, 3)).astype(np.uint8)
    left = 8 + 3 * index if index < 12 else 8 + 3 * (24 - index)
    picture[20:44, left : left + 20] = np.random.default_rng(1).integers(120, 250, (24, 20, 3))
    return picture


@pytest.fixture(scope="module")
def stretch(tmp_path_factory: pytest.TempPathFactory) -> Stretch:
    path = tmp_path_factory.mktemp("shared") / "scene.avi"
    encode(path, np.stack([_scene(index) for index in range(FRAMES)]))
    (stretch,) = real_parts().stretches(path, path.parent)
    return stretch


@pytest.fixture(scope="module")
def reader() -> ClipReader:
    return ClipReader(
        view=View(width_px=96, height_px=64, frame_rate=10.0),
        frames=8,
        planes=("grey", "speed"),
        background_HW=np.full((64, 96), 75, np.uint8),
        full_speed_px=4.0,
    )


@pytest.fixture(scope="module")
def windows(stretch: Stretch, reader: ClipReader) -> WindowBatch:
    _, first = next(iter(reader.batches(stretch, stride=1, size=BATCH_CLIPS)))
    assert len(first.frames_us) == BATCH_CLIPS
    return first


def _batch(windows: WindowBatch) -> ClipBatch:
    made = clip_batch(small_networks(), clips=BATCH_CLIPS, grid=GRID)
    made.windows = windows
    return made


def _cells(values_HW: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = GRID.cells
    return values_HW.reshape(rows, 8, columns, 8).max(axis=(1, 3))


def test_motion_is_what_each_window_alone_would_give(windows: WindowBatch) -> None:
    maps = motion.term_maps(_batch(windows))
    for index, flow_THW2 in enumerate(windows.flow_NTHW2):
        runs = [flow_THW2[first : first + 3].astype(np.float32).mean(axis=0) for first in (1, 2, 3)]
        runs += [flow_THW2[first : first + 3].astype(np.float32).mean(axis=0) for first in (4, 5)]
        speed = np.mean([_cells(coherent_speed(run)) for run in runs], axis=0)
        np.testing.assert_allclose(maps["speed"][index], speed, rtol=1e-5, atol=1e-6)
        mean = np.mean(runs, axis=0).reshape(*GRID.cells[:1], 8, GRID.cells[1], 8, 2)
        for name, values in zip(("flow_x", "flow_y"), np.moveaxis(mean, -1, 0), strict=True):
            np.testing.assert_allclose(maps[name][index], values.mean(axis=(1, 3)), atol=1e-5)
    assert maps["speed"].max() > 0.5


def test_breaks_are_what_each_window_alone_would_give(windows: WindowBatch) -> None:
    shared = continuity.term_maps(_batch(windows))
    alone = continuity.term_maps(_batch(replace(windows, frames_us=())))
    for name in continuity.TERMS:
        np.testing.assert_array_equal(shared[name], alone[name])
        assert shared[name].max() > 0.0
    # And the residual is that of the pictures as they are, pair by pair.
    pictures, flow = windows.pictures[0], windows.flow_NTHW2[0]
    inside = inside_HW(GRID.cells, 8)
    pairs = [
        displaced_difference(pictures[t - 1], pictures[t], flow[t], inside) for t in range(4, 8)
    ]
    largest = _largest_around(np.max([_cells(pair) for pair in pairs], axis=0))
    np.testing.assert_array_equal(shared["sudden"][0], largest * inside_GW(GRID.cells))


def _largest_around(values_GW: NDArray[np.float32]) -> NDArray[np.float32]:
    padded = np.pad(values_GW, 1, mode="symmetric")
    around = [
        padded[down : down + GRID.cells[0], right : right + GRID.cells[1]]
        for down in range(3)
        for right in range(3)
    ]
    return np.asarray(np.max(around, axis=0), np.float32)


def test_each_pair_of_frames_is_looked_at_once(
    windows: WindowBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counted(*flows: NDArray[np.float32]) -> Any:
        asked.append(1)
        return broken_odds(*flows)

    monkeypatch.setattr(continuity, "broken_odds", counted)
    continuity.term_maps(_batch(windows))
    # Four pairs of the first window, and one new one of each other.
    assert len(asked) == 4 + BATCH_CLIPS - 1


def test_planes_are_what_each_window_alone_would_give(
    windows: WindowBatch, reader: ClipReader
) -> None:
    alone = reader.planes_NPTHW(replace(windows, frames_us=()))
    assert torch.equal(reader.planes_NPTHW(windows), alone)
    assert alone[:, 1].max() > 0.2


def test_one_product_finds_the_nearest_look_of_three_cells() -> None:
    chance = torch.Generator().manual_seed(0)
    bank = DepthBank(
        mean_C=torch.zeros(10),
        basis_CD=torch.randn(10, 6, generator=chance),
        bank_GWMD=torch.randn(4, 5, 7, 6, generator=chance),
    )
    features = torch.randn(3, 10, 4, 5, generator=chance)
    seen = bank.project(features)
    found = bank.distance(features)
    for row, column in np.ndindex(4, 5):
        near = [at for at in (column - 1, column, column + 1) if 0 <= at < 5]
        looks = torch.cat([bank.bank_GWMD[row, at] for at in near])
        apart = (seen[:, row, column, None] - looks).square().sum(dim=2).sqrt()
        torch.testing.assert_close(found[:, row, column], apart.amin(dim=1), atol=1e-4, rtol=1e-4)


class _MeanSpeed:
    """A model whose score of a clip is its mean speed; remembers in which thread it looked."""

    clip_stride = 1
    health = None

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def look(self, reader: ClipReader, windows: WindowBatch, **_: object) -> CalibratedClips:
        self.threads.add(threading.get_ident())
        score = np.abs(windows.flow_NTHW2.astype(np.float64)).mean(axis=(1, 2, 3, 4))
        maps_NGW = np.repeat(score, 96).reshape(-1, 8, 12).astype(np.float32)
        calibrated = SimpleNamespace(
            experts={"one": score},
            tgan=score,
            fused=score,
            without={},
            maps={"one": maps_NGW},
            tgan_map=maps_NGW,
            fused_map=maps_NGW,
        )
        return cast(CalibratedClips, calibrated)


def _one_by_one(reader: ClipReader, stretch: Stretch) -> Iterator[tuple[str, float]]:
    for clip, window in reader.clips(stretch, stride=1):
        assert window.flow_THW2 is not None
        speed = np.abs(window.flow_THW2.astype(np.float64)).mean()
        yield clip.clip_id, round(float(speed), 6)


def test_reading_ahead_changes_neither_order_nor_scores(
    stretch: Stretch, reader: ClipReader
) -> None:
    model = _MeanSpeed()
    with Stopwatch().running() as watch, stage("looking"):
        scored = [
            (item.anomaly.clip.clip_id, item.anomaly.score)
            for item in score_stretch(
                cast(ScoringModel, model), stretch, model_id="m", reader=reader
            )
        ]
    assert scored == list(_one_by_one(reader, stretch))
    assert len(scored) == FRAMES - 7
    assert model.threads == {threading.get_ident()}
    assert {"decode", "flow", "light", "windows"} <= set(watch.stages)


def test_footage_that_cannot_be_read_is_told_as_without_reading_ahead(
    reader: ClipReader, stretch: Stretch, tmp_path: Path
) -> None:
    gone = replace(stretch, source=tmp_path / "gone.mp4")
    with pytest.raises(Exception, match=r"gone\.mp4") as ahead:
        list(score_stretch(cast(ScoringModel, _MeanSpeed()), gone, model_id="m", reader=reader))
    with pytest.raises(Exception, match=r"gone\.mp4") as plain:
        list(reader.clips(gone, stride=1))
    assert type(ahead.value) is type(plain.value)
