"""The closing table holds the figures of every test, also those of other processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
def test_holds(promise):
    promise("T3", "60 names: 0 guessed")
    promise("T10", "2 zones")

def test_breaks(promise):
    promise("K1", "3 kills: 1 lost")
    assert False
"""


@pytest.mark.parametrize("workers", [pytest.param("0", marks=pytest.mark.full), "2"])
def test_the_table_comes_just_before_the_closing_line(workers: str, tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(TESTS)
    arguments = ["-q", "-p", "no:cacheprovider", "-p", "tests.conftest", "-n", workers]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if "promises, and" in line)
    assert lines[start + 1 : start + 4] == [
        "K1   FAILED: 3 kills: 1 lost  (test_two.py::test_breaks)",
        "T3   60 names: 0 guessed  (test_two.py::test_holds)",
        "T10  2 zones  (test_two.py::test_holds)",
    ]
    assert "1 failed, 1 passed" in lines[-1]
