"""Texts: what a message says, in the language of the site and the time of the camera."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from pipeline.alerts.alerts import Alert, Severity
from pipeline.errors import SettingsError
from pipeline.reports.words import LANGUAGES, Words

__all__ = ["Texts", "catalogue"]

_MOST_LINES = 50


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return the texts of a language by key; SettingsError when there are none."""
    if language not in LANGUAGES:
        raise SettingsError(f"language {language!r}: use one of {', '.join(LANGUAGES)}")
    text = resources.files("pipeline.notification.text").joinpath(f"{language}.json")
    texts: dict[str, str] = json.loads(text.read_text(encoding="utf-8"))
    return texts


class Texts:
    """The texts of one language; `words` has the times, places and names of the reports."""

    def __init__(self, language: str, timezone: str) -> None:
        self.words = Words(language, timezone)
        self._texts = catalogue(language)

    def __call__(self, key: str, **values: Any) -> str:
        """Return the text of `key` with `values` filled in."""
        return self._texts[key].format(**values)

    def counted(self, key: str, count: int, **values: Any) -> str:
        """Return the text for none, one or many."""
        number = {0: "none", 1: "one"}.get(count, "many")
        return self(f"{key}.{number}", count=count, **values)

    def severity(self, severity: Severity) -> str:
        """Return what a severity is called."""
        return self.words(f"alert.severity.{severity.value}")

    def time(self, moment: datetime) -> str:
        """Return a moment in the camera's time."""
        return self.words.time(moment)

    def listed(self, parts: Iterable[str]) -> str:
        """Return parts as one text."""
        return self("list.comma").join(parts)

    def alert_lines(self, camera: str, alerts: Iterable[tuple[Alert, str]]) -> list[str]:
        """Return a line for each of the first 50 alerts with its verdict (a key, or "none")."""
        found = list(alerts)
        lines = [
            self(
                "line.alert",
                time=self.time(alert.start_utc),
                severity=self.severity(alert.severity),
                place=self.words.where(alert),
                verdict=self.words(f"verdict.{verdict}"),
                id=alert.alert_id[:12],
            )
            for alert, verdict in found[:_MOST_LINES]
        ]
        if len(found) > _MOST_LINES:
            lines.append(self("line.more", count=len(found) - _MOST_LINES, camera=camera))
        return lines
