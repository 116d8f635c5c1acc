"""What runs the tasks of a site, as its settings say."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from flows.task_runners import chosen_task_runner, make_task_runner
from pipeline.errors import SettingsError
from pipeline.settings import Settings, load_settings

ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process of its parent"
)


def test_without_a_setting_two_cameras_have_a_thread_each() -> None:
    runner = make_task_runner(Settings())
    assert isinstance(runner, ThreadPoolTaskRunner)
    assert runner == ThreadPoolTaskRunner(max_workers=2)
    assert make_task_runner(Settings(cameras_at_once=5)) == ThreadPoolTaskRunner(max_workers=5)


def test_processes_of_a_run_are_as_many_as_cameras_at_once() -> None:
    runner = make_task_runner(Settings(task_runner="processes", cameras_at_once=3))
    assert isinstance(runner, ProcessPoolTaskRunner)
    assert runner == ProcessPoolTaskRunner(max_workers=3)


def ended(process: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return True


@ON_LINUX
def test_a_process_of_a_run_ends_when_the_run_is_killed() -> None:
    worker = (
        "import os, time; from flows.task_runners import _begin_worker; "
        "_begin_worker(os.getppid(), 1); print(os.getpid(), flush=True); time.sleep(60)"
    )
    run = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {worker!r}])"
    with subprocess.Popen([sys.executable, "-c", run], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not ended(child)
        parent.kill()
        parent.wait()
        waited_until = time.monotonic() + 20.0
        while not ended(child) and time.monotonic() < waited_until:
            time.sleep(0.05)
        assert ended(child)


@ON_LINUX
def test_a_process_whose_run_was_gone_before_it_began_does_nothing() -> None:
    # Nobody is a parent of their own. In a process of its own: what it asks of the kernel stays.
    code = "import os; from pipeline.stopping import end_with_parent; end_with_parent(os.getpid())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr.rstrip().endswith("Stopped")


@pytest.mark.parametrize("library", ["dask", "ray"])
def test_processes_are_those_at_the_address_or_some_on_this_machine(library: str) -> None:
    settings = Settings(task_runner=library, cameras_at_once=3)
    if importlib.util.find_spec(f"prefect_{library}") is None:
        with pytest.raises(SettingsError, match=rf"pip install 'kizashi\[{library}\]'"):
            make_task_runner(settings)
        return
    here = vars(make_task_runner(settings))
    assert here["address"] is None
    told = here["cluster_kwargs"] if library == "dask" else here["init_kwargs"]
    assert 3 in told.values()
    assert told.get("dashboard_address", None) is None
    assert not told.get("include_dashboard")
    named = settings.model_copy(update={"cluster_address": "tcp://a:1"})
    if library == "ray":
        with pytest.raises(SettingsError, match="cluster_address is for"):
            make_task_runner(named)
        return
    there = vars(make_task_runner(named))
    assert there["address"] == "tcp://a:1"
    assert 3 not in there["cluster_kwargs"].values()


def test_a_password_in_the_address_of_a_cluster_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIZASHI_CLUSTER_ADDRESS", "tcp://me:cAnArY7@10.0.0.5:8786")
    with pytest.raises(SettingsError, match="cluster_address") as refused:
        load_settings(tmp_path)
    assert "cAnArY7" not in str(refused.value)


def test_an_unknown_runner_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kizashi.toml").write_text('task_runner = "spark"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="task_runner"):
        load_settings(tmp_path)


def test_outside_of_a_flow_run_nothing_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "kizashi.toml").write_text("not toml", encoding="utf-8")
    with chosen_task_runner(str(tmp_path)):
        pass
