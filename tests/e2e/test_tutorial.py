"""The tutorial, followed word for word in an empty folder, prints what the page says it prints."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tutorial import comparable, ids_in, steps_of

pytestmark = [pytest.mark.full, pytest.mark.timeout(5400)]

ROOT = Path(__file__).parents[2]
TYPING_SECONDS = 3.0
"""A person needs longer between two commands; a file that was just copied waits for 2 s."""


def test_every_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    place = tmp_path
    real: dict[str, str] = {}
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for step in steps_of(page):
        command = step.command
        for shown, actual in real.items():
            command = command.replace(shown, actual)
        if command.startswith("cd "):
            place = (place / command.removeprefix("cd ")).resolve()
            continue
        time.sleep(TYPING_SECONDS)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        print(f"$ {command}\n{done.stdout}", flush=True)
        assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"
        assert comparable(done.stdout, tmp_path) == comparable(step.output), command
        real.update(zip(ids_in(step.output), ids_in(done.stdout), strict=True))
