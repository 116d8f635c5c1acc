"""kizashi alerts, review, sql: what was found, what a person says of it, and questions in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands.output import Format, in_utc, in_zone, print_line, print_rows
from pipeline.commands.shell import opened_site, parse_moment, user_name

if TYPE_CHECKING:
    from pipeline.alerts.alerts import Alert
    from pipeline.assembly import Site

__all__ = ["alerts", "review", "sql"]

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
    "verdict",
    "evidence",
)


def alerts(
    context: typer.Context,
    camera: Annotated[str | None, typer.Option(help="Only of this camera.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from then: 2026-01-31, 24h, 7d.")] = None,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """List alerts, oldest first, with the times of the plant and UTC.

    The score is -log10 of the p-value; expected_per_day is how often normal operation reaches it.
    In tables the alert is cut to twelve characters, which kizashi review takes.
    """
    with opened_site(context) as site:
        zones = {known.name: known.timezone for known in site.store.cameras()}
        zone = site.store.camera(camera).timezone if camera else "UTC"
        start: datetime | None = None
        if since:
            start = parse_moment(since, timezone=zone, now_utc=site.clock.now_utc())
        found = site.store.alerts(camera, start, None)
        rows = [_row(site, alert, zones[alert.camera], format) for alert in found]
    print_rows(_COLUMNS, rows, format)


def _row(site: Site, alert: Alert, timezone: str, format: Format) -> tuple[Any, ...]:
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
        reviews[-1].verdict if reviews else "",
        " ".join(item.path for item in evidence if item.kind.value == "clip"),
    )


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
    nothing unusual. Verdicts tell the precision in reports; all are kept.
    """
    from pipeline.alerts.reviews import review_alert

    with opened_site(context) as site:
        given = review_alert(site, alert, verdict, user_name(), note)
    print_line(f"alert {given.alert_id[:12]} is reviewed: {given.verdict}")


def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="One select over the public views.")],
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """Ask the database: one reading statement over the public views, flagged_clips above all.

    Anything that writes is refused. Views, columns and ten example queries: docs/sql.md.
    """
    with opened_site(context) as site:
        columns, rows = site.store.query(query)
    print_rows(columns, rows, format)
