"""Fusion: from the terms' values to one p-value a clip, everything fixed on normal footage.

A term's value at a place becomes a surprise: -log10 of the chance that its strangest places are as
strange as this anywhere in a normal clip. Surprises are joined place by place, by their norm of
order 1.5: terms that see something at one place support each other, their everyday noise lies at
different places. The strangest places of the joined map make the clip's statistic, which is
calibrated again, so that an expert with three terms is not louder than one with one. No weights are
fitted: there are no labels to fit them to.

Shapes: N clips, T terms, grid of G x W cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from pipeline.scoring.calibration import (
    RATIO_SCALE,
    PlaceStatistics,
    TailModel,
    clip_statistic,
    fit_places,
    fit_tail,
    log_strangeness,
    strangest_mean,
)
from pipeline.scoring.experts import TGAN_EXPERTS, Expert
from pipeline.scoring.strangeness_spool import StrangenessSpool
from pipeline.scoring.term import Term

__all__ = [
    "CalibratedClips",
    "Calibration",
    "calibrate",
    "fit_place_statistics",
    "fuse",
    "join_surprises",
]

Maps = Mapping[str, NDArray[np.float32]]

_NORM_ORDER = 1.5
"""Between the sum (1), in which the noise of many terms drowns the one that sees a fault, and the
largest (Tippett 1931), which takes the word of the worst-calibrated one."""

_AROUND_CELLS = 3
"""Side of the square that the joined map is averaged over before its strangest places are taken: a
single cell is noise."""

_NEW_PLACES_SECONDS = 300.0
"""Training footage that is shorter than this has not shown every place in use."""

_CLIPS_AT_ONCE = 64

_FUSED, _TGAN, _WITHOUT = "fused", "tgan", "without_"


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What every value means for one camera, learnt from held-out normal footage."""

    places: Mapping[str, PlaceStatistics]
    """By term."""
    terms: Mapping[str, TailModel]
    experts: Mapping[str, TailModel]
    """Of the statistic of an expert's joined map."""
    groups: Mapping[str, TailModel]
    """Of the same for many experts: `fused` over all experts, `tgan` over those that look
    through the networks, `without_X` over all but X."""

    def to_dict(self) -> dict[str, Any]:
        """Return the tails as values that JSON can hold; the places are arrays and kept apart."""
        return {
            kind: {name: tail.to_dict() for name, tail in getattr(self, kind).items()}
            for kind in ("terms", "experts", "groups")
        }

    @classmethod
    def from_dict(
        cls, values: Mapping[str, Any], places: Mapping[str, PlaceStatistics]
    ) -> Calibration:
        """Return the calibration that `to_dict` and the arrays of its places make up."""
        tails = {
            kind: {name: TailModel.from_dict(tail) for name, tail in values[kind].items()}
            for kind in ("terms", "experts", "groups")
        }
        return cls(places=places, **tails)


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibratedClips:
    """Calibrated scores of N clips. All scores are -log10 p; larger is stranger."""

    experts: Mapping[str, NDArray[np.float64]]
    tgan: NDArray[np.float64]
    """NaN when the model has no expert that looks through the networks."""
    fused: NDArray[np.float64]
    without: Mapping[str, NDArray[np.float64]]
    """Expert -> fused over all the others: what that expert is worth. Empty unless asked for."""
    maps: Mapping[str, NDArray[np.float32]]
    """Expert -> NGW, largest strangeness of its terms (1 = edge of the usual range)."""
    tgan_map: NDArray[np.float32]
    """NGW, the joined surprise of each place; 0 when no expert looks through the networks."""
    fused_map: NDArray[np.float32]
    """NGW, the same over all experts."""


def fit_place_statistics(
    experts: Sequence[Expert], collected: Mapping[str, Sequence[NDArray[np.float32]]]
) -> dict[str, PlaceStatistics]:
    """Return the statistics per place of every term from its maps over normal windows."""
    return {
        name: fit_places(
            np.concatenate(collected[name]), two_sided=term.two_sided, pooled=term.pooled
        )
        for expert in experts
        for name, term in expert.terms.items()
    }


def calibrate(
    experts: Sequence[Expert],
    places: Mapping[str, PlaceStatistics],
    held_out_maps: Callable[[], Iterable[Maps]],
    *,
    training_seconds: float,
) -> tuple[Calibration, NDArray[np.float64]]:
    """Return the calibration of `experts` on held-out normal clips, and these clips' fused scores.

    `held_out_maps` gives the terms' maps (NGW each) of batch after batch. They wait on disk until
    the tails of the terms are known, so memory does not grow with the footage. `training_seconds`:
    how much footage `places` were learnt from.
    """
    left_out = {_WITHOUT + name: others for name, others in _all_but_one(experts).items()}
    rows = {**_rows(experts), **left_out}
    scales = {
        name: _least_scale(term, training_seconds)
        for expert in experts
        for name, term in expert.terms.items()
    }
    with StrangenessSpool(tuple(places)) as spool:
        terms = _term_tails(places, scales, held_out_maps(), spool)
        statistics = _row_statistics(rows, terms, spool)
    tails = {row: fit_tail(values) for row, values in statistics.items()}
    names = [expert.name for expert in experts]
    calibration = Calibration(
        places=places,
        terms=terms,
        experts={name: tails[name] for name in names},
        groups={row: tails[row] for row in rows if row not in names},
    )
    return calibration, tails[_FUSED].surprise(statistics[_FUSED])


def _least_scale(term: Term, training_seconds: float) -> float:
    """Return the least scale of the tail of a term's logarithm.

    In a minute of a street half of its places are not walked on. Whoever does so in the next minute
    is new there, many usual ranges away, and no fault; held-out footage of seconds cannot tell. So
    footage of less than five minutes makes the tails of what depends on places wider, as much as it
    is shorter.
    """
    if not term.new_places:
        return RATIO_SCALE
    return RATIO_SCALE * max(1.0, _NEW_PLACES_SECONDS / max(training_seconds, 1.0))


def _rows(experts: Sequence[Expert]) -> dict[str, Sequence[Expert]]:
    """Return what is joined: all experts, those that look through the networks, each by itself."""
    tgan = [expert for expert in experts if expert.name in TGAN_EXPERTS]
    groups = {_FUSED: experts, **({_TGAN: tgan} if tgan else {})}
    return {**groups, **{expert.name: [expert] for expert in experts}}


def _all_but_one(experts: Sequence[Expert]) -> dict[str, Sequence[Expert]]:
    """Return by the name of each expert all the others; nothing when there are none."""
    if len(experts) < 2:
        return {}
    return {left_out.name: [e for e in experts if e is not left_out] for left_out in experts}


def _term_tails(
    places: Mapping[str, PlaceStatistics],
    scales: Mapping[str, float],
    held_out_maps: Iterable[Maps],
    spool: StrangenessSpool,
) -> dict[str, TailModel]:
    """Return the tail of every term over held-out clips, and leave their strangeness in `spool`."""
    statistics: dict[str, list[NDArray[np.float64]]] = {term: [] for term in places}
    for maps in held_out_maps:
        strangeness = {term: place.strangeness(maps[term]) for term, place in places.items()}
        spool.append(strangeness)
        for term, values in strangeness.items():
            statistics[term].append(clip_statistic(values))
    return {
        term: fit_tail(np.concatenate(parts), least_scale=scales[term])
        for term, parts in statistics.items()
    }


def _row_statistics(
    rows: Mapping[str, Sequence[Expert]], terms: Mapping[str, TailModel], spool: StrangenessSpool
) -> dict[str, NDArray[np.float64]]:
    found: dict[str, list[NDArray[np.float64]]] = {row: [] for row in rows}
    for strangeness in spool.batches(_CLIPS_AT_ONCE):
        surprises = _surprises(terms, strangeness)
        for row, experts in rows.items():
            found[row].append(_joined_statistic(join_surprises(experts, surprises)))
    return {row: np.concatenate(parts) for row, parts in found.items()}


def _surprises(
    terms: Mapping[str, TailModel], strangeness: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float64]]:
    """Return the surprise of every place, NGW a term."""
    return {term: tail.surprise(log_strangeness(strangeness[term])) for term, tail in terms.items()}


def join_surprises(
    experts: Sequence[Expert],
    surprises: Mapping[str, NDArray[np.float64]],
    *,
    everyday: bool = False,
) -> NDArray[np.float64]:
    """Return one surprise a place for all terms of `experts` together: the norm of order 1.5 of
    their weighted surprises beyond the least that each speaks of.

    `everyday`: also hear what is below it, of terms that tell places apart. It makes the better map
    of where something is, and the worse judge of whether there is something.
    """
    powers = []
    for expert in experts:
        for name, term in expert.terms.items():
            least = 0.0 if everyday and not term.pooled else term.least_surprise
            powers.append((term.weight * np.maximum(surprises[name] - least, 0.0)) ** _NORM_ORDER)
    total: NDArray[np.float64] = np.sum(powers, axis=0) ** (1.0 / _NORM_ORDER)
    return total


def _joined_statistic(joined_NGW: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one number a clip: the mean of the four strangest squares of the joined map."""
    size = (1, _AROUND_CELLS, _AROUND_CELLS)
    return strangest_mean(uniform_filter(joined_NGW, size, mode="nearest"))


def fuse(
    experts: Sequence[Expert],
    calibration: Calibration,
    maps: Maps,
    *,
    leave_one_out: bool = False,
) -> CalibratedClips:
    """Return the calibrated scores of N clips from their terms' maps (NGW each).

    `leave_one_out`: also those of all experts but one, where the calibration knows them.
    """
    strangeness = {
        term: place.strangeness(maps[term]) for term, place in calibration.places.items()
    }
    surprises = _surprises(calibration.terms, strangeness)
    expert_maps = {
        expert.name: np.max([strangeness[term] for term in expert.terms], axis=0, initial=0.0)
        for expert in experts
    }
    rows = _rows(experts)
    tails = {**calibration.experts, **calibration.groups}

    def score(row: str, chosen: Sequence[Expert]) -> NDArray[np.float64]:
        return tails[row].surprise(_joined_statistic(join_surprises(chosen, surprises)))

    scores = {row: score(row, chosen) for row, chosen in rows.items()}
    others = _all_but_one(experts) if leave_one_out else {}
    fused_map, tgan_map = (
        join_surprises(rows.get(row, ()), surprises, everyday=True) for row in (_FUSED, _TGAN)
    )
    return CalibratedClips(
        experts={expert.name: scores[expert.name] for expert in experts},
        tgan=scores.get(_TGAN, np.full(len(fused_map), np.nan)),
        fused=scores[_FUSED],
        without={
            name: score(_WITHOUT + name, chosen)
            for name, chosen in others.items()
            if _WITHOUT + name in tails  # a model of an earlier version has none
        },
        maps={name: values.astype(np.float32) for name, values in expert_maps.items()},
        tgan_map=np.broadcast_to(tgan_map, fused_map.shape).astype(np.float32),
        fused_map=fused_map.astype(np.float32),
    )
