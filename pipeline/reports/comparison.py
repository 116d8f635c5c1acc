"""Comparison: a period beside the one before, and the budget beside what really happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.rates import poisson_interval
from pipeline.reports.facts import ReportFacts
from pipeline.reports.words import Words

__all__ = ["ComparedRow", "budget_verdict", "compared_rows"]

_SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedRow:
    """One figure of two periods, in words."""

    label: str
    now: str
    before: str


def compared_rows(facts: ReportFacts, before: ReportFacts, words: Words) -> Sequence[ComparedRow]:
    """Return the figures of a period beside those of the period before it."""
    figures: dict[str, Callable[[ReportFacts], str]] = {
        "alerts": lambda some: str(len(some.alerts)),
        "watched": lambda some: words(
            "compared.watched.value",
            length=words.length(some.watched_seconds),
            share=words.share(some.watched_seconds / some.range_seconds),
        ),
        "alert_rate": lambda some: _rate(len(some.alerts), some, words),
        "false_rate": lambda some: _false_rate(some, words),
        "precision": lambda some: _precision(some, words),
    }
    return [
        ComparedRow(label=words(f"compared.{key}"), now=figure(facts), before=figure(before))
        for key, figure in figures.items()
    ]


def _rate(count: int, facts: ReportFacts, words: Words) -> str:
    """Return a count as a rate a day of watched time, with its exact 95 % interval."""
    days = facts.watched_seconds / _SECONDS_PER_DAY
    if days <= 0:
        return words("compared.nothing")
    low, high = poisson_interval(count, days)
    return words(
        "compared.rate.value",
        rate=words.number(count / days),
        low=words.number(low),
        high=words.number(high),
    )


def _false_rate(facts: ReportFacts, words: Words) -> str:
    # Without a verdict nobody knows how many were false; 0 would look like a kept budget.
    if facts.alerts and not sum(facts.verdicts().values()):
        return words("budget.precision.none")
    return _rate(facts.verdicts()["false_alarm"], facts, words)


def _precision(facts: ReportFacts, words: Words) -> str:
    counts = facts.verdicts()
    reviewed = sum(counts.values())
    if not reviewed:
        return words("budget.precision.none")
    return words(
        "compared.precision.value",
        share=words.share(counts["anomaly"] / reviewed),
        real=counts["anomaly"],
        reviewed=reviewed,
    )


def budget_verdict(facts: ReportFacts, words: Words) -> str:
    """Return whether the stated budget was kept, as far as the watched time and the verdicts tell.

    Certain only where the exact 95 % interval of the rate lies on one side of the budget: above it
    already with the false alarms that were found by review, or below it even if everything that was
    not reviewed was false.
    """
    days = facts.watched_seconds / _SECONDS_PER_DAY
    if days <= 0:
        return words("budget.kept.unknown")
    counts, budget = facts.verdicts(), facts.camera.budget_per_day
    open_count = len(facts.alerts) - sum(counts.values())
    low, _ = poisson_interval(counts["false_alarm"], days)
    _, high = poisson_interval(counts["false_alarm"] + open_count, days)
    key = "exceeded" if low > budget else "kept" if high <= budget else "open"
    return words(f"budget.kept.{key}", low=words.number(low), high=words.number(high))
