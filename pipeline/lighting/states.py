"""Lighting states: the few kinds of light that a camera's scene is in, found without labels.

Shapes: N moments, M = 5 measures of light.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.lighting.light import MEASURES, Light

__all__ = ["Kind", "LightingState", "LightingStates", "find_states", "window_medians"]

_WINDOW_LOOKS = 4
"""Looks that one moment is the median of: two seconds, longer than somebody takes to pass by."""
_MOST_COMPONENTS = 6
_LEAST_SPREAD = 4.0
"""Grey levels. Lamps flicker, cameras adjust: less is no other light."""
_LEAST_DISTANCE = 20.0
"""Grey levels between two states, in one measure or in several together. Less is what gain and
offset, which every clip has aligned, take out."""
_LEAST_SEPARATION = 3.0
"""Ashman's D: distance of two centres over their spread. From 2 on there are two humps."""
_DEEPEST = 0.1
"""How many moments lie where they lie thinnest between two centres, beside the lower of the two
peaks. Lamps and infrared are switched; daylight comes and goes, leaves no gap, and is one state
however far it goes."""
_STEPS = 20
"""Steps of the way from one centre to the other, in which moments are counted."""
_LEAST_SHARE = 0.02
_LEAST_SECONDS = 30.0
"""A state is at least this much of the footage, and half of its time lies in spells of this length:
somebody before the lens changes the light of a picture too, and goes again."""
_LONG_MOMENTS = 15
"""Of two seconds: those."""
_REACH = 1.5
"""Times what one look in a thousand of the training footage exceeds: further away is no light that
was seen."""
_LEAST_REACH = 3.0

_GREY = 10.0
"""Grey levels of colour, below which a picture is grey."""
_OF_THE_COLOUR = 0.4
"""Of the most colourful state: an image sensor's own tint remains under infrared."""
_PALE_SHARE = 0.8
_DIM_SHARE = 0.8
"""Of the most colourful, and of the brightest state."""
_LIGHTS_OFF = 40.0
"""Level, and as a share of the brightest state's: below both, lights are off."""
_OFF_SHARE = 0.5


class Kind(StrEnum):
    """What a state of lighting is, beside the others of its camera."""

    BRIGHT = "bright"
    """As bright as the brightest, or nearly."""
    DIM = "dim"
    """Darker than that."""
    PALE = "pale"
    """Colours are there and washed out: infrared beside daylight, or another lamp."""
    INFRARED = "infrared"
    """Grey, where other states have colour."""
    LIGHTS_OFF = "lights_off"
    """Nearly nothing is lit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LightingState:
    """One kind of light that a camera's scene was in while learning."""

    name: str
    """Its kind; with a number from the second of a kind on."""
    centre: tuple[float, ...]
    """Median of each measure, in the order of MEASURES."""
    spread: tuple[float, ...]
    """Of each measure; at least 4 grey levels."""
    reach: float
    """Distance, in spreads, up to which a picture is in this light."""
    share: float
    """Of the training footage, in (0, 1]."""
    misfit: float = 0.0
    """Grey levels by which a picture, its light aligned, may differ from the state's background
    where it differs least; 0 where that is not known."""

    @property
    def kind(self) -> Kind:
        """What it is."""
        return Kind(self.name.rstrip("0123456789").rstrip("_"))

    def distances(self, lights_NM: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far pictures are from it, in spreads (root mean square over the measures)."""
        return _distances(lights_NM, np.asarray(self.centre), np.asarray(self.spread))

    def line(self) -> str:
        """Return what a line for people says of it."""
        level, colour = (self.centre[MEASURES.index(name)] for name in ("level", "colour"))
        return f"{self.name} {self.share:.0%} (level {level:.0f} of 255, colour {colour:.0f})"


@dataclass(frozen=True, kw_only=True, slots=True)
class LightingStates:
    """The lighting states of one camera, two or more."""

    states: tuple[LightingState, ...]
    """The most frequent first."""

    def named(self, name: str) -> LightingState:
        """Return the state of a name; KeyError for another."""
        return {state.name: state for state in self.states}[name]

    def distances(self, light: Light) -> dict[str, float]:
        """Return how far a picture is from each state as a share of the state's reach: up to 1 it
        may be in that state."""
        lights_NM = light.values()[None]
        return {s.name: float(s.distances(lights_NM)[0]) / s.reach for s in self.states}

    def to_list(self) -> list[dict[str, Any]]:
        """Return the states as values that JSON can hold."""
        return [
            {
                "name": state.name,
                "centre": list(state.centre),
                "spread": list(state.spread),
                "reach": state.reach,
                "share": state.share,
                "misfit": state.misfit,
            }
            for state in self.states
        ]

    @classmethod
    def from_list(cls, values: Sequence[Mapping[str, Any]]) -> LightingStates:
        """Return the states that `to_list` wrote."""
        return cls(
            states=tuple(
                LightingState(
                    **{**one, "centre": tuple(one["centre"]), "spread": tuple(one["spread"])}
                )
                for one in values
            )
        )


def window_medians(lights: Sequence[Light]) -> NDArray[np.float64]:
    """Return the median light of each two seconds of a stretch's looks, NM."""
    values = [light.values() for light in lights]
    parts = [values[i : i + _WINDOW_LOOKS] for i in range(0, len(values), _WINDOW_LOOKS)]
    if not parts:
        return np.empty((0, len(MEASURES)))
    return np.stack([np.median(part, axis=0) for part in parts])


def find_states(stretches: Sequence[NDArray[np.float64]], *, seed: int) -> LightingStates | None:
    """Return the lighting states that the moments of training footage (`window_medians`, NM, of
    each stretch) fall into; None where there is only one.

    A mixture of Gaussians with as many components as the Bayesian information criterion asks for
    describes how light is spread; components that no gap parts are one state. The criterion alone
    would call every hour of a day a state, since daylight is no Gaussian.
    """
    lights_NM = np.concatenate(stretches)
    begins = np.cumsum([len(stretch) for stretch in stretches])[:-1]
    groups = _parted(lights_NM, _components(lights_NM, seed))
    least = max(_LEAST_SHARE * len(lights_NM), _LONG_MOMENTS)
    lasting = [g for g in groups if g.sum() >= least and _lasts(np.split(g, begins))]
    chosen = sorted(lasting, key=lambda g: -int(g.sum()))
    if len(chosen) < 2:
        return None
    total = sum(int(group.sum()) for group in chosen)
    fitted = [_fitted(lights_NM[group], group.sum() / total) for group in chosen]
    names = _names([np.asarray(state.centre) for state in fitted])
    return LightingStates(
        states=tuple(replace(one, name=name) for name, one in zip(names, fitted, strict=True))
    )


def _components(lights_NM: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """Return which component of the best mixture each moment belongs to."""
    from sklearn.mixture import GaussianMixture

    best: NDArray[np.int64] = np.zeros(len(lights_NM), np.int64)
    lowest = np.inf
    different = len(np.unique(lights_NM, axis=0))
    for count in range(1, _MOST_COMPONENTS + 1):
        if len(lights_NM) < 4 * count or different < count:
            break
        mixture = GaussianMixture(
            count,
            covariance_type="diag",
            reg_covar=(_LEAST_SPREAD / 2.0) ** 2,
            n_init=2,
            random_state=seed,
        ).fit(lights_NM)
        criterion = float(mixture.bic(lights_NM))
        if criterion < lowest:
            lowest, best = criterion, mixture.predict(lights_NM).astype(np.int64)
    return best


def _parted(lights_NM: NDArray[np.float64], labels_N: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    """Return which moments belong to each state: components are joined until a gap parts all that
    are left, the nearest first."""
    groups = [labels_N == label for label in np.unique(labels_N)]
    while len(groups) > 1:
        pairs = [(i, j) for i in range(len(groups)) for j in range(i)]
        gaps = [_gap(lights_NM[groups[i]], lights_NM[groups[j]]) for i, j in pairs]
        nearest = int(np.argmin(gaps))
        if gaps[nearest] >= 1.0:
            break
        i, j = pairs[nearest]
        groups[j] = groups[i] | groups[j]
        del groups[i]
    return groups


def _gap(one_NM: NDArray[np.float64], other_NM: NDArray[np.float64]) -> float:
    """Return how far two groups are apart; from 1 on they are two states."""
    centres = np.median(one_NM, axis=0), np.median(other_NM, axis=0)
    distance = float(np.linalg.norm(centres[1] - centres[0]))
    if distance < _LEAST_DISTANCE:
        return 0.5 * distance / _LEAST_DISTANCE
    along_M = (centres[1] - centres[0]) / distance
    ways = [(group - centres[0]) @ along_M / distance for group in (one_NM, other_NM)]
    spreads = [max(_width(way), _LEAST_SPREAD / distance) for way in ways]
    separation = math.sqrt(2.0) / math.hypot(*spreads) / _LEAST_SEPARATION
    return min(separation, _DEEPEST / max(_valley(np.concatenate(ways)), 1e-3))


def _valley(way_N: NDArray[np.float64]) -> float:
    """Return how thin moments lie between 0 and 1 at the thinnest, beside the lower peak around."""
    counts, _ = np.histogram(way_N, bins=2 * _STEPS, range=(-0.5, 1.5))
    smooth = np.convolve(counts, np.ones(3), mode="same")
    first, last = _STEPS // 2, _STEPS // 2 + _STEPS  # the centres
    thinnest = first + int(np.argmin(smooth[first:last]))
    peak = min(smooth[:thinnest].max(), smooth[thinnest + 1 :].max())
    return float(smooth[thinnest] / max(peak, 1.0))


def _lasts(parts: Sequence[NDArray[np.bool_]]) -> bool:
    """Return whether half of a state's moments lie in long spells."""
    lengths = [n for part in parts for n in _runs(part)]
    return 2 * sum(n for n in lengths if n >= _LONG_MOMENTS) >= sum(lengths)


def _runs(inside_N: NDArray[np.bool_]) -> list[int]:
    """Return the lengths of the runs of true."""
    edges = np.flatnonzero(np.diff(inside_N.astype(np.int8), prepend=0, append=0))
    return [int(n) for n in edges[1::2] - edges[::2]]


def _width(values_N: NDArray[np.float64]) -> float:
    """Return the standard deviation that the middle nine tenths of the values speak for: a state
    with a long tail is as wide as its tail."""
    low, high = np.quantile(values_N, (0.05, 0.95))
    return float(high - low) / 3.29


def _fitted(lights_NM: NDArray[np.float64], share: float) -> LightingState:
    centre_M = np.median(lights_NM, axis=0)
    spread_M = np.maximum(
        [_width(lights_NM[:, m]) for m in range(lights_NM.shape[1])], _LEAST_SPREAD
    )
    far = float(np.quantile(_distances(lights_NM, centre_M, spread_M), 0.999))
    return LightingState(
        name="",
        centre=tuple(float(v) for v in centre_M),
        spread=tuple(float(v) for v in spread_M),
        reach=max(_LEAST_REACH, _REACH * far),
        share=float(share),
    )


def _distances(
    lights_NM: NDArray[np.float64], centre_M: NDArray[np.float64], spread_M: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(np.sqrt((((lights_NM - centre_M) / spread_M) ** 2).mean(axis=1)))


def _names(centres: Sequence[NDArray[np.float64]]) -> list[str]:
    """Return a name for each state: what it is beside the others."""
    levels, colours = (
        [float(centre[MEASURES.index(name)]) for centre in centres] for name in ("level", "colour")
    )
    kinds = [
        _kind(level, colour, brightest=max(levels), most_colourful=max(colours))
        for level, colour in zip(levels, colours, strict=True)
    ]
    seen: dict[Kind, int] = {}
    names = []
    for kind in kinds:
        seen[kind] = seen.get(kind, 0) + 1
        names.append(kind.value if seen[kind] == 1 else f"{kind.value}_{seen[kind]}")
    return names


def _kind(level: float, colour: float, *, brightest: float, most_colourful: float) -> Kind:
    if level < min(_LIGHTS_OFF, _OFF_SHARE * brightest):
        return Kind.LIGHTS_OFF
    if colour < min(_GREY, _OF_THE_COLOUR * most_colourful):
        return Kind.INFRARED
    if level < _DIM_SHARE * brightest:
        return Kind.DIM
    # Below the noise of colour there is none that could be washed out.
    if most_colourful >= _GREY and colour < _PALE_SHARE * most_colourful:
        return Kind.PALE
    return Kind.BRIGHT
