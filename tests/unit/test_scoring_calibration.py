"""Calibration: a value means the same everywhere, and its p-value is honest."""

import math

import numpy as np
import pytest

from pipeline.alerts.budget import NATURAL_SCALE
from pipeline.scoring.calibration import clip_statistic, cross_fitted, fit_places
from pipeline.scoring.tail import TailModel, fit_tail

RANDOM = np.random.default_rng(0)


def test_a_busy_place_and_a_quiet_one_are_judged_alike() -> None:
    values = RANDOM.normal(0.0, 1.0, (500, 12, 16)).astype(np.float32)
    values[:, :, 8:] = values[:, :, 8:] * 5.0 + 20.0
    places = fit_places(values, two_sided=False)
    probe = values.mean(axis=0, keepdims=True).copy()
    probe[0, 6, 3] += 12.0
    probe[0, 6, 12] += 60.0
    strange = places.strangeness(probe)[0]
    assert strange[6, 3] > 1.5
    assert strange[6, 12] > 1.5
    assert strange[6, 12] / strange[6, 3] < 2.5  # 5 in plain values


def test_a_regular_visitor_is_normal_where_he_walks_and_strange_elsewhere() -> None:
    values = RANDOM.normal(0.0, 0.1, (400, 12, 16)).astype(np.float32)
    values[::20, 8, :] += 10.0  # one window in twenty: a spread of 2.2, so 4.6 spreads each time
    places = fit_places(values, two_sided=False)
    visit = np.zeros((1, 12, 16), np.float32)
    visit[0, 8, 5] = visit[0, 2, 5] = 10.0
    strange = places.strangeness(visit)[0]
    assert strange[8, 5] < 1.0
    assert strange[2, 5] > 5.0


def test_small_values_are_strange_only_when_two_sided() -> None:
    values = RANDOM.normal(10.0, 1.0, (200, 4, 4)).astype(np.float32)
    low = np.full((1, 4, 4), -30.0, np.float32)
    assert fit_places(values, two_sided=True).strangeness(low).min() > 2
    assert fit_places(values, two_sided=False).strangeness(low).max() < -2


def test_a_place_without_any_change_does_not_divide_by_zero() -> None:
    places = fit_places(np.zeros((50, 4, 4), np.float32), two_sided=True)
    assert np.isfinite(places.strangeness(np.ones((1, 4, 4), np.float32))).all()


def test_one_small_object_is_not_drowned_by_a_quiet_frame() -> None:
    strange = np.zeros((2, 14, 24), np.float32)
    strange[1, 3:5, 4:6] = 8.0
    quiet, object_in_it = clip_statistic(strange)
    assert object_in_it == pytest.approx(np.log(8.0))
    assert quiet == pytest.approx(np.log(0.01))


def test_p_values_of_fresh_normal_values_are_uniform() -> None:
    tail = fit_tail(RANDOM.normal(size=4000))
    p = 10.0 ** -tail.surprise(RANDOM.normal(size=20000))
    for level in (0.5, 0.2, 0.1, 0.05, 0.01):
        assert (p <= level).mean() == pytest.approx(level, rel=0.25)


def test_surprise_grows_without_end_beyond_what_was_seen() -> None:
    tail = fit_tail(RANDOM.normal(size=300))
    values = np.linspace(-5.0, 60.0, 500)
    surprise = tail.surprise(values)
    assert (np.diff(surprise) >= 0).all()
    assert surprise[0] >= 0
    assert surprise[-1] > 20


def test_what_recurs_is_no_rarer_than_it_was_and_what_came_once_is() -> None:
    # Every two hundred clips somebody walks through for two; or once, for as many clips together.
    quiet = np.random.default_rng(1).normal(0.0, 0.1, 2_000)
    walks, once = quiet.copy(), quiet.copy()
    walks[100::200] += 4.0
    walks[101::200] += 4.0
    once[1_000:1_020] += 4.0
    for values, low, high in ((walks, 1.9, 2.4), (once, 4.0, math.inf)):
        tail = fit_tail(values)
        assert low < tail.surprise(np.array([3.8]))[0] < high
        assert low + 1.0 < tail.surprise(np.array([6.0]))[0]


def test_a_tail_survives_being_written_down() -> None:
    tail = fit_tail(RANDOM.normal(size=100))
    assert TailModel.from_dict(tail.to_dict()) == tail


def test_too_few_or_non_finite_values_are_refused() -> None:
    with pytest.raises(ValueError, match="held-out"):
        fit_tail(np.zeros(5))
    with pytest.raises(ValueError, match="finite"):
        fit_tail(np.array([np.nan] * 30))


def _square(seed: int) -> np.ndarray:
    """Return a place that is crossed anywhere: in each clip someone is somewhere else."""
    chance = np.random.default_rng(seed)
    values = np.abs(chance.normal(0.0, 0.05, (400, 12, 16)))
    for clip in values:
        row, column = chance.integers(0, 11), chance.integers(0, 15)
        clip[row : row + 2, column : column + 2] += chance.uniform(4.0, 6.0)
    return values.astype(np.float32)


def _machines(seed: int) -> np.ndarray:
    """Return machines of very different liveliness, each of which does the same all the time."""
    chance = np.random.default_rng(seed)
    lively = np.kron(np.exp(chance.normal(0.0, 1.5, (3, 4))), np.ones((4, 4)))
    return (chance.normal(0.0, 1.0, (400, 12, 16)) * lively).astype(np.float32)


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_places_that_can_be_exchanged_share_most_of_their_range(two_sided: bool, seed: int) -> None:
    values = _square(seed)
    range_GW = fit_places(values, two_sided=two_sided).range_GW
    assert range_GW.min() / range_GW.mean() > 0.75
    # So a visit to a place where nobody happened to be before is nothing.
    before = fit_places(values[:40], two_sided=two_sided)
    assert np.quantile(clip_statistic(before.strangeness(values[40:])), 0.99) < np.log(2.0)


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_places_that_always_do_the_same_keep_their_own_range(two_sided: bool, seed: int) -> None:
    values = _machines(seed)
    range_GW = fit_places(values, two_sided=two_sided).range_GW
    assert range_GW.min() / range_GW.mean() < 0.5


def test_a_few_clips_are_enough_for_statistics() -> None:
    for count in (1, 2, 5):
        values = RANDOM.normal(size=(count, 4, 4)).astype(np.float32)
        places = fit_places(values, two_sided=False)
        assert np.isfinite(places.strangeness(values)).all()


@pytest.mark.parametrize("two_sided", [False, True])
def test_what_nobody_looked_at_is_not_strange(two_sided: bool) -> None:
    places = fit_places(RANDOM.normal(size=(100, 4, 4)).astype(np.float32), two_sided=two_sided)
    seen = np.full((1, 4, 4), 30.0, np.float32)
    partly = seen.copy()
    partly[0, :, :2] = np.nan
    strange = places.strangeness(partly)
    assert (strange[0, :, :2] == 0.0).all()
    assert (strange[0, :, 2:] == places.strangeness(seen)[0, :, 2:]).all()
    assert strange.dtype == np.float32
    unseen = places.strangeness(np.full((1, 4, 4), np.nan, np.float32))
    assert clip_statistic(unseen) == pytest.approx(np.log(0.01))


def test_pooled_places_share_one_range_that_of_the_strangest_place() -> None:
    values = np.zeros((200, 4, 6), np.float32)
    values[:, 1, 2] = np.linspace(0.0, 10.0, 200)
    place = fit_places(values, two_sided=False, pooled=True)
    assert np.ptp(place.range_GW) == np.ptp(place.middle_GW) == 0.0
    never_moved = np.zeros((1, 4, 6), np.float32)
    never_moved[0, 3, 5] = 9.8
    assert place.strangeness(never_moved).max() == pytest.approx(1.0, abs=0.02)


def test_a_pooled_range_is_at_least_what_the_term_says() -> None:
    values = np.full((200, 4, 6), 0.1, np.float32)
    place = fit_places(values, two_sided=False, pooled=True, least_range=1.0)
    strangeness = place.strangeness(np.full((1, 4, 6), 2.1, np.float32))
    assert strangeness == pytest.approx(2.0, abs=1e-4)


def test_cross_fitting_shows_that_places_nobody_used_yet_are_strange() -> None:
    still = RANDOM.normal(0.0, 0.1, (500, 4, 6)).astype(np.float32)
    walked = still.copy()
    for part, column in enumerate((0, 1, 2, 3, 5)):
        walked[part * 100 + 20 : part * 100 + 40, 1:3, column] += 5.0

    def farther(values: np.ndarray) -> float:
        """Return by how much the strangest window is stranger to places that never saw it."""
        places = fit_places(values, two_sided=False)
        own = clip_statistic(places.strangeness(values)).max()
        return float(clip_statistic(cross_fitted(values, two_sided=False)).max() - own)

    assert len(cross_fitted(walked, two_sided=False)) == 500
    assert farther(walked) > 1.0
    assert abs(farther(still)) < 0.3


def test_cross_fitting_finds_nothing_in_windows_of_no_value_and_needs_two_others() -> None:
    values = RANDOM.normal(size=(50, 4, 6)).astype(np.float32)
    values[:10, 0, 0] = np.nan
    strangeness = cross_fitted(values, two_sided=True)
    assert not strangeness[:10].any()
    assert (strangeness[10:] == cross_fitted(values[10:], two_sided=True)).all()
    assert strangeness[10:].any()
    assert not cross_fitted(values[:11], two_sided=True).any()


def test_what_the_scale_should_be_counts_as_much_as_so_many_excesses() -> None:
    values = np.concatenate([np.linspace(0.0, 1.0, 90), 1.0 + np.full(10, 2.0)])
    plain, held = fit_tail(values), fit_tail(values, prior_weight=10.0)
    assert held.scale == pytest.approx((plain.scale + NATURAL_SCALE) / 2.0)
    many = fit_tail(np.tile(values, 100), prior_weight=10.0)
    assert many.scale == pytest.approx(plain.scale, rel=0.05)
    assert fit_tail(np.zeros(50), prior_weight=10.0).scale == NATURAL_SCALE
