"""What waits to be sent: deliveries of single alerts, and digests that stand for several."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.alerts.alerts import Alert
from pipeline.identity import content_id

__all__ = ["DEFAULT_SINK", "Digest", "DigestKind", "PendingDelivery", "PendingDigest", "SinkState"]

DEFAULT_SINK = "file"
"""Where alerts go when no sink is configured."""


class DigestKind(StrEnum):
    """Why several things are told in one message."""

    HELD = "held"
    """Alerts that quiet hours or a rate limit held back."""
    DAILY = "daily"
    """What became of a camera since the last one: alerts, verdicts, time not watched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Digest:
    """One message to one sink about a stretch of one camera's time."""

    digest_id: str
    """The key by which the receiver knows a repetition."""
    kind: DigestKind
    sink: str
    camera: str
    since_utc: datetime
    until_utc: datetime
    """Half-open for a daily one; the start of the last alert for one of what was held back."""

    @classmethod
    def of_held(cls, sink: str, camera: str, alerts: list[Alert]) -> Digest:
        """Return the digest of alerts that were held back; at least one, oldest first."""
        ids = [alert.alert_id for alert in alerts]
        return cls(
            digest_id=content_id("digest", DigestKind.HELD.value, sink, camera, *ids),
            kind=DigestKind.HELD,
            sink=sink,
            camera=camera,
            since_utc=alerts[0].start_utc,
            until_utc=alerts[-1].start_utc,
        )

    @classmethod
    def of_day(
        cls, sink: str, camera: str, day: str, since_utc: datetime, until_utc: datetime
    ) -> Digest:
        """Return the daily digest that is due on `day` (2026-01-31, local): one a day."""
        return cls(
            digest_id=content_id("digest", DigestKind.DAILY.value, sink, camera, day),
            kind=DigestKind.DAILY,
            sink=sink,
            camera=camera,
            since_utc=since_utc,
            until_utc=until_utc,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingDelivery:
    """An alert that a sink has not received yet."""

    alert: Alert
    attempts: int
    retry_utc: datetime | None
    """Not before then; None: at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingDigest:
    """A digest that its sink has not received yet."""

    digest: Digest
    attempts: int
    retry_utc: datetime | None
    """Not before then; None: at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SinkState:
    """What the store knows of one sink."""

    sink: str
    pending: int
    """Alerts that it has not received, those held back included."""
    held: int
    """Of these, the ones that wait for a digest."""
    oldest_utc: datetime | None
    """Start of the oldest pending alert."""
    delivered_utc: datetime | None
    """When it last received something."""
    last_error: str | None
    """Why the latest attempt failed; None when it did not, or there was none."""
