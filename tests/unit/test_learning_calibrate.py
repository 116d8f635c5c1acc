"""Calibrating: which footage the tails are fitted to, and what is left out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from pipeline.alerts.budget import NATURAL_SCALE
from pipeline.clips.history import HISTORY_KINDS
from pipeline.learning.calibrate import (
    HeldOutScores,
    LearntPlaces,
    calibrate,
    learn_place_statistics,
)
from pipeline.learning.state_calibration import calibrate_states
from pipeline.scoring.experts import experts_named
from pipeline.scoring.fusion import Calibration, fuse
from pipeline.scoring.strangeness_spool import StrangenessSpool
from pipeline.scoring.tail import TailModel

CHOSEN = experts_named(("motion", "continuity"))
TERMS = [term for expert in CHOSEN for term in expert.terms]
CONTINUITY = ("break", "scene_break", "sudden")
SIZE = (6, 8)
Maps = dict[str, np.ndarray]


def normal_maps(count: int, seed: int) -> Maps:
    """Return maps of footage in which everything varies a little, and movement never breaks off."""
    chance = np.random.default_rng(seed)
    maps = {term: chance.gamma(4.0, 0.25, (count, *SIZE)).astype(np.float32) for term in TERMS}
    for term in CONTINUITY:
        maps[term] *= 0.2
    return maps


def calibrated(held_out: Maps, training: Maps | None = None) -> tuple[Calibration, HeldOutScores]:
    learnt = learn_place_statistics(CHOSEN, training or normal_maps(400, 1))
    return calibrate(CHOSEN, learnt, lambda: [held_out], training_seconds=3600.0)


def without_moments(tails: Mapping[str, TailModel]) -> dict[str, TailModel]:
    """Return the tails without what depends on when each clip was seen."""
    return {name: replace(tail, recurring=0.0) for name, tail in tails.items()}


def with_jumps(maps: Maps, *moments: int) -> Maps:
    """Return the maps with the whole picture jumping at some clips."""
    jumped = {term: values.copy() for term, values in maps.items()}
    for moment in moments:
        for term in ("break", "scene_break"):
            jumped[term][moment : moment + 4] = 30.0
    return jumped


def test_a_jump_of_the_recording_is_left_out_with_what_shares_frames_with_it() -> None:
    usual = normal_maps(200, 2)
    made, scores = calibrated(with_jumps(usual, 100))
    assert np.flatnonzero(scores.foreign_N).tolist() == list(range(92, 112))
    without, _ = calibrated(
        {term: np.delete(v, np.s_[92:112], axis=0) for term, v in usual.items()}
    )
    assert without_moments(made.terms) == without_moments(without.terms)
    assert without_moments(made.groups) == without_moments(without.groups)
    assert scores.fused_N[100] > scores.fused_N[~scores.foreign_N].max() + 1.0


@pytest.mark.parametrize(
    ("clips", "moments"),
    [
        pytest.param(200, (30, 90, 150), id="it happens again and again"),
        pytest.param(35, (15,), id="what would be left is too short"),
    ],
)
def test_what_belongs_to_normal_operation_is_not_left_out(
    clips: int, moments: tuple[int, ...]
) -> None:
    made, scores = calibrated(with_jumps(normal_maps(clips, 2), *moments))
    assert not scores.foreign_N.any()
    assert made.terms["break"].scale > 0.5


def test_what_happens_again_in_another_light_is_not_left_out() -> None:
    usual = normal_maps(400, 2)
    # Of each state alone there are too few to belong to it; of both together there are three.
    held_out = with_jumps(usual, 30, 120, 300)
    lights = ["day"] * 200 + ["night"] * 200
    learnt = learn_place_statistics(CHOSEN, normal_maps(400, 1))
    states = replace(learnt, by_lighting=dict.fromkeys(("day", "night"), learnt))
    with StrangenessSpool(tuple(TERMS)) as spool:
        spool.append(held_out)
        pooled, scores = calibrate(
            CHOSEN, learnt, lambda: spool.batches(64), training_seconds=3600.0
        )
        found, judged = calibrate_states(
            CHOSEN,
            states,
            pooled,
            scores,
            spool,
            lights,
            training_seconds=3600.0,
            clips_a_second=5.0,
        )
    assert set(found) == {"day", "night"}
    assert not scores.foreign_N.any()
    assert not judged.foreign_N.any()


def test_what_no_held_out_clip_knows_is_silent() -> None:
    # Held-out pieces of a few seconds have no history to compare.
    chosen = experts_named(("motion", "rhythm"))
    unknown = np.full((60, *SIZE), np.nan, np.float32)

    def maps(count: int, seed: int) -> Maps:
        chance = np.random.default_rng(seed)
        rhythm = chance.gamma(20.0, 0.1, (2, count, *SIZE)).astype(np.float32)
        return normal_maps(count, seed) | dict(zip(HISTORY_KINDS, rhythm, strict=True))

    learnt = learn_place_statistics(chosen, maps(120, 1))
    held_out = maps(60, 2) | dict.fromkeys(HISTORY_KINDS, unknown)
    made, _ = calibrate(chosen, learnt, lambda: [held_out], training_seconds=600.0)
    scored = fuse(chosen, made, maps(200, 3))
    assert scored.experts["rhythm"].max() == 0.0
    assert np.median(scored.fused) < 1.0
    some = {**maps(60, 2), **{kind: unknown.copy() for kind in HISTORY_KINDS}}
    for kind in HISTORY_KINDS:
        some[kind][40:] = maps(60, 2)[kind][40:]
    made, _ = calibrate(chosen, learnt, lambda: [some], training_seconds=600.0)
    assert made.terms[HISTORY_KINDS[0]].count == 20
    assert np.median(fuse(chosen, made, maps(200, 3)).fused) < 1.0


def test_a_jump_in_the_training_footage_does_not_widen_the_tail_either() -> None:
    quiet, jumping = normal_maps(400, 1), with_jumps(normal_maps(400, 1), 200)
    tails = [calibrated(normal_maps(200, 2), training)[0].terms for training in (quiet, jumping)]
    assert tails[1]["break"].scale == pytest.approx(tails[0]["break"].scale, rel=0.05)


def test_inside_the_usual_range_a_pooled_term_says_nothing_and_beyond_it_more_and_more() -> None:
    tail = calibrated(normal_maps(200, 2))[0].terms["scene_break"]
    inside, edge, twice, ten_times = tail.surprise(np.log([0.1, 1.0001, 2.0, 10.0]))
    assert inside == 0.0
    assert 1.0 < edge < 2.0
    assert edge + 0.5 < twice < ten_times


def test_places_that_nobody_used_yet_make_the_tail_wider_though_held_out_footage_is_still() -> None:
    training = normal_maps(500, 1)
    for part in range(5):
        training["speed"][part * 100 + 20 : part * 100 + 40, 2:4, part : part + 2] += 8.0
    learnt = learn_place_statistics(CHOSEN, training)
    still = LearntPlaces(places=learnt.places, statistics={})
    wide, narrow = (
        calibrate(CHOSEN, chosen, lambda: [normal_maps(200, 2)], training_seconds=3600.0)[0]
        for chosen in (learnt, still)
    )
    assert wide.terms["speed"].scale > 2.0 * narrow.terms["speed"].scale


def test_a_jump_that_breaks_all_movement_is_left_out_of_what_else_it_shows() -> None:
    """A picture that jumps is also a picture of which much was not there before."""
    training = with_jumps(normal_maps(400, 1), 200)
    training["sudden"][200:204] = 90.0
    quiet, jumping = (
        learn_place_statistics(CHOSEN, maps).statistics["sudden"]
        for maps in (normal_maps(400, 1), training)
    )
    assert (len(jumping), len(quiet)) == (396, 400)
    assert jumping.max() < quiet.max() + 0.05


def test_seconds_of_held_out_footage_do_not_move_the_tail_far_from_that_of_p_values() -> None:
    def scales(clips: int) -> list[float]:
        made = [calibrated(normal_maps(clips, seed))[0].groups["fused"].scale for seed in range(8)]
        return sorted(made)

    short = scales(60)
    assert short[0] >= NATURAL_SCALE
    assert short[-1] < 1.5 * NATURAL_SCALE
