"""Phrases: bars, reasons, money and lengths of time of a trial in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from pipeline.reports.words import Words
from pipeline.trial.decision import BarOutcome
from pipeline.trial.figures import TrialFigures
from pipeline.trial.trial import Assumptions

__all__ = [
    "amount",
    "asked",
    "assumption_unit",
    "assumption_value",
    "interval",
    "measured",
    "minutes_earlier",
    "payback",
    "reason",
]

_DAYS_PER_YEAR = 365.25
_COUNTS = ("faults", "verdicts", "unreviewed", "learnt_apart")


def asked(outcome: BarOutcome, words: Words) -> str:
    """Return what a bar asks for."""
    if outcome.key == "finished":
        return words("yes")
    limit = _value(outcome.key, outcome.limit, words)
    return words("asked.at_most" if outcome.at_most else "asked.at_least", limit=limit)


def measured(outcome: BarOutcome, words: Words, *, money: bool) -> str:
    """Return what was measured; `money` tells whether there are cases at all."""
    if outcome.key == "finished":
        return words("yes" if outcome.met else "no")
    if outcome.value is None:
        never = outcome.key == "payback" and money
        return words("payback.never" if never else "unknown")
    return _value(outcome.key, outcome.value, words)


def interval(outcome: BarOutcome, words: Words) -> str:
    """Return the 95 % interval of a bar; empty where there is none."""
    low, high = outcome.low, outcome.high
    if low is None and high is None:
        return ""
    never = words("payback.never")
    ends = [never if end is None else _value(outcome.key, end, words) for end in (low, high)]
    return words("interval", low=ends[0], high=ends[1])


def reason(
    outcome: BarOutcome, figures: TrialFigures, words: Words, *, money: bool
) -> tuple[str, str]:
    """Return why a bar is not met, and what to do about it."""
    key, names = f"unmet.{outcome.key}", {"name": figures.trial.name, "camera": figures.camera.name}
    todo = words(f"todo.{outcome.key}", **names)
    limit = _value(outcome.key, outcome.limit, words)
    if outcome.judged is None:
        known = outcome.key == "payback" and money
        return words("unmet.payback.never" if known else f"{key}.unknown", limit=limit), todo
    if outcome.key == "finished":
        return words(key, until=words.time(figures.trial.watch_end_utc, "minute")), todo
    value = _value(outcome.key, outcome.judged, words)
    cautious = outcome.judged != outcome.value
    said = words(key, value=value, limit=limit)
    return (words("unmet.by_interval", reason=said) if cautious else said), todo


def payback(years: float | None, words: Words) -> str:
    """Return a time of payback in years, months or days; "never" for None."""
    if years is None:
        return words("payback.never")
    months = years * 12
    if years >= 2 or months == 12:
        return _counted("years", years, words)
    if months >= 2:
        return _counted("months", months, words)
    return _counted("days", math.ceil(years * _DAYS_PER_YEAR), words)


def _counted(unit: str, count: float, words: Words) -> str:
    shown = f"{count:,.1f}".removesuffix(".0")
    return words(f"payback.{unit}{'.one' if shown == '1' else ''}", count=shown)


def amount(value: float, currency: str, words: Words) -> str:
    """Return an amount of money, whole, with a true minus."""
    shown = f"{abs(value):,.0f}"
    sign = "−" if value < 0 and shown != "0" else ""
    return words("amount", amount=sign + shown, currency=currency)


def minutes_earlier(minutes: float | None, words: Words) -> str:
    """Return how much earlier than people an alarm was."""
    if minutes is None:
        return words("earlier.unknown")
    length = words.length(abs(minutes) * 60.0)
    return words("earlier" if minutes > 0 else "earlier.not", length=length)


def assumption_value(name: str, given: Assumptions, words: Words) -> str:
    """Return the value of an assumption with its unit."""
    value = getattr(given, name)
    if isinstance(value, bool):
        return words("yes" if value else "no")
    if isinstance(value, str):
        return value
    if name in _MONEY:
        return words("amount", amount=_plain(value), currency=given.currency)
    if name == "years":
        return _counted("years", value, words)
    return words(f"unit.{_UNITS[name]}", value=_plain(value))


def assumption_unit(name: str, given: Assumptions, words: Words) -> str:
    """Return the unit of an assumption; empty where it has none."""
    if name in _MONEY:
        return given.currency
    if name == "years":
        return words("payback.years", count="").strip()
    return words(f"unit.{_UNITS[name]}", value="").strip() if name in _UNITS else ""


_MONEY = {"stop_cost_per_hour", "wage_per_hour", "hardware_price", "power_price_per_kwh"}
_UNITS: Mapping[str, str] = {
    "stop_hours_avoided_per_fault": "hours",
    "minutes_per_alarm": "minutes",
    "setup_hours": "hours",
    "upkeep_hours_per_month": "hours",
    "power_watts": "watts",
    "watched_hours_per_year": "hours",
}


def _plain(value: float) -> str:
    """Return a number as somebody wrote it, with commas at the thousands."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,g}"


def _value(key: str, value: float, words: Words) -> str:
    shown: Mapping[str, Callable[[float], str]] = {
        "alarms": words.number,
        "days": words.number,
        "precision": lambda share: words.share(share).replace(".0 %", " %"),
        "unwatched": lambda share: words.share(share).replace(".0 %", " %"),
        "payback": lambda years: payback(years, words),
    }
    return f"{value:,.0f}" if key in _COUNTS else shown[key](value) if key in shown else str(value)
