"""Rhythm: a cycle that breaks is far from every cycle that was seen; a street has no rhythm."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.clips.reader import Moment
from pipeline.scoring.calibration import fit_places
from pipeline.scoring.rhythm import TERMS, term_maps
from pipeline.scoring.rhythm_bank import LEAST_REGULARITY, RhythmBank, fit_rhythm_bank
from pipeline.scoring.tail import fit_tail
from tests.scoring_makers import GRID, clip_batch, small_networks

STEPS = 10
PERIOD = 7
ROWS, COLUMNS = GRID.cells
SEGMENTS = tuple(f"{number:x}" * 32 for number in (1, 2, 3))


def machine(length: int, phase: int) -> NDArray[np.float32]:
    """Return activity and appearance of every cell over time (FGW2): a cycle of seven frames."""
    chance = np.random.default_rng(phase)
    when = (np.arange(length) + phase) % PERIOD
    pulse = np.where(when == 0, 20.0, 0.0) + 5.0 * (when == 3)
    return (pulse[:, None, None, None] + chance.normal(0, 0.3, (length, ROWS, COLUMNS, 2))).astype(
        np.float32
    )


def street(length: int, seed: int) -> NDArray[np.float32]:
    """Return the same of passers-by who come when they like."""
    chance = np.random.default_rng(seed)
    return (20.0 * (chance.random((length, ROWS, COLUMNS, 2)) < 0.3)).astype(np.float32)


def windows_of(stream_FGW2: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the history at each frame from the first that is known, newest step first."""
    ends = range(STEPS - 1, len(stream_FGW2))
    return np.stack([stream_FGW2[end - STEPS + 1 : end + 1][::-1] for end in ends])


def moments(segment: str, count: int) -> list[Moment]:
    return [Moment(segment, number * 1_000_000) for number in range(count)]


def bank_of(*streams: NDArray[np.float32]) -> RhythmBank:
    parts = [windows_of(stream) for stream in streams]
    when = [
        m for name, part in zip(SEGMENTS, parts, strict=False) for m in moments(name, len(part))
    ]
    bank = fit_rhythm_bank(np.concatenate(parts), when, near_us=5_000_000, seed=0)
    assert bank is not None
    return bank


@pytest.fixture(scope="module")
def line() -> RhythmBank:
    return bank_of(machine(120, 0), machine(120, 3))


def test_a_machine_has_a_rhythm_and_a_street_has_none(line: RhythmBank) -> None:
    assert (line.regularity_K > 0.8).all()
    assert (bank_of(street(120, 1), street(120, 2)).regularity_K < LEAST_REGULARITY).all()


def test_a_cycle_that_breaks_is_far_and_one_that_goes_on_is_near(line: RhythmBank) -> None:
    stream = machine(40, 5)
    broken = stream.copy()
    broken[30:, 2, 4] = 0.0  # from here on this cell does nothing
    usual = line.distances(windows_of(stream), moments(SEGMENTS[2], 31))
    changed = line.distances(windows_of(broken), moments(SEGMENTS[2], 31))
    assert usual.shape == (2, 31, ROWS, COLUMNS)
    assert changed[:, -1, 2, 4].min() > 3.0 * usual.max()
    changed[:, :, 1:4, 3:6] = usual[:, :, 1:4, 3:6]
    np.testing.assert_allclose(changed, usual, atol=1e-3)


def test_a_history_is_not_its_own_neighbour(line: RhythmBank) -> None:
    odd = machine(240, 0)
    odd[60:64] = 50.0
    bank = bank_of(odd, machine(120, 3))
    own = bank.distances(windows_of(odd), moments(SEGMENTS[0], 231))
    assert own[:, 55:60].min() > 20.0  # it happened once, so it is rare, though it is in the bank
    elsewhere = bank.distances(windows_of(odd), moments(SEGMENTS[2], 231))
    assert elsewhere.max() < 1.0


def test_what_is_not_known_is_nan(line: RhythmBank) -> None:
    histories = windows_of(machine(40, 5))
    histories[3, 0, 1, 1] = np.nan
    found = line.distances(histories, moments(SEGMENTS[2], 31))
    assert np.isnan(found[:, 3, :3, :3]).all()
    assert np.isnan(found).sum() == 2 * 9


def test_a_scene_without_a_rhythm_says_nothing() -> None:
    bank = bank_of(street(120, 1), street(120, 2))
    found = bank.distances(windows_of(street(40, 3)), moments(SEGMENTS[2], 31))
    assert np.isnan(found).all()
    place = fit_places(found[0], two_sided=False)
    assert np.isfinite(place.range_GW).all()  # as a stored model has to be
    assert not place.strangeness(found[0]).any()
    assert place.strangeness(np.full_like(found[0], 1e3)).max() < 1e-30


def test_a_term_that_says_nothing_surprises_nobody() -> None:
    silent = fit_tail(np.full(100, -4.6))
    assert silent.surprise(np.full(3, -4.6)).tolist() == [0.0, 0.0, 0.0]


def test_little_footage_makes_no_bank() -> None:
    histories = windows_of(machine(48, 0))
    assert (
        fit_rhythm_bank(histories, moments(SEGMENTS[0], len(histories)), near_us=5_000_000, seed=0)
        is None
    )


def test_the_terms_are_silent_without_a_bank() -> None:
    batch = clip_batch(small_networks())
    maps = term_maps(batch)
    assert set(maps) == set(TERMS)
    assert all(m.shape == (2, ROWS, COLUMNS) and np.isnan(m).all() for m in maps.values())
