"""Fusion: from the terms' values to one p-value a clip, everything fixed on normal footage.

A term's value at a place becomes a surprise: -log10 of the chance that its strangest places are as
strange as this anywhere in a normal clip. Surprises are joined place by place, by their norm of
order 1.5: terms that see something at one place support each other, their everyday noise lies at
different places. The strangest places of the joined map make the clip's statistic, which is
calibrated again, so that an expert with three terms is not louder than one with one. An expert that
is sure by itself is heard beside that, less what so many voices cost. No weights are fitted: there
are no labels to fit them to.

Shapes: N clips, T terms, grid of G x W cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from pipeline.scoring.calibration import PlaceStatistics, log_strangeness, strangest_mean
from pipeline.scoring.experts import TGAN_EXPERTS, Expert
from pipeline.scoring.tail import TailModel
from pipeline.scoring.term import Term

__all__ = [
    "FUSED",
    "WITHOUT",
    "CalibratedClips",
    "Calibration",
    "Maps",
    "all_but_one",
    "fuse",
    "join_map",
    "join_surprises",
    "joined_statistic",
    "place_scores",
    "rows_of",
    "surprise_maps",
    "surprises_of",
    "with_the_surest",
]

Maps = Mapping[str, NDArray[np.float32]]

_NORM_ORDER = 1.5
"""Between the sum (1), in which the noise of many terms drowns the one that sees a fault, and the
largest (Tippett 1931), which takes the word of the worst-calibrated one."""

_AROUND_CELLS = 3
"""Side of the square that the joined map is averaged over before its strangest places are taken: a
single cell is noise."""

FUSED, WITHOUT = "fused", "without_"
_TGAN = "tgan"


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
    within: Callable[[NDArray[np.bool_]], CalibratedClips]
    """Gives the same of the places that an array GW holds, as if nothing was elsewhere. A part
    reaches a score at most as often as the whole in normal operation."""


def rows_of(experts: Sequence[Expert]) -> dict[str, Sequence[Expert]]:
    """Return what is joined: all experts, those that look through the networks, each by itself."""
    tgan = [expert for expert in experts if expert.name in TGAN_EXPERTS]
    groups = {FUSED: experts, **({_TGAN: tgan} if tgan else {})}
    return {**groups, **{expert.name: [expert] for expert in experts}}


def all_but_one(experts: Sequence[Expert]) -> dict[str, Sequence[Expert]]:
    """Return by the name of each expert all the others; nothing when there are none."""
    if len(experts) < 2:
        return {}
    return {left_out.name: [e for e in experts if e is not left_out] for left_out in experts}


def surprise_maps(
    experts: Sequence[Expert], calibration: Calibration, maps: Maps
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the joined surprise of every place by `experts` alone, from the maps of their terms:
    as the judge hears it, and for the map of where something is (NGW each)."""
    strangeness = {
        name: calibration.places[name].strangeness(maps[name])
        for name, _ in _known(experts, calibration.terms)
    }
    surprises = surprises_of({name: calibration.terms[name] for name in strangeness}, strangeness)
    return join_surprises(experts, surprises), join_map(experts, surprises)


def surprises_of(
    terms: Mapping[str, TailModel], strangeness: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float64]]:
    """Return the surprise of every place, NGW a term."""
    return {term: tail.surprise(log_strangeness(strangeness[term])) for term, tail in terms.items()}


def join_surprises(
    experts: Sequence[Expert], surprises: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return one surprise a place for all terms of `experts` together: the norm of order 1.5 of
    their weighted surprises, as far as each is heard. It is the judge of whether there is
    something."""
    return _norm(
        term.weight * term.heard(surprises[name]) for name, term in _known(experts, surprises)
    )


def join_map(
    experts: Sequence[Expert], surprises: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the same for the map of where something is: everyday surprises count, of terms that
    tell places apart, and what sees far around each place counts less."""
    return _norm(
        term.weight
        * term.weight_on_map
        * (term.heard(surprises[name]) if term.pooled else surprises[name])
        for name, term in _known(experts, surprises)
    )


def _norm(weighted: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    total = np.sum([surprise**_NORM_ORDER for surprise in weighted], axis=0)
    return np.asarray(total ** (1.0 / _NORM_ORDER), dtype=np.float64)


def _known(experts: Sequence[Expert], values: Mapping[str, object]) -> list[tuple[str, Term]]:
    """Return the terms that the calibration knows: an earlier version had fewer."""
    return [
        (name, term) for expert in experts for name, term in expert.terms.items() if name in values
    ]


def joined_statistic(joined_NGW: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one number a clip: the mean of the four strangest squares of the joined map."""
    return strangest_mean(_around(joined_NGW))


def _around(joined_NGW: NDArray[np.float64]) -> NDArray[np.float64]:
    size = (1, _AROUND_CELLS, _AROUND_CELLS)
    return np.asarray(uniform_filter(joined_NGW, size, mode="nearest"), dtype=np.float64)


def with_the_surest(
    joined: NDArray[np.float64], alone: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return what several experts say together, or what the surest of them says by itself, if that
    is more: by Bonferroni's inequality, as one of so many voices and by half of the chance.

    `joined` and those of `alone` are -log10 p, of one shape. Where people walk all experts that
    look at movement are a little surprised at once, every day, so that the one which alone sees
    that something broke off cannot reach what they come to together. The chance of the result is
    at most 1.5 times what it says; the joined score itself is left as it is.
    """
    if len(alone) < 2:
        return joined
    voices = math.log10(2.0 * len(alone))
    return np.asarray(np.maximum(joined, np.max(alone, axis=0) - voices), dtype=np.float64)


def place_scores(
    experts: Sequence[Expert],
    calibration: Calibration,
    surprises: Mapping[str, NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return what a clip would score if it was everywhere as around each place, NGW."""
    alone = [
        calibration.experts[expert.name].surprise(_around(join_surprises([expert], surprises)))
        for expert in experts
    ]
    joined = _around(join_surprises(experts, surprises))
    return with_the_surest(calibration.groups[FUSED].surprise(joined), alone)


def fuse(
    experts: Sequence[Expert],
    calibration: Calibration,
    maps: Maps,
    *,
    leave_one_out: bool = False,
    places_GW: NDArray[np.bool_] | None = None,
) -> CalibratedClips:
    """Return the calibrated scores of N clips from their terms' maps (NGW each).

    `leave_one_out`: also those of all experts but one, where the calibration knows them.
    `places_GW`: where there is anything; None: everywhere.
    """
    strangeness = {
        term: place.strangeness(maps[term]) for term, place in calibration.places.items()
    }
    surprises = surprises_of(calibration.terms, strangeness)
    if places_GW is not None:
        strangeness = {term: values * places_GW for term, values in strangeness.items()}
        surprises = {term: values * places_GW for term, values in surprises.items()}
    expert_maps = {
        expert.name: np.max(
            [strangeness[name] for name, _ in _known([expert], strangeness)], axis=0, initial=0.0
        )
        for expert in experts
    }
    rows = rows_of(experts)
    tails = {**calibration.experts, **calibration.groups}

    def score(row: str, chosen: Sequence[Expert]) -> NDArray[np.float64]:
        return tails[row].surprise(joined_statistic(join_surprises(chosen, surprises)))

    alone = {expert.name: score(expert.name, [expert]) for expert in experts}

    def score_of_all(row: str, chosen: Sequence[Expert]) -> NDArray[np.float64]:
        return with_the_surest(score(row, chosen), [alone[expert.name] for expert in chosen])

    scores = {row: score_of_all(row, rows[row]) for row in rows if row not in alone}
    others = all_but_one(experts) if leave_one_out else {}
    fused_map, tgan_map = (join_map(rows.get(row, ()), surprises) for row in (FUSED, _TGAN))
    return CalibratedClips(
        experts=alone,
        tgan=scores.get(_TGAN, np.full(len(fused_map), np.nan)),
        fused=scores[FUSED],
        without={
            name: score_of_all(WITHOUT + name, chosen)
            for name, chosen in others.items()
            if WITHOUT + name in tails  # a model of an earlier version has none
        },
        maps={name: values.astype(np.float32) for name, values in expert_maps.items()},
        tgan_map=np.broadcast_to(tgan_map, fused_map.shape).astype(np.float32),
        fused_map=fused_map.astype(np.float32),
        within=lambda only_GW: fuse(experts, calibration, maps, places_GW=only_GW),
    )
