"""What runs the tasks of a site, as its settings say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from prefect.task_runners import ThreadPoolTaskRunner

from flows.task_runners import chosen_task_runner, make_task_runner
from pipeline.errors import SettingsError
from pipeline.settings import Settings, load_settings


def test_without_a_setting_two_cameras_have_a_thread_each() -> None:
    runner = make_task_runner(Settings())
    assert isinstance(runner, ThreadPoolTaskRunner)
    assert runner == ThreadPoolTaskRunner(max_workers=2)
    assert make_task_runner(Settings(cameras_at_once=5)) == ThreadPoolTaskRunner(max_workers=5)


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
