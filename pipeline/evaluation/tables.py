"""Tables: the figures of a result as `kizashi evaluate` prints them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["FIGURE_NAMES", "budget_line", "format_figure", "print_result"]

FIGURE_NAMES = (
    "micro_auc",
    "macro_auc",
    "average_precision",
    "eer",
    "tpr_at_fpr_1",
    "tpr_at_fpr_5",
    "pixel_auroc",
    "rbdc",
    "tbdc",
    "event_recall",
    "false_alarms_per_hour",
    "detection_delay_seconds",
    "f1_at_threshold",
)
"""In the order of the columns."""

_HEADINGS = {
    "micro_auc": "micro AUC",
    "macro_auc": "macro AUC",
    "average_precision": "average precision",
    "eer": "EER",
    "tpr_at_fpr_1": "TPR at FPR 1 %",
    "tpr_at_fpr_5": "TPR at FPR 5 %",
    "pixel_auroc": "pixel AUROC",
    "rbdc": "RBDC",
    "tbdc": "TBDC",
    "event_recall": "events found",
    "false_alarms_per_hour": "false alarms/hour",
    "detection_delay_seconds": "delay, seconds",
    "f1_at_threshold": "F1 at threshold",
}
_SHORT_NAMES = {
    "reconstruction": "reconstr.",
    "frame_index": "frame index",
    "largest_frame_difference": "difference",
    "largest_optical_flow": "optical flow",
    "brightness_change": "brightness",
}
"""Headings that are shorter than the names of their rows."""
_TWO_DECIMALS = frozenset({"false_alarms_per_hour", "detection_delay_seconds"})
_ROWS_ABREAST = 5
"""Columns that fit a terminal of 80."""
_NOT_MEASURED = "-"


def format_figure(name: str, value: float | None) -> str:
    """Return a number of result.json as text; `-` when there is nothing to measure.

    Rates have four decimals, times and counts two.
    """
    if value is None:
        return _NOT_MEASURED
    return f"{value:.{2 if name in _TWO_DECIMALS else 4}f}"


def budget_line(budget: Mapping[str, Any]) -> str:
    """Return the alarm budget against what happened, and what it lets through, in a sentence."""
    stated = f"alarm budget: at most {budget['stated_per_day']:g} false alarms a day stated"
    found = ""
    if budget.get("detected_frames") is not None:
        found = f"; {budget['detected_frames']:.0%} of the labelled frames under an alert"
    if budget["measured_per_day"] is None:
        return f"{stated}; not measured, the test footage has no normal time{found}"
    low, high = budget["interval"]
    measured = f"{budget['measured_per_day']:.1f} measured"
    return f"{stated}, {measured} (95 % interval {low:.1f} to {high:.1f}){found}"


def print_result(result: Mapping[str, Any], console: Console | None = None) -> None:
    """Print the strict table, what each expert adds, the trivial rows, the literature table and the
    budget line."""
    out = console or Console()
    seeds = result["seeds"]
    over = (
        f"{len(seeds)} seeds" if len(seeds) > 1 else f"seed {seeds[0]}" if seeds else "given model"
    )
    latency = f"known {result['settings']['score_latency_seconds']:.2f} s after the frame"
    title = f"Strict ({over}): {latency}, thresholds from training only, all frames"
    for part in _side_by_side(title, result["strict"]):
        out.print(part)
    if result["leave_one_out"]:
        out.print(_left_out(result["leave_one_out"]))
    out.print(_figures_down("Trivial scores, counted in the same way", result["trivial"]))
    title = "As in the literature, not deployable: min-max per video, centred smoothing"
    for part in _side_by_side(title, result["literature"]):
        out.print(part)
    out.print(Text(budget_line(result["budget"])))


def _empty_table(title: str) -> Table:
    return Table(
        title=title or None,
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )


def _left_out(experts: Mapping[str, Mapping[str, float | None]]) -> Table:
    table = _empty_table("Leave one out: all experts but one, micro AUC, strict")
    for heading in ("left out", "the others reach", "it adds"):
        table.add_column(heading, justify="left" if heading == "left out" else "right")
    for name, figures in experts.items():
        adds = figures["adds"]
        table.add_row(
            name,
            format_figure("micro_auc", figures["micro_auc_without"]),
            _NOT_MEASURED if adds is None else f"{adds:+.4f}",
        )
    return table


def _side_by_side(title: str, rows: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    """Return tables of a few rows each, the first with the title: more do not fit a terminal."""
    names = list(rows)
    parts = [names[first : first + _ROWS_ABREAST] for first in range(0, len(names), _ROWS_ABREAST)]
    return [
        _figures_down("" if number else title, {name: rows[name] for name in part})
        for number, part in enumerate(parts)
    ]


def _figures_down(title: str, rows: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return a table with a line a figure and a column a row."""
    table = _empty_table(title)
    table.add_column("", no_wrap=True)
    for row in rows:
        table.add_column(_SHORT_NAMES.get(row, row), justify="right", no_wrap=True)
    micro = [figures["micro_auc"] for figures in rows.values()]
    for heading, key in (
        ("micro AUC", "mean"),
        ("  sd over seeds", "sd"),
        ("  95 % from", "low"),
        ("  95 % to", "high"),
    ):
        if any(value[key] is not None for value in micro):
            table.add_row(heading, *(format_figure(key, value[key]) for value in micro))
    for name in FIGURE_NAMES[1:]:
        values = [figures[name] for figures in rows.values()]
        if any(value is not None for value in values):
            table.add_row(_HEADINGS[name], *(format_figure(name, value) for value in values))
    return table
