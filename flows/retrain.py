"""Flow kizashi-retrain: check for drift, learn a candidate where it is due, try it."""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.cameras import run_one_by_one, task_site
from flows.task_runners import one_at_a_time

__all__ = ["retrain", "retrain_one"]


@task(task_run_name="retrain-{camera}", cache_policy=NO_CACHE, persist_result=False)
def retrain_one(site: str, camera: str, **options: Any) -> dict[str, Any]:
    """Check one camera, and retrain it when that is due; `options` are those of the flow."""
    from pipeline.learning.retraining import check_and_retrain

    with task_site(site) as (opened, progress):
        return check_and_retrain(opened, camera, progress=progress, **options).to_row()


@flow(name="kizashi-retrain", task_runner=one_at_a_time(), persist_result=False)
def retrain(site: str, cameras: list[str] | None = None, effort: float = 1.0) -> None:
    """Check the cameras of a site for drift, one after the other, and retrain those that drift
    seriously or whose newest model is old; none named means all."""
    run_one_by_one(retrain_one, site, cameras or None, "kizashi-retrain", effort=effort)
