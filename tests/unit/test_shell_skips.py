"""The rules of conftest.py themselves: a skip or an ERROR in a log is seen."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import skip_is_allowed

ROOT = Path(__file__).parents[2]
ALLOWED = "# a comment\ntests/unit/test_a.py::* | no such program: *\n* | no footage\n"


@pytest.mark.parametrize(
    ("nodeid", "reason", "allowed"),
    [
        ("tests/unit/test_a.py::test_b", "no such program: ffmpeg", True),
        ("tests/unit/test_b.py::test_b", "no such program: ffmpeg", False),
        ("tests/unit/test_a.py::test_b", "no footage", True),
        ("tests/unit/test_a.py::test_b", "no footage today", False),
        ("tests/unit/test_a.py::test_b", "", False),
        ("# a comment", "", False),
    ],
)
def test_a_skip_is_allowed_only_when_test_and_reason_are_listed(
    nodeid: str, reason: str, allowed: bool
) -> None:
    assert skip_is_allowed(nodeid, reason, ALLOWED) is allowed


CASES = """
import logging
import os
import pytest

def test_skips():
    pytest.skip("because")

@pytest.mark.skipif(True, reason="also because")
def test_is_marked():
    pass

def test_without_footage(data_folder):
    pass

def test_logs_an_error():
    logging.getLogger("library").error("broken")

def test_means_to_log_an_error(error_logs):
    logging.getLogger("library").error("broken")
    assert error_logs == ["library: broken"]
    error_logs.clear()

@pytest.mark.xfail(reason="known", strict=True)
def test_is_expected_to_fail():
    assert False

def test_the_environment_is_clean():
    assert not [name for name in os.environ if name.startswith("KIZASHI_")]
    assert os.environ["PREFECT_HOME"] != "/outside"
    assert "PREFECT_API_URL" not in os.environ
    assert os.environ["DO_NOT_TRACK"] == "1"
"""


def test_unlisted_skips_and_error_logs_fail_a_run(tmp_path: Path) -> None:
    (tmp_path / "test_cases.py").write_text(CASES, encoding="utf-8")
    (tmp_path / "test_module.py").write_text(
        "import pytest\npytest.skip('all of it', allow_module_level=True)\n", encoding="utf-8"
    )
    options = "-p tests.conftest -p no:cacheprovider -q -rA -c /dev/null"
    options += " --continue-on-collection-errors --rootdir"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options.split(), str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        env={
            "PATH": "",
            "PYTHONPATH": str(ROOT),
            "KIZASHI_DEVICE": "cuda",
            "PREFECT_HOME": "/outside",
            "PREFECT_API_URL": "http://outside",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    outcome = {
        line.split("::")[-1].split(" ")[0]: line.split(" ")[0]
        for line in done.stdout.splitlines()
        if line.startswith(("PASSED", "FAILED", "ERROR ", "SKIPPED", "XFAIL"))
    }
    assert outcome["test_skips"] == "FAILED"
    assert outcome["test_is_marked"] in {"FAILED", "ERROR"}
    assert outcome["test_logs_an_error"] == "ERROR"
    assert outcome["test_means_to_log_an_error"] == "PASSED"
    assert outcome["test_is_expected_to_fail"] == "XFAIL"
    assert outcome["test_the_environment_is_clean"] == "PASSED"
    assert "test_module.py" in done.stdout
    assert "does not list it" in done.stdout
    assert "no benchmark footage: set KIZASHI_DATA to its folder" in done.stdout
    assert done.returncode == 1
