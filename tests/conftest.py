"""What holds for every test: a clean environment, no ERROR in the logs, no skip that nobody listed.

Listed skips are in allowed_skips.txt, so that a missing program is seen and not passed over.
"""

from __future__ import annotations

import fnmatch
import logging
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.promises import Promise, promise_table

ALLOWED_SKIPS = Path(__file__).parent / "allowed_skips.txt"
NO_FOOTAGE = "no benchmark footage: set KIZASHI_DATA to its folder"

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

_ISOLATED = ("KIZASHI_", "PREFECT_")
_KEPT = {"KIZASHI_DATA"}
_FIXED = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


def pytest_configure(config: pytest.Config) -> None:
    """Clean the environment before any test module (and with it Prefect) is imported."""
    for name in _outside_names():
        del os.environ[name]
    os.environ.update(_FIXED)
    home = tempfile.TemporaryDirectory(prefix="kizashi-prefect-")
    os.environ["PREFECT_HOME"] = home.name
    config.add_cleanup(home.cleanup)


def _outside_names() -> list[str]:
    return [name for name in os.environ if name.startswith(_ISOLATED) and name not in _KEPT]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test the environment that pytest_configure made, whatever the one before did."""
    for name in _outside_names():
        if name not in _FIXED and name != "PREFECT_HOME":
            monkeypatch.delenv(name)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}")


@pytest.fixture(autouse=True)
def error_logs() -> Iterator[list[str]]:
    """Fail a test that logged at ERROR. One that means to asks for this list, looks, and clears
    it."""
    collector = _Collector()
    root = logging.getLogger()
    root.addHandler(collector)
    yield collector.lines
    root.removeHandler(collector)
    assert not collector.lines, f"logged at ERROR: {collector.lines}"


@pytest.fixture(autouse=True)
def _restored_logs() -> Iterator[None]:
    """Undo what a command line run in this process does to its logs."""
    root = logging.getLogger()
    before = root.level
    yield
    for handler in [each for each in root.handlers if each.get_name() == "kizashi"]:
        root.removeHandler(handler)
        root.setLevel(before)
    if "structlog" in sys.modules:
        sys.modules["structlog"].reset_defaults()


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of the benchmark footage, from KIZASHI_DATA; it is never part of the repository."""
    named = os.environ.get("KIZASHI_DATA")
    if not named:
        pytest.skip(NO_FOOTAGE)
    folder = Path(named)
    assert folder.is_dir(), f"KIZASHI_DATA names {folder}, which is no folder"
    return folder


@pytest.fixture
def promise(request: pytest.FixtureRequest) -> Promise:
    """What a test tells the figure that it reached for a promise."""
    return Promise(request.node)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of the promises, before pytest's own closing line."""
    reports = [one for kind in terminalreporter.stats.values() for one in kind]
    lines = promise_table(one for one in reports if isinstance(one, pytest.TestReport))
    if lines:
        terminalreporter.section("promises, and the figures of this run")
        for line in lines:
            terminalreporter.line(line)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse two tests of one name: of those, pytest-xdist runs one."""
    twice = [name for name, count in Counter(item.nodeid for item in items).items() if count > 1]
    if twice:
        raise pytest.UsageError(f"several tests have one name: {', '.join(twice)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip that nobody listed into a failure; keep what was captured as text."""
    report = yield
    # Bytes of file names that are no UTF-8 come as lone surrogates, which no worker can hand over.
    report.sections = [(name, _as_text(captured)) for name, captured in report.sections]
    return _refuse_unlisted_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole module that nobody listed into a failure."""
    report = yield
    return _refuse_unlisted_skip(report)


def _as_text(captured: str) -> str:
    return captured.encode("utf-8", "backslashreplace").decode("utf-8")


def _refuse_unlisted_skip(report: Report) -> Report:
    if not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not skip_is_allowed(report.nodeid, reason, ALLOWED_SKIPS.read_text(encoding="utf-8")):
        report.outcome = "failed"
        report.longrepr = f"skipped ({reason}), and {ALLOWED_SKIPS.name} does not list it"
    return report


def skip_is_allowed(nodeid: str, reason: str, allowed: str) -> bool:
    """Return whether a line `TEST | REASON` of `allowed` fits; * and ? stand for any text."""
    for line in allowed.splitlines():
        test, bar, why = line.partition(" | ")
        if (
            bar
            and not line.startswith("#")
            and fnmatch.fnmatchcase(nodeid, test.strip())
            and fnmatch.fnmatchcase(reason, why.strip())
        ):
            return True
    return False
