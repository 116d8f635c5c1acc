"""Flows kizashi-score and kizashi-watch: score what is new; ingest, score and deliver in one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.cameras import (
    run_in_turns,
    run_per_camera,
    task_site,
)
from flows.events import PrefectEventSink

__all__ = ["score", "score_one", "watch", "watch_one"]


@task(task_run_name="score-{camera}", cache_policy=NO_CACHE, persist_result=False)
def score_one(site: str, camera: str) -> dict[str, Any]:
    """Score one camera."""
    from pipeline.scoring.score_camera import score_camera

    with task_site(site) as (opened, progress):
        return asdict(score_camera(opened, camera, progress=progress))


@task(task_run_name="watch-{camera}", cache_policy=NO_CACHE, persist_result=False)
def watch_one(site: str, camera: str) -> dict[str, Any]:
    """Ingest, score and deliver for one camera, one turn of it."""
    from pipeline.watch import TURN_SECONDS, watch_camera

    with task_site(site) as (opened, progress):
        makers = {"prefect": PrefectEventSink}
        return asdict(
            watch_camera(
                opened, camera, makers=makers, turn_seconds=TURN_SECONDS, progress=progress
            )
        )


@flow(name="kizashi-score", persist_result=False)
def score(site: str, cameras: list[str] | None = None) -> None:
    """Score the cameras of a site; none named means all."""
    run_per_camera(score_one, site, cameras or None, "kizashi-score")


@flow(name="kizashi-watch", persist_result=False)
def watch(site: str, cameras: list[str] | None = None) -> None:
    """Watch the cameras of a site, turn by turn; none named means all."""
    run_in_turns(watch_one, site, cameras or None, "kizashi-watch")
