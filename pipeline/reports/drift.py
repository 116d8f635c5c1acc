"""Drift in words, for the report and the page of a camera."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.cycles.cycle import is_cycle_name, seconds_in_name
from pipeline.drift.check import DriftCheck
from pipeline.drift.judge import Statistic
from pipeline.reports.words import Words

__all__ = ["DriftLine", "drift_headline", "drift_lines"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftLine:
    """One finding, in words."""

    kind: str
    """slight | serious."""
    name: str
    severity: str
    since: str
    change: str
    """From what to what, and how far that is."""


def drift_headline(check: DriftCheck | None, words: Words) -> str:
    """Return what the last check says in a sentence; never "no drift" where nobody looked."""
    if check is None:
        return words("drift.unchecked")
    samples = max((one.samples for one in check.statistics), default=0)
    looked = words(
        "drift.looked",
        samples=samples,
        since=words.time(check.since_utc, "minute"),
        until=words.time(check.until_utc, "minute"),
    )
    if check.severity is None:
        return words("drift.none", looked=looked)
    names = words("list.comma").join(_name(one, words) for one in check.findings)
    return words(f"drift.{check.severity}", names=names, looked=looked)


def drift_lines(check: DriftCheck | None, words: Words) -> list[DriftLine]:
    """Return the findings of a check, the serious and clearest first."""
    return [_line(one, words) for one in (check.findings if check else ())]


def _line(one: Statistic, words: Words) -> DriftLine:
    assert one.severity is not None
    change = "–"
    if one.usual is not None and one.recent is not None and one.spreads is not None:
        change = words(
            "drift.change",
            usual=f"{one.usual:.3g}",
            recent=f"{one.recent:.3g}",
            spreads=f"{abs(one.spreads):.1f}",
        )
    return DriftLine(
        kind=one.severity.value,
        name=_name(one, words),
        severity=words(f"drift.severity.{one.severity}"),
        since=words.time(one.since_utc, "minute") if one.since_utc else "–",
        change=change,
    )


def _name(one: Statistic, words: Words) -> str:
    if is_cycle_name(one.name):
        return words("drift.of.cycle", seconds=seconds_in_name(one.name))
    key = f"drift.of.{one.name}"
    return words(key) if words.knows(key) else words.expert(one.name)
