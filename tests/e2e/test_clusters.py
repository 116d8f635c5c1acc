"""The same flows in threads, in processes, on Dask and on Ray: the same rows."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.assembly import open_site
from pipeline.camera import Camera, ClockSource
from pipeline.register import add_camera
from tests import footage_maker as make
from tests.prefect_server import Started, environment, server, wait_for
from tests.store_dump import dump

__all__ = ["environment", "server"]

pytestmark = [pytest.mark.full, pytest.mark.prefect, pytest.mark.timeout(900)]

CAMERAS = ("belt", "press", "robot")


def needs(library: str) -> None:
    """Leave the test out where the library of a cluster is not installed."""
    if importlib.util.find_spec(f"prefect_{library}") is None:
        pytest.skip(f"not installed: kizashi[{library}]")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a site with three cameras and two files of each."""
    site = tmp_path_factory.mktemp("clusters") / "fresh"
    for number, camera in enumerate(CAMERAS):
        arrivals = site / "in" / camera
        arrivals.mkdir(parents=True)
        picture = make.scene(number, 60, width_px=96, height_px=32)
        make.encode(arrivals / "a.mp4", picture[:40], *make.H264)
        make.encode(arrivals / "b.mp4", picture[40:], *make.H264)
    opened = open_site(site)
    for camera in CAMERAS:
        add_camera(
            opened,
            Camera(
                name=camera,
                source=Path("in") / camera,
                clock=ClockSource.SEQUENCE,
                purpose="tests",
                owner="tests",
                retention_days=1,
            ),
            who="tests",
        )
    opened.close()
    return site


def run_flow(
    site: Path, server: str, environment: dict[str, str], **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run the flow that ingests a site; return what it said."""
    return subprocess.run(
        [sys.executable, "-m", "tests.flow_run", "ingest", str(site)],
        env={
            **environment,
            "PREFECT_API_URL": server,
            "KIZASHI_STABLE_SECONDS": "0",
            "OMP_NUM_THREADS": "1",
            **settings,
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def rows_after(
    fresh: Path, name: str, server: str, environment: dict[str, str], **settings: str
) -> tuple[dict[str, list[dict[str, Any]]], str]:
    """Return what a copy of the site holds after the flow, and what it said."""
    site = Path(shutil.copytree(fresh, fresh.with_name(name)))
    done = run_flow(site, server, environment, **settings)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return dump(f"sqlite:///{site / 'kizashi.db'}"), said


@pytest.fixture(scope="module")
def threads(fresh: Path, server: str, environment: dict[str, str]) -> dict[str, Any]:
    """Return what a run in threads leaves."""
    rows, _ = rows_after(fresh, "threads", server, environment)
    assert len(rows["footage"]) == len(rows["segments"]) == 2 * len(CAMERAS)
    return rows


def test_a_run_in_processes_leaves_the_same_rows(
    fresh: Path, threads: dict[str, Any], server: str, environment: dict[str, str]
) -> None:
    rows, said = rows_after(
        fresh, "processes", server, environment, KIZASHI_TASK_RUNNER="processes"
    )
    assert rows == threads
    # Progress of the processes is told in the run's own log.
    assert "ingest-belt" in said


def test_a_run_on_dask_leaves_the_same_rows(
    fresh: Path, threads: dict[str, Any], server: str, environment: dict[str, str]
) -> None:
    needs("dask")
    rows, said = rows_after(fresh, "dask", server, environment, KIZASHI_TASK_RUNNER="dask")
    assert rows == threads
    assert "Creating a new Dask cluster" in said


def test_a_run_on_ray_leaves_the_same_rows(
    fresh: Path, threads: dict[str, Any], server: str, environment: dict[str, str]
) -> None:
    needs("ray")
    rows, said = rows_after(fresh, "ray", server, environment, KIZASHI_TASK_RUNNER="ray")
    assert rows == threads
    assert "Ray cluster with 1 nodes" in said


def test_a_dask_cluster_that_runs_already_does_the_work(
    fresh: Path,
    threads: dict[str, Any],
    server: str,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    needs("dask")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    common = ["--no-dashboard", "--host", "127.0.0.1"]
    scheduler = Started(
        ["distributed.cli.dask_scheduler", *common, "--port", str(port)],
        tmp_path / "scheduler.log",
        environment,
    )
    worker = Started(
        ["distributed.cli.dask_worker", address, *common, "--nworkers", "2", "--nthreads", "1"],
        tmp_path / "worker.log",
        {**environment, "KIZASHI_STABLE_SECONDS": "0"},
    )
    try:
        wait_for("workers", lambda: worker.text().count("Registered to") >= 2, worker, 120)
        rows, said = rows_after(
            fresh,
            "there",
            server,
            environment,
            KIZASHI_TASK_RUNNER="dask",
            KIZASHI_CLUSTER_ADDRESS=address,
        )
    finally:
        worker.stop()
        scheduler.stop()
    assert rows == threads
    assert f"existing Dask cluster at {address}" in said


def test_a_library_that_is_missing_is_named_with_what_to_install(
    fresh: Path, server: str, environment: dict[str, str], tmp_path: Path
) -> None:
    # A module of that name that cannot be imported hides the real one.
    hidden = tmp_path / "prefect_dask"
    hidden.mkdir()
    (hidden / "__init__.py").write_text("raise ImportError", encoding="utf-8")
    path = f"{tmp_path}:{environment['PYTHONPATH']}"
    done = run_flow(fresh, server, {**environment, "PYTHONPATH": path}, KIZASHI_TASK_RUNNER="dask")
    assert done.returncode != 0
    assert "pip install 'kizashi[dask]'" in done.stdout + done.stderr
