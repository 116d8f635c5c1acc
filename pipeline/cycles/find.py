"""Finding cycles without labels, by the autocorrelation of what changes in each cell, and measuring
one that is known.

A machine does the same again after its cycle, so what changes in a cell of its picture agrees with
what changed there one cycle before. People and traffic do not. Several machines in one view have a
cycle each: cells are judged alone, and those of one period are taken together.

Shapes: T frames, C cells, L lags (frames).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.cycles.changes import Changes
from pipeline.cycles.cycle import Cycle
from pipeline.scoring.anomaly import Place

__all__ = ["cycle_seconds", "find_cycles"]

_REPEATS = 3
"""A cycle must fit into a sample so many times."""
_SHORTEST_FRAMES = 3
"""Faster ones cannot be told from flicker."""
_LEAST = 0.4
"""Autocorrelation from which a cell repeats itself. Streets, halls and offices stay below .1 nearly
everywhere, a machine of the same parts is above .7."""
_OF_BEST = 0.7
"""The first peak of at least this share of the highest is the cycle; later ones are its multiples.
"""
_DIP = 0.3
"""Autocorrelation falls by this much before it comes back; noise that is smooth in time does not.
"""
_ALIKE = 0.04
"""Periods that differ by no more than this share are one."""
_LEAST_SHARE = 0.01
"""Of all cells, that a cycle needs: fewer are chance."""
_QUIET = 1e-3
"""Of the mean change of the liveliest cell: below this a cell is still."""
_AROUND = 0.3
"""How far from its usual time a cycle is looked for, as a share of it."""
_STILL_THERE = 0.5
"""Share of its usual strength below which it is not there: the machine stands, or does something
else."""


def find_cycles(samples: Sequence[Changes]) -> tuple[Cycle, ...]:
    """Return the cycles of a camera, those of the most cells first; none where nothing repeats.

    `samples`: pieces of normal footage of one frame rate. Only cycles that fit three times into the
    shortest are found, and only those of cells that repeat themselves over all of the samples.
    """
    if not samples:
        return ()
    rate = float(np.median([sample.frame_rate for sample in samples]))
    lags = min(len(sample.levels_TC) for sample in samples) // _REPEATS
    together_LC, energy_C = _autocorrelation(samples, lags + 1)
    lively_C = energy_C > _QUIET * energy_C.max(initial=0.0)
    period_C = np.array(
        [
            _period(values_L) if lively else 0.0
            for values_L, lively in zip(together_LC.T, lively_C, strict=True)
        ]
    )
    found = []
    for group in _alike(period_C):
        if len(group) < max(2.0, _LEAST_SHARE * len(period_C)):
            continue
        own_L = np.average(together_LC[:, group], axis=1, weights=energy_C[group])
        lag = float(np.median(period_C[group]))
        found.append(
            Cycle(
                seconds=round(_refined(own_L, lag) / rate, 4),
                strength=round(float(own_L[round(lag)]), 4),
                cells=tuple(int(cell) for cell in group),
                share=round(len(group) / len(period_C), 4),
                place=_place(group, samples[0].columns, len(period_C)),
            )
        )
    return tuple(sorted(found, key=lambda cycle: -cycle.share))


def cycle_seconds(cycle: Cycle, changes: Changes) -> float | None:
    """Return how long a known cycle takes in a piece of footage, s; None where it is not there, or
    the footage is too short for three of it."""
    usual = cycle.seconds * changes.frame_rate
    low, high = max(_SHORTEST_FRAMES, int(usual * (1 - _AROUND))), round(usual * (1 + _AROUND))
    if len(changes.levels_TC) < _REPEATS * usual:
        return None
    lags = max(high + 2, len(changes.levels_TC) // 2)
    own_TC = changes.levels_TC[:, list(cycle.cells)]
    values_LC, energy_C = _autocorrelation(
        [Changes(levels_TC=own_TC, frame_rate=changes.frame_rate, columns=changes.columns)], lags
    )
    if not energy_C.any():
        return None
    values_L = np.average(values_LC, axis=1, weights=energy_C)
    lag = low + int(np.argmax(values_L[low : high + 1]))
    if values_L[lag] < _STILL_THERE * cycle.strength or lag in (low, high):
        return None
    return round(_refined(values_L, float(lag)) / changes.frame_rate, 4)


def _place(cells: NDArray[np.int64], columns: int, count: int) -> Place:
    """Return the box that holds nine in ten of the cells, each way."""
    across, down = cells % columns, cells // columns
    left, right = np.quantile(across, (0.05, 0.95)).round()
    top, bottom = np.quantile(down, (0.05, 0.95)).round()
    rows = count // columns
    return Place(
        x=round(float(left / columns), 4),
        y=round(float(top / rows), 4),
        width=round(float((right - left + 1) / columns), 4),
        height=round(float((bottom - top + 1) / rows), 4),
    )


def _autocorrelation(
    samples: Sequence[Changes], lags: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the autocorrelation of every cell over all samples (L x C), and the mean square of its
    changes; 0 for a cell in which nothing changes."""
    cells = samples[0].levels_TC.shape[1]
    sums_LC, energy_C, length = np.zeros((lags, cells)), np.zeros(cells), 0
    for sample in samples:
        levels_TC = sample.levels_TC.astype(np.float64)
        frames = len(levels_TC)
        # Sums of products at all lags at once: the power spectrum, back in time.
        spectrum = np.fft.rfft(levels_TC, n=2 * frames, axis=0)
        products_LC = np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[:lags]
        sums_LC += products_LC * (frames / (frames - np.arange(lags)))[:, None]
        energy_C += products_LC[0]
        length += frames
    still_C = energy_C <= 0.0
    return np.where(still_C, 0.0, sums_LC / np.where(still_C, 1.0, energy_C)), energy_C / length


def _period(values_L: NDArray[np.float64]) -> float:
    """Return the lag at which a cell repeats itself; 0 where it does not."""
    inside_L = values_L[_SHORTEST_FRAMES:]
    if not len(inside_L) or inside_L.max() < _LEAST:
        return 0.0
    for lag in range(_SHORTEST_FRAMES, len(values_L) - 1):
        here = values_L[lag]
        if (
            here >= _OF_BEST * inside_L.max()
            and here >= values_L[lag - 1]
            and here >= values_L[lag + 1]
            and values_L[1:lag].min() < here - _DIP
        ):
            return float(lag)
    return 0.0


def _alike(period_C: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Return the cells of each period, periods in order."""
    groups: list[list[int]] = []
    before = 0.0
    for cell in np.argsort(period_C, kind="stable"):
        period = period_C[cell]
        if period <= 0.0:
            continue
        if groups and period <= before * (1 + _ALIKE):
            groups[-1].append(int(cell))
        else:
            groups.append([int(cell)])
        before = period
    return [np.sort(np.array(group, dtype=np.int64)) for group in groups]


def _refined(values_L: NDArray[np.float64], lag: float) -> float:
    """Return a lag to fractions of a frame: the highest multiple that is seen tells it best."""
    found, times = _peak(values_L, lag), 1
    while (times + 1) * found < len(values_L) - 2:
        found = _peak(values_L, (times + 1) * found) / (times + 1)
        times += 1
    return found


def _peak(values_L: NDArray[np.float64], lag: float) -> float:
    """Return where the parabola through the highest of the three values next to `lag` peaks."""
    near = np.clip(np.arange(round(lag) - 1, round(lag) + 2), 1, len(values_L) - 2)
    top = int(near[np.argmax(values_L[near])])
    before, here, after = values_L[top - 1 : top + 2]
    bend = before - 2.0 * here + after
    return top + (0.0 if bend >= 0.0 else float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)))
