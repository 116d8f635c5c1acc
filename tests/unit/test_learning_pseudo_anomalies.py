"""Pseudo-anomalies: each tile is normal footage changed in one known way, drawn by chance alone.

Normal window number w shows its background, 20 + w grey levels and 3 more a frame, and moves with
speed code 40 + w and 3 more a frame, all over. So a pixel tells which window it is of, by its grey
and by its speed.
"""

import numpy as np
import pytest

from pipeline.clips.flow import SPEED_STEPS
from pipeline.clips.windows import Window
from pipeline.learning.pseudo_anomalies import PseudoAnomalies
from pipeline.learning.reservoir import TileBatch, TileReservoir

FRAMES, HEIGHT_PX, WIDTH_PX, TILE_PX = 8, 64, 96, 32
WINDOWS = 40
FAST = 100
"""Number of the first window of the fast footage."""
STEPS = 3 * np.arange(FRAMES)[:, None, None]
BACKGROUND = (np.add.outer(np.arange(HEIGHT_PX), np.arange(WIDTH_PX)) // 8).astype(np.uint8)


def window(number: int, *, colour: bool = False) -> Window:
    pictures = (BACKGROUND.astype(int) + 20 + number + STEPS).astype(np.uint8)
    if colour:
        pictures = np.stack([pictures] * 3, axis=-1)
    flow_THW2 = np.zeros((FRAMES, HEIGHT_PX, WIDTH_PX, 2), np.float16)
    flow_THW2[..., 1] = (40 + number + STEPS) / SPEED_STEPS
    return Window(pictures=pictures, flow_THW2=flow_THW2)


def reservoir_of(first: int, *, colour: bool = False) -> TileReservoir:
    made = TileReservoir(
        capacity=4 * WINDOWS, tile_px=TILE_PX, tiles_per_window=4, moving_share=0.5, seed=0
    )
    for number in range(WINDOWS):
        made.add_window(window(first + number, colour=colour))
    return made


@pytest.fixture(scope="module")
def pseudo_anomalies() -> PseudoAnomalies:
    return PseudoAnomalies(normal=reservoir_of(0), fast=reservoir_of(FAST))


@pytest.fixture(scope="module")
def drawn(pseudo_anomalies: PseudoAnomalies) -> TileBatch:
    return pseudo_anomalies.batch(400, BACKGROUND, np.random.default_rng(1))


def numbers_by_grey(tiles: TileBatch, index: int) -> np.ndarray:
    """Return the window of each pixel, TSS, as its grey tells, if it moves forwards."""
    above = tiles.pictures[index].astype(int) - tiles.backgrounds[index].astype(int)
    return above - 20 - STEPS


def numbers_by_speed(tiles: TileBatch, index: int) -> np.ndarray:
    return tiles.speeds[index].astype(int) - 40 - STEPS


def kind_of(tiles: TileBatch, index: int) -> str:
    """Return what was done to a tile, by what can be seen of it."""
    pictures, speeds = tiles.pictures[index].astype(int), tiles.speeds[index].astype(int)
    if (np.diff(pictures, axis=0) == 0).all():
        return "frozen"
    if (np.diff(pictures, axis=0) == -3).all():
        return "reversed"
    assert (np.diff(pictures, axis=0) == 3).all()
    assert (np.diff(speeds, axis=0) == 3).all()
    numbers = np.unique(numbers_by_grey(tiles, index))
    if len(numbers) > 1:
        return "pasted"
    return "fast" if numbers[0] >= FAST else "unchanged"


def of_kind(tiles: TileBatch, kind: str) -> list[int]:
    found = [index for index in range(len(tiles.pictures)) if kind_of(tiles, index) == kind]
    assert found
    return found


def test_every_kind_is_drawn_as_often_as_it_should(drawn: TileBatch) -> None:
    kinds = [kind_of(drawn, index) for index in range(400)]
    shares = {kind: kinds.count(kind) / 400 for kind in set(kinds)}
    # A piece of the same window shows nothing: a few pasted tiles look unchanged.
    assert shares.pop("unchanged", 0.0) < 0.05
    wanted = {"fast": 0.45, "pasted": 0.3, "frozen": 0.125, "reversed": 0.125}
    assert shares == pytest.approx(wanted, abs=0.07)


def test_equal_chance_draws_equal_tiles(pseudo_anomalies: PseudoAnomalies) -> None:
    one, same, other = (
        pseudo_anomalies.batch(32, BACKGROUND, np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    for name in ("pictures", "speeds", "backgrounds"):
        assert np.array_equal(getattr(one, name), getattr(same, name))
    assert not np.array_equal(one.pictures, other.pictures)


def test_tiles_are_of_the_form_of_the_reservoirs(drawn: TileBatch) -> None:
    assert drawn.pictures.shape == drawn.speeds.shape == (400, FRAMES, TILE_PX, TILE_PX)
    assert drawn.backgrounds.shape == (400, TILE_PX, TILE_PX)
    assert {a.dtype for a in (drawn.pictures, drawn.speeds, drawn.backgrounds)} == {
        np.dtype(np.uint8)
    }


def test_fast_tiles_come_whole_from_the_fast_footage(drawn: TileBatch) -> None:
    for index in of_kind(drawn, "fast"):
        numbers = numbers_by_grey(drawn, index)
        assert FAST <= numbers[0, 0, 0] < FAST + WINDOWS
        assert (numbers == numbers[0, 0, 0]).all()
        assert (numbers_by_speed(drawn, index) == numbers).all()


def test_frozen_tiles_stand_still_without_speed(drawn: TileBatch) -> None:
    moments = set()
    for index in of_kind(drawn, "frozen"):
        pictures = drawn.pictures[index].astype(int)
        assert (pictures == pictures[0]).all()
        assert not drawn.speeds[index].any()
        above = pictures[0] - drawn.backgrounds[index]
        assert (above == above[0, 0]).all()
        assert 20 <= above[0, 0] < 20 + WINDOWS + STEPS.max()
        moments.add(int(above[0, 0]))
    assert len(moments) > 5


def test_reversed_tiles_run_backwards(drawn: TileBatch) -> None:
    for index in of_kind(drawn, "reversed"):
        forwards = TileBatch(
            pictures=drawn.pictures[:, ::-1],
            speeds=drawn.speeds[:, ::-1],
            backgrounds=drawn.backgrounds,
        )
        numbers = numbers_by_grey(forwards, index)
        assert 0 <= numbers[0, 0, 0] < WINDOWS
        assert (numbers == numbers[0, 0, 0]).all()
        assert (numbers_by_speed(forwards, index) == numbers).all()


def is_rectangle_of_a_piece(mask_SS: np.ndarray) -> bool:
    rows, columns = mask_SS.any(axis=1), mask_SS.any(axis=0)
    sides = (int(rows.sum()), int(columns.sum()))
    return bool(
        (np.outer(rows, columns) == mask_SS).all()
        and (np.diff(np.flatnonzero(rows)) == 1).all()
        and (np.diff(np.flatnonzero(columns)) == 1).all()
        and all(0.25 * TILE_PX <= side < 0.75 * TILE_PX for side in sides)
    )


def test_pasted_tiles_have_one_rectangle_of_another_window(drawn: TileBatch) -> None:
    for index in of_kind(drawn, "pasted"):
        numbers = numbers_by_grey(drawn, index)
        assert (numbers == numbers[0]).all()  # the same piece in every frame
        both = np.unique(numbers)
        assert len(both) == 2
        assert both.max() < WINDOWS
        assert any(is_rectangle_of_a_piece(numbers[0] == number) for number in both)
        # How it moves comes with how it looks.
        assert (numbers_by_speed(drawn, index) == numbers).all()


def test_a_piece_keeps_how_it_differs_from_its_own_background() -> None:
    # Two places, far apart in light, and nothing on either: a piece of one shows nothing on the
    # other. What would leave the range of grey levels stays at its end.
    background = np.where(np.arange(WIDTH_PX) < 48, 30, 220).astype(np.uint8)
    background_HW = np.broadcast_to(background, (HEIGHT_PX, WIDTH_PX)).copy()
    empty = TileReservoir(
        capacity=200, tile_px=TILE_PX, tiles_per_window=100, moving_share=0, seed=0
    )
    pictures = np.broadcast_to(background_HW, (FRAMES, HEIGHT_PX, WIDTH_PX)).copy()
    flow = np.zeros((FRAMES, HEIGHT_PX, WIDTH_PX, 2), np.float16)
    empty.add_window(Window(pictures=pictures, flow_THW2=flow))
    tiles = PseudoAnomalies(normal=empty, fast=empty).batch(
        200, background_HW, np.random.default_rng(0)
    )
    assert (tiles.pictures == tiles.backgrounds[:, None]).all()


def test_colour_is_pasted_as_it_is() -> None:
    made = PseudoAnomalies(
        normal=reservoir_of(0, colour=True), fast=reservoir_of(FAST, colour=True)
    )
    tiles = made.batch(100, BACKGROUND, np.random.default_rng(0))
    assert tiles.pictures.shape == (100, FRAMES, TILE_PX, TILE_PX, 3)
    assert (tiles.pictures == tiles.pictures[..., :1]).all()
    speeds = tiles.speeds.astype(int)
    forwards = (np.diff(speeds, axis=1) == 3).all(axis=(1, 2, 3))
    pasted = [
        index for index in np.flatnonzero(forwards) if len(np.unique(speeds[index] - STEPS)) == 2
    ]
    assert pasted
    for index in pasted:
        numbers = numbers_by_speed(tiles, index)[0]
        assert any(is_rectangle_of_a_piece(numbers == number) for number in np.unique(numbers))


def test_the_reservoirs_stay_as_they_are(pseudo_anomalies: PseudoAnomalies) -> None:
    def everything() -> list[np.ndarray]:
        draws = [
            held.batch(500, BACKGROUND, np.random.default_rng(0))
            for held in (pseudo_anomalies.normal, pseudo_anomalies.fast)
        ]
        return [array for draw in draws for array in (draw.pictures, draw.speeds)]

    before, background = everything(), BACKGROUND.copy()
    for seed in range(5):
        pseudo_anomalies.batch(64, BACKGROUND, np.random.default_rng(seed))
    assert all(np.array_equal(a, b) for a, b in zip(before, everything(), strict=True))
    assert (background == BACKGROUND).all()
