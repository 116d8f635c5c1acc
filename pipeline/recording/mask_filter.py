"""Mask filter: privacy masks as FFmpeg burns them in before a file is written.

Boxes in shares of the picture: they need no second input and no size, so every version of FFmpeg
draws them on every stream. What a mask only touches is covered as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.zones.polygon import Polygon, share_within

__all__ = ["mask_filter"]

_COLUMNS, _ROWS = 128, 80
"""Of the grid that masks are widened to: 15 x 13.5 pixels of 1920 x 1080."""

_Run = tuple[int, int]


def mask_filter(masks: tuple[Polygon, ...]) -> str:
    """Return a chain of filters that paints masks black; empty without masks."""
    return ",".join(
        f"drawbox=x=iw*{left}/{_COLUMNS}:y=ih*{top}/{_ROWS}"
        # Rounding down must not leave a line of pixels.
        f":w=iw*{right - left}/{_COLUMNS}+2:h=ih*{bottom - top}/{_ROWS}+2:color=black:t=fill"
        for mask in masks
        for left, right, top, bottom in _boxes(mask)
    )


def _boxes(mask: Polygon) -> Iterator[tuple[int, int, int, int]]:
    """Yield (left, right, top, bottom) in cells: runs of cells, rows with the same run together."""
    open_runs: dict[_Run, int] = {}
    for row in range(_ROWS + 1):
        runs = set(_runs(mask, row)) if row < _ROWS else set()
        for left, right in sorted(set(open_runs) - runs):
            yield left, right, open_runs.pop((left, right)), row
        for run in runs:
            open_runs.setdefault(run, row)


def _runs(mask: Polygon, row: int) -> Iterator[_Run]:
    top, bottom = row / _ROWS, (row + 1) / _ROWS
    if not min(y for _, y in mask) < bottom or not max(y for _, y in mask) > top:
        return
    begin: int | None = None
    for column in range(_COLUMNS + 1):
        left = column / _COLUMNS
        touched = column < _COLUMNS and (
            share_within(mask, left, top, left + 1 / _COLUMNS, bottom) > 0.0
        )
        if touched and begin is None:
            begin = column
        elif not touched and begin is not None:
            yield begin, column
            begin = None
