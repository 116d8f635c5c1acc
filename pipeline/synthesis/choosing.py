"""What to take from which method at each place: learnt by least squares on normal footage alone.

The picture between two frames is the linear blend plus corrections, each times a weight:

    flow less blend     the two warps along the optical flow, against blending
    warps apart         half the difference of the two warps: which side to believe
    drawn movement      what TGAN draws between the frames less the blend of what it draws at them

The weight of a correction at a pixel is linear in what the first two layers of the critic say of
the place (`Between.features_FHW`, which begins with a plane of ones). Corrections fade towards
either frame, so the frames themselves come back as they are.

The drawn movement has no part in `ours`: on training videos of UCSD Ped2 that no weight was learnt
from, it takes 0.003 dB away where the critic adds 0.3 dB.

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
_SPACINGS = (2, 4)
"""Weights that were learnt with every second frame alone misjudge what is faster than anyone in
normal footage: on such videos with three of four frames left out they lose 0.4 dB against weights
without the critic; those learnt with both win 0.4 dB, and still 0.1 with five of six left out."""
_MATTERS, _PLACES_A_FRAME = 2.0, 500
"""Grey levels from which a correction matters, and how many such places of a frame are kept."""
_MET = (2.0, 98.0)
"""Percent of the weights met in training between which a weight stays. On training videos that no
weight was learnt from: 0.01 dB with five of six frames left out, nothing gained or lost else."""
_RIDGE = 1e-3
"""Share of its own size added to each term's diagonal: features that say the same stay small."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Choice:
    """The weights of the corrections."""

    weights_JF: NDArray[np.float64]
    range_J2: NDArray[np.float64]
    """Least and largest weight of each correction; what is learnt is linear and would go on growing
    where footage looks like nothing in training."""
    untrained: bool = False
    """Whether they go with the critic that has learnt nothing."""

    def picture(self, between: Between, moment: int) -> NDArray[np.float32]:
        """Return the levels at one of the moments."""
        features_FHW = _features(between, untrained=self.untrained)
        weights_JHW = np.einsum("jf,fhw->jhw", self.weights_JF, features_FHW)
        weights_JHW = weights_JHW.clip(*self.range_J2.T[:, :, None, None])
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
    """Hidden frames that they were learnt from."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "corrections": list(CORRECTIONS),
            "weights": self.ours.weights_JF.round(6).tolist(),
            "range": self.ours.range_J2.round(6).tolist(),
            "without_networks": self.without_networks.weights_JF[:, 0].round(6).tolist(),
            "drawn_only": self.drawn_only.weights_JF[:, 0].round(6).tolist(),
            "gaps": self.gaps,
        }


def hidden_frames(
    run: Run, frames: int, every: int, spacing: int = 2
) -> Iterator[tuple[Run, int, int]]:
    """Yield (every `spacing`-th frame, gap, number of the frame in the middle of that gap).

    `spacing` is even. Every `every`-th frame that has half a clip of `frames` kept frames on either
    side is hidden once; a run that is too short for one yields nothing: (`frames` - 1) * `spacing`
    + 1 frames are the least.
    """
    half, near = frames // 2, spacing // 2
    thinned = {first: run.thinned(first, spacing) for first in range(spacing)}
    before, after = (2 * half - 1) * near, (2 * (frames - half) - 1) * near
    for hidden in range(before, len(run) - after, every):
        first = (hidden - near) % spacing
        yield thinned[first], (hidden - near) // spacing, hidden


def learn_choices(interpolator: Interpolator, runs: Iterable[Run], *, every: int = 20) -> Choices:
    """Return the weights that draw hidden frames of normal footage best, in the squared error.

    Every second frame is left out, and then three of four; every `every`-th frame is asked for.
    Raises FootageError (too_short) when no run is long enough to leave any out.
    """
    flow = (_FLOW, _APART)
    sums = {
        "ours": _Sums(flow),
        "without_networks": _Sums(flow, one_weight=True),
        "drawn_only": _Sums((_DRAWN,), one_weight=True),
    }
    if interpolator.control is not None:
        sums["untrained"] = _Sums(flow, untrained=True)
    gaps = 0
    for run in runs:
        for kept, gap, hidden in _hidden(run, interpolator.frames, every):
            between = interpolator.between(kept, gap, (0.5,))
            missing = run.frames[hidden].astype(np.float64) - between.linear[0]
            for problem in sums.values():
                problem.add(between, missing)
            gaps += 1
    if not gaps:
        raise FootageError(
            f"no normal footage to learn from: {2 * interpolator.frames - 1} frames in a row are "
            "the least; give longer videos",
            reason=Reason.TOO_SHORT,
        )
    return Choices(
        ours=sums["ours"].solved(),
        untrained=sums["untrained"].solved() if "untrained" in sums else None,
        without_networks=sums["without_networks"].solved(),
        drawn_only=sums["drawn_only"].solved(),
        gaps=gaps,
    )


def _hidden(run: Run, frames: int, every: int) -> Iterator[tuple[Run, int, int]]:
    for spacing in _SPACINGS:
        yield from hidden_frames(run, frames, every, spacing)


class _Sums:
    """The sums of one least-squares problem, hidden frames added as they come, and features of some
    places where a correction matters.

    Corrections that are not named have no weight; with `one_weight` the others have one each,
    wherever it is.
    """

    def __init__(
        self, corrections: Sequence[int], *, one_weight: bool = False, untrained: bool = False
    ) -> None:
        self._corrections, self._one_weight = corrections, one_weight
        self._untrained = untrained
        self._features = 0
        self._squares, self._products = np.zeros(()), np.zeros(())
        self._places: dict[int, list[NDArray[np.float32]]] = {n: [] for n in corrections}

    def add(self, between: Between, missing: NDArray[np.float64]) -> None:
        """Add what the blend lacks at one hidden frame."""
        features_FHW = _features(between, untrained=self._untrained)
        self._features = len(features_FHW)
        features_FHW = features_FHW[:1] if self._one_weight else features_FHW
        corrections = list(_corrections(between, 0))
        rows = []
        for number, places in self._places.items():
            correction = corrections[number]
            weight_FHW = features_FHW if correction.ndim == 2 else features_FHW[..., None]
            rows.append((weight_FHW * correction).reshape(len(features_FHW), -1))
            moved_HW = np.abs(correction) if correction.ndim == 2 else np.abs(correction).max(2)
            found = features_FHW[:, moved_HW > _MATTERS]
            places.append(found[:, :: max(1, found.shape[1] // _PLACES_A_FRAME)].T)
        terms = np.concatenate(rows).astype(np.float64)
        self._squares = self._squares + terms @ terms.T
        self._products = self._products + terms @ missing.ravel()

    def solved(self) -> Choice:
        """Return the best weights, and between which of them training has kept."""
        squares = self._squares + np.diag(_RIDGE * np.diag(self._squares) + 1e-9)
        found = np.linalg.solve(squares, self._products).reshape(len(self._corrections), -1)
        weights_JF = np.zeros((len(CORRECTIONS), self._features))
        range_J2 = np.zeros((len(CORRECTIONS), 2))
        for (number, places), weights_F in zip(self._places.items(), found, strict=True):
            weights_JF[number, : len(weights_F)] = weights_F
            met = np.concatenate(places) @ weights_F
            # Where nothing ever moved there is nothing to bound, and nothing to correct.
            range_J2[number] = np.percentile(met, _MET) if len(met) else weights_F[0]
        return Choice(weights_JF=weights_JF, range_J2=range_J2, untrained=self._untrained)


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
