"""What every flow shares: which cameras, one task each, and an end that names those that failed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import Task, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from pipeline.assembly import Site, open_site
from pipeline.errors import KizashiError
from pipeline.masking import masked

__all__ = ["SomeCamerasFailed", "make_task_runner", "run_per_camera", "task_site"]


class SomeCamerasFailed(KizashiError):
    """A run ends with this when the work of a camera failed; the others' work is done."""


def make_task_runner(cameras_at_once: int | None = None) -> TaskRunner[Any]:
    """Return what runs the tasks of a flow: threads, two cameras at once unless told.

    Decoding is a child process and networks use all cores themselves; a second camera fills the
    pauses of the first, a third would only add its memory.
    """
    return ThreadPoolTaskRunner(max_workers=cameras_at_once or min(2, os.cpu_count() or 1))


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
    cameras: Sequence[str],
    artifact: str,
    **options: Any,
) -> None:
    """Run a task for each camera (none named: all of the site), publish a table of what came out.

    A camera that fails does not stop the others; SomeCamerasFailed lists those that did.
    """
    site = open_site(Path(folder))
    names = list(cameras) or [camera.name for camera in site.store.cameras()]
    site.close()
    futures = {name: task.submit(folder, name, **options) for name in names}
    rows, failed = [], []
    for name, future in futures.items():
        outcome = future.result(raise_on_failure=False)
        if isinstance(outcome, BaseException):
            failed.append(f"{name}: {masked(str(outcome))}")
            rows.append({"camera": name, "failed": masked(str(outcome))})
        else:
            rows.append({"camera": name, **outcome})
    create_table_artifact(table=rows, key=artifact, description=f"Site {folder}")
    if failed:
        raise SomeCamerasFailed(
            f"{len(failed)} of {len(names)} cameras failed: {'; '.join(failed)}"
        )
