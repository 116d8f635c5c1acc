"""Calibration by lighting state: what the values of experts mean in each light that a camera knows.

A state that has footage of its own is judged by it, as far as there is enough of it; the rest of
its judgement is that of all states together.

Shapes: N clips, grid of G x W cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pipeline.learning.calibrate import (
    HeldOutScores,
    LearntPlaces,
    calibrate,
    learn_place_statistics,
)
from pipeline.scoring.calibration import shrunk_places
from pipeline.scoring.experts import Expert
from pipeline.scoring.fusion import FUSED, Calibration, Maps
from pipeline.scoring.strangeness_spool import StrangenessSpool

__all__ = ["PRIOR_SECONDS", "calibrate_states", "learn_state_places"]

PRIOR_SECONDS = 600.0
"""Held-out footage of a state that counts as much as that of all states. Clips of a few seconds
are hardly more than one; footage of less than ten minutes has not shown what a place does."""
_PRIOR_WINDOWS = 50
"""The same of windows that places are learnt from: the 98th percentile of fewer is their largest.
"""
_FEWEST_WINDOWS = 20
_FEWEST_CLIPS = 20
_CLIPS_AT_ONCE = 64


def learn_state_places(
    experts: Sequence[Expert],
    pooled: LearntPlaces,
    maps: Mapping[str, NDArray[np.float32]],
    lights: Sequence[str],
) -> LearntPlaces:
    """Return `pooled` with the places of each lighting state.

    `maps`: those over windows of training footage, NGW a term; `lights`: the state of each window.
    Each state's places lie between its own and those of all: n windows of its own weigh
    n / (n + 50).
    """
    by_lighting = {}
    for name in sorted(set(lights) - {""}):
        inside_N = np.asarray([light == name for light in lights])
        count = int(inside_N.sum())
        if count < _FEWEST_WINDOWS:
            continue
        own = learn_place_statistics(experts, {t: values[inside_N] for t, values in maps.items()})
        weight = count / (count + _PRIOR_WINDOWS)
        places = {
            term: shrunk_places(place, pooled.places[term], weight=weight)
            for term, place in own.places.items()
        }
        by_lighting[name] = replace(own, places=places)
    return replace(pooled, by_lighting=by_lighting)


def calibrate_states(
    experts: Sequence[Expert],
    learnt: LearntPlaces,
    pooled: Calibration,
    scores: HeldOutScores,
    spool: StrangenessSpool,
    lights: Sequence[str],
    *,
    training_seconds: float,
    clips_a_second: float,
) -> tuple[dict[str, Calibration], HeldOutScores]:
    """Return the calibration of each state that has held-out clips and places of its own, and the
    scores of all held-out clips by the calibrations of their states.

    `pooled`, `scores`: of all states together. `spool`: the maps of all held-out clips; `lights`:
    the state of each of them.
    """
    found = {}
    foreign_N = scores.foreign_N.copy()
    rows = {row: values_N.copy() for row, values_N in scores.rows.items()}
    for name, places in learnt.by_lighting.items():
        inside_N = np.asarray([light == name for light in lights])
        if inside_N.sum() < _FEWEST_CLIPS:
            continue
        calibration, own = calibrate(
            experts,
            places,
            partial(_chosen, spool, inside_N),
            training_seconds=training_seconds,
            prior=pooled,
            prior_clips=round(PRIOR_SECONDS * clips_a_second),
            # Somebody who walks through twice by day and once by night has come three times.
            rare_N=scores.foreign_N[inside_N],
        )
        found[name] = calibration
        foreign_N[inside_N] = own.foreign_N
        for row, values_N in own.rows.items():
            rows[row][inside_N] = values_N
    return found, replace(scores, fused_N=rows[FUSED], foreign_N=foreign_N, rows=rows)


def _chosen(spool: StrangenessSpool, inside_N: NDArray[np.bool_]) -> Iterator[Maps]:
    """Yield the maps of the chosen clips again."""
    first = 0
    for maps in spool.batches(_CLIPS_AT_ONCE):
        count = len(next(iter(maps.values())))
        here_N = inside_N[first : first + count]
        first += count
        if here_N.any():
            yield {term: values[here_N] for term, values in maps.items()}
