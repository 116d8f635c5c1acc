"""What a value of a statistic means, in figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.scoring.tail import fit_tail, silent_tail


def test_ten_held_out_clips_are_enough_and_nine_are_not() -> None:
    assert fit_tail(np.arange(10.0)).count == 10
    with pytest.raises(ValueError, match="9 held-out values"):
        fit_tail(np.arange(9.0))


def test_beyond_the_threshold_the_tail_goes_on_from_the_conformal_chance() -> None:
    tail = fit_tail(np.arange(20.0))
    # Two of twenty lie beyond the .9 quantile, 17.1: by .9 and by 1.9.
    assert (tail.threshold, tail.tail_share) == (pytest.approx(17.1), 0.1)
    assert tail.scale == pytest.approx(1.4)
    expected = -math.log10((1 + 2) / (1 + 20)) + (25.0 - 17.1) / 1.4 / math.log(10.0)
    assert tail.surprise(np.array([25.0])) == pytest.approx([expected])


def test_what_three_moments_reached_is_at_most_twice_as_rare_as_it_was_seen() -> None:
    values = np.append(np.linspace(0.0, 1.0, 36), [10.0, 11.0, 12.0, 13.0])
    tail = fit_tail(values, moments=np.arange(40) * 100)
    assert tail.recurring == 11.0
    # Four of forty reached 10; the exponential tail alone would say 1.28.
    assert tail.surprise(np.array([10.0])) == pytest.approx([-math.log10((1 + 4) / (1 + 40) / 2)])


def test_what_one_moment_reached_recurs_nowhere() -> None:
    values = np.append(np.linspace(0.0, 1.0, 36), [10.0, 11.0, 12.0, 13.0])
    tail = fit_tail(values, moments=np.arange(40) // 2)
    assert tail.recurring == 0.0


def test_a_sample_is_spread_over_the_body() -> None:
    tail = fit_tail(np.arange(101.0))
    assert tail.sample(4) == pytest.approx([12.5, 37.5, 62.5, 87.5])


def test_of_a_statistic_of_which_nothing_is_known_no_value_is_a_surprise() -> None:
    assert silent_tail().surprise(np.array([-3.0, 0.0, 0.5, 1e6])).tolist() == [0.0] * 4
