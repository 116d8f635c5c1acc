"""Places are measured block by block of clips: the same figures, in bounded memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.evaluation.cells import CellGrid, labelled_regions
from pipeline.evaluation.measure import MaskedVideo, PlaceFigures, place_figures
from pipeline.evaluation.regions import RegionCounter
from pipeline.evaluation.run import FUSED, VideoRun
from pipeline.evaluation.spool import MapSpool

FRAMES_A_CLIP = 3
ALL_AT_ONCE = PlaceFigures(
    pixel_auroc=0.6975528397987524, rbdc=0.09097566219470245, tbdc=0.09500176965356429
)
"""Of these videos, before there were blocks."""


def _run(clips: int, frames: int) -> VideoRun:
    """Return a run in which the last clip has the rest of the frames, and the second none."""
    clip_of_frame = np.minimum(np.arange(frames) // FRAMES_A_CLIP, max(0, clips - 1))
    clip_of_frame[clip_of_frame == 1] = 0
    return VideoRun(
        clip_of_frame=clip_of_frame.astype(np.int64),
        latency_seconds=0.2,
        clips=clips,
        leading=(FUSED,) * clips,
        rows={},
        without={},
    )


def _mask(frames: int, height: int, width: int) -> NDArray[np.bool_]:
    """Return a mask in which two things go across, one of them over all frames."""
    mask = np.zeros((frames, height, width), dtype=np.bool_)
    for frame in range(frames):
        left = frame * (width - 16) // frames
        mask[frame, 8:24, left : left + 14] = True
        if frames // 3 <= frame < frames // 2:
            mask[frame, 30:40, width - 20 - left // 2 : width - 4 - left // 2] = True
    return mask


def _videos(folder: Path) -> tuple[list[MaskedVideo], list[VideoRun], MapSpool]:
    """Return three videos: one long, one of another size and normal, one without a clip."""
    rng = np.random.default_rng(3)
    spool = MapSpool(folder)
    masks, runs = [], []
    for index, (clips, frames, height, width) in enumerate(
        [(40, 126, 48, 200), (7, 21, 60, 64), (0, 5, 48, 200)]
    ):
        grid = CellGrid(height_px=height, width_px=width)
        mask = _mask(frames, height, width) if index != 1 else np.zeros((0, height, width), bool)
        run = _run(clips, frames)
        for clip in range(clips):
            score = rng.gamma(1.0, 1.0, (6, 10)).astype(np.float32)
            shown = min(frames - 1, clip * FRAMES_A_CLIP) * (width - 16) // frames
            if index == 0 and clip % 4:
                score[1:3, shown * 10 // width] += 3.0
            spool.append(index, {FUSED: score})
        masks.append(MaskedVideo(grid=grid, regions=labelled_regions(mask, grid)))
        runs.append(run)
    return masks, runs, spool


@pytest.mark.parametrize("cells_at_once", [1, 5 * 16 * 67, 16 * 16 * 67, 10**9])
def test_blocks_give_the_figures_of_all_clips_at_once(tmp_path: Path, cells_at_once: int) -> None:
    """One clip at a time, five, sixteen, all."""
    masks, runs, spool = _videos(tmp_path)
    figures = place_figures(masks, runs, spool, [FUSED], cells_at_once=cells_at_once)
    assert figures[FUSED] == ALL_AT_ONCE


def test_a_track_that_goes_on_over_a_border_of_blocks_is_one(tmp_path: Path) -> None:
    """One of its ten regions is found, which is enough for the track, in whichever block."""
    grid = CellGrid(height_px=48, width_px=96)
    mask = np.zeros((10, 48, 96), dtype=np.bool_)
    mask[:, 10:20, 10:20] = True
    scores = np.zeros((10, *grid.shape), dtype=np.float32)
    scores[7, 10:20, 10:20] = 1.0
    counter = RegionCounter([0.5])
    blocks = [scores[first : first + 4] for first in range(0, 10, 4)]
    counter.add_blocks(blocks, np.arange(10), labelled_regions(mask, grid), grid)
    assert counter.tbdc() == 1.0
    assert counter.rbdc() == pytest.approx(0.1)


def test_memory_does_not_grow_with_the_clips_of_a_video(tmp_path: Path) -> None:
    """Twice the clips take as much; all at once twice as much."""
    peaks = []
    for clips in (300, 600):
        folder = tmp_path / str(clips)
        folder.mkdir()
        spool = MapSpool(folder)
        grid = CellGrid(height_px=360, width_px=640)
        rng = np.random.default_rng(0)
        for _ in range(clips):
            spool.append(0, {FUSED: rng.random((12, 20), dtype=np.float32)})
        mask = np.zeros((4, 360, 640), dtype=np.bool_)
        mask[:, 100:160, 200:260] = True
        masks = [MaskedVideo(grid=grid, regions=labelled_regions(mask, grid))]
        runs = [_run(clips, clips * FRAMES_A_CLIP)]
        tracemalloc.start()
        place_figures(
            masks, runs, spool, [FUSED], cells_at_once=100 * grid.shape[0] * grid.shape[1]
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
