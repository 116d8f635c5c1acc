"""The alarm policy follows from the tail of normal events and the budget alone."""

from __future__ import annotations

import pytest

from pipeline.alerts.budget import EventTail, expected_per_day
from pipeline.scoring.policy import policy_within

TAIL = EventTail(threshold=1.0, events_per_day=5000.0, scale=0.45, shape=0.05)


@pytest.mark.parametrize("per_day", [0.2, 1.0, 24.0])
def test_normal_operation_is_expected_to_reach_the_alert_score_as_often_as_the_budget_says(
    per_day: float,
) -> None:
    policy = policy_within(TAIL, per_day)
    assert expected_per_day(TAIL, policy.alert_score) == pytest.approx(per_day)
    assert policy.close_score < policy.open_score < policy.alert_score


def test_a_larger_budget_gives_another_policy_with_a_lower_threshold() -> None:
    strict, easy = policy_within(TAIL, 1.0), policy_within(TAIL, 24.0)
    assert easy.alert_score < strict.alert_score
    assert easy.policy_id != strict.policy_id
    with pytest.raises(ValueError, match="a rate of 0"):
        policy_within(TAIL, 0.0)
