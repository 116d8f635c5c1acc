"""The small line of the crash tests, made once in each process; and a fast place for it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.small_line import CalmLine, calm_line, prepare
from tests.postgres_server import fast_place


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder, in memory where there is one: an fsync costs nothing there."""
    with tempfile.TemporaryDirectory(prefix="kizashi-crash-", dir=fast_place()) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def _made() -> Iterator[CalmLine]:
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="kizashi-line-", dir=fast_place()) as name,
    ):
        prepare(patch)
        made = calm_line(Path(name))
        patch.undo()
        yield made


@pytest.fixture(scope="module")
def line(_made: CalmLine) -> Iterator[CalmLine]:
    """Return a line whose work is not done yet, and what a run that nobody disturbs leaves."""
    with pytest.MonkeyPatch.context() as patch:
        prepare(patch)
        yield _made
