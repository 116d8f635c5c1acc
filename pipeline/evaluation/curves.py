"""Curves: score over time of one video, as the numbers of an SVG drawing.

The score axis is logarithmic in 1 + score: a threshold of 4 and a score of 400 (an extrapolated
chance of 10^-400) must both be seen in one picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.labels import Interval
from pipeline.timebase import MICROSECONDS_PER_SECOND

__all__ = ["Curve", "Drawing", "Span", "Tick", "draw_curve", "score_scale"]

_MOST_POINTS = 640
"""Along the time axis; in between, the largest score is kept, so no peak is lost."""
_STEPS = (1, 2, 5)
_LEAST_TICK_GAP = 15.0
"""Between two marks of the score axis, in SVG units: their figures must not touch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """Size of a drawing and of its margins, in SVG units."""

    width: float = 560.0
    height: float = 168.0
    left: float = 34.0
    right: float = 8.0
    top: float = 10.0
    bottom: float = 22.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A stretch along the time axis."""

    x: float
    width: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """One video's drawing."""

    video: str
    drawing: Drawing
    points: str
    """`x,y x,y ...` of the score line."""
    labelled: tuple[Span, ...]
    alerts: tuple[Span, ...]
    threshold_y: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def score_scale(scores: Sequence[NDArray[np.float64]], threshold: float) -> float:
    """Return the score at the top of all drawings: one scale, so that videos can be compared."""
    return max(1.0, 1.3 * threshold, *(float(score.max(initial=0.0)) for score in scores))


def draw_curve(
    video: str,
    pts_us: NDArray[np.int64],
    score: NDArray[np.float64],
    alert: NDArray[np.bool_],
    intervals: Sequence[Interval],
    *,
    threshold: float,
    top_score: float,
    drawing: Drawing | None = None,
) -> Curve:
    """Return the drawing of one video. The arrays have one value a frame, at least one frame."""
    area = drawing or Drawing()
    times = pts_us / MICROSECONDS_PER_SECOND
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    end = float(times[-1]) + step

    def x(at_seconds: float) -> float:
        inner = area.width - area.left - area.right
        return round(area.left + inner * min(max(at_seconds / end, 0.0), 1.0), 1)

    def y(value: float) -> float:
        inner = area.height - area.top - area.bottom
        return round(area.top + inner * (1.0 - math.log1p(value) / math.log1p(top_score)), 1)

    places = np.linspace(0, len(score), min(len(score), _MOST_POINTS), endpoint=False, dtype=int)
    highest = np.maximum.reduceat(score, places)
    spans = [
        (i.start_us / MICROSECONDS_PER_SECOND, i.end_us / MICROSECONDS_PER_SECOND)
        for i in intervals
    ]
    return Curve(
        video=video,
        drawing=area,
        points=" ".join(
            f"{x(float(times[place]))},{y(float(value))}"
            for place, value in zip(places, highest, strict=True)
        ),
        labelled=tuple(Span(x=x(a), width=max(1.0, round(x(b) - x(a), 1))) for a, b in spans),
        alerts=tuple(
            Span(
                x=x(float(times[a])),
                width=max(1.0, round(x(float(times[b]) + step) - x(float(times[a])), 1)),
            )
            for a, b in _runs(alert)
        ),
        threshold_y=y(threshold),
        x_ticks=tuple(Tick(at=x(value), text=f"{value:g}") for value in _round_values(end)),
        y_ticks=tuple(_score_ticks(top_score, y)),
    )


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return first and last index of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _score_ticks(top_score: float, y: Callable[[float], float]) -> Iterator[Tick]:
    """Yield marks at 0 and at 1, 2, 5, 10, 20 ..., those that leave each other room."""
    yield Tick(at=y(0.0), text="0")
    last = y(0.0)
    for power in range(int(math.log10(top_score)) + 1):
        for value in (float(step * 10**power) for step in _STEPS):
            if value <= top_score and last - y(value) >= _LEAST_TICK_GAP:
                yield Tick(at=y(value), text=f"{value:g}")
                last = y(value)


def _round_values(end: float, most: int = 7) -> list[float]:
    """Return at most `most` + 1 round values from 0 to `end`, in steps of 1, 2, 5, 10, 20 ..."""
    power = 10.0 ** np.floor(np.log10(end / most))
    step = next(
        candidate
        for candidate in [*(factor * power for factor in _STEPS), 10 * power]
        if end / candidate <= most
    )
    return [round(float(value), 9) for value in np.arange(0.0, end + step * 1e-9, step)]
