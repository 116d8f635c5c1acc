"""Fusion: from the terms' values to one p-value a clip, everything fixed on normal footage.

A term's clip statistic becomes a surprise (-log10 p). The surprises of an expert's terms are added
and calibrated again, so that an expert with three terms is not louder than one with one. Of the
experts the strangest decides, and is calibrated again too (the smallest of several p-values,
Tippett 1931): a fault is plain to one way of looking and nothing to the others, whose everyday
noise a sum would add to the threshold. No weights are fitted: there are no labels to fit them to.
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

__all__ = ["CalibratedClips", "Calibration", "calibrate", "fit_place_statistics", "fuse"]

Maps = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What every value means for one camera, learnt from held-out normal footage."""

    places: Mapping[str, PlaceStatistics]
    """By term."""
    terms: Mapping[str, TailModel]
    experts: Mapping[str, TailModel]
    """Of the sum of an expert's term surprises."""
    groups: Mapping[str, TailModel]
    """Of the largest expert surprise: `fused` over all experts, `tgan` over those that look through
    the networks."""

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
        term: fit_places(np.concatenate(collected[term]), two_sided=two_sided)
        for expert in experts
        for term, two_sided in expert.terms.items()
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
    sums = {e.name: np.sum([surprises[t] for t in e.terms], axis=0) for e in experts}
    expert_tails = {name: fit_tail(total) for name, total in sums.items()}
    scores = {name: expert_tails[name].surprise(total) for name, total in sums.items()}
    strangest = np.max(list(scores.values()), axis=0)
    groups = {"fused": fit_tail(strangest)}
    tgan = [scores[name] for name in scores if name in TGAN_EXPERTS]
    if tgan:
        groups["tgan"] = fit_tail(np.max(tgan, axis=0))
    calibration = Calibration(places=places, terms=terms, experts=expert_tails, groups=groups)
    return calibration, groups["fused"].surprise(strangest)


def fuse(experts: Sequence[Expert], calibration: Calibration, maps: Maps) -> CalibratedClips:
    """Return the calibrated scores of N clips from their terms' maps (NGW each)."""
    strangeness = {
        term: place.strangeness(maps[term]) for term, place in calibration.places.items()
    }
    scores: dict[str, NDArray[np.float64]] = {}
    expert_maps: dict[str, NDArray[np.float32]] = {}
    for expert in experts:
        total = np.sum(
            [
                calibration.terms[term].surprise(clip_statistic(strangeness[term]))
                for term in expert.terms
            ],
            axis=0,
        )
        scores[expert.name] = calibration.experts[expert.name].surprise(total)
        largest = np.max([strangeness[term] for term in expert.terms], axis=0)
        expert_maps[expert.name] = np.maximum(largest, 0.0).astype(np.float32)
    fused = calibration.groups["fused"].surprise(np.max(list(scores.values()), axis=0))
    tgan = [scores[name] for name in scores if name in TGAN_EXPERTS]
    return CalibratedClips(
        experts=scores,
        tgan=calibration.groups["tgan"].surprise(np.max(tgan, axis=0))
        if tgan
        else np.full(len(fused), np.nan),
        fused=fused,
        maps=expert_maps,
        fused_map=np.mean(list(expert_maps.values()), axis=0).astype(np.float32),
    )
