"""Files of deployment: they parse, what they name is there, and the commands in them exist."""

from __future__ import annotations

import asyncio
import configparser
import importlib
import re
import shlex
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.cli._app import _app as prefect_commands
from prefect.settings.models.server.concurrency import ServerConcurrencySettings
from prefect.settings.models.server.services import ServerServicesDBVacuumSettings

from tests.unit.test_shell_docs import problem_with

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
INSTALLED = "/opt/kizashi/.venv/bin/"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PREFECT_YAML: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))


def check_command(words: list[str]) -> None:
    """Fail unless this can be typed: a command of ours, or one of Prefect's."""
    if words[0] == "kizashi":
        assert problem_with(shlex.join(words)) is None
        return
    assert words[0] == "prefect", words
    prefect_commands.parse_args(words[1:], exit_on_error=False, print_error=False)


def shown_prefect_commands() -> list[str]:
    """Return every command line of Prefect in prefect.yaml, the page and the settings."""
    pages = [ROOT / "prefect.yaml", *(ROOT / "docs").glob("*.md")]
    found = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        found += re.findall(r"(?:`|^#? {2,4})(?:\w+=\S+ )?(prefect [a-z][^`\n]*)", text, re.M)
    return found


def settings_of(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(unit, encoding="utf-8")
    return parser


def started_by(unit: Path) -> list[str]:
    """Return the command line of a unit, for the pool cpu where it is for any."""
    words = shlex.split(settings_of(unit)["Service"]["ExecStart"].replace("%i", "cpu"))
    assert words[0].startswith(INSTALLED)
    return [words[0].removeprefix(INSTALLED), *words[1:]]


def pools_with_a_worker(lines: list[list[str]]) -> set[str]:
    return {
        words[words.index("--pool") + 1]
        for words in lines
        if words[:3] == ["prefect", "worker", "start"]
    }


def test_a_command_that_does_not_exist_is_seen() -> None:
    for wrong in (["kizashi", "fly"], ["prefect", "worker", "start", "--pol", "cpu"], ["rm", "x"]):
        with pytest.raises(Exception, match=r"."):
            check_command(wrong)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_something_that_exists_and_comes_back_by_itself(unit: Path) -> None:
    check_command(started_by(unit))
    said = settings_of(unit)
    assert said["Service"]["User"] == "kizashi"
    assert said["Service"]["Restart"] == "always"
    assert said["Unit"]["StartLimitIntervalSec"] == "0"
    assert "network-online.target" in said["Unit"]["After"]
    assert said["Install"]["WantedBy"] == "multi-user.target"
    named = {word for word in said["Unit"]["After"].split() if word.startswith("kizashi-")}
    assert named <= {one.name for one in UNITS}


def test_systemd_finds_nothing_to_say_of_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("kizashi", "prefect"):
        (programs / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8")
        assert text.count(INSTALLED) == 1
        (tmp_path / unit.name).write_text(text.replace(INSTALLED, f"{programs}/"), encoding="utf-8")
    assert len(UNITS) == 4
    if program is not None:  # its rules; those above are looked at everywhere
        units = [str(tmp_path / unit.name) for unit in UNITS]
        done = subprocess.run(
            [program, "verify", *units], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_units_read_an_environment_that_names_only_what_there_is() -> None:
    from pipeline.settings import Settings

    text = (ROOT / "deploy/systemd/environment").read_text(encoding="utf-8")
    names = re.findall(r"^(\w+)=", text, re.MULTILINE)
    known = {f"KIZASHI_{name.upper()}" for name in Settings.model_fields} | {"KIZASHI_SITE"}
    assert {name for name in names if name.startswith("KIZASHI_")} <= known
    assert {"KIZASHI_DATABASE_URL", "PREFECT_API_URL"} <= set(names)
    assert not re.search(r"://[^@\s]*:[^@\s]*@", text), "a password in a file that is copied around"
    for unit in UNITS:
        assert settings_of(unit)["Service"]["EnvironmentFile"] == "/etc/kizashi/environment"


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "database"])
def test_a_service_starts_something_that_exists(name: str) -> None:
    words = [
        word.replace("${DASHBOARD_NAME:?set it in .env}", "plant")
        for word in SERVICES[name]["command"]
    ]
    check_command(words)


def test_services_wait_for_services_that_there_are_and_none_for_itself() -> None:
    before: dict[str, set[str]] = {
        name: set(one.get("depends_on", {})) for name, one in SERVICES.items()
    }
    once = {name for name, one in SERVICES.items() if one.get("restart") == "no"}
    for name, one in SERVICES.items():
        for earlier, how in one.get("depends_on", {}).items():
            ends = how["condition"] == "service_completed_successfully"
            assert ends == (earlier in once), f"{name} waits for {earlier} in the wrong way"
            assert ends or "healthcheck" in SERVICES[earlier]
    started: set[str] = set()
    while ready := {name for name in SERVICES if name not in started and before[name] <= started}:
        started |= ready
    assert started == set(SERVICES)


def test_what_compose_mounts_is_there_and_secrets_come_from_outside() -> None:
    named = [mount for one in SERVICES.values() for mount in one.get("volumes", [])]
    for mount in named:
        source = mount.split(":")[0] if not mount.startswith("$") else ""
        if source.startswith("./"):
            assert (ROOT / "deploy" / source).is_file()
        elif source:
            assert source in COMPOSE["volumes"]
    text = (ROOT / "deploy/compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"kizashi:([^@\n]+)@", text)) == {"${POSTGRES_PASSWORD:?set it in .env}"}
    open_ports = [port for one in SERVICES.values() for port in one.get("ports", [])]
    assert [port for port in open_ports if not port.startswith("127.0.0.1:")] == ["8400:8400"]
    assert "--certificate" in SERVICES["dashboard"]["command"]


def test_the_gpu_file_adds_to_a_service_that_there_is() -> None:
    added = yaml.safe_load((ROOT / "deploy/compose.gpu.yaml").read_text(encoding="utf-8"))
    assert set(added["services"]) == {"worker-gpu"} <= set(SERVICES)


def test_the_image_copies_what_there_is_and_installs_extras_that_there_are() -> None:
    import tomllib

    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    copied = [word for line in re.findall(r"^COPY (.*)$", text, re.M) for word in line.split()[:-1]]
    assert {"pipeline", "flows", "dashboards", "tgan_core", "prefect.yaml"} <= set(copied)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    (extras,) = re.findall(r"'\.\[([a-z,]+)\]'", text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(extras.split(",")) == set(project["project"]["optional-dependencies"]) - {"dev"}


def test_learning_goes_to_the_pool_gpu_and_every_pool_has_a_worker() -> None:
    pools = {item["entrypoint"]: item["work_pool"]["name"] for item in PREFECT_YAML["deployments"]}
    learning = {"flows.train.train", "flows.retrain.retrain"}
    assert {name for name, pool in pools.items() if pool == "gpu"} == learning
    assert set(pools.values()) == {"cpu", "gpu"}
    commands = [one["command"] for name, one in SERVICES.items() if name != "database"]
    assert pools_with_a_worker(commands) == {"cpu", "gpu"}
    shown = [shlex.split(line.split("   ")[0]) for line in shown_prefect_commands()]
    assert {"cpu", "gpu"} <= pools_with_a_worker([line for line in shown if "--pool" in line])


def test_the_commands_of_prefect_that_the_documents_show_exist() -> None:
    shown = shown_prefect_commands()
    assert len(shown) >= 6
    for line in shown:
        check_command(shlex.split(line.split("   ")[0]))


def environment_of_the_server(where: str) -> dict[str, str]:
    if where == "compose":
        said = SERVICES["prefect"]["environment"]
        return {name: value for name, value in said.items() if name.startswith("PREFECT_SERVER_")}
    text = (ROOT / "deploy/systemd/environment").read_text(encoding="utf-8")
    return dict(re.findall(r"^(PREFECT_SERVER_\w+)=(.*)$", text, re.MULTILINE))


@pytest.mark.parametrize("where", ["systemd", "compose"])
def test_whose_turn_it_is_outlives_the_server_so_that_a_power_cut_holds_no_place_for_ever(
    where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from uuid import uuid4

    for name, value in environment_of_the_server(where).items():
        monkeypatch.setenv(name, value)
    module = importlib.import_module(ServerConcurrencySettings().lease_storage)

    async def taken_and_looked_at_by_the_next_server() -> Any:
        taken = await module.ConcurrencyLeaseStorage(tmp_path).create_lease(
            [uuid4()], timedelta(seconds=-1)
        )
        return taken.id in await module.ConcurrencyLeaseStorage(tmp_path).read_expired_lease_ids()

    assert asyncio.run(taken_and_looked_at_by_the_next_server())
    home = "/home/kizashi/.prefect"
    assert [mount for mount in SERVICES["prefect"]["volumes"] if mount.endswith(f":{home}")]
    assert home in (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("where", ["systemd", "compose"])
def test_the_server_forgets_what_ran_long_ago(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment_of_the_server(where).items():
        monkeypatch.setenv(name, value)
    said = ServerServicesDBVacuumSettings()
    assert {"events", "flow_runs"} <= said.enabled_vacuum_types
    assert timedelta(days=7) <= said.retention_period <= timedelta(days=30)
