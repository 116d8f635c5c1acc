"""Drift is found where something has moved, said since when, and not found where nothing has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from pipeline.drift.check import DriftCheck
from pipeline.drift.judge import Severity, Statistic, judge, samples_a_year
from pipeline.drift.reference import DriftReference, Sample
from pipeline.drift.samples import score_values

BEGIN = datetime(2026, 1, 31, tzinfo=UTC)
HOURLY = samples_a_year(3600.0)


def reference(name: str = "fused", count: int = 96, seed: int = 0) -> DriftReference:
    values = np.random.default_rng(seed).normal(0.43, 0.1, count)
    return DriftReference(sample_seconds=10.0, values={name: tuple(values.tolist())})


def samples(values: Sequence[float], name: str = "fused") -> list[Sample]:
    return [
        Sample(start_utc=BEGIN + timedelta(hours=hour), values={name: value})
        for hour, value in enumerate(values)
    ]


def judged(values: Sequence[float], name: str = "fused", **changes: float) -> Statistic:
    (one,) = judge(reference(name), samples(values, name), one_false_in=HOURLY, **changes)
    return one


def normal(count: int, seed: int) -> list[float]:
    return np.random.default_rng(seed).normal(0.43, 0.1, count).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("direction", [1.0, -1.0], ids=["up", "down"])
def test_a_slow_shift_of_the_scores_is_found_and_dated(direction: float) -> None:
    quiet = normal(24, 1)
    shifting = [value + direction * 0.03 * hour for hour, value in enumerate(normal(48, 2))]
    one = judged([*quiet, *shifting])
    assert one.severity is Severity.SERIOUS
    assert one.since_utc is not None
    assert one.found_utc is not None
    begun = BEGIN + timedelta(hours=24)
    assert begun - timedelta(hours=6) <= one.since_utc <= begun + timedelta(hours=16)
    # At a fifth to a half of the whole shift, which is 14 usual spreads.
    assert begun + timedelta(hours=8) <= one.found_utc <= begun + timedelta(hours=26)
    assert one.spreads is not None
    assert one.spreads * direction > 8.0


def test_false_findings_come_no_more_often_than_is_said() -> None:
    # 200 cameras of 100 samples each, one false finding promised in 500 samples.
    found = 0
    for seed in range(200):
        one_reference = reference(seed=1000 + seed)
        (one,) = judge(one_reference, samples(normal(100, seed)), one_false_in=500.0)
        found += one.found_utc is not None
    assert found <= 200 * 100 / 500


def test_a_moment_that_is_strange_is_no_drift() -> None:
    values = normal(60, 3)
    values[30:33] = [2.0, 2.0, 2.0]
    one = judged(values)
    assert one.severity is None
    assert one.evidence < 0.0


def test_an_expert_that_was_silent_in_normal_footage_is_not_a_million_spreads_off() -> None:
    silent = DriftReference(sample_seconds=10.0, values={"features": (0.0,) * 96})
    (one,) = judge(silent, samples([1.9] * 40, "features"), one_false_in=HOURLY)
    assert one.severity is Severity.SERIOUS
    assert one.spreads == pytest.approx(38.0)


def test_a_drift_that_went_away_is_no_finding_any_more() -> None:
    away = judged([*np.add(normal(40, 4), 0.5).tolist()])
    back = judged([*np.add(normal(40, 4), 0.5).tolist(), *normal(20, 5)])
    assert away.severity is Severity.SERIOUS
    assert back.found_utc == away.found_utc
    assert back.severity is None


def test_pictures_that_move_a_little_are_slight_and_far_serious() -> None:
    assert judged(np.add(normal(60, 6), 0.3).tolist(), "brightness").severity is Severity.SLIGHT
    assert judged(np.add(normal(60, 6), 1.5).tolist(), "brightness").severity is Severity.SERIOUS


def test_a_small_reference_finds_nothing_rather_than_something_by_chance() -> None:
    few = DriftReference(sample_seconds=10.0, values={"fused": tuple(normal(8, 0))})
    (one,) = judge(few, samples([9.0] * 60), one_false_in=HOURLY)
    assert (one.severity, one.samples, one.reference_samples) == (None, 60, 8)


def test_values_that_never_differ_are_no_drift() -> None:
    still = DriftReference(sample_seconds=10.0, values={"shift": (0.0,) * 96})
    (one,) = judge(still, samples([0.0] * 200, "shift"), one_false_in=HOURLY)
    assert one.severity is None


def test_the_clips_of_a_fault_do_not_outweigh_a_sample() -> None:
    calm = score_values({"fused": [0.4] * 50})
    fault = score_values({"fused": [0.4] * 45 + [9.0] * 5})
    assert fault["fused"] - calm["fused"] == pytest.approx(0.16)
    assert score_values({"fused": [0.4] * 4}) == {}


def test_a_check_names_the_serious_findings_first() -> None:
    slight = judged(np.add(normal(60, 6), 0.3).tolist(), "brightness")
    serious = judged(np.add(normal(60, 6), 0.3).tolist())
    quiet = judged(normal(60, 7), "motion")
    check = DriftCheck(
        camera="press-1",
        model_id="m",
        checked_utc=BEGIN,
        since_utc=BEGIN,
        until_utc=BEGIN,
        statistics=(quiet, slight, serious),
    )
    assert [one.name for one in check.findings] == ["fused", "brightness"]
    assert check.severity is Severity.SERIOUS
