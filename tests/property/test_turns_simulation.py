"""The simulation of many cameras against what is known without it: M/D/1, utilisation, balance."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import _turns as turns

plans = st.builds(
    turns.Plan,
    cameras=st.integers(1, 6),
    workers=st.integers(1, 3),
    hours=st.sampled_from([0.5, 2.0]),
    turn_seconds=st.sampled_from([60.0, 120.0, 600.0]),
    interval_seconds=st.sampled_from([0.0, 60.0, 300.0]),
    most_behind_seconds=st.sampled_from([60.0, 600.0, 86_400.0]),
    turn_cost_seconds=st.sampled_from([0.1, 5.0]),
    lost=st.sampled_from([None, (300.0, 900.0)]),
    others_join=st.booleans(),
    first_waiting_seconds=st.sampled_from([0.0, 1800.0]),
    seed=st.integers(0, 3),
)


def constant(cost: float) -> turns.Cost:
    return lambda chance: cost


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_one_worker_and_chance_arrivals_wait_as_the_formula_of_m_d_1_says(load: float) -> None:
    service = 6.0
    plan = turns.Plan(
        cameras=1, workers=1, hours=150.0, turn_seconds=1.0, interval_seconds=0.0, seed=1
    )
    arrivals = turns.poisson(plan, load / service)
    done = turns.simulate(plan, constant(service / plan.file_seconds), arrivals)
    expected = load * service / (2.0 * (1.0 - load))  # Pollaczek and Khinchine
    assert mean(done.waits) == pytest.approx(expected, rel=0.1)


@settings(deadline=None, max_examples=40)
@given(plans, st.sampled_from([0.01, 0.2, 0.9, 3.0]))
def test_all_footage_is_scored_let_go_or_waits_and_no_worker_does_two_things(
    plan: turns.Plan, cost: float
) -> None:
    done = turns.simulate(plan, constant(cost))
    parts = done.scored_seconds + done.let_go_seconds + done.waiting_seconds
    assert parts == pytest.approx(done.produced_seconds)
    # A turn that has begun is finished after the end.
    overtime = plan.turn_cost_seconds + plan.file_seconds * cost
    assert done.busy_seconds <= plan.workers * (plan.hours * 3600.0 + overtime) + 1e-6
    assert min(done.waits, default=0.0) >= 0.0
    if plan.most_behind_seconds == 86_400.0:
        assert done.let_go_seconds == 0.0


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 12), st.integers(1, 3), st.floats(0.01, 0.6))
def test_workers_are_busy_for_their_share_of_what_arrives(
    cameras: int, workers: int, cost: float
) -> None:
    """The utilisation law: cameras x cost / workers, as long as the worker with most cameras has
    less than all of its time to do: a round is over when its last turn is, and nobody begins the
    next one before."""
    load = cameras * cost / workers
    fullest = math.ceil(cameras / workers) * cost
    plan = turns.Plan(
        cameras=cameras, workers=workers, hours=6.0, interval_seconds=60.0, most_behind_seconds=600
    )
    done = turns.simulate(plan, constant(cost))
    busy = done.busy_seconds / (workers * plan.hours * 3600.0)
    if fullest < 0.8:
        assert busy == pytest.approx(load, abs=0.03)
    if fullest > 1.1:
        assert done.blind_share == pytest.approx(1.0 - 1.0 / fullest, abs=0.08)


def test_cameras_that_wait_for_nobody_are_not_kept_from_their_present() -> None:
    """One camera has four hours to catch up on; the others are looked at all the same."""
    common: dict[str, Any] = {
        "cameras": 5,
        "workers": 1,
        "hours": 3.0,
        "first_waiting_seconds": 4 * 3600.0,
    }
    join = turns.simulate(turns.Plan(**common), constant(0.15))
    starve = turns.simulate(turns.Plan(**common, others_join=False), constant(0.15))
    assert max(join.delays[:200]) < 900.0
    assert max(starve.delays) > 1800.0
