"""A real Prefect server on the loopback interface, and processes that are ended with all they
started.

`from tests.prefect_server import environment, server` makes the fixtures known to a
test module; each module has a server of its own.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker

__all__ = ["Started", "environment", "server", "wait_for"]

ROOT = Path(__file__).parents[1]


class Started:
    """A process of ours with all that it starts; its output goes to a file."""

    def __init__(self, arguments: list[str], log: Path, environment: dict[str, str]) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=log.parent,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check_alive(self) -> None:
        code = self.process.poll()
        assert code is None, f"ended with {code}: {self.text()}"

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """Ask the process to end, then end whatever is left in the session that it began."""
        self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=20)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)


def wait_for(what: str, ready: Any, process: Started, seconds: float) -> Any:
    """Return the first true answer of `ready`, while `process` lives."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := ready():
            return answer
        process.check_alive()
        time.sleep(0.25)
    raise AssertionError(f"no {what} within {seconds} s: {process.text()[-4000:]}")


def answers(url: str) -> bool:
    """Tell whether a Prefect server says that it is well."""
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of the processes: a Prefect home of their own, nothing sent anywhere."""
    return {
        **os.environ,
        "PREFECT_HOME": str(tmp_path_factory.mktemp("prefect-home")),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).strip(
            os.pathsep
        ),
    }


@pytest.fixture(scope="module")
def server(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Prefect server on a free port of the loopback interface."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    arguments = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    log = tmp_path_factory.mktemp("server") / "server.log"
    process = Started([*arguments, "--no-ui"], log, environment)
    try:
        wait_for("server", lambda: answers(url), process, 120)
        yield url
    finally:
        _end_services_of_flows()
        process.stop()


def _end_services_of_flows() -> None:
    """End what Prefect began beside flows of this process: without their server these threads try
    again after random pauses for as long as the process lives, and hypothesis takes a draw from
    the global random for a fault of the test that it runs."""
    for service in (EventsWorker, APILogWorker):
        service.drain_all(timeout=10, at_exit=False)
