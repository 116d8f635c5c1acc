"""The rule by which a candidate is promoted: what it must not lose, and what chance may do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.evaluation.model_comparison import compare_models
from pipeline.evaluation.model_trial import ModelTrial
from pipeline.evaluation.refusals import Refusal, reasons_of

KINDS = ("reversed", "double_speed", "foreign_object", "camera_knocked", "frozen_region", "gone")
DAY = 86_400.0


def trial(
    *, missed: tuple[str, ...] = (), false_alarms: int = 0, seconds: float = 3600.0, each: int = 4
) -> ModelTrial:
    names = [f"{kind}-{number}" for kind in KINDS for number in range(1, each + 1)]
    return ModelTrial(
        normal_seconds=seconds,
        false_alarms=false_alarms,
        false_alarms_at=(),
        faults={name: name not in missed for name in names},
        known={"6d95cc14ad44e0": True, "7d95cc14ad44e0": True},
    )


def why(active: ModelTrial, candidate: ModelTrial, budget: float = 1.0) -> list[Refusal]:
    compared = compare_models(active, candidate, budget_per_day=budget)
    assert compared.not_worse == (not compared.reasons)
    assert len(reasons_of(compared.to_dict())) == len(compared.reasons)
    return [reason.why for reason in compared.reasons]


def test_a_candidate_that_finds_the_same_is_not_worse() -> None:
    assert why(trial(), trial()) == []


def test_one_fault_of_24_may_be_chance_and_two_are_not_if_nothing_was_gained() -> None:
    assert why(trial(), trial(missed=("reversed-1",))) == []
    two = ("reversed-1", "gone-2")
    assert why(trial(), trial(missed=two)) == [Refusal.FAULTS_LOST]
    # As many were gained.
    assert why(trial(missed=("gone-3", "gone-4")), trial(missed=two)) == []


def test_a_kind_that_is_not_found_any_more_is_a_reason_by_itself() -> None:
    gained = ("gone-1", "gone-2", "gone-3", "gone-4")
    lost = tuple(f"reversed-{number}" for number in range(1, 5))
    assert Refusal.KIND_LOST in why(trial(missed=gained), trial(missed=lost))
    # The active model finds one of them only: that may be chance.
    assert Refusal.KIND_LOST not in why(trial(missed=lost[1:]), trial(missed=lost))


def test_an_alert_that_people_called_an_anomaly_must_be_found_again() -> None:
    blind = replace(trial(), known={"6d95cc14ad44e0": True, "7d95cc14ad44e0": False})
    assert why(trial(), blind) == [Refusal.KNOWN_MISSED]
    assert (
        "7d95cc14ad44"
        in reasons_of(compare_models(trial(), blind, budget_per_day=1.0).to_dict())[0]
    )
    # What the active model does not find either is not held against the candidate.
    assert why(blind, blind) == []


@pytest.mark.parametrize(
    ("active", "candidate", "seconds", "refused"),
    [
        (0, 1, 3600.0, True),  # the budget allows one a day, not one an hour
        (0, 1, DAY, False),
        (0, 3, DAY, False),
        (0, 4, DAY, True),
        (5, 5, 3600.0, False),
        (5, 8, 3600.0, False),
        (5, 12, 3600.0, True),
        (5, 0, 3600.0, False),
    ],
)
def test_more_false_alarms_are_refused_where_they_are_no_accident(
    active: int, candidate: int, seconds: float, refused: bool
) -> None:
    found = why(
        trial(false_alarms=active, seconds=seconds),
        trial(false_alarms=candidate, seconds=seconds),
    )
    assert found == ([Refusal.MORE_FALSE_ALARMS] if refused else [])


def test_too_few_faults_say_nothing() -> None:
    assert why(trial(each=1), trial(each=1)) == [Refusal.TOO_FEW_FAULTS]
    nothing = replace(trial(), faults={})
    assert why(nothing, nothing) == [Refusal.TOO_FEW_FAULTS]


def test_a_trial_comes_back_from_its_values() -> None:
    one = trial(missed=("gone-1",), false_alarms=2)
    assert ModelTrial.from_dict(one.to_dict()) == one


def test_a_candidate_is_not_measured_by_a_model_that_finds_next_to_nothing() -> None:
    names = tuple(trial().faults)
    blind = trial(missed=names)
    assert why(blind, blind) == [Refusal.ACTIVE_FINDS_FEW]
    assert Refusal.ACTIVE_FINDS_FEW in why(trial(missed=names[:-5]), blind)
    assert why(trial(missed=names[:-6]), trial(missed=names[:-6])) == []
