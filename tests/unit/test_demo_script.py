"""The script of the demo line: faults at known times, enough of everything normal before them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from pipeline.demo.script import FaultKind, Load, make_script

SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_of_eight_kinds_of_fault_happens_once(seed: int) -> None:
    kinds = [fault.kind for fault in make_script(seed).faults]
    assert sorted(kinds) == sorted(FaultKind)
    assert len(kinds) == 8


@pytest.mark.parametrize("seed", SEEDS)
def test_faults_last_6_to_12_seconds_with_20_seconds_of_normal_operation_between(seed: int) -> None:
    script = make_script(seed, normal_seconds=480.0)
    assert script.faults[0].start_seconds >= 480.0 + 40.0
    for fault in script.faults:
        assert 6.0 <= fault.end_seconds - fault.start_seconds <= 12.0
        for edge in (fault.start_seconds, fault.end_seconds):
            assert round(edge * 10) == pytest.approx(edge * 10, abs=1e-9)  # on a frame
    for one, following in pairwise(script.faults):
        assert following.start_seconds - one.end_seconds >= 20.0
    assert script.duration_seconds - script.faults[-1].end_seconds >= 15.0
    assert 5.0 * 60 - 20 <= script.duration_seconds - 480.0 <= 6.0 * 60


@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_of_passing_worker_occurs_in_the_training_part(seed: int) -> None:
    script = make_script(seed, normal_seconds=480.0)
    seen = Counter(
        (walk.speed_px_per_second > 0, walk.load)
        for walk in script.walks
        if walk.end_seconds <= script.normal_seconds
    )
    for to_the_right in (False, True):
        for load in Load:
            assert seen[to_the_right, load] >= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_workers_pass_one_at_a_time(seed: int) -> None:
    for one, following in pairwise(make_script(seed).walks):
        assert one.end_seconds <= following.start_seconds + 1e-9


def test_the_same_seed_gives_the_same_day_and_another_seed_another() -> None:
    assert make_script(7) == make_script(7)
    assert make_script(7).faults != make_script(8).faults
    assert make_script(7).walks != make_script(8).walks


def test_the_day_without_faults_has_the_same_workers() -> None:
    script = make_script(3)
    assert script.without_faults().walks == script.walks
    assert script.without_faults().faults == ()


def test_the_fault_at_a_time_is_the_one_whose_half_open_interval_holds_it() -> None:
    script = make_script(0, normal_seconds=0.0)
    fault = script.faults[0]
    assert script.fault_at(fault.start_seconds) is fault
    assert script.fault_at(fault.end_seconds - 0.1) is fault
    assert script.fault_at(fault.end_seconds) is None
    assert script.fault_at(fault.start_seconds - 0.1) is None


def test_only_the_asked_kinds_happen() -> None:
    script = make_script(0, normal_seconds=0.0, kinds=(FaultKind.JAM,))
    assert [fault.kind for fault in script.faults] == [FaultKind.JAM]
    assert make_script(0, normal_seconds=10.0, kinds=()).duration_seconds == 30.0


@pytest.mark.parametrize("normal_seconds", [-1.0, 0.5])
def test_a_normal_part_that_is_not_whole_seconds_is_refused(normal_seconds: float) -> None:
    with pytest.raises(ValueError, match="whole seconds"):
        make_script(0, normal_seconds=normal_seconds)
