"""The reservoir and the background: bounded, even, and looking where things move."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from pipeline.clips.flow import SPEED_STEPS
from pipeline.clips.windows import Window
from pipeline.learning.adversarial import TileSource, TrainingBatch
from pipeline.learning.background import learn_background
from pipeline.learning.presets import preset_named
from pipeline.learning.pseudo_anomalies import PseudoAnomalies
from pipeline.learning.reservoir import PlacedTiles, TileReservoir, motion_weights


def _window(seed: int) -> np.ndarray:
    window = np.full((8, 64, 96), 100, np.uint8)
    for t in range(8):
        window[t, 40:52, 60 + 2 * t : 72 + 2 * t] = 200 + seed % 50
    return window


def _seen(pictures: np.ndarray, speed_px: float = 0.0) -> Window:
    """Return a window in which everything moves to the right with one speed."""
    flow_THW2 = np.zeros((*pictures.shape[:3], 2), np.float16)
    flow_THW2[..., 0] = speed_px
    return Window(pictures=pictures, flow_THW2=flow_THW2)


def _chance(number: int = 0) -> np.random.Generator:
    return np.random.default_rng((3, number))


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
        reservoir.add_window(_seen(_window(seed)))
    assert len(reservoir) == 50


def test_early_and_late_footage_are_kept_alike() -> None:
    reservoir = _reservoir(capacity=400, moving_share=1.0)
    for seed in range(400):
        reservoir.add_window(_seen(np.full((8, 64, 96), seed // 2, np.uint8)))
    tiles = reservoir.batch(4000, np.zeros((64, 96), np.uint8), _chance())
    first_half = (tiles.pictures[:, 0, 0, 0] < 100).mean()
    assert first_half == pytest.approx(0.5, abs=0.1)


def test_moving_places_are_drawn_more_often_and_quiet_ones_still_sometimes() -> None:
    reservoir = _reservoir(capacity=2000)
    for seed in range(400):
        reservoir.add_window(_seen(_window(seed)))
    tiles = reservoir.batch(1000, np.zeros((64, 96), np.uint8), _chance())
    moving = (tiles.pictures.std(axis=(1, 2, 3)) > 1).mean()
    assert 0.75 < moving < 0.97


def test_a_batch_depends_on_its_chance_alone() -> None:
    reservoir = _reservoir()
    for seed in range(20):
        reservoir.add_window(_seen(_window(seed)))
    background = np.zeros((64, 96), np.uint8)
    first, second, again = (reservoir.batch(6, background, _chance(n)) for n in (0, 1, 1))
    assert (again.pictures == second.pictures).all()
    assert not (again.pictures == first.pictures).all()


def test_a_batch_is_the_callers_own() -> None:
    reservoir = _reservoir()
    reservoir.add_window(_seen(_window(0), speed_px=1.0))
    background = np.zeros((64, 96), np.uint8)
    first, untouched = (reservoir.batch(6, background, _chance()) for _ in range(2))
    for array in (first.pictures, first.speeds, first.backgrounds):
        array[:] = 7
    again = reservoir.batch(6, background, _chance())
    assert (again.pictures == untouched.pictures).all()
    assert (again.speeds == untouched.speeds).all()
    assert (background == 0).all()


@pytest.mark.parametrize("pseudo", [False, True], ids=["real", "with pseudo-anomalies"])
def test_the_nth_batch_of_a_training_depends_on_seed_and_number_alone(pseudo: bool) -> None:
    preset = preset_named("compact")
    reservoir = _reservoir()
    for seed in range(20):
        reservoir.add_window(_seen(_window(seed), speed_px=seed / 10.0))
    drawn = PseudoAnomalies(normal=reservoir, fast=reservoir) if pseudo else None
    background = np.zeros((64, 96), np.uint8)

    def batches(seed: int, skip: int) -> Iterator[TrainingBatch]:
        return TileSource(reservoir, drawn, background, 4.0, preset, seed).batches(
            skip=skip, device=torch.device("cpu")
        )

    stream = batches(3, 0)
    first, second = next(stream), next(stream)
    again = next(batches(3, 1))
    assert torch.equal(again.real, second.real)
    assert not torch.equal(again.real, first.real)
    assert not torch.equal(next(batches(4, 1)).real, second.real)
    assert first.real.shape == (32, 2, 8, 32, 32)
    if second.pseudo is None or again.pseudo is None:
        assert drawn is None
    else:
        assert torch.equal(again.pseudo, second.pseudo)
        assert again.pseudo.shape == again.real.shape


def test_training_sees_the_speed_as_a_share_of_the_full_speed() -> None:
    reservoir = _reservoir()
    reservoir.add_window(_seen(_window(0), speed_px=1.0))
    background = np.zeros((64, 96), np.uint8)
    source = TileSource(reservoir, None, background, 4.0, preset_named("compact"), 0)
    planes_BPTSS = next(source.batches(skip=0, device=torch.device("cpu"))).real
    assert preset_named("compact").planes[1] == "speed"
    assert (planes_BPTSS[:, 1] == 0.25).all()


def test_tiles_come_with_the_background_of_their_place() -> None:
    ramp = np.broadcast_to(np.arange(96, dtype=np.uint8), (64, 96))
    reservoir = _reservoir()
    reservoir.add_window(_seen(np.broadcast_to(ramp, (8, 64, 96)).copy()))
    tiles = reservoir.batch(20, np.ascontiguousarray(ramp), _chance())
    assert (tiles.pictures[:, 0] == tiles.backgrounds).all()


def test_tiles_come_with_the_speed_of_their_place() -> None:
    ramp = np.broadcast_to(np.arange(96, dtype=np.uint8), (8, 64, 96)).copy()
    flow_THW2 = np.zeros((8, 64, 96, 2), np.float16)
    flow_THW2[..., 1] = ramp / SPEED_STEPS
    reservoir = _reservoir()
    reservoir.add_window(Window(pictures=ramp, flow_THW2=flow_THW2))
    tiles = reservoir.batch(20, ramp[0], _chance())
    assert (tiles.speeds == tiles.pictures).all()


def test_colour_tiles_keep_their_colours_and_are_drawn_where_things_move() -> None:
    reservoir = _reservoir(capacity=200, moving_share=1.0, tiles_per_window=200)
    colours = np.array([1.0, 0.5, 0.25])
    reservoir.add_window(_seen((_window(0)[..., None] * colours).astype(np.uint8)))
    tiles = reservoir.batch(100, np.zeros((64, 96), np.uint8), _chance())
    assert tiles.pictures.shape == (100, 8, 32, 32, 3)
    assert tiles.speeds.shape == (100, 8, 32, 32)
    assert (tiles.pictures[..., 1] == tiles.pictures[..., 0] // 2).all()
    assert (tiles.pictures.std(axis=(1, 2, 3)) > 1).all()


def test_a_window_without_flow_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="flow"):
        _reservoir().add_window(Window(pictures=_window(0), flow_THW2=None))


def test_an_empty_reservoir_gives_no_batch_and_no_speed() -> None:
    with pytest.raises(ValueError, match="empty"):
        _reservoir().batch(1, np.zeros((64, 96), np.uint8), _chance())
    with pytest.raises(ValueError, match="empty"):
        _reservoir().usual_top_speed_px()


def test_the_usual_top_speed_is_that_of_things_and_not_of_specks() -> None:
    reservoir = _reservoir(capacity=200)
    for _ in range(50):
        reservoir.add_window(_seen(_window(0), speed_px=1.5))
    assert reservoir.usual_top_speed_px() == pytest.approx(1.5, abs=1 / SPEED_STEPS)
    speck = _seen(_window(0), speed_px=1.5)
    assert speck.flow_THW2 is not None
    speck.flow_THW2[:, 46, 70] = 7.0
    specks = _reservoir(capacity=200)
    for _ in range(50):
        specks.add_window(speck)
    assert specks.usual_top_speed_px() < 1.7


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


def _placed(count: int, **changes: object) -> PlacedTiles:
    """Return tiles of which the n-th is of grey n throughout, 4 n pixels from the left."""
    numbers = np.arange(count)
    values = {
        "pictures": np.tile(numbers[:, None, None, None], (1, 8, 32, 32)).astype(np.uint8),
        "speeds": np.full((count, 8, 32, 32), 64, np.uint8),
        "corners_K2": np.stack([np.zeros(count, np.int64), 4 * numbers], axis=1),
    }
    return PlacedTiles(**{**values, **changes})  # type: ignore[arg-type]


def test_tiles_that_are_added_are_drawn_with_the_background_of_their_place() -> None:
    ramp = np.ascontiguousarray(np.broadcast_to(np.arange(96, dtype=np.uint8), (64, 96)))
    reservoir = _reservoir()
    reservoir.add_tiles(_placed(16))
    assert len(reservoir) == 16
    tiles = reservoir.batch(200, ramp, _chance())
    numbers = tiles.pictures[:, 0, 0, 0]
    assert set(numbers.tolist()) == set(range(16))
    assert (tiles.backgrounds[:, 0, 0] == 4 * numbers).all()
    assert (tiles.speeds == 64).all()


@pytest.mark.parametrize("added_first", [False, True])
def test_tiles_without_their_own_background_take_no_other_tiles(added_first: bool) -> None:
    reservoir = _reservoir(capacity=40)
    added = _placed(40, pictures=np.full((40, 8, 32, 32), 200, np.uint8))
    if added_first:
        reservoir.add_tiles(added)
    for _ in range(5):
        reservoir.add_window(
            _seen(np.full((8, 64, 96), 80, np.uint8)), np.full((64, 96), 77, np.uint8)
        )
        # The same footage in a light that has no background of its own.
        reservoir.add_window(_seen(np.full((8, 64, 96), 90, np.uint8)))
    if not added_first:
        reservoir.add_tiles(added)
    tiles = reservoir.batch(400, np.full((64, 256), 198, np.uint8), _chance())
    drawn = zip(tiles.pictures[:, 0, 0, 0].tolist(), tiles.backgrounds, strict=True)
    found = {(grey, int(value)) for grey, tile in drawn for value in np.unique(tile)}
    assert found == {(80, 77), (90, 198), (200, 198)}


def test_added_tiles_and_those_of_footage_share_what_there_is_room_for() -> None:
    reservoir = _reservoir(capacity=400)
    for _ in range(200):
        reservoir.add_window(_seen(np.full((8, 64, 96), 200, np.uint8)))
    reservoir.add_tiles(_placed(80, pictures=np.zeros((80, 8, 32, 32), np.uint8)))
    assert len(reservoir) == 400
    tiles = reservoir.batch(4000, np.zeros((64, 400), np.uint8), _chance())
    # 80 of 880 tiles that were offered.
    assert (tiles.pictures[:, 0, 0, 0] == 0).mean() == pytest.approx(0.09, abs=0.05)


@pytest.mark.parametrize(
    "changes",
    [
        {"speeds": np.zeros((3, 8, 16, 16), np.uint8)},
        {"pictures": np.zeros((3, 8, 16, 16), np.uint8)},
        {"pictures": np.zeros((2, 8, 32, 32), np.uint8)},
    ],
    ids=["speeds of another size", "pictures of another size", "fewer pictures"],
)
def test_tiles_that_do_not_fit_are_our_mistake(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="32 px needed"):
        _reservoir().add_tiles(_placed(3, **changes))


def test_every_byte_of_added_tiles_counts_in_their_digest() -> None:
    assert _placed(3).digest == _placed(3).digest
    other = np.full((3, 8, 32, 32), 64, np.uint8)
    other[2, 7, 31, 31] = 65
    assert _placed(3, speeds=other).digest != _placed(3).digest
    assert _placed(3, corners_K2=np.zeros((3, 2), np.int64)).digest != _placed(3).digest
