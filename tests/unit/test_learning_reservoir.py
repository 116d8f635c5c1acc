"""The reservoir and the background: bounded, even, and looking where things move."""

import numpy as np
import pytest

from pipeline.learning.background import learn_background
from pipeline.learning.reservoir import TileReservoir, motion_weights


def _window(seed: int) -> np.ndarray:
    window = np.full((8, 64, 96), 100, np.uint8)
    for t in range(8):
        window[t, 40:52, 60 + 2 * t : 72 + 2 * t] = 200 + seed % 50
    return window


def _reservoir(**changes: object) -> TileReservoir:
    values = {
        "capacity": 50,
        "tile_px": 32,
        "tiles_per_window": 4,
        "moving_share": 0.75,
        "seed": 0,
    }
    return TileReservoir(**{**values, **changes})  # type: ignore[arg-type]


def test_it_never_holds_more_than_its_capacity() -> None:
    reservoir = _reservoir()
    for seed in range(40):
        reservoir.add_window(_window(seed))
    assert len(reservoir) == 50


def test_early_and_late_footage_are_kept_alike() -> None:
    reservoir = _reservoir(capacity=400, moving_share=1.0)
    for seed in range(400):
        reservoir.add_window(np.full((8, 64, 96), seed // 2, np.uint8))
    tiles, _ = next(reservoir.batches(4000, np.zeros((64, 96), np.uint8), seed=1))
    first_half = (tiles[:, 0, 0, 0] < 100).float().mean().item()
    assert first_half == pytest.approx(0.5, abs=0.1)


def test_moving_places_are_drawn_more_often_and_quiet_ones_still_sometimes() -> None:
    reservoir = _reservoir(capacity=2000)
    for seed in range(400):
        reservoir.add_window(_window(seed))
    tiles, _ = next(reservoir.batches(1000, np.zeros((64, 96), np.uint8), seed=1))
    moving = (tiles.float().std(dim=(1, 2, 3)) > 1).float().mean().item()
    assert 0.75 < moving < 0.97


def test_the_nth_batch_depends_on_seed_and_number_alone() -> None:
    reservoir = _reservoir()
    for seed in range(20):
        reservoir.add_window(_window(seed))
    background = np.zeros((64, 96), np.uint8)
    stream = reservoir.batches(6, background, seed=3)
    first, second = next(stream), next(stream)
    again = next(reservoir.batches(6, background, seed=3, skip=1))
    assert (again[0] == second[0]).all()
    assert not (again[0] == first[0]).all()


def test_tiles_come_with_the_background_of_their_place() -> None:
    ramp = np.broadcast_to(np.arange(96, dtype=np.uint8), (64, 96))
    reservoir = _reservoir()
    reservoir.add_window(np.broadcast_to(ramp, (8, 64, 96)).copy())
    tiles, backgrounds = next(reservoir.batches(20, np.ascontiguousarray(ramp), seed=0))
    assert (tiles[:, 0] == backgrounds).all()


def test_motion_weights_are_largest_where_the_window_changes() -> None:
    weights = motion_weights(_window(0).astype(np.float32), 32)
    row, column = np.unravel_index(weights.argmax(), weights.shape)
    assert 20 <= row * 4 + 16 <= 60
    assert 50 <= column * 4 + 16 <= 96


def test_the_background_is_the_median_and_movers_leave_no_trace() -> None:
    frames = []
    for t in range(300):
        frame = np.full((20, 30), 90, np.uint8)
        frame[5:10, t % 25 : t % 25 + 5] = 250
        frames.append(frame)
    assert (learn_background(frames) == 90).all()


def test_no_frame_makes_no_background() -> None:
    with pytest.raises(ValueError, match="no frame"):
        learn_background([])
