"""Motion: how fast whole things move, and which way, on the score grid."""

import numpy as np
import pytest

from pipeline.scoring import motion
from pipeline.scoring.calibration import fit_places
from pipeline.scoring.clip_batch import ClipBatch, Networks
from pipeline.scoring.motion import TERMS, coherent_speed
from tests.scoring_makers import GRID, clip_batch, small_networks


@pytest.fixture(scope="module")
def networks() -> Networks:
    return small_networks()


def still(height: int = 64, width: int = 192) -> np.ndarray:
    """Flow of a picture in which nothing moves; by default as wide as that of `compact`."""
    return np.zeros((height, width, 2), np.float32)


def batch_of(networks: Networks, flow_THW2: np.ndarray) -> ClipBatch:
    flow_NTHW2 = np.stack([np.zeros_like(flow_THW2), flow_THW2]).astype(np.float16)
    return clip_batch(networks, flow_NTHW2=flow_NTHW2)


def test_what_stands_still_has_no_speed_and_what_moves_together_has_its_own() -> None:
    assert not coherent_speed(still()).any()
    flow_HW2 = still()
    flow_HW2[:] = (3.0, -4.0)
    np.testing.assert_allclose(coherent_speed(flow_HW2), 5.0, rtol=1e-5)


def test_a_thin_fast_line_counts_less_than_a_fast_block() -> None:
    line, block = still(), still()
    line[30:33, 20:80] = (6.0, 0.0)  # 180 pixels, thinner than the core
    block[24:38, 40:53] = (6.0, 0.0)  # 182 pixels
    assert coherent_speed(line).max() == 0.0
    assert coherent_speed(block).max() > 3.0


def test_a_block_that_is_larger_than_the_squares_is_as_fast_as_it_is() -> None:
    flow_HW2 = still()
    flow_HW2[16:40, 32:64] = (2.0, 0.0)
    assert coherent_speed(flow_HW2).max() == pytest.approx(2.0)


def test_a_few_wild_pixels_do_not_speed_a_block_up() -> None:
    flow_HW2 = still()
    flow_HW2[16:40, 32:64] = (2.0, 0.0)
    flow_HW2[20:22, 40:42] = (30.0, 0.0)
    assert coherent_speed(flow_HW2).max() == pytest.approx(2.0)


@pytest.mark.parametrize("width", [96, 192, 320, 640])
def test_speed_is_the_same_however_large_the_picture_is(width: int) -> None:
    # A leg of a fiftieth of the width, and a body of a sixteenth at a third of its speed.
    leg, body = width // 50, width // 16
    flow_HW2 = still(width // 2, width)
    flow_HW2[: width // 4, width // 4 : width // 4 + leg] = (width / 32, 0.0)
    assert coherent_speed(flow_HW2).max() == 0.0
    flow_HW2[width // 4 :, width // 2 : width // 2 + body] = (width / 96, 0.0)
    share = coherent_speed(flow_HW2).max() / (width / 96)
    assert share == pytest.approx(2 / 3 + 1 / body, abs=0.02)  # of it, and a pixel more


def test_terms_are_those_of_the_whole_clip_at_their_place(networks: Networks) -> None:
    flow_THW2 = np.stack([still(GRID.height_px, GRID.width_px)] * 8)
    flow_THW2[:, 16:40, 32:64] = (1.5, -2.0)
    maps = motion.term_maps(batch_of(networks, flow_THW2))
    assert set(maps) == set(motion.TERMS)
    assert all(values.shape == (2, *GRID.cells) for values in maps.values())
    assert all(not values[0].any() for values in maps.values())
    row, column = 3, 6  # in the middle of the block
    assert maps["speed"][1, row, column] == pytest.approx(2.5, abs=1e-3)
    assert (maps["pace"] == maps["speed"]).all()
    assert maps["flow_x"][1, row, column] == pytest.approx(1.5, abs=1e-3)
    assert maps["flow_y"][1, row, column] == pytest.approx(-2.0, abs=1e-3)
    assert maps["speed"][1, 7, 11] == 0.0
    assert maps["flow_x"][1, 7, 11] == 0.0


def test_what_moves_for_a_part_of_the_clip_counts_as_much_as_it_lasts(networks: Networks) -> None:
    speeds = []
    for frames in (3, 5, 7):
        flow_THW2 = np.stack([still(GRID.height_px, GRID.width_px)] * 8)
        flow_THW2[-frames:, 16:40, 32:64] = (1.5, -2.0)
        speeds.append(motion.term_maps(batch_of(networks, flow_THW2))["speed"][1, 3, 6])
    assert speeds == pytest.approx([2.5 * 2 / 5, 2.5 * 4 / 5, 2.5], rel=1e-3)


def test_to_and_fro_is_no_speed(networks: Networks) -> None:
    flow_THW2 = np.stack([still(GRID.height_px, GRID.width_px)] * 8)
    there_and_back = np.array([0.0, 3.0, -3.0, 0.0, 3.0, -3.0, 0.0, 3.0])
    flow_THW2[..., 0] = there_and_back[:, None, None]
    maps = motion.term_maps(batch_of(networks, flow_THW2))
    assert maps["speed"].max() < 1e-3
    assert np.abs(maps["flow_x"]).max() < 1e-3


def test_the_flow_of_the_first_frame_is_not_counted_twice(networks: Networks) -> None:
    flow_THW2 = np.stack([still(GRID.height_px, GRID.width_px)] * 8)
    flow_THW2[0] = 20.0
    maps = motion.term_maps(batch_of(networks, flow_THW2))
    assert all(not values.any() for values in maps.values())


@pytest.mark.parametrize("name", sorted(TERMS))
def test_grain_where_nothing_ever_moved_is_not_strange(name: str) -> None:
    term = TERMS[name]
    still_NGW = np.zeros((40, *GRID.cells), np.float32)
    places = fit_places(
        still_NGW,
        two_sided=term.two_sided,
        perspective=term.perspective,
        least_range=term.least_range,
    )
    assert places.strangeness(np.full((1, *GRID.cells), 0.1, np.float32)).max() < 1.0
    assert places.strangeness(np.full((1, *GRID.cells), 1.5, np.float32)).min() > 5.0
