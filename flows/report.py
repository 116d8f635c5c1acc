"""Flow kizashi-report: write the reports of the last 24 hours."""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.cameras import make_task_runner, run_per_camera, task_site

__all__ = ["report", "report_one"]


@task(task_run_name="report-{camera}", cache_policy=NO_CACHE, persist_result=False)
def report_one(site: str, camera: str) -> dict[str, Any]:
    """Write the report of one camera."""
    from pipeline.reports.camera_report import write_camera_report
    from pipeline.reports.span import report_span

    with task_site(site) as (opened, _):
        since, until = report_span(opened, camera)
        language = opened.settings.language
        path = write_camera_report(opened, camera, since=since, until=until, language=language)
        return {"report": str(path), "since": since.isoformat(), "until": until.isoformat()}


@flow(name="kizashi-report", task_runner=make_task_runner(), persist_result=False)
def report(site: str, cameras: list[str] | None = None) -> None:
    """Report on the cameras of a site; none named means all."""
    run_per_camera(report_one, site, cameras or [], "kizashi-report")
