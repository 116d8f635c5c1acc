"""What to take from which method at each place: learnt by least squares on normal footage alone.

The picture between two frames is the linear blend plus corrections, each times a weight:

    flow less blend     the two warps along the optical flow, against blending
    warps apart         half the difference of the two warps: which side to believe
    drawn movement      what TGAN draws between the frames less the blend of what it draws at them

The weight of a correction at a pixel is linear in what the first layer of the critic says of the
place (`Between.features_FHW`, which begins with a plane of ones). Corrections fade towards either
frame, so the frames themselves come back as they are.

The drawn movement has no part in `ours`: on training videos of UCSD Ped2 that nothing was learnt
from, it takes 0.003 dB away, where the critic's choice among the warps adds 0.4 dB.

Shapes: J corrections, F features, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pipeline.errors import FootageError
from pipeline.footage.admission import Reason
from pipeline.synthesis.between import Between, Interpolator, Run

__all__ = ["CORRECTIONS", "Choice", "Choices", "hidden_frames", "learn_choices"]

CORRECTIONS = ("flow less blend", "warps apart", "drawn movement")
_FLOW, _APART, _DRAWN = range(len(CORRECTIONS))

_RENDER_SIGMA_PX = 2.0
"""What the generator draws finer than this is noise to a real clip: the encoder does not tell it
where an edge lies to the pixel."""
_RIDGE = 1e-3
"""Share of its own size added to each term's diagonal: features that say the same stay small."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Choice:
    """The weights of the corrections."""

    weights_JF: NDArray[np.float64]
    untrained: bool = False
    """Whether they go with the critic that has learnt nothing."""

    def picture(self, between: Between, moment: int) -> NDArray[np.float32]:
        """Return the levels at one of the moments."""
        features_FHW = _features(between, untrained=self.untrained)
        weights_JHW = np.einsum("jf,fhw->jhw", self.weights_JF, features_FHW)
        levels = between.linear[moment].astype(np.float64)
        for weight_HW, correction in zip(weights_JHW, _corrections(between, moment), strict=True):
            levels += (weight_HW if levels.ndim == 2 else weight_HW[..., None]) * correction
        return np.asarray(levels, dtype=np.float32)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """What was learnt, and the same with parts of it left out."""

    ours: Choice
    """The corrections of the flow, weighted by what the critic says of the place."""
    untrained: Choice | None
    """The same by a critic that has learnt nothing; None when the interpolator has none."""
    without_networks: Choice
    """Neither drawn movement nor critic: the corrections of the flow with one weight each."""
    drawn_only: Choice
    """No flow: the blend and the drawn movement with one weight."""
    gaps: int
    """Pairs of frames that they were learnt from."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "corrections": list(CORRECTIONS),
            "weights": self.ours.weights_JF.round(6).tolist(),
            "without_networks": self.without_networks.weights_JF[:, 0].round(6).tolist(),
            "drawn_only": self.drawn_only.weights_JF[:, 0].round(6).tolist(),
            "gaps": self.gaps,
        }


def hidden_frames(run: Run, frames: int, every: int) -> Iterator[tuple[Run, int, int]]:
    """Yield (every second frame, gap, number of the frame that was left out of it).

    Every `every`-th frame that has half a clip of `frames` kept frames on either side is left out
    once; a run of less than 2 * `frames` - 1 frames yields nothing.
    """
    half = frames // 2
    thinned = {parity: run.thinned(parity) for parity in (0, 1)}
    for hidden in range(2 * half - 1, len(run) - 2 * (frames - half) + 1, every):
        first = (hidden + 1) % 2
        yield thinned[first], (hidden - 1) // 2, hidden


def learn_choices(interpolator: Interpolator, runs: Iterable[Run], *, every: int = 20) -> Choices:
    """Return the weights that draw hidden frames of normal footage best, in the squared error.

    Every second frame is left out and every `every`-th of those is asked for. Raises FootageError
    (too_short) when no run is long enough to leave any out.
    """
    ways = [False] if interpolator.control is None else [False, True]
    sums = {untrained: _Sums() for untrained in ways}
    gaps = 0
    for run in runs:
        for kept, gap, hidden in hidden_frames(run, interpolator.frames, every):
            between = interpolator.between(kept, gap, (0.5,))
            missing = run.frames[hidden].astype(np.float64) - between.linear[0]
            for untrained, of_critic in sums.items():
                of_critic.add(_terms(between, untrained=untrained), missing.ravel())
            gaps += 1
    if not gaps:
        raise FootageError(
            f"no normal footage to learn from: {2 * interpolator.frames - 1} frames in a row are "
            "the least; give longer videos",
            reason=Reason.TOO_SHORT,
        )
    return Choices(
        ours=Choice(weights_JF=sums[False].solved((_FLOW, _APART))),
        untrained=Choice(weights_JF=sums[True].solved((_FLOW, _APART)), untrained=True)
        if True in sums
        else None,
        without_networks=Choice(weights_JF=sums[False].solved((_FLOW, _APART), one_weight=True)),
        drawn_only=Choice(weights_JF=sums[False].solved((_DRAWN,), one_weight=True)),
        gaps=gaps,
    )


class _Sums:
    """The sums of a least-squares problem, terms added as they come."""

    def __init__(self) -> None:
        self._squares, self._products = np.zeros(()), np.zeros(())

    def add(self, terms: NDArray[np.float64], missing: NDArray[np.float64]) -> None:
        self._squares = self._squares + terms @ terms.T
        self._products = self._products + terms @ missing

    def solved(
        self, corrections: Sequence[int], *, one_weight: bool = False
    ) -> NDArray[np.float64]:
        """Return weights_JF; those of other corrections are 0, and with `one_weight` those of all
        features but the ones."""
        features = len(self._squares) // len(CORRECTIONS)
        kept = [
            correction * features + feature
            for correction in corrections
            for feature in range(1 if one_weight else features)
        ]
        squares = self._squares[np.ix_(kept, kept)]
        squares = squares + np.diag(_RIDGE * np.diag(squares) + 1e-9)
        weights = np.zeros(len(self._squares))
        weights[kept] = np.linalg.solve(squares, self._products[kept])
        return weights.reshape(len(CORRECTIONS), features)


def _corrections(between: Between, moment: int) -> Iterator[NDArray[np.float64]]:
    before, after = between.warped[moment]
    yield (between.flow[moment] - between.linear[moment]).astype(np.float64)
    # Each warp is right at its own frame, where the other one has come the whole way: their
    # difference is let in only between the two, as the other corrections are by themselves.
    yield _between_only(before - after, between, moment)
    drawn = between.residual[moment].astype(np.float64)
    axes = (0, 1)
    yield np.asarray(gaussian_filter(drawn, _RENDER_SIGMA_PX, axes=axes), dtype=np.float64)


def _between_only(apart: NDArray[np.float32], between: Between, moment: int) -> NDArray[np.float64]:
    share = between.shares[moment]
    return np.asarray(2.0 * share * (1.0 - share) * apart, dtype=np.float64)


def _features(between: Between, *, untrained: bool) -> NDArray[np.float32]:
    if not untrained:
        return between.features_FHW
    assert between.control_FHW is not None, "an interpolator with a control gives its features"
    return between.control_FHW


def _terms(between: Between, *, untrained: bool) -> NDArray[np.float64]:
    """Return every correction times every feature, (J * F) x pixels (times colours)."""
    rows = []
    for correction in _corrections(between, 0):
        for feature_HW in _features(between, untrained=untrained):
            weight = feature_HW if correction.ndim == 2 else feature_HW[..., None]
            rows.append((weight * correction).ravel())
    return np.stack(rows).astype(np.float64)
