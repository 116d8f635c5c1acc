"""Continuity: what goes on is quiet at any speed, what breaks off is loud, shake is neither."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.scoring import continuity
from pipeline.scoring.continuity import broken_odds, displaced_difference
from pipeline.scoring.scorer import place_of
from tests.scoring_makers import GRID, clip_batch, small_networks

SIZE = (GRID.height_px, GRID.width_px, 2)
SPEED = (3.0, -1.0)
ODDS = ("break", "scene_break")


def moving(speed: tuple[float, float], *, top: int = 16, left: int = 32) -> np.ndarray:
    """Return a flow in which a block of 24 x 32 pixels moves and everything else stands."""
    flow_HW2 = np.zeros(SIZE, np.float32)
    flow_HW2[top : top + 24, left : left + 32] = speed
    return flow_HW2


@pytest.mark.parametrize("speed", [(0.5, 0.0), (2.0, 2.0), (8.0, 0.0)], ids=str)
def test_what_goes_on_is_quiet_at_any_speed(speed: tuple[float, float]) -> None:
    before = moving(speed)
    now = moving(speed, top=16 + round(speed[1]), left=32 + round(speed[0]))
    odds_HW, scene_HW = broken_odds(before, now)
    assert scene_HW.max() < 0.3
    assert odds_HW.max() < 0.5


@pytest.mark.parametrize(
    "now",
    [moving((0.0, 0.0)), moving((-3.0, 1.0)), moving(SPEED, top=0, left=0)],
    ids=["stops", "turns back", "jumps away"],
)
def test_what_breaks_off_is_loud(now: np.ndarray) -> None:
    odds_HW, scene_HW = broken_odds(moving(SPEED), now)
    assert scene_HW.max() > 3.0
    assert odds_HW.max() > 3.0


def test_a_break_is_seen_where_it_is() -> None:
    before = np.zeros((128, 192, 2), np.float32)
    before[16:40, 16:40] = before[80:104, 144:168] = SPEED
    now = before.copy()
    now[80:104, 144:168] = 0.0
    odds_HW, scene_HW = broken_odds(before, now)
    assert odds_HW[92, 156] > 5.0
    assert odds_HW[28, 28] < 0.5
    assert scene_HW[92, 156] == scene_HW.max() > 0.3
    assert scene_HW[28, 100] == 0.0


def test_noise_of_the_flow_says_nothing() -> None:
    chance = np.random.default_rng(0)
    before, now = (chance.normal(0.0, 0.02, SIZE).astype(np.float32) for _ in range(2))
    assert not any(odds_HW.any() for odds_HW in broken_odds(before, now))


def clip_of(
    *flows: np.ndarray, partly_hidden: bool = False, levels: int = 255
) -> dict[str, np.ndarray]:
    """Return the maps of a clip whose last frames have these flows; nothing moves before. Where
    something moves the picture changes by up to so many grey levels."""
    flow_THW2 = np.zeros((8, *SIZE), np.float32)
    flow_THW2[8 - len(flows) :] = flows
    batch = clip_batch(
        small_networks(),
        clips=1,
        flow_NTHW2=flow_THW2[None].astype(np.float16),
        pictures=pictures_of(flow_THW2, levels)[None],
        partly_hidden=partly_hidden,
    )
    return continuity.term_maps(batch)


def pictures_of(flow_THW2: np.ndarray, levels: int) -> np.ndarray:
    """Return pictures that become others where the flow is not zero."""
    chance = np.random.default_rng(0)
    coarse = chance.integers(0, levels + 1, (8, SIZE[0] // 4, SIZE[1] // 4), dtype=np.uint8)
    pictures_THW = coarse.repeat(4, axis=1).repeat(4, axis=2)
    for before, now, flow_HW2 in zip(pictures_THW, pictures_THW[1:], flow_THW2[1:], strict=False):
        now[:] = np.where(flow_HW2.any(axis=-1), now, before)
    return pictures_THW


def test_where_the_picture_hardly_changes_nothing_breaks() -> None:
    flows = [moving(SPEED)] * 3 + [moving((-3.0, 1.0))]
    assert all(clip_of(*flows, levels=60)[name].max() > 3.0 for name in ODDS)
    assert not any(clip_of(*flows, levels=4)[name].any() for name in ODDS)


def test_shake_of_the_camera_is_no_break_and_a_knock_is() -> None:
    still = np.zeros(SIZE, np.float32)
    shaken = [still + 0.5 * sign for sign in (1.0, -1.0, 1.0)]
    maps = clip_of(*shaken)
    assert not any(maps[name].any() for name in ODDS)
    knocked = clip_of(still, still + 8.0, still)
    assert all(knocked[name].min() > 10.0 for name in ODDS)


def test_shake_that_changes_edges_alone_is_no_break_of_the_edges() -> None:
    still = np.zeros(SIZE, np.float32)
    shaken_THW2 = np.stack([still] * 5 + [still + 0.5 * sign for sign in (1.0, -1.0, 1.0)])
    edges_THW2 = shaken_THW2.copy()
    edges_THW2[:, :, 40:] = 0.0
    batch = clip_batch(
        small_networks(),
        clips=1,
        flow_NTHW2=shaken_THW2[None].astype(np.float16),
        pictures=pictures_of(edges_THW2, 255)[None],
    )
    maps = continuity.term_maps(batch)
    assert not any(maps[name].any() for name in ODDS)


def test_a_break_is_remembered_for_four_frame_pairs() -> None:
    going = moving(SPEED)
    loud = {
        since: float(clip_of(*[going] * (7 - since), *[moving((0.0, 0.0))] * since)["break"].max())
        for since in (1, 4, 5)
    }
    assert loud[1] == pytest.approx(loud[4])
    assert loud[1] > 3.0 > loud[5]


def test_a_break_of_the_whole_picture_is_put_where_most_movement_changed() -> None:
    maps = clip_of(*[moving(SPEED, top=0, left=0)] * 3, moving((-3.0, 1.0), top=0, left=0))
    assert set(maps) == set(continuity.TERMS)
    assert all(values.shape == (1, *GRID.cells) for values in maps.values())
    for name in ODDS:
        (map_GW,) = maps[name]
        assert map_GW[1, 1] > 0.9 * map_GW.max() > 3.0
        assert not map_GW[5:].any()
        assert not map_GW[:, 7:].any()
        place = place_of(map_GW)
        assert (place.x, place.y) == (0.0, 0.0)
        assert place.width * GRID.width_px <= 48
        assert place.height * GRID.height_px <= 40


@pytest.mark.parametrize(("left", "sudden"), [(0, False), (40, True)], ids=["rim", "inside"])
def test_what_was_not_there_before_is_told_inside_only(left: int, sudden: bool) -> None:
    pictures = np.full((8, *SIZE[:2]), 120, np.uint8)
    pictures[-1, 16:40, left : left + 8] = 200
    batch = clip_batch(
        small_networks(),
        clips=1,
        flow_NTHW2=np.zeros((1, 8, *SIZE), np.float16),
        pictures=pictures[None],
    )
    (sudden_GW,) = continuity.term_maps(batch)["sudden"]
    assert (sudden_GW.max() > 40.0) == sudden
    assert sudden or sudden_GW.max() < 2.0


def test_what_all_of_the_picture_does_is_not_told_while_a_part_of_it_is_hidden_anew() -> None:
    flows = [moving(SPEED)] * 3 + [moving((-3.0, 1.0))]
    whole, hidden = clip_of(*flows), clip_of(*flows, partly_hidden=True)
    assert whole["scene_break"].max() > 3.0
    assert not hidden["scene_break"].any()
    np.testing.assert_array_equal(hidden["break"], whole["break"])


def textured(seed: int = 0) -> np.ndarray:
    """Return a grey picture that no two places of look alike."""
    grain = np.random.default_rng(seed).integers(0, 255, SIZE[:2]).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grain, (0, 0), 2.0) * 4 - 380, np.float32).clip(0, 255)


def pasted(picture: np.ndarray, *, left: int) -> np.ndarray:
    """Return the picture with a bright thing of 16 x 16 pixels on it."""
    picture = picture.copy()
    picture[16:32, left : left + 16] = 250.0
    return picture


def test_what_moves_along_the_flow_is_not_sudden_and_what_appears_or_vanishes_is() -> None:
    ground = textured()
    there, moved_on = (pasted(ground, left=left).astype(np.uint8) for left in (32, 36))
    flow = moving((4.0, 0.0), top=12, left=28).astype(np.float16)
    still = np.zeros(SIZE, np.float16)
    goes_on = displaced_difference(there, moved_on, flow)
    appears = displaced_difference(ground.astype(np.uint8), there, still)
    vanishes = displaced_difference(there, ground.astype(np.uint8), still)
    for sudden in (appears, vanishes):
        assert sudden[24, 40] > 2 * goes_on[16:32, 32:48].max()
        assert sudden[24, 40] > 60.0
        assert not sudden[:, 70:].any()


def test_a_change_of_the_light_is_not_sudden() -> None:
    picture = (0.6 * textured() + 20.0).astype(np.uint8)
    brighter = picture + np.uint8(30)
    assert displaced_difference(picture, brighter, np.zeros(SIZE, np.float16)).max() < 1.0


def test_a_sudden_thing_is_seen_where_it_is_and_remembered_for_four_frame_pairs() -> None:
    ground = textured().astype(np.uint8)
    there = pasted(textured(), left=32).astype(np.uint8)
    flow = np.zeros((1, 8, *SIZE), np.float16)
    loud = {}
    for since in (1, 4, 5):
        pictures = np.stack([ground] * (8 - since) + [there] * since)[None]
        batch = clip_batch(small_networks(), clips=1, flow_NTHW2=flow, pictures=pictures)
        loud[since] = continuity.term_maps(batch)["sudden"][0]
    assert loud[1].max() == loud[4].max() > 60.0
    assert loud[5].max() < 1.0
    place = place_of(loud[1])
    middle = (place.x + place.width / 2) * GRID.width_px, (place.y + place.height / 2)
    assert middle[0] == pytest.approx(40, abs=8)
    assert middle[1] * GRID.height_px == pytest.approx(24, abs=8)


def test_colour_pictures_are_looked_at_in_grey() -> None:
    ground = np.repeat(textured()[..., None], 3, axis=2).astype(np.uint8)
    pictures = np.stack([ground] * 8)[None]
    flow = np.zeros((1, 8, *SIZE), np.float16)
    batch = clip_batch(small_networks(), clips=1, flow_NTHW2=flow, pictures=pictures)
    assert continuity.term_maps(batch)["sudden"].max() == 0.0
