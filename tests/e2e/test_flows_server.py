"""The flows on a real Prefect server: scheduled runs, runs of the functions, what they leave."""

import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.assembly import open_site
from pipeline.camera import Camera
from pipeline.cli import main
from tests.prefect_server import Started, environment, server, wait_for
from tests.promises import Promise
from tests.store_dump import dump

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(240)]

__all__ = ["environment", "server"]


def make_site(folder: Path) -> Path:
    """Make a site with one camera that has a clip, and one that has none."""
    (folder / "belt").mkdir(parents=True)
    (folder / "quiet").mkdir()
    made = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=3", "-pix_fmt", "yuv420p"]
    clip = folder / "belt" / "2026-01-31T08-00-00Z.mp4"
    subprocess.run(["ffmpeg", "-v", "error", *made, str(clip)], check=True)
    (folder / "kizashi.toml").write_text(
        "stable_seconds = 0\ningest_interval_seconds = 10\n", encoding="utf-8"
    )
    site = open_site(folder)
    for name in ("belt", "quiet"):
        site.store.put_camera(
            Camera(name=name, source=Path(name), purpose="test", owner="test", retention_days=1)
        )
    site.close()
    return folder


def rows_in(folder: Path) -> dict[str, int]:
    site = open_site(folder)
    counts = dict(site.store.row_counts())
    site.close()
    return counts


def runs_of(server: str, flow: str) -> list[dict[str, Any]]:
    answer = httpx.post(
        f"{server}/flow_runs/filter",
        json={"flows": {"name": {"any_": [flow]}}, "sort": "EXPECTED_START_TIME_ASC"},
        timeout=10,
    )
    runs: list[dict[str, Any]] = answer.raise_for_status().json()
    return runs


def wait_for_log(server: str, run: dict[str, Any], text: str) -> str:
    """Return the log of a run once it holds `text`; it comes in batches, behind the run."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        answer = httpx.post(
            f"{server}/logs/filter",
            json={"logs": {"flow_run_id": {"any_": [run["id"]]}}, "limit": 200},
            timeout=10,
        )
        log = "\n".join(line["message"] for line in answer.raise_for_status().json())
        if text in log:
            return log
        time.sleep(0.25)
    raise AssertionError(f"{text!r} is not in the log: {log}")


def leave_a_killed_run(server: str, folder: Path) -> str:
    """Leave what a power cut leaves: a run that "runs" and its slot, taken, without a lease."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
    from prefect.settings import PREFECT_API_URL, temporary_settings
    from prefect.states import Running

    from flows.deployments import deployments_of
    from pipeline.settings import Settings

    with (
        temporary_settings({PREFECT_API_URL: server}),
        get_client(sync_client=True) as client,
    ):
        watch = deployments_of(folder, Settings())[0]
        watch.schedules = []
        known = client.read_deployment(watch.apply())
        run = client.create_flow_run_from_deployment(known.id, state=Running())
        assert known.global_concurrency_limit is not None
        taken = GlobalConcurrencyLimitUpdate(active_slots=1)
        client.update_global_concurrency_limit(known.global_concurrency_limit.name, taken)
    return str(run.id)


def test_a_scheduled_run_takes_in_what_arrived_after_a_run_that_was_killed(
    server: str, environment: dict[str, str], tmp_path: Path
) -> None:
    folder = make_site(tmp_path / "site")
    killed = leave_a_killed_run(server, folder)
    arguments = ["pipeline.cli", "--site", str(folder), "serve"]
    served = Started(arguments, tmp_path / "serve.log", {**environment, "PREFECT_API_URL": server})

    def completed() -> dict[str, Any] | None:
        done = [r for r in runs_of(server, "kizashi-watch") if r["state_type"] == "COMPLETED"]
        assert not [r for r in runs_of(server, "kizashi-watch") if r["state_type"] == "FAILED"]
        return next(iter(done), None)

    try:
        run = wait_for("completed run", completed, served, 120)
        wait_for_log(server, run, "camera belt has no active model yet: run kizashi train belt")
    finally:
        served.stop()

    assert run["auto_scheduled"] is True
    crashed = [each for each in runs_of(server, "kizashi-watch") if each["id"] == killed]
    assert [each["state_type"] for each in crashed] == ["CRASHED"]
    assert run["parameters"] == {"site": str(folder), "cameras": []}
    counts = rows_in(folder)
    assert counts["footage"] == 1
    assert counts["segments"] >= 1
    said = served.text()
    assert "kizashi-watch" in said
    assert "every 0:00:10" in said


def test_serving_a_site_again_leaves_one_schedule_with_the_new_interval(
    server: str, tmp_path: Path
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.deployments import deployments_of
    from pipeline.settings import Settings

    with temporary_settings({PREFECT_API_URL: server}):
        for seconds in (3600, 7200):
            settings = Settings(ingest_interval_seconds=seconds)
            watch = next(
                item
                for item in deployments_of(tmp_path, settings)
                if item.flow_name == "kizashi-watch"
            )
            watch.apply()
    deployment = httpx.get(f"{server}/deployments/name/kizashi-watch/{watch.name}", timeout=10)
    schedules = deployment.raise_for_status().json()["schedules"]
    assert [(s["slug"], s["active"], s["schedule"]["interval"]) for s in schedules] == [
        ("interval", True, 7200.0)
    ]
    assert schedules[0]["schedule"]["timezone"] == "UTC"


def test_a_flow_run_twice_adds_nothing_and_publishes_a_table(
    server: str, tmp_path: Path, promise: Promise
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.ingest import ingest

    folder = make_site(tmp_path / "site")
    with temporary_settings({PREFECT_API_URL: server}):
        ingest(str(folder))
        first = dump(f"sqlite:///{folder / 'kizashi.db'}")
        ingest(str(folder), ["belt", "quiet"])
    assert len(first["footage"]) == 1
    assert dump(f"sqlite:///{folder / 'kizashi.db'}") == first
    assert main(["--site", str(folder), "ingest"]) == 0
    assert dump(f"sqlite:///{folder / 'kizashi.db'}") == first
    promise("C4", "ingest by flow, again, and by the command line: the same rows")
    artifact = httpx.get(f"{server}/artifacts/kizashi-ingest/latest", timeout=10)
    table = artifact.raise_for_status().json()["data"]
    assert '"camera": "belt"' in table
    assert '"known": 1' in table


def test_a_report_leaves_a_summary_of_each_camera_that_leads_to_it(
    server: str, tmp_path: Path
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.ingest import ingest
    from flows.report import report

    folder = make_site(tmp_path / "site")
    with temporary_settings({PREFECT_API_URL: server}):
        ingest(str(folder), ["belt"])
        report(str(folder), ["belt"])
    page = folder / "reports" / "belt" / "day-2026-01-31.en.html"
    assert page.exists()
    answer = httpx.get(f"{server}/artifacts/kizashi-report-belt/latest", timeout=10)
    artifact = answer.raise_for_status().json()
    assert artifact["type"] == "markdown"
    assert page.as_uri() in artifact["data"]
    assert "Daily report, 2026-01-31" in artifact["data"]
    table = httpx.get(f"{server}/artifacts/kizashi-report/latest", timeout=10).json()["data"]
    assert '"period": "day-2026-01-31"' in table


def test_the_doctor_asks_the_server_that_is_configured(server: str) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.health import prefect_answer

    with temporary_settings({PREFECT_API_URL: server}):
        assert prefect_answer() == (server, None)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        silent = f"http://127.0.0.1:{free.getsockname()[1]}/api"
    with temporary_settings({PREFECT_API_URL: silent}):
        answer = prefect_answer()
    assert answer is not None
    assert answer[0] == silent
    assert "no Prefect server answers" in str(answer[1])
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert prefect_answer() is None


def test_a_camera_that_fails_does_not_stop_the_others_and_the_run_says_which(
    server: str, tmp_path: Path, error_logs: list[str]
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.cameras import SomeCamerasFailed
    from flows.ingest import ingest

    folder = make_site(tmp_path / "site")
    with (
        temporary_settings({PREFECT_API_URL: server}),
        pytest.raises(SomeCamerasFailed) as failure,
    ):
        ingest(str(folder), ["unknown", "belt"])
    assert str(failure.value).startswith("1 of 2 cameras failed: unknown: ")
    assert rows_in(folder)["footage"] == 1
    error_logs.clear()  # Prefect reports failed runs at ERROR, as it should


def test_a_password_reaches_neither_the_server_nor_its_database(
    server: str,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error_logs: list[str],
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.score import watch
    from pipeline.errors import StoreUnavailable

    canary = "cAnArY7"
    monkeypatch.setenv("KIZASHI_DATABASE_URL", f"postgresql://kizashi:{canary}@127.0.0.1:1/kizashi")
    with temporary_settings({PREFECT_API_URL: server}), pytest.raises(StoreUnavailable):
        watch(str(tmp_path), ["belt"])
    (run,) = [
        run
        for run in runs_of(server, "kizashi-watch")
        if run["parameters"] == {"site": str(tmp_path), "cameras": ["belt"]}
    ]
    assert canary not in str(run)
    assert canary not in wait_for_log(server, run, "StoreUnavailable")
    assert error_logs
    assert not [line for line in error_logs if canary in line]
    error_logs.clear()
    home = Path(environment["PREFECT_HOME"])
    found = [
        str(path)
        for path in home.rglob("*")
        if path.is_file() and canary.encode() in path.read_bytes()
    ]
    assert found == []


def test_serving_without_a_server_is_one_line_with_what_to_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        silent = f"http://127.0.0.1:{free.getsockname()[1]}/api"
    folder = make_site(tmp_path / "site")
    with temporary_settings({PREFECT_API_URL: silent}):
        code = main(["--site", str(folder), "serve"])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert silent in err
    assert "prefect server start" in err
    assert "prefect config set PREFECT_API_URL=" in err
