"""Other budgets: which alerts they would have raised, from the events of the store.

Events open well below the score at which they are alerts, so most questions about budgets are
answered without joining scores again: a month is as quick as a day. `kizashi what-if` joins them
again, for any budget and for other models.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pipeline.alerts.budget import EventTail
from pipeline.assembly import Site
from pipeline.reports.coverage import WATCHED
from pipeline.reports.facts import alert_facts, policy_of, seconds_by_state
from pipeline.reports.what_if import (
    BUDGET_FACTORS,
    WhatIf,
    beside_stored,
    lies_in,
    scored_spans,
)
from pipeline.scoring.policy import policy_within
from pipeline.zones.judging import alerts_of_part, part_policies

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
        if event.model_id == record.model_id
    ]
    opens = (like or policy_within(tail, registered.budget_per_day)).open_score
    found: list[WhatIf] = []
    for factor in BUDGET_FACTORS:
        asked = replace(registered, budget_per_day=factor * registered.budget_per_day)
        policy = policy_within(tail, asked.budget_per_day, like=like)
        if policy.alert_score < opens:
            continue
        alerts = [
            alert
            for part in part_policies(asked, policy, tail)
            for alert in alerts_of_part(
                [event for event in events if event.zone == part.name], part, asked, policy, tail
            )
        ]
        alerts.sort(key=lambda alert: (alert.start_utc, alert.alert_id))
        found.append(
            beside_stored(
                alerts, policy, asked.budget_per_day, watched, record.model_id, raised, stored
            )
        )
    return found
