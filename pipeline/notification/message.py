"""Messages: what a sink is given, the same for all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.alerts.alerts import Alert
from pipeline.alerts.evidence import Evidence
from pipeline.identity import content_id
from pipeline.retention.gone import still_there

__all__ = ["Message", "MessageKind", "alert_fields", "json_of", "json_time", "message_of_test"]


class MessageKind(StrEnum):
    """What a message is about."""

    ALERT = "alert"
    HELD_DIGEST = "held_digest"
    DAILY_DIGEST = "daily_digest"
    TEST = "test"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message in one language."""

    key: str
    """The alert's or digest's id: the receiver drops what comes again under one key."""
    kind: MessageKind
    camera: str
    """Empty for a test."""
    title: str
    """One line."""
    rows: Sequence[tuple[str, str]] = ()
    """What it says, as name and value."""
    lines: Sequence[str] = ()
    """What it says further, a line each."""
    fields: dict[str, Any] = field(default_factory=dict)
    """What programs read: values that JSON can hold, times in UTC."""
    picture: Path | None = None
    """JPEG of the peak frame, privacy masks burnt in."""
    picture_text: str = ""
    """What the picture shows."""

    def body(self) -> dict[str, Any]:
        """Return the whole message as values that JSON can hold."""
        return {**self.fields, "message": self.kind.value, "text": self.title}


def json_of(message: Message) -> bytes:
    """Return the bytes that are sent: JSON in ASCII with sorted keys, the same at every try."""
    return json.dumps(message.body(), sort_keys=True, allow_nan=False).encode("ascii")


def alert_fields(alert: Alert, evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Return an alert as values that JSON can hold; times in UTC."""
    fields = {
        name: json_time(value) if isinstance(value, datetime) else value
        for name, value in asdict(alert).items()
    }
    return {**fields, "evidence": {item.kind.value: item.path for item in still_there(evidence)}}


def json_time(moment: datetime) -> str:
    """Return a moment in UTC as 2026-01-31T08:00:05Z."""
    return moment.isoformat().replace("+00:00", "Z")


def message_of_test(title: str, lines: Sequence[str], now_utc: datetime) -> Message:
    """Return a message that says that it is a test and nothing happened."""
    return Message(
        key=content_id("test", now_utc.isoformat()),
        kind=MessageKind.TEST,
        camera="",
        title=title,
        lines=lines,
        fields={"sent_utc": json_time(now_utc)},
    )
