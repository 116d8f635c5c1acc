"""Regions and tracks on pictures small enough to draw by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.evaluation.cells import CellGrid, labelled_regions
from pipeline.evaluation.regions import RegionCounter, area_under_curve

HEIGHT, WIDTH = 12, 16
GRID = CellGrid(height_px=HEIGHT, width_px=WIDTH)  # cells of one pixel

Box = tuple[int, int, int, int]
"""Top, left, height, width."""


def _mask(frames: int, *boxes: tuple[int, Box]) -> NDArray[np.bool_]:
    mask = np.zeros((frames, HEIGHT, WIDTH), dtype=np.bool_)
    for frame, (top, left, height, width) in boxes:
        mask[frame, top : top + height, left : left + width] = True
    return mask


def _scores(frames: int, *boxes: tuple[int, Box, float]) -> NDArray[np.float32]:
    scores = np.zeros((frames, HEIGHT, WIDTH), dtype=np.float32)
    for frame, (top, left, height, width), value in boxes:
        scores[frame, top : top + height, left : left + width] = value
    return scores


def _measure(
    scores: NDArray[np.float32], mask: NDArray[np.bool_], thresholds: list[float]
) -> tuple[float | None, float | None]:
    counter = RegionCounter(thresholds)
    counter.add(scores, np.arange(len(scores)), labelled_regions(mask, GRID), GRID)
    return counter.rbdc(), counter.tbdc()


def test_regions_of_frames_that_touch_are_one_track() -> None:
    mask = _mask(
        4,
        (0, (2, 2, 3, 3)),
        (1, (2, 5, 3, 3)),  # beside the one before: touches
        (1, (8, 12, 2, 2)),  # another object
        (2, (8, 12, 2, 2)),
        (3, (2, 2, 3, 3)),  # nothing there in frame 2: a new track
    )
    regions = labelled_regions(mask, GRID)
    assert regions.region_frame.tolist() == [0, 1, 1, 2, 3]
    assert regions.region_area.tolist() == [9, 9, 4, 4, 9]
    assert regions.tracks == 3
    assert regions.region_track[0] == regions.region_track[1]
    assert regions.region_track[2] == regions.region_track[3]
    assert len({int(regions.region_track[i]) for i in (0, 2, 4)}) == 3


def test_a_video_without_a_labelled_pixel_has_no_region() -> None:
    regions = labelled_regions(_mask(3), GRID)
    assert regions.tracks == 0
    assert len(regions.region_frame) == 0
    assert _measure(_scores(3), _mask(3), [0.5]) == (None, None)


def test_pieces_of_a_region_count_every_pixel_once() -> None:
    grid = CellGrid(height_px=200, width_px=300)  # cells of 4 pixels
    mask = np.zeros((1, 200, 300), dtype=np.bool_)
    mask[0, 3:50, 7:101] = True
    regions = labelled_regions(mask, grid)
    assert grid.cell_px == 4
    assert regions.piece_pixels.sum() == regions.region_area[0] == 47 * 94
    # Cell (1, 2) lies wholly inside; of cell (0, 1) one row of one pixel is labelled.
    pixels = dict(zip(regions.piece_cell.tolist(), regions.piece_pixels.tolist(), strict=True))
    assert pixels[1 * 75 + 2] == 16
    assert pixels[0 * 75 + 1] == 1


def test_cut_cells_at_the_border_have_fewer_pixels() -> None:
    grid = CellGrid(height_px=10, width_px=194)  # cells of 3 pixels: 4 x 65
    assert grid.shape == (4, 65)
    pixels = grid.cell_pixels()
    assert pixels[0, 0] == 9
    assert pixels[3, 64] == 1 * 2
    assert pixels.sum() == 10 * 194


def test_a_map_is_interpolated_between_the_centres_of_its_cells() -> None:
    grid = CellGrid(height_px=4, width_px=8)
    maps = np.float32([[[0.0, 4.0]]])
    # Centres of the map's cells at 2 and 6 pixels, of ours at .5, 1.5, ...
    expected = [0.0, 0.0, 0.5, 1.5, 2.5, 3.5, 4.0, 4.0]
    assert grid.interpolate(maps)[0].tolist() == [expected] * 4


def test_perfect_maps_have_both_figures_at_one() -> None:
    boxes: list[tuple[int, Box]] = [(0, (2, 2, 4, 4)), (1, (2, 3, 4, 4)), (2, (2, 4, 4, 4))]
    scores = _scores(4, *[(frame, box, 1.0) for frame, box in boxes])
    assert _measure(scores, _mask(4, *boxes), [1.0]) == (1.0, 1.0)


def test_a_map_that_shows_nothing_has_both_figures_at_zero() -> None:
    assert _measure(_scores(2), _mask(2, (0, (2, 2, 4, 4))), [0.5]) == (0.0, 0.0)


def test_an_overlap_of_a_tenth_of_the_union_is_enough_and_less_is_not() -> None:
    # 11 labelled cells in a row; 11 detected ones that share 2: IoU 2 / 20 = 0.1.
    mask = _mask(1, (0, (5, 0, 1, 11)))
    assert _measure(_scores(1, (0, (4, 9, 1, 5), 1.0)), mask, [1.0]) == (0.0, 0.0)
    detected = _scores(1, (0, (5, 9, 1, 7), 1.0), (0, (6, 12, 1, 4), 1.0))
    assert _measure(detected, mask, [1.0]) == (1.0, 1.0)
    detected = _scores(1, (0, (5, 9, 1, 7), 1.0), (0, (6, 11, 1, 5), 1.0))  # IoU 2 / 21
    assert _measure(detected, mask, [1.0]) == (0.0, 0.0)


def test_a_track_is_found_by_a_tenth_of_its_regions() -> None:
    box: Box = (3, 3, 4, 4)
    mask = _mask(20, *[(frame, box) for frame in range(20)])
    two = _scores(20, (4, box, 1.0), (5, box, 1.0))
    assert _measure(two, mask, [1.0]) == (pytest.approx(0.1), 1.0)
    one = _scores(20, (4, box, 1.0))
    assert _measure(one, mask, [1.0]) == (pytest.approx(0.05), 0.0)


def test_false_regions_cost_area_where_they_come_first() -> None:
    """Of 4 frames 2 have a false region that scores higher than the object in the other two."""
    box: Box = (2, 2, 4, 4)
    mask = _mask(4, (0, box), (1, box))
    scores = _scores(4, (0, box, 1.0), (1, box, 1.0), (2, box, 2.0), (3, box, 2.0))
    # At 2: nothing found, 0.5 false a frame. At 1: all found, 0.5 false a frame. The curve rises in
    # a straight line from 0 to 1 at 0.5, and is level after it.
    rbdc, tbdc = _measure(scores, mask, [2.0, 1.0])
    assert rbdc == pytest.approx(0.75)
    assert tbdc == pytest.approx(0.75)


def test_two_false_regions_in_a_frame_count_twice() -> None:
    box: Box = (2, 2, 4, 4)
    mask = _mask(2, (0, box))
    scores = _scores(2, (0, box, 1.0), (1, (0, 0, 2, 2), 1.0), (1, (8, 8, 2, 2), 1.0))
    # The only point: all found at 1 false region a frame; a straight line from 0 to it.
    assert _measure(scores, mask, [1.0]) == (pytest.approx(0.5), pytest.approx(0.5))


def test_regions_are_not_joined_across_frames() -> None:
    box: Box = (2, 2, 4, 4)
    mask = _mask(2, (0, box))
    scores = _scores(2, (0, box, 1.0), (1, box, 1.0))
    counter = RegionCounter([1.0])
    counter.add(scores, np.arange(len(scores)), labelled_regions(mask, GRID), GRID)
    # Found in frame 0; the one in frame 1 is false: 1 in 2 frames. Line from (0, 0) to (.5, 1).
    assert counter.rbdc() == pytest.approx(0.75)


def test_videos_add_up() -> None:
    box: Box = (2, 2, 4, 4)
    counter = RegionCounter([1.0])
    for found in (True, False):
        scores = _scores(1, (0, box, 1.0)) if found else _scores(1)
        counter.add(
            scores, np.arange(len(scores)), labelled_regions(_mask(1, (0, box)), GRID), GRID
        )
    assert counter.rbdc() == pytest.approx(0.5)
    assert counter.tbdc() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("points", "area"),
    [
        pytest.param([(0.0, 1.0)], 1.0, id="perfect"),
        pytest.param([(1.0, 1.0)], 0.5, id="a straight line"),
        pytest.param([(2.0, 1.0)], 0.25, id="cut at one false region a frame"),
        pytest.param([(0.5, 0.8), (0.25, 0.4)], 0.5 * 0.8 / 2 + 0.5 * 0.8, id="level after"),
        pytest.param([(0.0, 0.6), (0.5, 0.1)], 0.6, id="a worse point is ignored"),
        pytest.param([], 0.0, id="no threshold"),
    ],
)
def test_the_area_under_the_curve(points: list[tuple[float, float]], area: float) -> None:
    x, y = np.array(points, dtype=np.float64).reshape(-1, 2).T
    assert area_under_curve(x, y) == pytest.approx(area)


def test_a_clip_counts_anew_in_every_frame_that_has_its_scores() -> None:
    box: Box = (2, 2, 4, 4)
    mask = _mask(4, (0, box), (1, box))
    one_clip = _scores(1, (0, box, 1.0))
    counter = RegionCounter([1.0])
    counter.add(one_clip, np.zeros(4, dtype=np.int64), labelled_regions(mask, GRID), GRID)
    # Found in frames 0 and 1, false in 2 and 3: half a false region a frame.
    assert counter.rbdc() == pytest.approx(0.75)
    assert counter.tbdc() == pytest.approx(0.75)
