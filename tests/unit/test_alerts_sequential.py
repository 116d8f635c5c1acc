"""Promise: what goes on for long is told though no clip of it is strange enough; noise never is."""

import json
import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import norm

from pipeline.alerts.budget import EventTail, expected_per_day
from pipeline.alerts.events import EventPolicy, join_anomalies
from pipeline.alerts.sequential import SequentialTest, SumRule, excursions
from pipeline.identity import content_id
from pipeline.scoring.anomaly import Anomaly
from pipeline.scoring.policy import fit_policy, policy_within, sum_as_rare
from pipeline.scoring.tail import fit_tail
from tests.alerts_makers import NOON, clips, policy

TEN = SumRule(drift=1.0, offset=0.0, gain=1.0)
"""Ten score-seconds are worth 10."""


def levels(scores: list[float], *rules: SumRule, digits: int = 3) -> list[float]:
    """Return what scores of clips half a second apart are worth."""
    test = SequentialTest(rules)
    return [
        round(test.after(score, 0.5 if index else None), digits)
        for index, score in enumerate(scores)
    ]


def test_a_sum_grows_while_scores_are_above_the_drift_and_falls_while_they_are_below() -> None:
    assert levels([2.0, 3.0, 3.0, 0.5], TEN) == [2.0, 3.0, 3.0, 1.75]


def test_a_second_below_the_drift_forgets_everything() -> None:
    scores = [1.0, *[5.0] * 10, 0.5, 0.5, 0.5, 1.5]
    assert levels(scores, TEN)[-5:] == [20.0, 19.75, 0.5, 0.5, 1.5]


def test_without_sums_a_level_is_its_score() -> None:
    scores = [0.0, 9.0, 2.0, 2.0, 0.0]
    assert levels(scores) == scores


def test_the_sum_that_is_worth_most_counts() -> None:
    quick = SumRule(drift=2.0, offset=-1.0, gain=4.0)
    assert levels([1.5, 3.0, 4.0], quick) == [1.5, 3.0, 5.0]
    assert levels([1.5, 1.5, 1.5, 1.5, 3.0, 4.0], TEN, quick) == [1.5, 1.5, 1.5, 1.5, 3.0, 5.0]
    assert levels([2.0] * 9, TEN, quick)[-1] == 4.0


def test_a_pause_begins_anew() -> None:
    test = SequentialTest([TEN])
    for _ in range(10):
        test.after(5.0, 0.5)
    assert test.after(2.0, None) == 2.0
    assert test.after(0.0, 0.1) == 0.0


def test_what_lies_more_than_four_minutes_back_does_not_count_wherever_adding_began() -> None:
    chance = np.random.default_rng(1)
    base = np.tile(np.repeat([0.2, 1.1, 1.5], 500), 3)  # of nearly a minute each
    scores = np.round(base + chance.uniform(-0.2, 0.9, len(base)), 6)
    whole, late = SequentialTest([TEN]), SequentialTest([TEN])
    largest = 0.0
    for index, score in enumerate(scores.tolist()):
        level = whole.after(score, 0.1 if index else None)
        if index >= 700:
            part = late.after(score, 0.1 if index > 700 else None)
            # Two minutes of what is usual, and two of the sum: the later one has seen all of them.
            assert index <= 3100 or part == level
            largest = max(largest, level if index > 3100 else 0.0)
    assert 2.5 < largest < 120.0 * 1.4


def test_a_scene_that_has_become_a_little_stranger_adds_up_to_nothing() -> None:
    chance = np.random.default_rng(2)
    dusk = (1.7 + chance.uniform(-0.4, 0.4, 7200)).tolist()
    worth = levels([*[0.3] * 600, *dusk], TEN)
    # Until it is usual there is evidence: at most for half of two minutes and a quarter of one.
    assert max(worth[:600]) == 0.3
    assert 40.0 < max(worth) < 75.0 * 0.8
    assert max(worth[1000:]) < 2.2


def test_what_is_strange_beside_what_has_become_usual_still_adds_up() -> None:
    worth = levels([*[1.7] * 600, *[4.2] * 40, *[1.7] * 10], TEN)
    assert max(worth[300:600]) == 1.7
    assert max(worth) == pytest.approx(40 * 0.5 * (4.2 - 1.7 - 0.5), abs=2.0)


def test_what_a_scene_begins_with_counts_for_half_a_minute() -> None:
    worth = levels([2.0] * 240, TEN)
    assert worth.index(max(worth)) == pytest.approx(70, abs=2)
    assert max(worth) == pytest.approx(35.0, abs=1.0)


def test_what_grows_stranger_for_long_counts_for_its_last_two_minutes() -> None:
    worth = levels([*[0.3] * 240, *[0.3 + 0.01 * step for step in range(600)]], TEN)
    # What was usual is the score of 67.5 seconds before: .85 of evidence a second, for ever.
    assert worth[-1] == max(worth) == pytest.approx(120.0 * 0.85, abs=1.0)


def test_the_largest_sum_of_every_excursion_counts_once() -> None:
    steps = [(1.0, None), (3.0, 1.0), (0.0, 1.0), (0.0, 1.0), (2.0, 1.0), (4.0, 1.0), (2.0, None)]
    assert list(excursions(steps, 1.0)) == [2.0, 4.0]


def test_an_event_that_lasts_is_as_strange_as_all_of_it_and_shows_its_strangest_clip() -> None:
    scores = [0.0, *[2.0] * 4, 2.5, *[2.0] * 10, 0.0, 0.0, 0.0, 0.0, 0.0]
    (event,) = join_anomalies(clips(scores), replace(policy(), sums=(TEN,)))
    assert event.peak_score == pytest.approx(15.5)
    assert event.peak_utc == NOON + timedelta(seconds=5)
    assert event.start_utc == NOON + timedelta(seconds=3)  # the sum reaches the opening score 3
    assert event.end_utc == NOON + timedelta(seconds=15)  # a second below: all is forgotten
    assert list(join_anomalies(clips(scores), policy())) == []


def normal(minutes: float, seed: int) -> list[Anomaly]:
    """Return clips, ten a second, whose scores are true -log10 p and as alike as clips that overlap
    by nine tenths."""
    chance = np.random.default_rng(seed)
    raw = np.cumsum(chance.normal(size=round(minutes * 600) + 10))
    smooth = (raw[10:] - raw[:-10]) / np.sqrt(10.0)
    return clips([float(s) for s in -np.log10(norm.sf(smooth))], step_seconds=0.1)


@pytest.mark.parametrize("seed", [1, 2])
def test_normal_operation_keeps_the_budget_with_the_test_too(seed: int) -> None:
    minutes = 60.0
    chosen, tail = fit_policy([normal(10.0, seed)], seconds=600.0, budget_per_day=24.0)
    assert chosen.sums
    fresh = list(join_anomalies(normal(minutes, seed + 100), chosen))
    alerts = [event for event in fresh if event.peak_score >= chosen.alert_score]
    # 24 a day are one in this hour; 5 or more would come once in 270 such hours.
    assert len(alerts) < 5
    assert expected_per_day(tail, chosen.alert_score) == pytest.approx(24.0)


def test_a_weak_fault_of_ten_seconds_is_an_alert_only_with_the_test() -> None:
    chosen, tail = fit_policy([normal(10.0, 3)], seconds=600.0, budget_per_day=1.0)
    weak = clips([0.3] * 20 + [3.2] * 100 + [0.3] * 20, step_seconds=0.1)
    (event,) = join_anomalies(weak, chosen)
    assert event.peak_score >= chosen.alert_score
    without = policy_within(tail, 1.0)
    assert without.sums == ()
    assert all(e.peak_score < without.alert_score for e in join_anomalies(weak, without))


def test_a_policy_of_another_budget_keeps_its_test() -> None:
    chosen, tail = fit_policy([normal(5.0, 4)], seconds=300.0, budget_per_day=1.0)
    other = policy_within(tail, 5.0, like=chosen)
    assert other.sums == chosen.sums
    assert other.policy_id != policy_within(tail, 5.0).policy_id
    assert replace(other, policy_id="") != replace(policy_within(tail, 5.0), policy_id="")


QUIET, BRIEF = [0.3] * 40, [1.5] * 3
ONCE = [*QUIET, *BRIEF, *QUIET]
"""Scores of 8.3 seconds."""


def gain(held_out: list[float], training: list[float] | None = None, *, step: float = 0.1) -> float:
    """Return what a score-second above the lowest drift is worth."""
    parts = [clips(training, step_seconds=step)] if training else []
    policy, _ = fit_policy(
        [clips(held_out, step_seconds=0.1)], parts, seconds=60.0, budget_per_day=1.0
    )
    return policy.sums[0].gain if policy.sums else 0.0


def test_who_loiters_in_training_footage_makes_a_sum_worth_less() -> None:
    loiterer = [*QUIET, *[1.8] * 100, *QUIET]
    assert 0.0 < gain(ONCE * 20, loiterer) < 0.5 * gain(ONCE * 20, ONCE)


def test_a_sum_is_worth_more_the_more_was_seen_that_soon_ended() -> None:
    rare = [*QUIET * 40, *BRIEF]  # 160 seconds
    assert gain(ONCE * 100) > gain(rare * 5) > gain(rare) > 0.0


def test_less_than_two_minutes_say_nothing_of_what_goes_on_for_long() -> None:
    assert gain(ONCE * 14) == 0.0
    assert gain(ONCE * 8, ONCE * 8) > 0.0
    # Training clips that lie far apart are no footage that was watched.
    assert gain(ONCE * 14, ONCE, step=30.0) == 0.0


def test_what_is_rather_strange_for_seconds_is_told_sooner_where_someone_loiters() -> None:
    loiterer = [*QUIET, *[1.8] * 100, *QUIET]
    once = [*QUIET, *[2.6] * 3, *QUIET]
    chosen, _ = fit_policy(
        [clips(once * 40, step_seconds=0.1)],
        [clips(loiterer * 4, step_seconds=0.1)],
        seconds=340.0,
        budget_per_day=1.0,
    )
    slow, quick = chosen.sums
    assert slow.drift == 1.0 < quick.drift < chosen.open_score
    score = chosen.open_score
    assert 2.0 * quick.seconds_to(chosen.alert_score, score) < slow.seconds_to(
        chosen.alert_score, score
    )
    # The loiterer himself is no alert.
    again = clips(loiterer, step_seconds=0.1)
    assert all(e.peak_score < chosen.alert_score for e in join_anomalies(again, chosen))


def test_a_sum_below_its_drift_never_comes() -> None:
    assert TEN.seconds_to(9.0, 1.0) == math.inf
    assert TEN.seconds_to(9.0, 4.0) == 3.0


def test_a_policy_of_one_sum_is_read_from_models_stored_before() -> None:
    chosen = replace(policy(), sums=(SumRule(drift=1.0, offset=-0.5, gain=0.2),))
    stored = {key: value for key, value in chosen.to_dict().items() if key != "sums"}
    before = {"sequential_drift": 1.0, "sequential_offset": -0.5, "sequential_gain": 0.2}
    assert EventPolicy.from_dict({**stored, **before}) == chosen
    assert EventPolicy.from_dict({**stored, **before, "sequential_gain": 0.0}).sums == ()
    assert EventPolicy.from_dict(stored).sums == ()
    assert EventPolicy.from_dict(json.loads(json.dumps(chosen.to_dict()))) == chosen


def test_events_of_models_stored_before_keep_their_names() -> None:
    _, tail = fit_policy([normal(5.0, 4)], seconds=300.0, budget_per_day=1.0)
    one = replace(policy(), sums=(SumRule(drift=1.0, offset=-0.5, gain=0.2),))
    numbers = [policy_within(tail, 1.0)]
    named = [chosen.policy_id for chosen in (policy_within(tail, 1.0, like=one), *numbers)]
    expected = [
        content_id("policy", *map(repr, (*thresholds(numbers[0]), 0.0, 0.3, 3.0, *test)))
        for test in ((-0.5, 0.2), (0.0, 0.0))
    ]
    assert named == expected


def thresholds(chosen: EventPolicy) -> tuple[float, float, float]:
    return chosen.open_score, chosen.close_score, chosen.alert_score


STEP_SECONDS = 0.5


def bounded(hours: float, seed: int) -> NDArray[np.float64]:
    """Return values of clips, two a second and as alike as neighbours are, none beyond an end."""
    chance = np.random.default_rng(seed)
    alike = math.exp(-STEP_SECONDS / 0.7)
    noise = chance.normal(size=round(hours * 3600 / STEP_SECONDS)) * math.sqrt(1.0 - alike**2)
    share = norm.sf(lfilter([1.0], [1.0, -alike], noise))
    return np.asarray((1.0 - share**0.3) / 0.3)


def test_sums_keep_their_share_where_single_clips_end_somewhere() -> None:
    days, per_day = 3.0, 4.0
    seen = bounded(4.0, 3)
    calibrated = fit_tail(seen)
    held_out = clips(calibrated.surprise(seen).round(6).tolist(), step_seconds=STEP_SECONDS)
    chosen, tail = fit_policy([held_out], seconds=4 * 3600.0, budget_per_day=per_day)
    assert tail.shape < -0.1
    test, alerts, quiet_seconds = SequentialTest(chosen.sums), 0, 9.0
    for score in calibrated.surprise(bounded(24.0 * days, 103)).round(6).tolist():
        level = test.after(score, STEP_SECONDS)
        if level >= chosen.alert_score:
            alerts += quiet_seconds > 3.0
            quiet_seconds = 0.0
        quiet_seconds += STEP_SECONDS
    # By a tail without its shape sums raised 42 alerts, where single clips may raise 12 with them.
    assert alerts <= days * per_day


@pytest.mark.parametrize("shape", [-0.2, -0.05, 0.0, 0.3])
def test_a_sum_is_worth_the_score_that_is_as_rare(shape: float) -> None:
    alone = EventTail(threshold=2.0, events_per_day=200.0, scale=0.5, shape=shape)
    rule = sum_as_rare(1.0, alone, math.log(0.1 * 200.0 / 900.0), 1.5)
    for seconds in (12.0, 20.0, 40.0):
        quiet, strange = [0.3] * 120, [2.0] * round(2 * seconds)
        level = levels([*quiet, *strange], rule, digits=9)[-1]
        allowed, reached = 0.1 * expected_per_day(alone, level), 900.0 * math.exp(-seconds / 1.5)
        # Of a tail heavier than the exponential it is worth less, and so alerts less often.
        assert allowed == pytest.approx(reached) or (shape > 0.0 and allowed > reached)
        assert rule.seconds_to(level, 2.0) == pytest.approx(seconds)
    assert (rule.seconds_to(9.0, 2.0) == math.inf) == (shape == -0.2)
