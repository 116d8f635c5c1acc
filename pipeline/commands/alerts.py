"""kizashi alerts, review, sql: what was found, what a person says of it, and questions in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands.moments import parse_range, zone_of
from pipeline.commands.output import (
    Format,
    in_utc,
    in_zone,
    print_line,
    print_rows,
    progress_lines,
)
from pipeline.commands.shell import opened_site, user_name

if TYPE_CHECKING:
    from pipeline.alerts.alerts import Alert
    from pipeline.assembly import Site
    from pipeline.reports.what_if import WhatIf

__all__ = ["alerts", "review", "sql", "what_if"]

_COLUMNS = (
    "alert",
    "camera",
    "severity",
    "start_local",
    "start_utc",
    "seconds",
    "score",
    "expected_per_day",
    "expert",
    "zone",
    "verdict",
    "evidence",
)

_WHAT_IF_COLUMNS = (
    "budget_per_day",
    "model",
    "from_score",
    "alerts",
    "per_watched_day",
    "kept",
    "new",
    "silent_anomalies",
    "silent_false_or_harmless",
    "silent_unreviewed",
    "alerts_unscored",
    "scored_hours",
    "asked_hours",
)


def alerts(
    context: typer.Context,
    camera: Annotated[str | None, typer.Option(help="Only of this camera.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from then: 2026-01-31, 24h, 7d.")] = None,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """List alerts, oldest first, with the times of the plant and UTC.

    The score is -log10 of the p-value; expected_per_day is how often normal operation reaches it.
    In tables the alert is cut to twelve characters, which kizashi review takes. Its verdict is
    "suppressed" when it looks like something known and harmless: kizashi feedback explain says why.
    """
    with opened_site(context) as site:
        zones = {known.name: known.timezone for known in site.store.cameras()}
        zone, now = zone_of(site, camera), site.clock.now_utc()
        start, _ = parse_range(since, None, timezone=zone, now_utc=now)
        found = site.store.alerts(camera, start, None)
        rows = [_row(site, alert, zones[alert.camera], format) for alert in found]
    print_rows(_COLUMNS, rows, format)


def _row(site: Site, alert: Alert, timezone: str, format: Format) -> tuple[Any, ...]:
    from pipeline.retention.gone import still_there

    reviews = site.store.reviews(alert.alert_id)
    evidence = site.store.evidence(alert.alert_id)
    return (
        # The beginning is enough for `kizashi review`; programs get the whole name.
        alert.alert_id[:12] if format is Format.TABLE else alert.alert_id,
        alert.camera,
        alert.severity.value,
        in_zone(alert.start_utc, timezone),
        in_utc(alert.start_utc),
        round((alert.end_utc - alert.start_utc).total_seconds(), 1),
        round(alert.score, 2),
        float(f"{alert.expected_per_day:.3g}"),
        alert.expert,
        alert.zone,
        reviews[-1].verdict if reviews else _suppressed(site, alert),
        " ".join(item.path for item in still_there(evidence) if item.kind.value == "clip"),
    )


def _suppressed(site: Site, alert: Alert) -> str:
    found = site.store.suppression(alert.alert_id)
    return "suppressed" if found is not None and found.ended_utc is None else ""


def review(
    context: typer.Context,
    alert: Annotated[str, typer.Argument(help="Alert, or the first 6 characters or more of it.")],
    verdict: Annotated[
        str, typer.Argument(help="anomaly, known_harmless or false_alarm.", metavar="VERDICT")
    ],
    note: Annotated[str, typer.Option(help="Why, in your words.")] = "",
) -> None:
    """Give a verdict on an alert; the latest one counts.

    anomaly: something was wrong. known_harmless: unusual, and nothing to worry about. false_alarm:
    nothing unusual. Verdicts tell the precision in reports; all are kept. What is known_harmless is
    not told again when it repeats: kizashi feedback lists and undoes that.
    """
    from pipeline.alerts.reviews import review_alert

    with opened_site(context) as site:
        before = {known.pattern_id: known for known in site.store.patterns()}
        given = review_alert(site, alert, verdict, user_name(), note)
        after = {known.pattern_id: known for known in site.store.patterns()}
    print_line(f"alert {given.alert_id[:12]} is reviewed: {given.verdict}")
    for pattern_id in sorted(after.keys() - before.keys()):
        print_line(
            f"what looks like it is suppressed from now on: pattern {pattern_id[:12]}; "
            f"kizashi feedback remove {pattern_id[:12]} undoes that"
        )
    for pattern_id in sorted(before.keys() - after.keys()):
        opened = before[pattern_id].suppresses
        print_line(f"pattern {pattern_id[:12]} is over; {opened} suppressed alerts are open again")
    if given.verdict == "known_harmless" and not any(
        known.alert_id == given.alert_id for known in after.values()
    ):
        print_line("its like will alert again: it was never looked at closely enough to compare")


def what_if(
    context: typer.Context,
    camera: Annotated[str, typer.Argument(help="Camera.")],
    budget: Annotated[
        list[float] | None,
        typer.Option(help="False alarms a day that would be accepted; repeatable.", min=0.001),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Another model of the camera: 6 characters or more of it.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only from then: 2026-01-31, 24h, 7d.")] = None,
    until: Annotated[str | None, typer.Option(help="Only until then (not included).")] = None,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """Show which alerts another budget, or another model, would have raised.

    Changes nothing. Without --budget: half, once, twice and four times the camera's own. The active
    model's scores are in the store; another model scores the footage again, which takes as long as
    scoring does. Of the alerts that there are: kept, and silent by their verdicts; new ones beside.
    Only time that the model has scored counts: scored_hours of asked_hours. Of the alerts in all
    other time (alerts_unscored) nothing is said.
    """
    from pipeline.reports.what_if import what_if as compare

    with opened_site(context) as site, progress_lines() as progress:
        known, now = site.store.camera(camera), site.clock.now_utc()
        start, end = parse_range(since, until, timezone=known.timezone, now_utc=now)
        found = compare(
            site, camera, budget or (), model=model, since=start, until=end, progress=progress
        )
    print_rows(_WHAT_IF_COLUMNS, [_what_if_row(one) for one in found], format)


def _what_if_row(found: WhatIf) -> tuple[Any, ...]:
    counts = (
        len(found.alerts),
        "" if found.per_day is None else float(f"{found.per_day:.3g}"),
        found.kept,
        len(found.new),
        found.lost,
        found.spared,
        found.unknown,
    )
    return (
        found.budget_per_day,
        found.model_id[:12],
        round(found.alert_score, 2),
        # Of time that the model has not scored it says nothing: no 0 either.
        *(counts if found.watched_seconds else [""] * len(counts)),
        found.unscored,
        round(found.watched_seconds / 3600.0, 3),
        round(found.asked_seconds / 3600.0, 3),
    )


def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="One select over the public views.")],
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """Ask the database: one reading statement over the public views, flagged_clips above all.

    Anything that writes is refused. Views, columns and example queries: docs/sql.md.
    """
    with opened_site(context) as site:
        columns, rows = site.store.query(query)
    print_rows(columns, rows, format)
