"""The command line, run in this process by tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import main

__all__ = ["Run", "command_line"]

Run = Callable[..., tuple[int, str, str]]


def command_line(site: Path, capsys: pytest.CaptureFixture[str], *first: str) -> Run:
    """Return what runs one command on a site, its arguments behind `first`, and gives its exit
    code, standard output and standard error."""
    capsys.readouterr()

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        code = main(["--site", str(site), *first, *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return run
