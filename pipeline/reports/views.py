"""Views: the facts of a camera in the words and shapes that the report's template draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.assembly import Site
from pipeline.reports.budget_rows import budgets_between
from pipeline.reports.cards import alert_cards
from pipeline.reports.comparison import budget_verdict, compared_rows
from pipeline.reports.coverage import NO_FOOTAGE, TOO_SHORT, WAITING, WATCHED, CoverageSpan
from pipeline.reports.cycles import cycles_words
from pipeline.reports.drift import drift_headline
from pipeline.reports.facts import AlertFacts, ReportFacts, policy_of
from pipeline.reports.figures import Band, ScoreLevels, Tick
from pipeline.reports.lighting import light_rows, model_states
from pipeline.reports.period import Period
from pipeline.reports.words import Words

__all__ = ["found_words", "headline", "report_view", "suppressed_words"]

_MOST_REFUSED = 50
_SHORT_WATCH = 3.0
"""With fewer false alarms allowed than this, none seen proves nothing (rule of three)."""
_KINDS = {WATCHED: "watched", WAITING: "waiting", TOO_SHORT: "blind", NO_FOOTAGE: "unknown"}


def report_view(
    facts: ReportFacts,
    words: Words,
    site: Site,
    *,
    period: Period | None = None,
    before: ReportFacts | None = None,
) -> dict[str, Any]:
    """Return everything that the template needs; `before`: the facts of the period before."""
    cards, rows = alert_cards(facts, words, site.folder)
    return {
        "t": words,
        "camera": facts.camera,
        "range": words("range", since=words.time(facts.since), until=words.time(facts.until)),
        "period": words.period(period) if period else "",
        "compared": compared_rows(facts, before, words) if before else [],
        "headline": headline(facts, words),
        "suppressed": suppressed_words(facts, words),
        "tiles": _tiles(facts, words),
        "coverage": _coverage(facts, words),
        "light": light_rows(facts.light, words),
        "light_states": model_states(facts.model, words),
        "curve": _curve(facts, words),
        "cards": cards,
        "rows": rows,
        "ongoing": _ongoing_words(facts, words) if facts.ongoing else "",
        "ahead": _ahead_words(facts, site.clock.now_utc(), words),
        "watched": facts.watched_seconds > 0,
        "budget": _budget(facts, words),
        "budgets": budgets_between(site, facts.camera, facts.since, facts.until, words),
        "model": _model(facts, words),
        "refused": facts.refused[:_MOST_REFUSED],
        "refused_more": max(0, len(facts.refused) - _MOST_REFUSED),
        "written": words.time(site.clock.now_utc()),
    }


def headline(facts: ReportFacts, words: Words) -> str:
    """Return what happened and what is not known, in one or two sentences.

    Time that nobody watched never counts as time without anomalies.
    """
    said = found_words(len(facts.alerts), facts.watched_seconds, facts.range_seconds, words)
    if not facts.ongoing:
        return said
    return words("headline.both", first=said, second=_ongoing_words(facts, words))


def _ongoing_words(facts: ReportFacts, words: Words) -> str:
    key = "headline.ongoing.one" if len(facts.ongoing) == 1 else "headline.ongoing"
    return words(key, count=len(facts.ongoing))


def found_words(count: int, watched_seconds: float, range_seconds: float, words: Words) -> str:
    """Return how many alerts there are in a range of time, and how much of it was watched."""
    if watched_seconds <= 0 and count == 0:
        return words("headline.nothing_watched")
    key = {0: "none", 1: "one"}.get(count, "many")
    watched = words.length(watched_seconds)
    first = words(f"headline.alerts.{key}", count=count, watched=watched)
    blind_seconds = range_seconds - watched_seconds
    if blind_seconds <= 0:
        return words("headline.both", first=first, second=words("headline.all_watched"))
    second = words(
        "headline.blind",
        blind=words.length(blind_seconds),
        share=words.share(blind_seconds / range_seconds),
    )
    return words("headline.both", first=first, second=second)


def suppressed_words(facts: ReportFacts, words: Words) -> str:
    """Return how many alerts are suppressed, and on whose verdicts; nothing when none is."""
    if not facts.suppressed:
        return ""
    by = words("list.comma").join(
        f"{name} {count}" for name, count in sorted(facts.suppressed.items())
    )
    return words("headline.suppressed", count=sum(facts.suppressed.values()), by=by)


def _ahead_words(facts: ReportFacts, now: datetime, words: Words) -> str:
    """Return how much of the range lies ahead still; empty when it is over."""
    if facts.until <= now:
        return ""
    ahead = facts.until - max(now, facts.since)
    return words("range.ahead", ahead=words.length(ahead.total_seconds()))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tile:
    """A figure in the summary."""

    label: str
    value: str
    note: str
    kind: str = ""


def _tiles(facts: ReportFacts, words: Words) -> list[_Tile]:
    severities = [item.alert.severity.value for item in facts.alerts]
    counts = [
        f"{words(f'alert.severity.{severity}')} {severities.count(severity)}"
        for severity in ("critical", "warning", "notice")
        if severity in severities
    ]
    lengths = {s: v for s, v in facts.seconds_by_state().items() if s != WATCHED and v > 0}
    worst = max(lengths, key=lambda state: lengths[state], default=None)
    return [
        _Tile(
            label=words("tile.alerts"),
            value=str(len(severities)),
            note=" · ".join(counts) or words("tile.alerts.none"),
            kind="alarm" if severities else "",
        ),
        _Tile(
            label=words("tile.watched"),
            value=words.length(facts.watched_seconds),
            note=words(
                "tile.watched.share",
                share=words.share(facts.watched_seconds / facts.range_seconds),
            ),
        ),
        _Tile(
            label=words("tile.blind"),
            value=words.length(facts.blind_seconds),
            note=words("tile.blind.none")
            if worst is None
            else words("tile.blind.reason", reason=_short_state(worst, words)),
            kind="caution" if worst is not None else "",
        ),
        _Tile(
            label=words("tile.budget"),
            value=words("tile.budget.unit", rate=words.number(facts.camera.budget_per_day)),
            note=words("tile.budget.allowed", allowed=words.number(facts.allowed)),
        ),
    ]


def _short_state(state: str, words: Words) -> str:
    """Return a state of coverage without the words "not watched" before it."""
    short = f"coverage.short.{state}"
    return words(short) if words.knows(short) else words(f"reason.{state}")


def _coverage(facts: ReportFacts, words: Words) -> dict[str, Any]:
    axis = facts.axis
    whole = axis.since == facts.since and axis.until == facts.until
    return {
        "bands": _state_bands(facts, facts.spans, words),
        "ticks": _time_ticks(facts, words),
        "rows": [
            {
                "kind": _KINDS.get(state, "blind"),
                "state": words.state(state),
                "length": words.length(seconds),
                "share": words.share(seconds / facts.range_seconds),
            }
            for state, seconds in facts.seconds_by_state().items()
        ],
        "shown": ""
        if whole
        else words("coverage.shown", since=words.time(axis.since), until=words.time(axis.until)),
    }


def _state_bands(facts: ReportFacts, spans: Sequence[CoverageSpan], words: Words) -> list[Band]:
    """Return the states over time; what was not watched comes last, over the rest, wide enough to
    be seen. Of those that would hide each other one is drawn."""
    axis = facts.axis
    bands: dict[tuple[str, int], Band] = {}
    for span in spans:
        if span.end_utc <= axis.since or span.start_utc >= axis.until:
            continue
        kind = _KINDS.get(span.state, "blind")
        title = f"{words.state(span.state)}: {words.times(span.start_utc, span.end_utc)}"
        band = axis.band(span.start_utc, span.end_utc, kind, title, widen=kind != "watched")
        column = (kind, int(band.at_percent * 4))
        known = bands.get(column)
        if known is None or band.width_percent > known.width_percent:
            bands[column] = band
    return sorted(bands.values(), key=lambda band: band.kind not in ("watched", "unknown"))


def _time_ticks(facts: ReportFacts, words: Words) -> list[Tick]:
    step = facts.axis.tick_step_seconds()
    form = "tick.day" if step >= 86_400 else "tick" if step >= 60 else "tick.seconds"
    return [
        Tick(at_percent=facts.axis.percent(moment), label=words.time(moment, form))
        for moment in facts.axis.tick_moments(words.zone)
        if 2.0 <= facts.axis.percent(moment) <= 98.0
    ]


def _curve(facts: ReportFacts, words: Words) -> dict[str, Any]:
    policy = policy_of(facts.model) if facts.model else None
    threshold = policy.alert_score if policy else None
    levels = ScoreLevels.holding([p.score for run in facts.curve for p in run], threshold)
    axis = facts.axis
    return {
        "lines": [levels.path(axis, run, filled=False) for run in facts.curve],
        "areas": [levels.path(axis, run, filled=True) for run in facts.curve if len(run) > 1],
        "levels": levels.ticks(),
        "ticks": _time_ticks(facts, words),
        "threshold": None if threshold is None else levels.percent(threshold),
        "threshold_words": ""
        if threshold is None
        else words("curve.threshold", score=f"{threshold:.1f}"),
        "summarised": words("curve.summarised", until=words.time(facts.summarised_until, "minute"))
        if facts.summarised_until
        else "",
        "blind": _state_bands(facts, [s for s in facts.spans if s.state != WATCHED], words),
        "alerts": [
            _alert_band(facts, item, words, linked=linked)
            for items, linked in ((facts.ongoing, False), (facts.alerts, True))
            for item in items
        ],
    }


def _alert_band(facts: ReportFacts, item: AlertFacts, words: Words, *, linked: bool) -> Band:
    alert = item.alert
    title = f"{words(f'alert.severity.{alert.severity}')}: "
    title += words.times(alert.start_utc, alert.end_utc)
    return facts.axis.band(
        alert.start_utc,
        alert.end_utc,
        alert.severity.value,
        title,
        target=f"alert-{alert.alert_id}" if linked else "",
    )


def _budget(facts: ReportFacts, words: Words) -> dict[str, Any]:
    counts = facts.verdicts()
    reviewed = sum(counts.values())
    precision = words("budget.precision.none")
    if reviewed:
        precision = words(
            "budget.precision.value",
            share=words.share(counts["anomaly"] / reviewed),
            real=counts["anomaly"],
            reviewed=reviewed,
        )
    rows = [
        (
            words("budget.stated"),
            words("budget.stated.value", rate=words.number(facts.camera.budget_per_day)),
        ),
        (words("budget.expected"), words.number(facts.allowed)),
        (words("budget.actual"), str(len(facts.alerts))),
    ]
    if reviewed and facts.watched_seconds > 0:
        rate = counts["false_alarm"] / (facts.watched_seconds / 86_400.0)
        rows.append(
            (
                words("budget.actual_false"),
                words(
                    "budget.actual_false.value",
                    count=counts["false_alarm"],
                    rate=words.number(rate),
                ),
            )
        )
    rows.append((words("budget.precision"), precision))
    rows.append((words("budget.kept"), budget_verdict(facts, words)))
    return {
        "rows": rows,
        "verdicts": [
            (kind, words(f"verdict.{kind}"), count)
            for kind, count in [*counts.items(), ("none", len(facts.alerts) - reviewed)]
        ],
        "short": facts.allowed < _SHORT_WATCH,
    }


def _model(facts: ReportFacts, words: Words) -> list[tuple[str, str]]:
    """Return what is known of the active model, as rows; none when there is no model."""
    record = facts.model
    if record is None:
        return []
    calibration, manifest = record.calibration, record.manifest
    unknown = words("model.unknown")
    learnt, held_out = manifest.get("training_seconds"), calibration.get("held_out_seconds")
    budget, policy = calibration.get("budget_per_day"), policy_of(record)
    cycles = cycles_words(record, words)
    rows = {
        "model.preset": record.preset,
        "model.trained": words.time(record.created_utc, "minute"),
        "model.learnt_from": unknown
        if learnt is None
        else words(
            "model.learnt_from.value",
            length=words.length(float(learnt)),
            files=len(manifest.get("footage", ())),
        ),
        "model.held_out": unknown
        if held_out is None
        else words("model.held_out.value", length=words.length(float(held_out))),
        "model.experts": words("list.comma").join(
            words.expert(expert) for expert in calibration.get("experts", ())
        )
        or unknown,
        "model.threshold": unknown
        if policy is None
        else words(
            "model.threshold.value",
            score=f"{policy.alert_score:.1f}",
            opens=f"{policy.open_score:.1f}",
            closes=f"{policy.close_score:.1f}",
        ),
        "model.budget": unknown
        if budget is None
        else words("model.budget.value", rate=words.number(float(budget))),
        **({"model.cycles": cycles} if cycles else {}),
        "model.drift": drift_headline(facts.drift, words),
        "model.id": record.model_id,
    }
    return [(words(key), value) for key, value in rows.items()]
