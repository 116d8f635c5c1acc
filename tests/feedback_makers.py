"""Small nouns of the feedback room for tests."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.feedback.looks import EventLooks, Look
from pipeline.feedback.patterns import Suppression
from pipeline.store.contract import Store
from tests.store_samples import MORNING, alert, event, line, review

__all__ = ["event_looks", "look", "suppress_one", "suppression"]


def look(row: int = 4, column: int = 6, *features: float, **changes: object) -> Look:
    """Return a strange place with these features, (3, 0, 0) unless they are given."""
    fields: dict[str, object] = {
        "at_seconds": 1.0,
        "row": row,
        "column": column,
        "score": 6.0,
        "terms": {"unreal": 5.0, "speed": 1.5},
        "features": features or (3.0, 0.0, 0.0),
    }
    return Look(**{**fields, **changes})  # type: ignore[arg-type]


def event_looks(model_id: str, looks: Sequence[Look] = (), **changes: object) -> EventLooks:
    """Return how an event of four seconds looked, strange at one place unless looks are given."""
    fields: dict[str, object] = {
        "model_id": model_id,
        "rows": 12,
        "columns": 16,
        "reach": 0.5,
        "seconds": 4.0,
        "score": 6.0,
        "whole": True,
        "looks": tuple(looks) or (look(),),
    }
    return EventLooks(**{**fields, **changes})  # type: ignore[arg-type]


def suppression(alert_id: str, pattern_id: str) -> Suppression:
    """Return the suppression of an alert that is half as far from a pattern as it might be."""
    return Suppression(alert_id=alert_id, pattern_id=pattern_id, at_utc=MORNING, nearness=0.5)


def suppress_one(store: Store, name: str) -> None:
    """Record that an alert of a camera is harmless, and another that looks like it."""
    one = line(name)
    looks = event_looks(one.model.model_id)
    store.add_alert(one.alert, [], looks=looks)
    store.add_review(review(one.alert, "known_harmless"))
    (pattern,) = store.patterns(name)
    joined = event(one.anomalies[3], one.anomalies[4])
    store.put_events([joined])
    raised = alert(joined)
    quiet = suppression(raised.alert_id, pattern.pattern_id)
    store.add_alert(raised, [], looks=looks, suppression=quiet)
