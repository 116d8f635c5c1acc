"""The score chosen for a budget keeps it, on synthetic peaks whose law is known."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.alerts.budget import EventTail, expected_per_day, fit_event_tail, score_at_rate

Sampler = Callable[[np.random.Generator, int], NDArray[np.float64]]
Survival = Callable[[float], float]

# name -> (draws peaks, chance that a peak exceeds a score); all begin at 1
LAWS: dict[str, tuple[Sampler, Survival]] = {
    "exponential": (
        lambda rng, n: 1.0 + rng.exponential(0.45, n),
        lambda x: math.exp(-(x - 1.0) / 0.45),
    ),
    "half_normal": (
        lambda rng, n: 1.0 + np.abs(rng.normal(0.0, 1.0, n)),
        lambda x: math.erfc((x - 1.0) / math.sqrt(2.0)),
    ),
    "pareto_shape_0.2": (
        lambda rng, n: 1.0 + 0.4 * (rng.uniform(size=n) ** -0.2 - 1.0) / 0.2,
        lambda x: (1.0 + 0.2 * (x - 1.0) / 0.4) ** -5.0,
    ),
}


@pytest.mark.parametrize("law", LAWS)
def test_the_level_for_a_budget_keeps_it_within_a_factor_of_two(law: str) -> None:
    draw, survival = LAWS[law]
    rng = np.random.default_rng(7)
    events_per_day, days = 200.0, 2.0  # 400 peaks; the budget is 40 times rarer than the tail
    rates = [
        events_per_day * survival(score_at_rate(fit_event_tail(draw(rng, 400), days), 1.0))
        for _ in range(200)
    ]
    assert 0.5 <= float(np.median(rates)) <= 2.0


def test_one_hour_of_normal_footage_gives_a_level_for_one_alert_a_day() -> None:
    rng = np.random.default_rng(8)
    rates = []
    for _ in range(200):
        peaks = 1.0 + rng.exponential(0.45, 30)  # 30 peaks in an hour are 720 a day
        level = score_at_rate(fit_event_tail(peaks, 1 / 24), 1.0)
        rates.append(720.0 * math.exp(-(level - 1.0) / 0.45))
    assert 0.33 <= float(np.median(rates)) <= 2.0
    assert float(np.quantile(rates, 0.9)) <= 15.0


def test_without_any_peak_the_rate_is_the_rule_of_three_at_the_opening_score() -> None:
    tail = fit_event_tail([], 0.5, opening_score=1.5)
    assert (tail.threshold, tail.events_per_day, tail.shape) == (1.5, 6.0, 0.0)
    assert tail.scale == pytest.approx(0.4343, abs=1e-4)


def test_what_was_seen_once_is_not_rarer_than_once_in_eight_times_as_much() -> None:
    days = 2.0
    tail = fit_event_tail([1.1, 1.2, 40.0], days)
    assert expected_per_day(tail, 40.0) * days == pytest.approx(1.0 / 8.0)


def test_a_shape_is_trusted_by_half_when_twenty_excesses_say_it() -> None:
    def shape_of(excesses: int) -> float:
        shares = (np.arange(excesses) + 0.5) / excesses
        beyond = 0.4 * (shares**-0.2 - 1.0) / 0.2
        peaks = np.concatenate([np.full(4 * excesses, 1.0), 1.0 + beyond])
        return fit_event_tail(peaks, 10.0).shape

    assert shape_of(5_000) == pytest.approx(0.2, rel=0.03)
    assert 0.4 < shape_of(20) / shape_of(5_000) < 0.6


@pytest.mark.parametrize("peaks", [[2.0], [2.0, 2.5], [1.2, 3.0, 2.0], [2.0, 2.0, 2.0]])
def test_few_peaks_give_a_higher_rate_than_was_counted(peaks: list[float]) -> None:
    tail = fit_event_tail(peaks, 1.0)
    assert tail.threshold == 1.0
    assert len(peaks) < tail.events_per_day <= len(peaks) + 3
    assert tail.scale > 0
    assert score_at_rate(tail, 0.1) > max(peaks)


def test_peaks_below_the_opening_score_lower_the_threshold() -> None:
    assert fit_event_tail([0.4, 2.0], 1.0).threshold == 0.4


def test_the_highest_fifth_of_many_peaks_makes_the_tail() -> None:
    peaks = [-math.log10((rank + 0.5) / 100.0) for rank in range(100)]
    tail = fit_event_tail(peaks, 10.0)
    assert tail.threshold == peaks[20]
    assert tail.events_per_day == pytest.approx(2.039, abs=1e-3)


def test_what_comes_again_and_again_is_not_taken_to_be_rare() -> None:
    # An hour of a room: small things, and somebody who walks through every five minutes.
    small = [1.0 - 0.43 * math.log((rank + 0.5) / 40.0) for rank in range(40)]
    days = 1.15 / 24.0
    tail = fit_event_tail([*small, *(8.7 + 0.05 * number for number in range(12))], days)
    assert expected_per_day(tail, 8.6) * days > 6.0
    assert 9.0 < score_at_rate(tail, 1.0) < 13.0
    once = fit_event_tail([*small, 8.7], days)
    assert score_at_rate(once, 1.0) < 8.0


def test_equal_peaks_give_a_finite_level() -> None:
    level = score_at_rate(fit_event_tail([2.0] * 50, 1.0), 0.001)
    assert 2.0 < level < 10.0


def test_a_rate_above_that_of_the_threshold_gives_the_threshold() -> None:
    tail = EventTail(threshold=2.0, events_per_day=5.0, scale=0.5, shape=0.1)
    assert score_at_rate(tail, 50.0) == 2.0
    assert expected_per_day(tail, 0.0) == 5.0


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.3])
def test_score_and_rate_are_each_others_inverse(shape: float) -> None:
    tail = EventTail(threshold=2.0, events_per_day=100.0, scale=0.5, shape=shape)
    for per_day in (50.0, 1.0, 0.01):
        assert expected_per_day(tail, score_at_rate(tail, per_day)) == pytest.approx(per_day)


def test_written_values_for_an_exponential_tail() -> None:
    tail = EventTail(threshold=2.0, events_per_day=100.0, scale=0.5, shape=0.0)
    assert score_at_rate(tail, 1.0) == pytest.approx(4.302585)
    assert expected_per_day(tail, 3.0) == pytest.approx(13.533528)


def test_beyond_the_end_of_a_bounded_tail_the_rate_stays_positive() -> None:
    tail = EventTail(threshold=2.0, events_per_day=100.0, scale=0.5, shape=-0.2)
    assert expected_per_day(tail, 100.0) == sys.float_info.min


def test_a_tail_survives_json() -> None:
    tail = fit_event_tail([1.5, 2.5, 4.0], 0.2)
    assert EventTail.from_dict(json.loads(json.dumps(tail.to_dict()))) == tail


@pytest.mark.parametrize(
    ("peaks", "days"),
    [([1.0], 0.0), ([1.0], -1.0), ([1.0], math.nan), ([math.inf], 1.0), ([math.nan], 1.0)],
)
def test_senseless_input_is_refused(peaks: list[float], days: float) -> None:
    with pytest.raises(ValueError):
        fit_event_tail(peaks, days)


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(ValueError):
        score_at_rate(fit_event_tail([], 1.0), 0.0)
