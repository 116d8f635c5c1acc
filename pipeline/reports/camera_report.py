"""The report of one camera: a single HTML file that needs nothing else to be read anywhere, and its
alerts as CSV beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.assembly import Site
from pipeline.errors import KizashiError, SettingsError
from pipeline.files import inside, write_bytes
from pipeline.reports.alert_rows import alerts_csv
from pipeline.reports.facts import ReportFacts, gather_facts
from pipeline.reports.period import Period
from pipeline.reports.views import report_view
from pipeline.reports.words import Words
from pipeline.timebase import require_utc

__all__ = ["PeriodReport", "write_camera_report", "write_period_report"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodReport:
    """A report that was written, with what is in it."""

    page: Path
    period: Period
    facts: ReportFacts
    before: ReportFacts
    """Of the period before."""
    words: Words


def write_camera_report(
    site: Site, camera_name: str, *, since: datetime, until: datetime, language: str
) -> Path:
    """Write the report of a camera for [since, until) and return its path.

    One HTML file below `site.reports_folder`/CAMERA, pictures and clips inside, no script, nothing
    loaded from anywhere; beside it the alerts as CSV. The same range and language replace the
    files. Raises SettingsError for an unknown language or an empty range, CameraError for an
    unknown camera.
    """
    since, until = require_utc(since), require_utc(until)
    if not since < until:
        raise SettingsError(f"a report from {since.isoformat()} to {until.isoformat()} is empty")
    camera = site.store.camera(camera_name)
    words = Words(language, camera.timezone)
    facts = gather_facts(site, camera.name, since, until)
    name = f"{since:%Y%m%dT%H%M%SZ}_{until:%Y%m%dT%H%M%SZ}"
    return _written(site, facts, name, language, report_view(facts, words, site))


def write_period_report(
    site: Site, camera_name: str, period: Period, *, language: str
) -> PeriodReport:
    """Write the report of a day, week or month beside the one before, and return what was written.

    As `write_camera_report`; the files are named by the period. SettingsError for one that is
    still to come.
    """
    if period.since > site.clock.now_utc():
        raise SettingsError(
            f"camera {camera_name}: {period.name} is still to come; give --date a day that was"
        )
    words = Words(language, period.timezone)
    facts = gather_facts(site, camera_name, period.since, period.until)
    earlier = period.before
    before = gather_facts(site, camera_name, earlier.since, earlier.until)
    view = report_view(facts, words, site, period=period, before=before)
    page = _written(site, facts, period.name, language, view)
    return PeriodReport(page=page, period=period, facts=facts, before=before, words=words)


def _written(
    site: Site, facts: ReportFacts, name: str, language: str, view: dict[str, Any]
) -> Path:
    table = inside(site.reports_folder, f"{facts.camera.name}/{name}.csv")
    page = table.with_name(f"{name}.{language}.html")
    html = _template().render(**view, csv_name=table.name)
    # The table first: a page is never there without it.
    for path, content in ((table, alerts_csv(facts)), (page, html.encode("utf-8", "replace"))):
        try:
            write_bytes(path, content)
        except OSError as error:
            raise KizashiError(f"{path}: report not written ({error.strerror or error})") from error
    # One of the page before would go on saying something else beside this one.
    page.with_suffix(".pdf").unlink(missing_ok=True)
    return page


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("pipeline.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("camera_report.html")
