"""Judging by zone: what happens in a zone becomes events of its own, and alerts by its own rule.

The strongest place of an event lies in its zone, because the zone is scored as if nothing was
elsewhere: what goes on in an ignored zone never hides what happens beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from pipeline.alerts.alerts import Alert, alerts_from_events
from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import Event, EventPolicy, GoingOn, join_anomalies
from pipeline.camera import Camera
from pipeline.identity import content_id
from pipeline.scoring.anomaly import REST, Anomaly
from pipeline.scoring.policy import policy_within
from pipeline.zones.hours import parse_hours
from pipeline.zones.zone import Zone, ZoneKind

__all__ = ["PartPolicy", "alerts_of_part", "open_score_in", "part_policies"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PartPolicy:
    """How events of one part of the picture are found."""

    zone: Zone | None
    """None for what is left of the picture beside the zones."""
    policy: EventPolicy
    whole: bool = False
    """The camera has no zones: this is all of the picture."""

    @property
    def name(self) -> str:
        """Of the zone; REST for what is left of the picture."""
        return REST if self.zone is None else self.zone.name

    def of(self, anomalies: Iterable[Anomaly]) -> Iterator[Anomaly]:
        """Yield what clips say of this part of the picture."""
        return (one if self.whole else one.within(self.name) for one in anomalies)

    def events(
        self, anomalies: Iterable[Anomaly], *, going_on: GoingOn | None = None
    ) -> Iterator[Event]:
        """Yield the events of this part of the picture, from all clips of the camera in order of
        time; `going_on`: see `join_anomalies`."""
        for event in join_anomalies(self.of(anomalies), self.policy, going_on=going_on):
            yield replace(event, zone=self.name)


def part_policies(camera: Camera, policy: EventPolicy, tail: EventTail) -> list[PartPolicy]:
    """Return the policy of every part of the picture: the camera's own, and one for each zone.

    A watched zone opens events as early as its own threshold needs. Its threshold comes from the
    tail of the whole picture, of which it shows a part, so that its budget is kept with a margin.
    """
    parts = [PartPolicy(zone=None, policy=policy, whole=not camera.zones)]
    for zone in camera.zones:
        chosen = policy
        if zone.kind is ZoneKind.WATCH and zone.budget_per_day is not None:
            own = policy_within(tail, zone.budget_per_day, like=policy)
            # Outside of its hours the camera's threshold holds: events must begin early for both.
            low = min(own.open_score, policy.open_score) if zone.hours else own.open_score
            chosen = replace(
                own, open_score=low, close_score=own.close_score * low / own.open_score
            )
        named = content_id("policy", "zone", zone.name, chosen.policy_id, repr(chosen.open_score))
        parts.append(PartPolicy(zone=zone, policy=replace(chosen, policy_id=named)))
    return parts


def open_score_in(part: str, camera: Camera, policy: EventPolicy, tail: EventTail) -> float:
    """Return the score at which events open in a part of the picture; the camera's own where there
    is no such part."""
    parts = part_policies(camera, policy, tail)
    return next((one.policy.open_score for one in parts if one.name == part), policy.open_score)


def alerts_of_part(
    events: Sequence[Event],
    part: PartPolicy,
    camera: Camera,
    policy: EventPolicy,
    tail: EventTail,
) -> list[Alert]:
    """Return an alert for every event of a part of the picture that its rule lets through.

    `policy`: the camera's own. An event that lasts beyond the hours of a rule is judged as if it
    lay outside of silence: once an alert, always an alert, whatever footage comes later.
    """
    found: list[Alert] = []
    for event in events:
        rule = _rule(event, part, camera, policy, tail)
        if rule is not None:
            alert_score, budget = rule
            judged = replace(part.policy, alert_score=alert_score)
            found += alerts_from_events([event], judged, tail, budget)
    return found


def _rule(
    event: Event, part: PartPolicy, camera: Camera, policy: EventPolicy, tail: EventTail
) -> tuple[float, float] | None:
    """Return the score from which an event is an alert, and the budget behind it; None: never."""
    zone, clock = part.zone, ZoneInfo(camera.timezone)
    span = event.start_utc, event.end_utc
    if zone is not None and zone.kind is ZoneKind.CLOSED and zone.times.meet(*span, clock):
        return part.policy.open_score, camera.budget_per_day
    closed = parse_hours(camera.closed_hours, f"camera {camera.name}")
    if closed.cover(*span, clock):
        return None
    if zone is not None and zone.kind is ZoneKind.IGNORE and zone.times.cover(*span, clock):
        return None
    if (
        zone is not None
        and zone.kind is ZoneKind.WATCH
        and zone.budget_per_day is not None
        and zone.times.meet(*span, clock)
    ):
        return policy_within(
            tail, zone.budget_per_day, like=policy
        ).alert_score, zone.budget_per_day
    return policy.alert_score, camera.budget_per_day
