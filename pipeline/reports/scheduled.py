"""Scheduled reports: of the last period that is over, with a summary for the scheduler's page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.assembly import Site
from pipeline.identity import content_id
from pipeline.reports.camera_report import PeriodReport, write_period_report
from pipeline.reports.comparison import budget_verdict, compared_rows
from pipeline.reports.period import Period, PeriodKind, last_period
from pipeline.reports.views import headline

__all__ = ["ScheduledReport", "artifact_key", "write_scheduled_report"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduledReport:
    """A report that was written because its time had come."""

    key: str
    """Name of the camera's series of summaries: lower-case letters, digits and dashes."""
    page: Path
    period: Period
    alerts: int
    markdown: str
    """What is in it, in the language of the site, with where it lies."""


def write_scheduled_report(site: Site, camera_name: str) -> ScheduledReport:
    """Write the report of a camera's last day, week or month, as `report_period` of the site says,
    in the language of the site. Writing it again replaces it."""
    period = last_period(site, camera_name, PeriodKind(site.settings.report_period))
    done = write_period_report(site, camera_name, period, language=site.settings.language)
    return ScheduledReport(
        key=artifact_key(camera_name),
        page=done.page,
        period=period,
        alerts=len(done.facts.alerts),
        markdown=_markdown(done),
    )


def artifact_key(camera_name: str) -> str:
    """Return the name of a camera's summaries; two cameras never share one."""
    key = f"kizashi-report-{camera_name.replace('_', '-')}"
    # a_b and a-b are two cameras, and schedulers know no underscore.
    return f"{key}-{content_id('camera', camera_name)[:6]}" if "_" in camera_name else key


def _markdown(done: PeriodReport) -> str:
    words, facts = done.words, done.facts
    rows = [
        f"| {row.label} | {row.now} | {row.before} |"
        for row in compared_rows(facts, done.before, words)
    ]
    return "\n".join(
        (
            f"## {words('title', camera=facts.camera.name)}: {words.period(done.period)}",
            "",
            headline(facts, words),
            "",
            f"| | {words('compared.now')} | {words('compared.before')} |",
            "|---|---|---|",
            *rows,
            "",
            f"{words('budget.kept')} {budget_verdict(facts, words)}",
            "",
            f"[{done.page.name}]({done.page.as_uri()})",
        )
    )
