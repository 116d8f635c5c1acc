"""Flow kizashi-train: learn what is normal, of cameras that have no model yet."""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from pydantic import AwareDatetime

from flows.cameras import run_one_by_one, task_site, unlearnt_cameras
from flows.task_runners import one_at_a_time

__all__ = ["train", "train_one"]


@task(task_run_name="train-{camera}", cache_policy=NO_CACHE, persist_result=False)
def train_one(site: str, camera: str, **options: Any) -> dict[str, Any]:
    """Train and activate a model for one camera; `options` are those of the flow."""
    from pipeline.learning.train_camera import train_camera

    with task_site(site) as (opened, progress):
        record = train_camera(opened, camera, progress=progress, **options)
        return {"model": record.model_id, "preset": record.preset}


@flow(name="kizashi-train", task_runner=one_at_a_time(), persist_result=False)
def train(
    site: str,
    cameras: list[str] | None = None,
    preset: str | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    effort: float = 1.0,
) -> None:
    """Train the cameras of a site, one after the other, on their footage in [since, until); none
    named means all that have no model yet. A model that is there is replaced by kizashi-retrain,
    which compares first, or by whoever names its camera here."""
    options = {"preset": preset, "since": since, "until": until, "effort": effort}
    names = cameras or unlearnt_cameras(site)
    run_one_by_one(train_one, site, names, "kizashi-train", **options)
