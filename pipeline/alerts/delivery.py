"""Delivery: every alert reaches a sink at least once; its id lets the receiver drop repetitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pipeline.alerts.alerts import Alert
from pipeline.alerts.evidence import Evidence
from pipeline.assembly import Site
from pipeline.errors import KizashiError
from pipeline.files import write_json

__all__ = ["DeliverySummary", "FileSink", "Sink", "deliver_pending"]

_BATCH = 100
_NO_RECEIPT = "sending; no receipt yet"


class Sink(Protocol):
    """Where alerts go. To be given one twice must be harmless: `alert_id` is the key."""

    @property
    def name(self) -> str:
        """Return the name under which attempts and receipts are recorded."""

    def deliver(self, alert: Alert, evidence: Sequence[Evidence]) -> None:
        """Hand an alert over; when this returns it has arrived. KizashiError when it has not."""


class FileSink:
    """A folder with one JSON file an alert, ALERT_ID.json, for whatever picks files up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def name(self) -> str:
        return "file"

    def deliver(self, alert: Alert, evidence: Sequence[Evidence]) -> None:
        path = self._folder / f"{alert.alert_id}.json"
        try:
            write_json(path, _message(alert, evidence))
        except OSError as error:
            raise KizashiError(f"{path}: not written ({error.strerror or error})") from error


def _message(alert: Alert, evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Return an alert as values that JSON can hold; times in UTC."""
    fields = {
        name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for name, value in asdict(alert).items()
    }
    return {**fields, "evidence": {item.kind.value: item.path for item in evidence}}


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliverySummary:
    """What became of the pending deliveries."""

    delivered: int
    failed: int
    """Still pending; tried again next time."""


def deliver_pending(site: Site, sink: Sink | None = None) -> DeliverySummary:
    """Hand every pending alert to `sink` (None: files in `deliveries/` of the site folder).

    The attempt is recorded before, the receipt after; so a run that is killed between the two
    delivers again. One alert that fails does not hold up the others.
    """
    chosen = sink or FileSink(site.folder / "deliveries")
    delivered, failed = 0, set[str]()
    while True:
        pending = site.store.pending_deliveries(_BATCH + len(failed))
        fresh = [alert for alert in pending if alert.alert_id not in failed]
        if not fresh:
            return DeliverySummary(delivered=delivered, failed=len(failed))
        for alert in fresh:
            if _deliver(site, chosen, alert):
                delivered += 1
            else:
                failed.add(alert.alert_id)


def _deliver(site: Site, sink: Sink, alert: Alert) -> bool:
    record = site.store.record_delivery
    record(alert.alert_id, sink.name, site.clock.now_utc(), _NO_RECEIPT)
    try:
        sink.deliver(alert, site.store.evidence(alert.alert_id))
    except KizashiError as error:
        record(alert.alert_id, sink.name, site.clock.now_utc(), str(error))
        return False
    record(alert.alert_id, sink.name, site.clock.now_utc(), None)
    return True
