"""Gone: since when, and why, the evidence of an alert is there no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.alerts.alerts import Alert
from pipeline.alerts.evidence import Evidence
from pipeline.retention.policy import Kind, Why
from pipeline.store.contract import Store

__all__ = ["Gone", "evidence_gone", "still_there"]

_LAST = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Gone:
    """When evidence was removed, and why."""

    at_utc: datetime
    why: Why


def still_there(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return the evidence that was not removed by retention."""
    return [file for file in evidence if file.removed_utc is None]


def evidence_gone(store: Store, alert: Alert, evidence: Sequence[Evidence]) -> Gone | None:
    """Return since when and why the evidence of an alert is gone; None while it is kept, or when
    there never was any."""
    moments = [file.removed_utc for file in evidence if file.removed_utc is not None]
    if not moments:
        return None
    at_utc = min(moments)
    why = next(
        (
            one.why
            for one in store.removals(alert.camera, kind=Kind.EVIDENCE, limit=_LAST)
            if one.planned_utc == at_utc and one.since_utc <= alert.start_utc <= one.until_utc
        ),
        Why.POLICY,
    )
    return Gone(at_utc=at_utc, why=why)
