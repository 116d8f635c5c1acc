"""Lighting for people: the states of a model, and in which light a scene was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pipeline.learning.registry import ModelRecord
from pipeline.lighting.timeline import LightSpan, light_spans
from pipeline.reports.words import Words
from pipeline.store.contract import Store

__all__ = ["light_now", "light_rows", "light_seen", "model_states"]

_MOST_ROWS = 12
_LOOK_BACK = timedelta(days=1)


def light_seen(store: Store, camera: str, since: datetime, until: datetime) -> list[LightSpan]:
    """Return the light of a camera's scene in [since, until); nothing where its model knows one
    state only."""
    spans = light_spans(store.lighting(camera, since, until))
    return [
        LightSpan(
            state=span.state,
            start_utc=max(span.start_utc, since),
            end_utc=min(span.end_utc, until),
        )
        for span in spans
    ]


def light_rows(spans: Sequence[LightSpan], words: Words) -> list[dict[str, str]]:
    """Return the newest spans for a table, the newest first."""
    return [
        {
            "state": words.light(span.state),
            "when": words.times(span.start_utc, span.end_utc),
            "length": words.length(span.seconds),
        }
        for span in reversed(spans[-_MOST_ROWS:])
    ]


def light_now(store: Store, camera: str, words: Words) -> str:
    """Return in which light the scene was at the end of what was scored, and since when; empty
    where that is not told."""
    newest = store.newest_segment(camera)
    if newest is None:
        return ""
    spans = light_spans(store.lighting(camera, newest.end_utc - _LOOK_BACK))
    if not spans:
        return ""
    since = words.time(spans[-1].start_utc, "minute")
    return words("light.now", state=words.light(spans[-1].state), since=since)


def model_states(record: ModelRecord | None, words: Words) -> list[dict[str, Any]]:
    """Return the lighting states of a model for a table; none where it knows one only."""
    states = record.calibration.get("lighting", ()) if record else ()
    return [
        {
            "state": words.light(one["name"]),
            "share": words.share(float(one["share"])),
            "level": f"{one['level']:.0f}",
            "colour": f"{one['colour']:.0f}",
            "held_out": words.length(float(one["held_out_seconds"])),
            "judged": words("light.own" if one["own_calibration"] else "light.pooled"),
        }
        for one in states
    ]
