"""Views: a trial in the words and shapes that its page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.reports.cards import embedded_media
from pipeline.reports.words import Words
from pipeline.trial.decision import BarOutcome, is_go
from pipeline.trial.figures import TrialFigures
from pipeline.trial.money import CASES, Case
from pipeline.trial.phrases import (
    amount,
    asked,
    assumption_value,
    interval,
    measured,
    minutes_earlier,
    payback,
    reason,
)
from pipeline.trial.trial import Assumptions

__all__ = ["trial_view"]

_MOST_FAULTS = 12
_MOST_UNREVIEWED = 5
_SHORT_DAYS = 3.0
"""A year that is reckoned from less than this is called a guess."""


def trial_view(
    figures: TrialFigures,
    money: Mapping[str, Case],
    outcomes: Sequence[BarOutcome],
    words: Words,
    site_folder: Path | None,
) -> dict[str, Any]:
    """Return everything that the templates need; without `site_folder` no pictures."""
    trial, known = figures.trial, bool(money)
    unmet = [outcome for outcome in outcomes if not outcome.met]
    times = {
        "learn": trial.learn_start_utc,
        "watch": trial.watch_start_utc,
        "end": trial.watch_end_utc,
    }
    return {
        "t": words,
        "trial": trial,
        "camera": figures.camera,
        "range": words("trial.range", **{k: words.time(v, "minute") for k, v in times.items()}),
        "go": is_go(outcomes),
        "doubt": words("list.comma").join(
            words(f"bar.{outcome.key}") for outcome in outcomes if not outcome.certain
        ),
        "reasons": [reason(outcome, figures, words, money=known) for outcome in unmet],
        "tiles": _tiles(figures, money, outcomes, words),
        "bars": [
            {
                "label": words(f"bar.{outcome.key}"),
                "asked": asked(outcome, words),
                "measured": measured(outcome, words, money=known),
                "interval": interval(outcome, words),
                "met": outcome.met,
            }
            for outcome in outcomes
        ],
        "by_interval": trial.bar.by_interval,
        "times": _times(figures, words),
        "verdicts": [
            *((kind, words(f"verdict.{kind}"), n) for kind, n in figures.verdicts.items()),
            ("none", words("verdict.none"), len(figures.unreviewed)),
        ],
        "faults": _faults(figures, words),
        "faults_more": max(0, len(figures.faults) - _MOST_FAULTS),
        "lead": _lead(figures, words),
        "picture": _picture(figures, words, site_folder),
        "unreviewed": [i.alert.alert_id[:12] for i in figures.unreviewed[:_MOST_UNREVIEWED]],
        "unreviewed_more": max(0, len(figures.unreviewed) - _MOST_UNREVIEWED),
        "money": _money(money, trial.assumptions, words),
        "in_trial": _hours_of_the_trial(figures, words),
        "short": words("money.short", watched=words.length(figures.watched_seconds))
        if figures.watched_days < _SHORT_DAYS
        else "",
        "assumptions": [
            (words(f"assumption.{name}"), assumption_value(name, trial.assumptions, words), name)
            for name in Assumptions.model_fields
        ],
        "file": f"trials/{trial.name}.toml",
        "written": words.time(figures.as_of_utc),
    }


def _tiles(
    figures: TrialFigures,
    money: Mapping[str, Case],
    outcomes: Sequence[BarOutcome],
    words: Words,
) -> list[dict[str, Any]]:
    notes = {
        "alarms": words(
            "tile.alarms.note",
            count=len(figures.alarms),
            watched=words.length(figures.watched_seconds),
        ),
        "precision": words(
            "tile.precision.note", real=len(figures.faults), reviewed=figures.reviewed
        ),
        "faults": _lead(figures, words),
        "payback": words("tile.payback.note", years=words.number(figures.trial.assumptions.years)),
    }
    return [
        {
            "label": words(f"bar.{outcome.key}"),
            "value": measured(outcome, words, money=bool(money)),
            "note": notes[outcome.key],
            "interval": words("tile.interval", interval=interval(outcome, words))
            if interval(outcome, words)
            else "",
            "kind": "" if outcome.met else "caution",
        }
        for outcome in outcomes
        if outcome.key in notes
    ]


def _times(figures: TrialFigures, words: Words) -> list[tuple[str, str, str]]:
    """Return rows of label, length and share of the watching time."""
    learnt = figures.learnt_seconds
    rows = [
        (
            words("time.learnt"),
            words("unknown") if learnt is None else words.length(learnt),
            "",
        )
    ]
    length = figures.range_seconds
    for state, seconds in figures.seconds_by_state.items():
        rows.append((words.state(state), words.length(seconds), words.share(seconds / length)))
    if figures.unwatched_share is not None:
        unwatched = length - figures.watched_seconds
        rows.append(
            (
                words("time.unwatched"),
                words.length(unwatched),
                words.share(figures.unwatched_share),
            )
        )
    return rows


def _faults(figures: TrialFigures, words: Words) -> list[dict[str, str]]:
    strongest = sorted(figures.faults, key=lambda item: -item.alert.score)[:_MOST_FAULTS]
    return [
        {
            "when": words.times(item.alert.start_utc, item.alert.end_utc),
            "where": words.where(item.alert),
            "expert": words.expert(item.alert.expert),
            "severity": item.alert.severity.value,
            "severity_words": words(f"alert.severity.{item.alert.severity}"),
            "earlier": minutes_earlier(figures.minutes_earlier(item), words),
            "note": item.review.note if item.review else "",
            "id": item.alert.alert_id[:12],
        }
        for item in sorted(strongest, key=lambda item: item.alert.start_utc)
    ]


def _lead(figures: TrialFigures, words: Words) -> str:
    if not figures.faults:
        return words("lead.no_fault")
    middle = figures.median_minutes_earlier
    if middle is None:
        return words("lead.unknown")
    return words(
        "lead",
        earlier=minutes_earlier(middle, words),
        noted=len(figures.noted_minutes),
        faults=len(figures.faults),
    )


def _picture(
    figures: TrialFigures, words: Words, site_folder: Path | None
) -> dict[str, str] | None:
    item = figures.strongest_fault
    if item is None or site_folder is None:
        return None
    media, missing = embedded_media(item.evidence, words, site_folder)
    return {
        "peak_frame": media.get("peak_frame", ""),
        "heat_map": media.get("heat_map", ""),
        "missing": missing if not {"peak_frame", "heat_map"} <= media.keys() else "",
        "caption": words(
            "picture.caption",
            when=words.times(item.alert.start_utc, item.alert.end_utc),
            score=f"{item.alert.score:.1f}",
            meaning=words.expert_meaning(item.alert.expert),
        ),
    }


def _money(
    money: Mapping[str, Case], given: Assumptions, words: Words
) -> list[tuple[str, list[str], bool]]:
    """Return rows of label, one text a case, and whether the row is a sum."""
    if not money:
        return []

    def paid(value: float) -> str:
        return amount(value, given.currency, words)

    def row(key: str, values: list[str], total: bool = False) -> tuple[str, list[str], bool]:
        return words(key, years=words.number(given.years)), values, total

    listed = [money[name] for name in CASES]
    return [
        row("money.faults", [words.number(c.early_faults_per_year) for c in listed]),
        row("money.hours_avoided", [words.number(c.stop_hours_avoided_per_year) for c in listed]),
        row("money.alarms", [words.number(c.alarms_per_year) for c in listed]),
        row("money.people_hours", [words.number(c.people_hours_per_year) for c in listed]),
        row("money.saved", [paid(c.saved_per_year) for c in listed]),
        row("money.people", [paid(-c.people_cost_per_year) for c in listed]),
        row("money.power", [paid(-c.power_cost_per_year) for c in listed]),
        row("money.net", [paid(c.net_per_year) for c in listed], True),
        row("money.once", [paid(-c.cost_once) for c in listed]),
        row("money.payback", [payback(c.payback_years, words) for c in listed], True),
        row("money.gain", [paid(c.gain_over_years) for c in listed]),
        row("money.return", [_share(c.return_share, words) for c in listed]),
    ]


def _share(share: float | None, words: Words) -> str:
    if share is None:
        return words("unknown")
    return f"{'−' if share < -0.005 else ''}{abs(share) * 100:,.0f} %"


def _hours_of_the_trial(figures: TrialFigures, words: Words) -> str:
    given = figures.trial.assumptions
    return words(
        "money.in_trial",
        alarms=len(figures.alarms),
        hours=words.number(len(figures.alarms) * given.minutes_per_alarm / 60.0),
        faults=figures.early_faults,
        avoided=words.number(figures.early_faults * given.stop_hours_avoided_per_fault),
    )
