"""Flow kizashi-report: reports of the last day, week or month, as `report_period` says."""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.cameras import run_per_camera, task_site

__all__ = ["report", "report_one"]


@task(task_run_name="report-{camera}", cache_policy=NO_CACHE, persist_result=False)
def report_one(site: str, camera: str) -> dict[str, Any]:
    """Write the report of one camera, and leave an artifact that says what is in it."""
    from pipeline.reports.scheduled import write_scheduled_report

    with task_site(site) as (opened, _):
        done = write_scheduled_report(opened, camera)
        create_markdown_artifact(done.markdown, key=done.key, description=f"Camera {camera}")
        return {"report": str(done.page), "period": done.period.name, "alerts": done.alerts}


@flow(name="kizashi-report", persist_result=False)
def report(site: str, cameras: list[str] | None = None) -> None:
    """Report on the cameras of a site; none named means all."""
    run_per_camera(report_one, site, cameras or None, "kizashi-report")
