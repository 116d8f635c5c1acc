"""Perspective: what is usual grows towards the camera, also where nobody went."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.scoring.calibration import clip_statistic, cross_fitted, fit_places
from pipeline.scoring.perspective import usual_size

LEAST = 0.1


def walkers(count: int, seed: int, columns: slice = slice(None)) -> np.ndarray:
    """Return speeds NGW of people who cross a picture, twice as fast every third row down."""
    chance = np.random.default_rng(seed)
    values = np.zeros((count, 12, 16), np.float32)
    free = np.arange(16)[columns]
    for clip in values:
        for _ in range(3):
            row, column = chance.integers(12), chance.choice(free)
            clip[row, column] = 0.4 * 2.0 ** (row / 3.0) * chance.lognormal(0.0, 0.1)
    return values


def test_what_is_usual_follows_the_slope_of_the_picture() -> None:
    usual_GW = usual_size(walkers(2_000, 0), LEAST)
    assert usual_GW[:, 5] == pytest.approx(0.4 * 2.0 ** (np.arange(12) / 3.0), rel=0.05)
    assert np.ptp(usual_GW / usual_GW[:, :1]) < 0.1


def test_it_goes_on_where_nobody_went_for_some_way() -> None:
    narrow = walkers(2_000, 0, columns=slice(4, 8))
    narrow[:, 6:] = 0.0
    usual_GW = usual_size(narrow, LEAST)
    seen_GW = usual_GW[:6, 4:8]
    assert usual_GW[5, 15] == pytest.approx(0.4 * 2.0 ** (5.0 / 3.0), rel=0.1)
    assert usual_GW[7, 5] == pytest.approx(0.4 * 2.0 ** (7.0 / 3.0), rel=0.1)
    assert usual_GW[11] == pytest.approx(2.0 * seen_GW.max())


@pytest.mark.parametrize("places", [0, 1, 11])
def test_a_few_places_say_nothing_of_a_slope(places: int) -> None:
    values = np.zeros((50, 12, 16), np.float32)
    for place in range(places):
        values[:, place, 3] = 1.0 + place
    usual_GW = usual_size(values, LEAST)
    assert np.ptp(usual_GW) == 0.0
    assert usual_GW.min() >= LEAST


def test_as_fast_as_others_is_no_surprise_where_nobody_went_and_twice_as_fast_is() -> None:
    place = fit_places(
        walkers(1_000, 1, columns=slice(0, 8)), two_sided=False, perspective=True, least_range=LEAST
    )
    known, new = walkers(200, 2, slice(0, 8)), walkers(200, 2, slice(8, 16))
    assert np.quantile(place.strangeness(new).max((1, 2)), 0.9) < 1.05
    assert place.strangeness(new).max() < 1.2 * place.strangeness(known).max()
    assert place.strangeness(2.0 * new).max(axis=(1, 2)).min() > 1.2


def test_where_nothing_moves_the_range_is_the_least() -> None:
    still = np.zeros((100, 12, 16), np.float32)
    place = fit_places(still, two_sided=False, perspective=True, least_range=LEAST)
    assert place.range_GW == pytest.approx(LEAST)
    assert not place.strangeness(still).any()


def test_cross_fitting_knows_perspective() -> None:
    values = walkers(500, 3)
    alone = clip_statistic(cross_fitted(values, two_sided=False))
    judged = cross_fitted(values, two_sided=False, perspective=True, least_range=LEAST)
    together = clip_statistic(judged)
    assert len(together) == 500
    assert together.max() < 0.5 < alone.max()
