"""Flows and deployments as they are registered, without a server."""

import ast
import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.schemas.objects import ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import IntervalSchedule

from flows import deployments
from flows.deployments import deployments_of
from pipeline.assembly import open_site
from pipeline.cli import main
from pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
SITE = Path("/srv/plant/line-3")
SETTINGS = Settings(
    ingest_interval_seconds=60,
    report_interval_seconds=3600,
    train_interval_seconds=86_400,
    retrain_interval_seconds=43_200,
    retention_interval_seconds=7200,
)
BY_FLOW = {item.flow_name: item for item in deployments_of(SITE, SETTINGS)}


def schedule_of(flow: str) -> IntervalSchedule:
    (created,) = BY_FLOW[flow].schedules or []
    assert created.active
    assert created.slug == "interval"
    assert isinstance(created.schedule, IntervalSchedule)
    return created.schedule


def test_watching_reporting_training_and_retention_are_scheduled_the_rest_is_by_hand() -> None:
    scheduled = {name for name, item in BY_FLOW.items() if item.schedules}
    assert set(BY_FLOW) == {
        "kizashi-ingest",
        "kizashi-train",
        "kizashi-retrain",
        "kizashi-score",
        "kizashi-report",
        "kizashi-watch",
        "kizashi-retain",
    }
    assert scheduled == {
        "kizashi-watch",
        "kizashi-report",
        "kizashi-train",
        "kizashi-retrain",
        "kizashi-retain",
    }


@pytest.mark.parametrize(
    ("flow", "seconds"),
    [
        ("kizashi-watch", 60),
        ("kizashi-report", 3600),
        ("kizashi-train", 86_400),
        ("kizashi-retrain", 43_200),
        ("kizashi-retain", 7200),
    ],
)
def test_intervals_come_from_the_settings_in_utc_from_a_fixed_day(flow: str, seconds: int) -> None:
    schedule = schedule_of(flow)
    assert schedule.interval == timedelta(seconds=seconds)
    assert schedule.timezone == "UTC"
    assert schedule.anchor_date == datetime(2000, 1, 1, tzinfo=UTC)


def test_a_round_that_is_due_while_one_runs_is_left_out_a_training_waits() -> None:
    strategies: dict[str, Any] = {}
    for name, item in BY_FLOW.items():
        assert item.concurrency_limit == 1
        assert item.concurrency_options is not None
        strategies[name] = item.concurrency_options.collision_strategy
    assert strategies.pop("kizashi-train") == ConcurrencyLimitStrategy.ENQUEUE
    assert strategies.pop("kizashi-retrain") == ConcurrencyLimitStrategy.ENQUEUE
    assert set(strategies.values()) == {ConcurrencyLimitStrategy.CANCEL_NEW}


def test_two_sites_of_one_name_have_different_deployments() -> None:
    names = {
        item.name
        for folder in (SITE, Path("/srv/other/line-3"))
        for item in deployments_of(folder, SETTINGS)
    }
    assert len(names) == 2
    assert all(name.startswith("line-3-") for name in names)


def test_a_deployment_names_its_flow_by_module_and_carries_only_the_site() -> None:
    for item in BY_FLOW.values():
        assert item.entrypoint is not None
        module, _, name = item.entrypoint.rpartition(".")
        assert getattr(importlib.import_module(module), name).name == item.flow_name
        assert item.parameters == {"site": str(SITE), "cameras": []}


def test_a_site_is_served_by_one_process_at_a_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = open_site(tmp_path)
    site.store.acquire_lease("serve", "another process", 60.0)
    assert main(["--site", str(tmp_path), "serve"]) == 7
    assert capsys.readouterr().err.count("\n") == 1
    site.close()


def test_trainings_reports_and_retention_together_leave_a_place_for_watching(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(deployments, "clear_dead_runs", lambda client, known: 0)
    monkeypatch.setattr(deployments.prefect, "serve", lambda *_, **said: asked.update(said))
    served = list(BY_FLOW.values())
    deployments._serve("http://127.0.0.1:1/api", served, lambda line: None)
    others = [item for item in served if item.flow_name != "kizashi-watch"]
    at_once = sum(item.concurrency_limit or 0 for item in others)
    assert asked["limit"] > at_once


def test_prefect_yaml_says_the_same_as_serve_does() -> None:
    written = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    served = {item.entrypoint: item for item in deployments_of(SITE, Settings()) if item.schedules}
    assert written["pull"] == []
    assert {item["entrypoint"] for item in written["deployments"]} == set(served)
    for item in written["deployments"]:
        twin = served[item["entrypoint"]]
        (schedule,) = item["schedules"]
        (created,) = twin.schedules or []
        assert isinstance(created.schedule, IntervalSchedule)
        assert timedelta(seconds=schedule["interval"]) == created.schedule.interval
        assert datetime.fromisoformat(schedule["anchor_date"]) == created.schedule.anchor_date
        assert (schedule["slug"], schedule["timezone"], schedule["active"]) == (
            "interval",
            "UTC",
            True,
        )
        assert twin.concurrency_options is not None
        assert item["concurrency_limit"] == {
            "limit": twin.concurrency_limit,
            "collision_strategy": twin.concurrency_options.collision_strategy.value,
        }


def test_flows_and_tasks_are_thin() -> None:
    # A flow decides when; what is done is the pipeline's.
    for path in sorted((ROOT / "flows").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                shown = [ast.unparse(item) for item in node.decorator_list]
                if not any(text.startswith(("flow(", "task(")) for text in shown):
                    continue
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= 15, f"{path.name} {node.name} has {length} lines"
                assert not [part for part in ast.walk(node) if isinstance(part, ast.If | ast.IfExp)]


def test_tasks_keep_no_results_and_are_never_taken_from_a_cache() -> None:
    from prefect import Flow, Task
    from prefect.cache_policies import NO_CACHE

    found = [
        getattr(importlib.import_module(f"flows.{name}"), exported)
        for name in ("ingest", "train", "score", "report", "retain")
        for exported in importlib.import_module(f"flows.{name}").__all__
    ]
    tasks = [item for item in found if isinstance(item, Task)]
    flows = [item for item in found if isinstance(item, Flow)]
    assert (len(tasks), len(flows)) == (6, 6)
    assert all(task.cache_policy == NO_CACHE and task.persist_result is False for task in tasks)
    assert all(flow.persist_result is False for flow in flows)
