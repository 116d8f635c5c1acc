"""Other budgets: which alerts they would have raised, from the events of the store.

Events open well below the score at which they are alerts, so most questions about budgets are
answered without joining scores again: a month is as quick as a day. `kizashi what-if` joins them
again, for any budget and for other models.
"""

from __future__ import annotations

from datetime import datetime

from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import Event
from pipeline.assembly import Site
from pipeline.reports.coverage import WATCHED
from pipeline.reports.facts import alert_facts, policy_of, seconds_by_state
from pipeline.reports.what_if import BUDGET_FACTORS, WhatIf, compared, lies_in, scored_spans
from pipeline.scoring.policy import policy_within
from pipeline.zones.judging import PartPolicy

__all__ = ["other_budgets"]


def other_budgets(site: Site, camera: str, since: datetime, until: datetime) -> list[WhatIf]:
    """Return what half, once, twice and four times the camera's budget would have raised in
    [since, until) with the active model, as far as its events tell; nothing where there is no such
    model, or its tail is not known.

    A budget is left out whose alerts begin below the score at which the model opens events.
    """
    record, registered = site.store.active_model(camera), site.store.camera(camera)
    if record is None or "tail" not in record.calibration:
        return []
    tail, like = EventTail.from_dict(record.calibration["tail"]), policy_of(record)
    spans = scored_spans(site, record, since, until)
    watched = seconds_by_state(spans)[WATCHED]
    raised = [one for one in alert_facts(site, camera, since, until) if lies_in(one.alert, spans)]
    stored = site.store.alerts(camera, since, until)
    events = [
        event
        for event in site.store.events(camera, since, until)
        # Events outlive their scores, and so does what is watched no more: neither of it counts.
        if event.model_id == record.model_id and lies_in(event, spans)
    ]

    def events_of(part: PartPolicy) -> list[Event]:
        return [event for event in events if event.zone == part.name]

    opens = (like or policy_within(tail, registered.budget_per_day)).open_score
    budgets = [factor * registered.budget_per_day for factor in BUDGET_FACTORS]
    policies = [(budget, policy_within(tail, budget, like=like)) for budget in budgets]
    return [
        compared(
            events_of, tail, policy, budget, watched, record.model_id, raised, registered, stored
        )
        for budget, policy in policies
        if policy.alert_score >= opens
    ]
