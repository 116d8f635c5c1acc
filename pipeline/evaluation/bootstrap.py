"""Intervals: how far a figure would move had other videos been filmed, or chance fallen otherwise.

Over videos by resampling them, over a few seeds by Student's t.

The micro AUC is the share of (abnormal frame, normal frame) pairs that are in the right order.
Counted per pair of videos once, every bootstrap sample is two small matrix products: exact, and
fast for any number of frames. Shapes: V videos, R samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

__all__ = [
    "auc_gain_interval",
    "auc_interval",
    "mean_interval",
    "ordered_pairs",
    "seed_interval",
]

BOOTSTRAP_SAMPLES = 2_000
_CONFIDENCE = 0.95


def ordered_pairs(
    scores: Sequence[NDArray[np.float64]], labels: Sequence[NDArray[np.bool_]]
) -> NDArray[np.float64]:
    """Return, for videos i and j, how many pairs (abnormal frame of i, normal frame of j) the score
    puts in the right order, ties as a half. float64 VV.
    """
    normal = [np.sort(score[~label]) for score, label in zip(scores, labels, strict=True)]
    abnormal = [score[label] for score, label in zip(scores, labels, strict=True)]
    owner = np.repeat(np.arange(len(abnormal)), [len(part) for part in abnormal])
    together = np.concatenate([*abnormal, np.empty(0)])
    pairs_VV = np.zeros((len(abnormal), len(normal)))
    for column, values in enumerate(normal):
        below = np.searchsorted(values, together, side="left")
        not_above = np.searchsorted(values, together, side="right")
        pairs_VV[:, column] = np.bincount(
            owner, weights=(below + not_above) / 2.0, minlength=len(abnormal)
        )
    return pairs_VV


def auc_interval(
    runs: Sequence[Sequence[NDArray[np.float64]]],
    labels: Sequence[NDArray[np.bool_]],
    *,
    seed: int = 0,
    samples: int = BOOTSTRAP_SAMPLES,
) -> tuple[float, float] | None:
    """Return the 95 % interval of the micro AUC under resampling of whole videos.

    `runs`: one entry a seed, each with the scores of every video; a sample's value is the mean over
    them. Samples without a normal or without an abnormal frame have no AUC and are left out; None
    when no sample has one, or there is a single video.
    """
    values = _resampled_areas(runs, labels, seed, samples)
    return None if values is None else _middle_of(values)


def auc_gain_interval(
    runs: Sequence[Sequence[NDArray[np.float64]]],
    rivals: Sequence[Sequence[NDArray[np.float64]]],
    labels: Sequence[NDArray[np.bool_]],
    *,
    seed: int = 0,
    samples: int = BOOTSTRAP_SAMPLES,
) -> tuple[float, float] | None:
    """Return the 95 % interval of how much larger the micro AUC of `runs` is than that of `rivals`;
    every sample takes the same videos for both. Otherwise as `auc_interval`."""
    values = _resampled_areas(runs, labels, seed, samples)
    others = _resampled_areas(rivals, labels, seed, samples)
    return None if values is None or others is None else _middle_of(values - others)


def _middle_of(values: NDArray[np.float64]) -> tuple[float, float]:
    edge = (1.0 - _CONFIDENCE) / 2.0
    low, high = np.quantile(values, [edge, 1.0 - edge])
    return float(low), float(high)


def _resampled_areas(
    runs: Sequence[Sequence[NDArray[np.float64]]],
    labels: Sequence[NDArray[np.bool_]],
    seed: int,
    samples: int,
) -> NDArray[np.float64] | None:
    """Return the micro AUC, mean over `runs`, of every sample that has one; None without any."""
    abnormal = np.array([int(label.sum()) for label in labels], dtype=np.float64)
    normal = np.array([len(label) - int(label.sum()) for label in labels], dtype=np.float64)
    if len(labels) < 2:
        return None
    draws = np.random.default_rng(seed).integers(0, len(labels), size=(samples, len(labels)))
    counts_RV = np.apply_along_axis(np.bincount, 1, draws, minlength=len(labels)).astype(np.float64)
    pairs_R = (counts_RV @ abnormal) * (counts_RV @ normal)
    defined = pairs_R > 0
    if not defined.any():
        return None
    total = np.zeros(samples)
    for scores in runs:
        pairs_VV = ordered_pairs(scores, labels)
        total += np.einsum("rv,vw,rw->r", counts_RV, pairs_VV, counts_RV, optimize=True)
    return np.asarray(total[defined] / pairs_R[defined] / len(runs), dtype=np.float64)


def mean_interval(
    values_V: Sequence[float], *, seed: int = 0, samples: int = BOOTSTRAP_SAMPLES
) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean of one value a video under resampling of whole videos;
    None with fewer than two videos."""
    values = np.asarray(values_V, dtype=np.float64)
    if len(values) < 2:
        return None
    draws = np.random.default_rng(seed).integers(0, len(values), size=(samples, len(values)))
    return _middle_of(values[draws].mean(axis=1))


def seed_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean of one value a seed, by Student's t: three seeds say
    little, and this says so. None with fewer than two."""
    if len(values) < 2:
        return None
    mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
    reach = float(student_t.ppf((1.0 + _CONFIDENCE) / 2.0, len(values) - 1))
    half = reach * deviation / len(values) ** 0.5
    return mean - half, mean + half
