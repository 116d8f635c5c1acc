"""Flow kizashi-ingest: take in the footage that arrived."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.cameras import run_per_camera, task_site

__all__ = ["ingest", "ingest_one"]


@task(task_run_name="ingest-{camera}", cache_policy=NO_CACHE, persist_result=False)
def ingest_one(site: str, camera: str) -> dict[str, Any]:
    """Ingest one camera."""
    from pipeline.footage.ingest import ingest_camera

    with task_site(site) as (opened, progress):
        return asdict(ingest_camera(opened, camera, progress=progress))


@flow(name="kizashi-ingest", persist_result=False)
def ingest(site: str, cameras: list[str] | None = None) -> None:
    """Ingest the cameras of a site; none named means all."""
    run_per_camera(ingest_one, site, cameras or None, "kizashi-ingest")
