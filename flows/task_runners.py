"""Where the tasks of a run are done: in threads of its process, in processes, or on a Dask or Ray
cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect.context import FlowRunContext
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from pipeline.errors import SettingsError
from pipeline.settings import Settings, load_settings
from pipeline.stopping import end_with_parent

__all__ = ["chosen_task_runner", "make_task_runner", "one_at_a_time"]


def make_task_runner(settings: Settings) -> TaskRunner[Any]:
    """Return what runs the tasks of a site: `cameras_at_once` threads or processes of this run, its
    own cluster of Dask or Ray on this machine, or the cluster of Dask at `cluster_address`.

    SettingsError when the library is not installed, or Ray is given an address.
    """
    return _MAKERS[settings.task_runner](settings)


def one_at_a_time() -> TaskRunner[Any]:
    """Return what runs one task after the other in the process of the run: learning takes the GPU,
    or all cores, of the machine that the run was sent to."""
    return ThreadPoolTaskRunner(max_workers=1)


@contextmanager
def chosen_task_runner(folder: str) -> Iterator[None]:
    """Send the tasks that this flow run submits in the block to what the site in `folder` chose.

    A flow is declared before its site is known, so the choice is made here. Nothing happens outside
    of a flow run.
    """
    context = FlowRunContext.get()
    if context is None:
        yield
        return
    with (
        make_task_runner(load_settings(Path(folder))) as runner,
        context.model_copy(update={"task_runner": runner}),
    ):
        yield


def _threads(settings: Settings) -> TaskRunner[Any]:
    return ThreadPoolTaskRunner(max_workers=settings.cameras_at_once)


def _processes(settings: Settings) -> TaskRunner[Any]:
    workers = settings.cameras_at_once
    return ProcessPoolTaskRunner(
        max_workers=workers,
        initializer=_begin_worker,
        initargs=(os.getpid(), max(1, (os.cpu_count() or 1) // workers)),
    )


def _begin_worker(run: int, threads: int) -> None:
    """Let a process of a run end with it, and take its share of the cores."""
    end_with_parent(run)
    # Before torch is imported, which reads it once.
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))


def _dask(settings: Settings) -> TaskRunner[Any]:
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise _missing("dask") from error
    here = {
        "n_workers": settings.cameras_at_once,
        "threads_per_worker": 1,
        "host": "127.0.0.1",
        "dashboard_address": None,
        # Dask would stop a worker that takes more than its share of the memory.
        "memory_limit": None,
    }
    there = settings.cluster_address
    runner: TaskRunner[Any] = (
        DaskTaskRunner(address=there) if there else DaskTaskRunner(cluster_kwargs=here)
    )
    return runner


def _ray(settings: Settings) -> TaskRunner[Any]:
    if settings.cluster_address:
        raise SettingsError(
            'cluster_address is for task_runner = "dask"; Ray runs on this machine alone, for each'
            " run: leave the address out"
        )
    # Before Ray is imported: nothing is to leave the machine.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # noqa: F401  (prefect_ray imports it only when it runs)
        from prefect_ray.task_runners import RayTaskRunner
    except ImportError as error:
        raise _missing("ray") from error
    here = {
        "num_cpus": settings.cameras_at_once,
        "include_dashboard": False,
        "log_to_driver": False,
    }
    runner: TaskRunner[Any] = RayTaskRunner(init_kwargs=here)
    return runner


def _missing(name: str) -> SettingsError:
    return SettingsError(
        f'task_runner is "{name}", which is not installed here; install it with:'
        f" pip install 'kizashi[{name}]', or set it to \"threads\""
    )


_MAKERS: dict[str, Callable[[Settings], TaskRunner[Any]]] = {
    "threads": _threads,
    "processes": _processes,
    "dask": _dask,
    "ray": _ray,
}
