"""Fusion: from maps to one p-value, fixed on normal footage, and the place it points at."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.feedback.looking import _strange_places
from pipeline.learning.calibrate import calibrate, learn_place_statistics
from pipeline.scoring.calibration import PlaceStatistics
from pipeline.scoring.experts import EXPERTS, experts_named
from pipeline.scoring.fusion import (
    Calibration,
    fuse,
    join_map,
    join_surprises,
    joined_statistic,
    place_scores,
    surprises_of,
    with_the_surest,
)
from pipeline.scoring.scorer import place_of

RANDOM = np.random.default_rng(0)
CHOSEN = experts_named(("critic", "reconstruction"))
TERMS = [term for expert in CHOSEN for term in expert.terms]


def _maps(count: int) -> dict[str, np.ndarray]:
    return {t: RANDOM.normal(5.0, 1.0, (count, 14, 24)).astype(np.float32) for t in TERMS}


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    training = _maps(300)
    places = learn_place_statistics(CHOSEN, {term: training[term] for term in TERMS})
    made, _ = calibrate(
        CHOSEN, places, lambda: (_maps(50) for _ in range(20)), training_seconds=3600.0
    )
    return made


def test_normal_clips_get_uniform_p_values_and_smaller_ones_never_too_often(
    calibration: Calibration,
) -> None:
    fused = fuse(CHOSEN, calibration, _maps(2000)).fused
    for level in (0.5, 0.1):
        assert (fused >= -np.log10(level)).mean() == pytest.approx(level, rel=0.35)
    # Beyond the held-out clips the tail is taken to be no shorter than that of one p-value.
    assert (fused >= -np.log10(0.02)).mean() <= 0.02


def test_the_joined_surprise_lies_between_the_largest_and_the_sum() -> None:
    surprises = {term: RANDOM.exponential(size=500) for term in TERMS}
    weighted = [
        term.weight * term.heard(surprises[name])
        for expert in CHOSEN
        for name, term in expert.terms.items()
    ]
    joined = join_surprises(CHOSEN, surprises)
    assert (joined >= np.max(weighted, axis=0) - 1e-12).all()
    assert (joined <= np.sum(weighted, axis=0) + 1e-12).all()


def test_a_small_strange_place_is_found_by_one_term_alone(calibration: Calibration) -> None:
    maps = _maps(10)
    maps["feature"][3, 4:6, 7:9] += 40.0
    fused = fuse(CHOSEN, calibration, maps)
    assert fused.fused.argmax() == 3
    assert fused.fused[3] > 4.0
    assert fused.experts["reconstruction"][3] > fused.experts["critic"][3]
    place = place_of(fused.maps["reconstruction"][3])
    assert place.x * 24 == pytest.approx(7, abs=1)
    assert place.y * 14 == pytest.approx(4, abs=1)
    assert place.width * 24 == pytest.approx(2, abs=1)


def test_a_part_is_scored_as_if_nothing_was_elsewhere_and_is_never_stranger_than_the_whole(
    calibration: Calibration,
) -> None:
    maps = _maps(50)
    maps["feature"][3, 4:6, 7:9] += 40.0
    maps["feature"][5, 4:6, 17:19] += 40.0
    whole = fuse(CHOSEN, calibration, maps)
    left = np.zeros((14, 24), np.bool_)
    left[:, :12] = True
    inside, beside = whole.within(left), whole.within(~left)
    assert inside.fused[3] == pytest.approx(whole.fused[3])
    assert beside.fused[5] == pytest.approx(whole.fused[5])
    assert inside.fused[5] < 2.0
    assert beside.fused[3] < 2.0
    for part in (inside, beside):
        assert (part.fused <= whole.fused + 1e-9).all()
    assert not inside.maps["reconstruction"][:, :, 12:].any()
    assert place_of(inside.maps["reconstruction"][3]).x < 0.5
    everywhere = whole.within(np.ones((14, 24), np.bool_))
    np.testing.assert_array_equal(everywhere.fused, whole.fused)


def test_terms_that_agree_on_a_place_count_more_than_at_different_places(
    calibration: Calibration,
) -> None:
    apart = _maps(1)
    together = {term: values.copy() for term, values in apart.items()}
    for term, column in (("unreal", 3), ("feature", 16)):
        apart[term][0, 4:7, column : column + 3] += 6.0
        together[term][0, 4:7, 3:6] += 6.0
    scores = [fuse(CHOSEN, calibration, maps).fused[0] for maps in (apart, together)]
    assert scores[1] > scores[0] + 0.5


def test_the_joined_map_is_largest_where_the_terms_agree(calibration: Calibration) -> None:
    maps = _maps(1)
    maps["unreal"][0, 4:7, 3:6] += 6.0
    maps["feature"][0, 4:7, 3:6] += 6.0
    fused = fuse(CHOSEN, calibration, maps)
    for joined in (fused.fused_map, fused.tgan_map):
        row, column = np.unravel_index(int(joined[0].argmax()), joined[0].shape)
        assert 4 <= row < 7
        assert 3 <= column < 6


def test_an_expert_with_three_terms_is_not_louder_than_one_with_one(
    calibration: Calibration,
) -> None:
    fused = fuse(CHOSEN, calibration, _maps(3000))
    assert fused.experts["critic"].mean() == pytest.approx(
        fused.experts["reconstruction"].mean(), rel=0.15
    )


def test_without_an_expert_of_the_networks_the_tgan_score_is_unknown() -> None:
    motion = experts_named(("motion",))
    terms = list(EXPERTS["motion"].terms)
    maps = {t: RANDOM.normal(size=(100, 4, 6)).astype(np.float32) for t in terms}
    places = learn_place_statistics(motion, {t: maps[t] for t in terms})
    made, _ = calibrate(motion, places, lambda: [maps], training_seconds=3600.0)
    assert np.isnan(fuse(motion, made, maps).tgan).all()


def test_a_calibration_survives_being_written_down(calibration: Calibration) -> None:
    places: dict[str, PlaceStatistics] = dict(calibration.places)
    again = Calibration.from_dict(calibration.to_dict(), places)
    maps = _maps(5)
    np.testing.assert_array_equal(
        fuse(CHOSEN, again, maps).fused, fuse(CHOSEN, calibration, maps).fused
    )


def test_an_unknown_expert_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="clairvoyance"):
        experts_named(("clairvoyance",))


def test_a_place_lies_within_the_picture_even_at_its_edge() -> None:
    flat = np.zeros((14, 24), np.float32)
    flat[13, 23] = 3.0
    place = place_of(flat)
    assert place.x + place.width == pytest.approx(1.0)
    assert place.y + place.height == pytest.approx(1.0)
    assert place.width == pytest.approx(1 / 24)


def test_a_witness_is_not_heard_until_it_speaks_of_something_rare() -> None:
    (continuity,) = experts_named(("continuity",))
    everyday = {name: np.full(3, 1.9) for name in continuity.terms}
    assert not join_surprises([continuity], everyday).any()
    rare = {name: np.full(3, 6.0) for name in continuity.terms}
    assert (join_surprises([continuity], rare) > 4.0).all()


def test_short_footage_widens_the_tails_of_what_depends_on_places_alone() -> None:
    chosen = experts_named(("motion", "continuity"))
    names = [name for expert in chosen for name in expert.terms]
    quiet = {name: RANDOM.normal(5.0, 0.01, (400, 14, 24)).astype(np.float32) for name in names}
    places = learn_place_statistics(chosen, {name: quiet[name] for name in names})
    short, long = (
        calibrate(chosen, places, lambda: [quiet], training_seconds=seconds)[0]
        for seconds in (30.0, 30_000.0)
    )
    assert short.terms["speed"].scale > 5 * long.terms["speed"].scale
    assert short.terms["break"].scale == long.terms["break"].scale


def test_everyday_surprises_of_a_witness_count_on_the_map_and_not_for_the_score() -> None:
    (features,) = experts_named(("features",))
    surprises = {"movement": np.full((1, 4, 6), 1.0)}
    assert not join_surprises([features], surprises).any()
    assert (join_map([features], surprises) == 0.5).all()


def test_what_sees_far_around_says_whether_and_hardly_where() -> None:
    (critic,) = experts_named(("critic",))
    surprises = {"unreal": np.full((1, 4, 6), 4.0)}
    assert join_surprises([critic], surprises) == pytest.approx(4.0)
    assert join_map([critic], surprises) == pytest.approx(1.0)


def test_a_model_of_a_version_with_fewer_terms_still_scores(calibration: Calibration) -> None:
    terms = {name: tail for name, tail in calibration.terms.items() if name != "pixel"}
    places = {name: place for name, place in calibration.places.items() if name != "pixel"}
    fused = fuse(CHOSEN, replace(calibration, terms=terms, places=places), _maps(3))
    assert np.isfinite(fused.fused).all()
    assert fused.maps["reconstruction"].shape == (3, 14, 24)


def test_all_experts_but_one_are_scored_when_asked_for(calibration: Calibration) -> None:
    maps = _maps(10)
    maps["unreal"][3, 4:6, 7:9] += 40.0
    assert not fuse(CHOSEN, calibration, maps).without
    without = fuse(CHOSEN, calibration, maps, leave_one_out=True).without
    assert set(without) == {expert.name for expert in CHOSEN}
    assert without["critic"].max() < 4.0 < without["reconstruction"][3]
    # A model that was stored before leave-one-out existed still scores.
    groups = {name: tail for name, tail in calibration.groups.items() if name in ("fused", "tgan")}
    older = replace(calibration, groups=groups)
    assert not fuse(CHOSEN, older, maps, leave_one_out=True).without


def test_the_surest_expert_is_heard_as_one_of_so_many_voices() -> None:
    together = np.array([0.3, 2.0, 5.0])
    alone = [np.array([0.1, 4.0, 5.0]), np.array([0.2, 0.0, 5.0])]
    # Half of the chance is the experts', and two share it: a quarter each.
    assert with_the_surest(together, alone) == pytest.approx([0.3, 4.0 - np.log10(4.0), 5.0])
    assert with_the_surest(together, alone[:1]) is together
    # True chances stay within 1.5 times what is said, however the experts hang together.
    for shared in (0.0, 0.5, 1.0):
        common, own = RANDOM.exponential(size=40_000), RANDOM.exponential(size=(7, 40_000))
        pick = RANDOM.random((7, 40_000)) < shared
        scores = np.where(pick, common, own) / np.log(10.0)
        said = with_the_surest(scores[0], list(scores[1:]))
        for level in (0.1, 0.01):
            assert (said >= -np.log10(level)).mean() <= 1.5 * level * 1.1


def _everyday() -> tuple[Calibration, dict[str, np.ndarray], list]:
    """Return a calibration on footage in which some of all terms are surprised together now and
    then, as when somebody walks through, with such a clip."""
    random = np.random.default_rng(1)
    chosen = experts_named(("critic", "reconstruction", "motion", "continuity"))
    names = [name for expert in chosen for name in expert.terms]

    def day(count: int) -> dict[str, np.ndarray]:
        maps = {n: random.normal(5.0, 0.3, (count, 14, 24)).astype(np.float32) for n in names}
        for clip in range(0, count, 20):
            for name in names:
                if name not in ("break", "scene_break", "sudden"):
                    maps[name][clip, 4:8, 6:10] += random.uniform(3.0, 6.0)
        return maps

    training, held_out, walk = day(400), day(2_000), day(1)
    places = learn_place_statistics(chosen, training)
    made, _ = calibrate(chosen, places, lambda: [held_out], training_seconds=36_000.0)
    return made, walk, chosen


def test_an_expert_that_alone_is_sure_is_not_drowned_by_what_happens_every_day() -> None:
    made, walk, chosen = _everyday()
    broken = {name: values.copy() for name, values in walk.items()}
    for values in broken.values():
        values[0] = 5.0  # nobody walks
    broken["break"][0, 4:8, 6:10] = 5.0 * 40.0
    before, after = fuse(chosen, made, walk), fuse(chosen, made, broken)
    assert after.experts["continuity"][0] > 4.0 > before.experts["continuity"][0]
    strangeness = {name: place.strangeness(broken[name]) for name, place in made.places.items()}
    surprises = surprises_of(made.terms, strangeness)
    statistic = joined_statistic(join_surprises(chosen, surprises))
    joined = float(made.groups["fused"].surprise(statistic)[0])
    assert after.fused[0] == pytest.approx(
        max(joined, after.experts["continuity"][0] - np.log10(8.0))
    )
    assert after.fused[0] > joined
    # Places say the same: the strangest is at the break, and about as strange as the clip.
    scores_GW = place_scores(chosen, made, surprises)[0]
    row, column = np.unravel_index(int(scores_GW.argmax()), scores_GW.shape)
    assert 3 <= row < 9
    assert 5 <= column < 11
    assert scores_GW.max() >= after.fused[0] - 1e-9


def test_of_a_walk_and_a_break_beside_it_the_break_is_the_strangest_place() -> None:
    made, walk, chosen = _everyday()
    both = {name: values.copy() for name, values in walk.items()}
    both["break"][0, 9:13, 16:20] = 5.0 * 1.5
    strangeness = {name: place.strangeness(both[name]) for name, place in made.places.items()}
    surprises = surprises_of(made.terms, strangeness)
    together_GW = join_surprises(chosen, surprises)[0]
    assert together_GW[4:8, 6:10].max() > together_GW[9:13, 16:20].max()
    scores_GW = place_scores(chosen, made, surprises)[0]
    places = _strange_places(scores_GW, 3.0, np.ones(scores_GW.shape, dtype=bool))
    row, column = places[0]
    assert 8 <= row < 14
    assert 15 <= column < 21


def test_held_out_scores_are_those_that_the_same_clips_get_later() -> None:
    chosen = experts_named(("motion", "continuity"))
    names = [name for expert in chosen for name in expert.terms]

    def maps(count: int) -> dict[str, np.ndarray]:
        return {n: RANDOM.exponential(1.0, (count, 14, 24)).astype(np.float32) for n in names}

    training, held_out = maps(200), maps(300)
    learnt = learn_place_statistics(chosen, training)
    made, said = calibrate(chosen, learnt, lambda: [held_out], training_seconds=3_600.0)
    scored = fuse(chosen, made, held_out)
    np.testing.assert_allclose(said.fused_N, scored.fused, atol=0.05)  # stored in steps
    assert (said.fused_N >= said.rows["continuity"] - np.log10(4.0) - 1e-9).all()
    assert len(said.training_N) == 200
