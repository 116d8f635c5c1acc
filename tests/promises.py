"""The closing table: what figure each promise reached in this run of the tests.

A test tells its figure with the fixture `promise`: `promise("K1", "480 kills: 0 lost, 0 doubled")`.
Figures travel with the report of the test, so the workers of pytest-xdist hand theirs over too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

__all__ = ["PROPERTY", "Promise", "promise_table"]

PROPERTY = "promise"


class Promise:
    """Records the figure that a test reached for a promise."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def __call__(self, identifier: str, figure: str) -> None:
        """Record `figure`, in words, for the promise `identifier` (a letter and a number)."""
        assert re.fullmatch(r"[A-Z][0-9]+", identifier), identifier
        assert figure, f"{identifier} has no figure"
        self._item.user_properties.append((PROPERTY, [identifier, figure]))


def promise_table(reports: Iterable[pytest.TestReport]) -> list[str]:
    """Return a line for each figure, by promise; one of a test that failed says so."""
    found = {
        (identifier[0], int(identifier[1:]), figure, _short(report.nodeid)): failed
        for report in reports
        if report.when == "call"
        for name, value in report.user_properties
        if name == PROPERTY
        for identifier, figure in [value]
        for failed in [report.failed]
    }
    return [
        f"{letter}{number:<3} {'FAILED: ' if failed else ''}{figure}  ({test})"
        for (letter, number, figure, test), failed in sorted(found.items())
    ]


def _short(nodeid: str) -> str:
    """Return file and function of a test."""
    return nodeid.partition("[")[0].rpartition("/")[2]
