"""Fusion: from the terms' values to one p-value a clip, everything fixed on normal footage.

A term's clip statistic becomes a surprise (-log10 p). The surprises of several terms are joined by
their norm of order 4: between their sum, in which the everyday noise of many drowns the one that
sees a fault, and their largest (Tippett 1931), which takes the word of the worst-calibrated one.
What is joined is calibrated again, so that an expert with three terms is not louder than one with
one. No weights are fitted: there are no labels to fit them to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.calibration import (
    RATIO_SCALE,
    PlaceStatistics,
    TailModel,
    clip_statistic,
    fit_places,
    fit_tail,
)
from pipeline.scoring.experts import TGAN_EXPERTS, Expert

__all__ = [
    "CalibratedClips",
    "Calibration",
    "calibrate",
    "fit_place_statistics",
    "fuse",
    "join_surprises",
]

Maps = Mapping[str, NDArray[np.float32]]

_NORM_ORDER = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What every value means for one camera, learnt from held-out normal footage."""

    places: Mapping[str, PlaceStatistics]
    """By term."""
    terms: Mapping[str, TailModel]
    experts: Mapping[str, TailModel]
    """Of the joined surprises of an expert's terms."""
    groups: Mapping[str, TailModel]
    """Of the joined surprises of many terms: `fused` over all experts, `tgan` over those that look
    through the networks."""

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
    maps: Mapping[str, NDArray[np.float32]]
    """Expert -> NGW, largest strangeness of its terms (1 = edge of the usual range)."""
    fused_map: NDArray[np.float32]
    """NGW, mean over experts."""


def fit_place_statistics(
    experts: Sequence[Expert], collected: Mapping[str, Sequence[NDArray[np.float32]]]
) -> dict[str, PlaceStatistics]:
    """Return the statistics per place of every term from its maps over normal windows."""
    return {
        name: fit_places(np.concatenate(collected[name]), two_sided=term.two_sided)
        for expert in experts
        for name, term in expert.terms.items()
    }


def calibrate(
    experts: Sequence[Expert],
    places: Mapping[str, PlaceStatistics],
    held_out_maps: Callable[[], Iterable[Maps]],
) -> tuple[Calibration, NDArray[np.float64]]:
    """Return the calibration of `experts` on held-out normal clips, and these clips' fused scores.

    `held_out_maps` gives the terms' maps (NGW each) of batch after batch; only one number a term
    and clip is kept of them.
    """
    statistics: dict[str, list[NDArray[np.float64]]] = {term: [] for term in places}
    for maps in held_out_maps():
        for term, place in places.items():
            statistics[term].append(clip_statistic(place.strangeness(maps[term])))
    values = {term: np.concatenate(parts) for term, parts in statistics.items()}
    terms = {term: fit_tail(v, least_scale=RATIO_SCALE) for term, v in values.items()}
    surprises = {term: terms[term].surprise(values[term]) for term in terms}
    joined = {expert.name: join_surprises([expert], surprises) for expert in experts}
    groups = {"fused": fit_tail(join_surprises(experts, surprises))}
    if tgan := _tgan_experts(experts):
        groups["tgan"] = fit_tail(join_surprises(tgan, surprises))
    expert_tails = {name: fit_tail(values) for name, values in joined.items()}
    calibration = Calibration(places=places, terms=terms, experts=expert_tails, groups=groups)
    return calibration, groups["fused"].surprise(join_surprises(experts, surprises))


def join_surprises(
    experts: Sequence[Expert], surprises: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return one number a clip for all terms of `experts` together: the norm of order 4 of their
    weighted surprises."""
    cubes = [
        (term.weight * surprises[name]) ** _NORM_ORDER
        for expert in experts
        for name, term in expert.terms.items()
    ]
    total: NDArray[np.float64] = np.sum(cubes, axis=0) ** (1.0 / _NORM_ORDER)
    return total


def _tgan_experts(experts: Sequence[Expert]) -> list[Expert]:
    return [expert for expert in experts if expert.name in TGAN_EXPERTS]


def fuse(experts: Sequence[Expert], calibration: Calibration, maps: Maps) -> CalibratedClips:
    """Return the calibrated scores of N clips from their terms' maps (NGW each)."""
    strangeness = {
        term: place.strangeness(maps[term]) for term, place in calibration.places.items()
    }
    surprises = {
        term: calibration.terms[term].surprise(clip_statistic(values))
        for term, values in strangeness.items()
    }
    expert_maps = {
        expert.name: np.max([strangeness[term] for term in expert.terms], axis=0, initial=0.0)
        for expert in experts
    }
    tgan = _tgan_experts(experts)
    unknown = np.full(len(next(iter(surprises.values()))), np.nan)
    return CalibratedClips(
        experts={
            expert.name: calibration.experts[expert.name].surprise(
                join_surprises([expert], surprises)
            )
            for expert in experts
        },
        tgan=calibration.groups["tgan"].surprise(join_surprises(tgan, surprises))
        if tgan
        else unknown,
        fused=calibration.groups["fused"].surprise(join_surprises(experts, surprises)),
        maps={name: values.astype(np.float32) for name, values in expert_maps.items()},
        fused_map=np.mean(list(expert_maps.values()), axis=0).astype(np.float32),
    )
