"""Show: the demonstration's outcome as text that reads well on a terminal and in a log."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pipeline.demo.outcome import FaultOutcome
from pipeline.demo.run_demo import DemoResult

__all__ = ["demo_text", "show_demo"]

_HEADINGS = (
    "fault",
    "when (UTC)",
    "found",
    "delay",
    "severity",
    "expert",
    "seen at",
    "on the spot",
)


def demo_text(result: DemoResult) -> str:
    """Return the whole outcome as plain lines."""
    blocks = [
        _columns(_HEADINGS, [_row(fault) for fault in result.outcome.faults]),
        _verdict(result),
        _places(result),
        f'kizashi --site {shlex.quote(str(result.folder))} sql "{result.query}"',
        _columns(result.query_columns, [[_cell(v) for v in row] for row in result.query_rows]),
    ]
    return "\n\n".join(blocks)


def show_demo(result: DemoResult) -> None:
    """Print the outcome to standard output: in colours on a terminal, as plain lines elsewhere."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    text = Text(demo_text(result))
    if console.is_terminal:
        text.highlight_regex(r"(?m)^[a-z_]+ +[0-9:]{8} - [0-9:]{8} +yes", "green")
        text.highlight_regex(r"(?m)^[a-z_]+ +[0-9:]{8} - [0-9:]{8} +no\b.*$", "yellow")
        text.highlight_regex(r"(?m)^found .*$", "bold")
        text.highlight_regex(r"(?m)^fault  .*$", "bold")
    # Lines are not folded: a log or a pipe must find each row whole.
    console.print(text, soft_wrap=True)


def _row(fault: FaultOutcome) -> list[str]:
    span = f"{fault.truth.start_utc:%H:%M:%S} - {fault.truth.end_utc:%H:%M:%S}"
    best, delay = fault.strongest, fault.delay_seconds
    if best is None or delay is None:
        return [fault.truth.kind.value, span, "no", "", "", "", "", ""]
    x, y = best.place.x + best.place.width / 2, best.place.y + best.place.height / 2
    return [
        fault.truth.kind.value,
        span,
        "yes",
        f"{delay:.1f} s",
        best.severity.value,
        best.expert,
        f"{100 * x:.0f} %, {100 * y:.0f} %",
        "yes" if fault.on_the_spot else "no",
    ]


def _verdict(result: DemoResult) -> str:
    false = f"{result.false_alerts} false alert{'' if result.false_alerts == 1 else 's'}"
    lines = [
        f"found {result.found} of {result.faults}, {false} in "
        f"{result.normal_minutes:.1f} minutes of normal footage "
        f"(learnt from {result.learnt_seconds / 60:.0f} minutes before)"
    ]
    for alert in result.outcome.false_alerts:
        lines.append(
            f"false: {alert.start_utc:%H:%M:%S} - {alert.end_utc:%H:%M:%S}, "
            f"{alert.severity.value}, {alert.expert}"
        )
    return "\n".join(lines)


def _places(result: DemoResult) -> str:
    stages = ", ".join(f"{name[4:]} {length:.0f} s" for name, length in result.stage_seconds)
    names = ["database", "report", "truth", "took", "look"]
    values = [result.database, ", ".join(map(str, result.reports)), str(result.truth_path), stages]
    values.append(f"kizashi --site {result.folder} dashboard --without-login")
    return "\n".join(f"{name:9}{value}" for name, value in zip(names, values, strict=True))


def _columns(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under headings, each column as wide as its widest cell."""
    table = [list(headings), *[list(row) for row in rows]]
    widths = [max(len(line[i]) for line in table) for i in range(len(headings))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in table]
    lines.insert(1, "  ".join("-" * width for width in widths))
    if not rows:
        lines.append("(no rows)")
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
