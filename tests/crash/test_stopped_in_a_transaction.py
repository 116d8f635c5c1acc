"""SIGTERM in the middle of a transaction: the transaction comes to its end, then the command does;
its lease is given back and the database is free."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.engine.default import DefaultDialect

from pipeline.stopping import Stopped, stopped_by_signals
from tests.crash.small_line import CalmLine, line_work, what_is_left
from tests.forked import in_child
from tests.promises import Promise

STOPPED = 143


def stopped_at(folder: Path, number: int, statements: Path) -> int:
    """Work in a child that is asked to stop when it gives its statement `number` to the database
    (0: the first; -1: never); return how it ended."""

    def work() -> None:
        given = 0
        execute = DefaultDialect.do_execute

        def asked(self: DefaultDialect, cursor: object, *arguments: object) -> None:
            nonlocal given
            execute(self, cursor, *arguments)  # type: ignore[arg-type]
            given += 1
            if given == number + 1:
                os.kill(os.getpid(), signal.SIGTERM)

        DefaultDialect.do_execute = asked  # type: ignore[method-assign,assignment]
        try:
            with stopped_by_signals():
                line_work(folder)
        except Stopped:
            os._exit(STOPPED)
        finally:
            statements.write_text(str(given), encoding="utf-8")

    return in_child(work)


@pytest.mark.parametrize("stride", [40, pytest.param(1, marks=pytest.mark.full)])
@pytest.mark.timeout(1800)
def test_a_command_that_is_asked_to_stop_at_a_statement_leaves_its_lease_and_the_database_free(
    stride: int, line: CalmLine, place: Path, promise: Promise
) -> None:
    statements = place / "statements.txt"
    assert stopped_at(line.copy(place / "whole"), -1, statements) == 0
    count, stops = int(statements.read_text(encoding="utf-8")), 0
    assert count > 100
    for number in range(stride // 2, count, stride):
        folder = line.copy(place / f"at{number}")
        assert stopped_at(folder, number, statements) == STOPPED, number
        stops += 1
        assert in_child(partial(line_work, folder)) == 0, number
        assert what_is_left(folder) == line.left, number
    promise("K6", f"SIGTERM at {stops} of {count} statements: 0 left leased, 0 lost, 0 doubled")
