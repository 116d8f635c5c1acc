"""What every flow shares: which cameras, one task each, and an end that names those that failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import Task, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.futures import PrefectFuture

from flows.task_runners import chosen_task_runner
from pipeline.assembly import Site, open_site
from pipeline.errors import KizashiError
from pipeline.masking import masked
from pipeline.watch import has_turn

__all__ = [
    "LONGEST_ROUND_SECONDS",
    "SomeCamerasFailed",
    "run_in_turns",
    "run_one_by_one",
    "run_per_camera",
    "task_site",
    "unlearnt_cameras",
]

LONGEST_ROUND_SECONDS = 6 * 3600.0
"""After that the round ends though footage waits, and the next one that is due goes on."""

Outcome = dict[str, Any] | BaseException
"""What a task returned, or what it failed with."""


class SomeCamerasFailed(KizashiError):
    """A run ends with this when the work of a camera failed; the others' work is done."""


@contextmanager
def task_site(folder: str) -> Iterator[tuple[Site, Callable[[str], None]]]:
    """Yield the open site and a function that logs a line of progress to the run, masked."""
    logger = get_run_logger()
    site = open_site(Path(folder))
    try:
        yield site, lambda line: logger.info(masked(line))
    finally:
        site.close()


def run_per_camera(
    task: Task[..., dict[str, Any]],
    folder: str,
    cameras: Sequence[str] | None,
    artifact: str,
    **options: Any,
) -> None:
    """Run a task for each camera (None: all of the site), publish a table of what came out.

    A camera that fails does not stop the others; SomeCamerasFailed lists those that did.
    """
    names, _ = _named(folder, cameras)
    with chosen_task_runner(folder):
        outcomes = _outcomes(task, folder, names, **options)
    _publish(outcomes, folder, artifact)


def run_one_by_one(
    task: Task[..., dict[str, Any]],
    folder: str,
    cameras: Sequence[str] | None,
    artifact: str,
    **options: Any,
) -> None:
    """Run a task for each camera in the process of this run, one after the other; else as
    `run_per_camera`. The flow's own task runner is `one_at_a_time()`."""
    names, _ = _named(folder, cameras)
    _publish(_outcomes(task, folder, names, **options), folder, artifact)


def run_in_turns(
    task: Task[..., dict[str, Any]], folder: str, cameras: Sequence[str] | None, artifact: str
) -> None:
    """Run a task for each camera, a turn each, and again for those of which something is `waiting`,
    until nothing waits; else as `run_per_camera`, with what the turns did added up.

    Who has a turn: `pipeline.watch.has_turn`. A camera that fails has no more turns in this round;
    one that was added meanwhile has some.
    """
    ends = time.monotonic() + LONGEST_ROUND_SECONDS
    totals: dict[str, Outcome] = {}
    last_turn: dict[str, float] = {}
    with chosen_task_runner(folder):
        while True:
            known, interval_seconds = _named(folder, cameras)
            now = time.monotonic()
            names = [
                name
                for name in known
                if name not in totals
                or (
                    isinstance(totals[name], dict)
                    and has_turn(
                        waits=_waits(totals[name]),
                        since_last_seconds=now - last_turn[name],
                        interval_seconds=interval_seconds,
                    )
                )
            ]
            last_turn.update(dict.fromkeys(names, now))
            for name, outcome in _outcomes(task, folder, names).items():
                totals[name] = _added(totals.get(name), outcome)
            if not any(map(_waits, totals.values())) or time.monotonic() >= ends:
                break
    _publish(totals, folder, artifact)


def unlearnt_cameras(folder: str) -> list[str]:
    """Return the cameras of a site that have no active model."""
    site = open_site(Path(folder))
    cameras = [camera.name for camera in site.store.cameras()]
    names = [name for name in cameras if site.store.active_model(name) is None]
    site.close()
    return names


def _named(folder: str, cameras: Sequence[str] | None) -> tuple[list[str], float]:
    """Return the cameras that were named, which may be none (None: those of the site), and the
    seconds between scheduled rounds. A store that does not answer fails here, once, and not in
    every task."""
    site = open_site(Path(folder))
    names = [camera.name for camera in site.store.cameras()] if cameras is None else list(cameras)
    site.close()
    return names, site.settings.ingest_interval_seconds


def _outcomes(
    task: Task[..., dict[str, Any]], folder: str, names: Sequence[str], **options: Any
) -> dict[str, Outcome]:
    futures = {name: task.submit(folder, name, **options) for name in names}
    return {name: _outcome(future) for name, future in futures.items()}


def _outcome(future: PrefectFuture[dict[str, Any]]) -> Outcome:
    try:
        outcome: Outcome = future.result(raise_on_failure=False)
    except Exception as error:  # the cluster lost the worker too often, or itself
        return error
    return outcome


def _waits(outcome: Outcome) -> bool:
    return isinstance(outcome, dict) and bool(outcome["waiting"]) and not outcome["busy"]


def _added(before: Outcome | None, now: Outcome) -> Outcome:
    """Return what all turns of a camera did: counts are added up, the rest is as it is now."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return now
    states = {"waiting", "undelivered"}
    return {
        key: value if isinstance(value, bool | str) or key in states else before[key] + value
        for key, value in now.items()
    }


def _publish(outcomes: Mapping[str, Outcome], folder: str, artifact: str) -> None:
    rows: list[dict[str, Any]] = []
    failed = []
    for name, outcome in outcomes.items():
        if isinstance(outcome, BaseException):
            failed.append(f"{name}: {masked(str(outcome))}")
            rows.append({"camera": name, "failed": masked(str(outcome))})
        else:
            rows.append({"camera": name, **outcome})
    create_table_artifact(table=rows, key=artifact, description=f"Site {folder}")
    if failed:
        raise SomeCamerasFailed(
            f"{len(failed)} of {len(outcomes)} cameras failed: {'; '.join(failed)}"
        )
