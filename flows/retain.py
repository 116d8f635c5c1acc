"""Flow kizashi-retain: remove what is kept no longer."""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.cameras import run_one_by_one, task_site
from flows.task_runners import one_at_a_time

__all__ = ["retain", "retain_one"]


@task(task_run_name="retain-{camera}", cache_policy=NO_CACHE, persist_result=False)
def retain_one(site: str, camera: str) -> dict[str, Any]:
    """Remove what one camera keeps no longer; the first time only say what that is."""
    from pipeline.retention.policy import Kind
    from pipeline.retention.run import run_scheduled

    with task_site(site) as (opened, progress):
        done = run_scheduled(opened, camera, progress=progress)
        counts = {kind.value: done.items(kind) for kind in Kind}
        return {**counts, "size_bytes": done.size_bytes, "announced_only": done.announced}


@flow(name="kizashi-retain", task_runner=one_at_a_time(), persist_result=False)
def retain(site: str, cameras: list[str] | None = None) -> None:
    """Remove what the cameras of a site keep no longer; none named means all."""
    run_one_by_one(retain_one, site, cameras or None, "kizashi-retain")
