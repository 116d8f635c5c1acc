"""Deployments: the flows of one site on their schedules, on a running Prefect server."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import prefect
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Interval
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.types.entrypoint import EntrypointType

from flows.events import LOCAL_SERVER
from flows.ingest import ingest
from flows.recovery import clear_dead_runs
from flows.report import report
from flows.retain import retain
from flows.retrain import retrain
from flows.score import score, watch
from flows.train import train
from pipeline.assembly import open_site
from pipeline.errors import SettingsError
from pipeline.identity import content_id
from pipeline.masking import masked
from pipeline.settings import Settings
from pipeline.store.leases import lease_kept

__all__ = ["deployments_of", "serve_site", "server_url"]

_ANCHOR = datetime(2000, 1, 1, tzinfo=UTC)
_SKIP = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
_QUEUE = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)


_TRAININGS = ("kizashi-train", "kizashi-retrain")


def deployments_of(folder: Path, settings: Settings) -> list[RunnerDeployment]:
    """Return the deployments of a site: watch, report, train, retrain and retain on schedules,
    ingest and score by hand.

    A round of watching that is due while one runs is left out: the next catches up with everything
    that is not scored yet. A training that is due waits for the one that runs.
    """
    every = {
        "kizashi-watch": settings.ingest_interval_seconds,
        "kizashi-report": settings.report_interval_seconds,
        "kizashi-train": settings.train_interval_seconds,
        "kizashi-retain": settings.retention_interval_seconds,
        "kizashi-retrain": settings.retrain_interval_seconds,
    }
    # Two sites may have folders of one name on one server.
    name = f"{folder.name or 'site'}-{content_id('site', str(folder))[:8]}"
    return [
        _deployment(flow, name, folder, every.get(flow.name))
        for flow in (watch, ingest, score, report, train, retrain, retain)
    ]


def _deployment(
    flow: Flow[Any, Any], name: str, folder: Path, seconds: int | None
) -> RunnerDeployment:
    schedule = None
    if seconds is not None:
        schedule = Interval(
            timedelta(seconds=seconds),
            # Fixed: counted from the start of `kizashi serve`, a weekly training would never come
            # where the machine restarts every night.
            anchor_date=_ANCHOR,
            timezone="UTC",
            # Without the interval in it, or a changed one would leave the old schedule running.
            slug="interval",
            active=True,
        )
    return RunnerDeployment.from_flow(
        flow,
        name=name,
        schedule=schedule,
        parameters={"site": str(folder), "cameras": []},
        concurrency_limit=_QUEUE if flow.name in _TRAININGS else _SKIP,
        description=flow.__doc__ or "",
        tags=["kizashi"],
        # By module, not by file: runs are started in other folders than this one.
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _when(deployment: RunnerDeployment) -> str:
    schedules = [item.schedule for item in deployment.schedules or []]
    every = [str(item.interval) for item in schedules if isinstance(item, IntervalSchedule)]
    return f"every {' and '.join(every)}" if every else "by hand"


def server_url() -> str:
    """Return the address of the Prefect server, once it answered; SettingsError when none does."""
    url = PREFECT_API_URL.value() or LOCAL_SERVER
    with (
        temporary_settings({PREFECT_API_URL: url}),
        get_client(sync_client=True) as client,
    ):
        problem = client.api_healthcheck()
    if problem is not None:
        raise SettingsError(
            f"no Prefect server answers at {masked(url)}; start one: prefect server start, and name"
            f" it: prefect config set PREFECT_API_URL={LOCAL_SERVER}"
        )
    return url


def serve_site(folder: Path, say: Callable[[str], None]) -> None:
    """Register the deployments of a site and run what is due, until stopped.

    Raises LeaseHeld when another process serves the site, SettingsError when no Prefect server
    answers.
    """
    site = open_site(folder)
    try:
        with lease_kept(site.store, "serve", site.settings.lease_seconds):
            _serve(server_url(), deployments_of(site.folder, site.settings), say)
    finally:
        site.close()


def _serve(url: str, deployments: Sequence[RunnerDeployment], say: Callable[[str], None]) -> None:
    # The runs are other processes: they learn of the server from the environment.
    os.environ["PREFECT_API_URL"] = url
    with temporary_settings({PREFECT_API_URL: url}):
        with get_client(sync_client=True) as client:
            if dead := clear_dead_runs(client, deployments):
                say(f"{dead} runs that were killed are marked as crashed; their work goes on")
        for deployment in deployments:
            say(f"{deployment.flow_name}/{deployment.name}: {_when(deployment)}")
        prefect.serve(
            *deployments,
            # One for each: with fewer, a training and a retraining that are due together, and take
            # hours, would keep every camera from being watched.
            limit=len(deployments),
            pause_on_shutdown=False,
            print_starting_message=False,
        )
