"""Truth: what went wrong on the demo line, when, and where in the picture. A CSV file beside it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.demo import geometry as g
from pipeline.demo.line_view import LineView, seen_place
from pipeline.demo.script import Fault, FaultKind
from pipeline.files import write_bytes
from pipeline.scoring.anomaly import Place
from pipeline.timebase import microseconds, require_utc, shift_utc

__all__ = ["TruthRow", "place_of", "truth_row", "write_truth"]

_COLUMNS = (
    "kind",
    "start_utc",
    "end_utc",
    "start_seconds",
    "end_seconds",
    "file",
    "x",
    "y",
    "width",
    "height",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TruthRow:
    """One fault as it was rendered."""

    kind: FaultKind
    start_utc: datetime
    end_utc: datetime
    """Half-open: the first moment that does not show it."""
    start_seconds: float
    """From the beginning of the first file."""
    end_seconds: float
    file: str
    """Name of the file in which it begins."""
    place: Place
    """Where it is to be seen in the course of the fault."""


def place_of(kind: FaultKind) -> Place:
    """Return the part of the picture in which a fault shows."""
    left, top, right, bottom = _BOXES_PX[kind]
    return Place(
        x=left / g.WIDTH_PX,
        y=top / g.HEIGHT_PX,
        width=(right - left) / g.WIDTH_PX,
        height=(bottom - top) / g.HEIGHT_PX,
    )


_BOXES_PX: dict[FaultKind, tuple[float, float, float, float]] = {
    FaultKind.JAM: (90.0, 66.0, 320.0, 118.0),
    FaultKind.STOP: (0.0, 76.0, 320.0, 134.0),
    FaultKind.REVERSED_BELT: (0.0, 76.0, 320.0, 134.0),
    FaultKind.MISSING_PART: (0.0, 76.0, 320.0, 118.0),
    FaultKind.FOREIGN_OBJECT: (0.0, 66.0, 320.0, 130.0),
    FaultKind.DROPPED_PART: (105.0, 76.0, 320.0, 162.0),
    FaultKind.ARM_OUT_OF_CYCLE: (136.0, 18.0, 228.0, 82.0),
    FaultKind.PERSON_IN_CLOSED_ZONE: (244.0, 32.0, 320.0, 90.0),
}
"""Left, top, right, bottom of what each kind changes, in scene pixels; held by a test."""


def truth_row(
    fault: Fault, *, line_start_utc: datetime, file: str, view: LineView = LineView.FRONT
) -> TruthRow:
    """Return a fault with wall times, for a line whose second 0 is at `line_start_utc`, as one of
    its cameras sees it."""
    return TruthRow(
        kind=fault.kind,
        start_utc=shift_utc(line_start_utc, microseconds(fault.start_seconds)),
        end_utc=shift_utc(line_start_utc, microseconds(fault.end_seconds)),
        start_seconds=fault.start_seconds,
        end_seconds=fault.end_seconds,
        file=file,
        place=seen_place(view, place_of(fault.kind)),
    )


def write_truth(path: Path, rows: Sequence[TruthRow]) -> None:
    """Write the rows as CSV with a heading, in one piece."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        corner = (row.place.x, row.place.y, row.place.width, row.place.height)
        writer.writerow(
            [
                row.kind.value,
                _utc_text(row.start_utc),
                _utc_text(row.end_utc),
                f"{row.start_seconds:.1f}",
                f"{row.end_seconds:.1f}",
                row.file,
                *(f"{share:.4f}" for share in corner),
            ]
        )
    write_bytes(path, text.getvalue().encode("utf-8"))


def _utc_text(moment: datetime) -> str:
    return require_utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")
