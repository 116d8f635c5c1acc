"""What repeats itself in a view is found, with its time and its place, and what does not is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.cycles.changes import Changes, nearest_frames
from pipeline.cycles.cycle import Cycle, cycles_from
from pipeline.cycles.find import cycle_seconds, find_cycles

RATE = 10.0
COLUMNS, ROWS = 24, 14
Box = tuple[int, int, int, int]
"""Cells: top, bottom, left, right, half-open."""
Level = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def pulse(seconds: float) -> Level:
    """Return what a part does to a place that it passes once in so many seconds."""
    return lambda times: 60.0 * np.exp(-(((times / seconds % 1.0) - 0.5) ** 2) / 0.005)


def seen(machines: dict[Box, Level], length: float, seed: int) -> Changes:
    """Return the changes of a view with a machine in each of the boxes, and the
    noise of a camera."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(length * RATE)) / RATE + rng.uniform(0.0, 10.0)
    levels = rng.normal(0.0, 0.5, (len(times), ROWS, COLUMNS))
    for (top, bottom, left, right), level in machines.items():
        levels[:, top:bottom, left:right] += level(times)[:, None, None]
    flat = levels.reshape(len(times), -1).astype(np.float32)
    return Changes(levels_TC=np.diff(flat, axis=0), frame_rate=RATE, columns=COLUMNS)


PRESS = (2, 6, 1, 4)
BELT = (10, 13, 0, 24)
LINE = {PRESS: pulse(3.2), BELT: pulse(1.0)}


def test_two_machines_in_one_view_have_a_cycle_each() -> None:
    belt, press = find_cycles([seen(LINE, 20.0, seed) for seed in range(4)])
    assert belt.seconds == pytest.approx(1.0, abs=0.01)
    assert press.seconds == pytest.approx(3.2, abs=0.02)
    assert (belt.share, press.share) == (0.2143, 0.0357)  # 72 and 12 of 336
    assert belt.place.y >= 10 / 14 - 1e-3
    assert belt.place.width >= 0.9
    assert press.place.x == pytest.approx(1 / 24, abs=0.05)
    assert press.place.y < 0.3
    assert press.name == "cycle of 3.20 s"


def test_what_comes_and_goes_by_chance_has_no_cycle() -> None:
    rng = np.random.default_rng(0)

    def passers(times: NDArray[np.float64]) -> NDArray[np.float64]:
        arrivals = rng.uniform(times[0], times[-1], 12)
        return np.asarray(sum(60.0 * np.exp(-((times - moment) ** 2) / 0.1) for moment in arrivals))

    street = {(4, 12, 0, 24): passers}
    assert find_cycles([seen(street, 20.0, seed) for seed in range(4)]) == ()
    assert find_cycles([seen({}, 20.0, seed) for seed in range(4)]) == ()
    assert find_cycles([]) == ()


def test_a_cycle_that_does_not_fit_three_times_is_not_found() -> None:
    assert find_cycles([seen({PRESS: pulse(9.0)}, 20.0, seed) for seed in range(4)]) == ()


@pytest.mark.parametrize("slower", [0.9, 1.0, 1.02, 1.15])
def test_a_known_cycle_is_measured_also_when_it_has_become_slower(slower: float) -> None:
    belt, press = find_cycles([seen(LINE, 20.0, seed) for seed in range(4)])
    later = seen({PRESS: pulse(3.2 * slower), BELT: pulse(1.0)}, 20.0, 9)
    assert cycle_seconds(press, later) == pytest.approx(3.2 * slower, rel=0.01)
    assert cycle_seconds(belt, later) == pytest.approx(1.0, rel=0.01)


def test_a_machine_that_stands_has_no_time() -> None:
    belt, press = find_cycles([seen(LINE, 20.0, seed) for seed in range(4)])
    later = seen({BELT: pulse(1.0)}, 20.0, 9)
    assert cycle_seconds(press, later) is None
    assert cycle_seconds(belt, later) is not None
    assert cycle_seconds(press, seen(LINE, 6.0, 9)) is None  # too short for three


def test_a_still_picture_has_no_cycle() -> None:
    still = Changes(
        levels_TC=np.zeros((199, ROWS * COLUMNS), dtype=np.float32),
        frame_rate=RATE,
        columns=COLUMNS,
    )
    (press,) = find_cycles([seen({PRESS: pulse(3.2)}, 20.0, seed) for seed in range(4)])
    assert find_cycles([still, still]) == ()
    assert cycle_seconds(press, still) is None


def test_a_cycle_comes_back_from_its_manifest() -> None:
    cycles = find_cycles([seen(LINE, 20.0, seed) for seed in range(4)])
    stored: list[dict[str, object]] = [cycle.to_dict() for cycle in cycles]
    assert cycles_from(stored) == cycles
    assert all(isinstance(cycle, Cycle) for cycle in cycles)


def test_lost_frames_leave_a_cycle_its_time() -> None:
    samples = []
    for seed in range(4):
        levels = np.cumsum(seen(LINE, 20.0, seed).levels_TC, axis=0)
        times_us = np.arange(len(levels), dtype=np.int64) * 100_000
        there = np.random.default_rng(seed).random(len(levels)) > 0.05
        there[[0, -1]] = True
        kept = nearest_frames(times_us[there], 100_000.0)
        assert len(kept) == len(levels)
        filled = levels[there][kept]
        assert (filled[there] == levels[there]).all()
        rest = Changes(levels_TC=np.diff(filled, axis=0), frame_rate=RATE, columns=COLUMNS)
        samples.append(rest)
    belt, press = find_cycles(samples)
    assert belt.seconds == pytest.approx(1.0, abs=0.01)
    assert press.seconds == pytest.approx(3.2, abs=0.02)
