"""Metrics: how well scores and labels agree, frame by frame and pixel by pixel.

A figure that cannot be measured (one class only, no masks, no threshold) is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve

from pipeline.evaluation.bootstrap import auc_interval

__all__ = [
    "Figures",
    "FrameFigures",
    "MicroAuc",
    "PixelHistogram",
    "frame_f1",
    "frame_figures",
    "macro_auc",
    "mean_figures",
]

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class MicroAuc:
    """Area under the ROC over all frames of all videos together."""

    mean: float | None = None
    """Over seeds."""
    sd: float | None = None
    """Standard deviation over seeds (n - 1); None with one seed."""
    low: float | None = None
    high: float | None = None
    """95 % interval by resampling whole videos."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Everything that is said of one row. None: nothing to measure."""

    micro_auc: MicroAuc
    macro_auc: float | None = None
    """Mean of the AUCs of the videos in which both classes occur."""
    average_precision: float | None = None
    eer: float | None = None
    """Rate at which false positives and false negatives are equal."""
    tpr_at_fpr_1: float | None = None
    tpr_at_fpr_5: float | None = None
    """Share of abnormal frames found while at most 1 % (5 %) of the normal ones are flagged."""
    pixel_auroc: float | None = None
    rbdc: float | None = None
    tbdc: float | None = None
    event_recall: float | None = None
    """Share of labelled intervals that a right alert lasts into."""
    false_alarms_per_hour: float | None = None
    """Alerts raised on normal frames, for each hour of normal test footage."""
    detection_delay_seconds: float | None = None
    """Mean time from the start of a found interval to the moment its alert was known."""
    f1_at_threshold: float | None = None
    """Of frames inside a known alert against labelled frames."""

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as values that JSON can hold."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameFigures:
    """What one run's frame scores say, without any threshold."""

    micro_auc: float | None
    macro_auc: float | None
    average_precision: float | None
    eer: float | None
    tpr_at_fpr_1: float | None
    tpr_at_fpr_5: float | None


def frame_figures(
    scores: Sequence[Scores], labels: Sequence[Labels], *, padded_macro: bool = False
) -> FrameFigures:
    """Return the figures of one run; `scores` and `labels` have one array a video.

    `padded_macro` is the literature's macro AUC; see `macro_auc`.
    """
    score, label = np.concatenate(scores), np.concatenate(labels)
    macro = macro_auc(scores, labels, padded=padded_macro)
    if label.all() or not label.any():
        return FrameFigures(
            micro_auc=None,
            macro_auc=macro,
            average_precision=None,
            eer=None,
            tpr_at_fpr_1=None,
            tpr_at_fpr_5=None,
        )
    false_positive, true_positive, _ = roc_curve(label, score, drop_intermediate=False)
    return FrameFigures(
        micro_auc=float(roc_auc_score(label, score)),
        macro_auc=macro,
        average_precision=float(average_precision_score(label, score)),
        eer=_equal_error_rate(false_positive, true_positive),
        tpr_at_fpr_1=_true_positives_within(false_positive, true_positive, 0.01),
        tpr_at_fpr_5=_true_positives_within(false_positive, true_positive, 0.05),
    )


def macro_auc(
    scores: Sequence[Scores], labels: Sequence[Labels], *, padded: bool = False
) -> float | None:
    """Return the mean of the AUCs of single videos.

    A video with one class has no AUC and is left out. With `padded`, as in the literature, every
    video gets one invented normal frame with score 0 and one invented abnormal frame with its
    largest score, which gives one-class videos an AUC near 1 for nothing; scores must then be in
    [0, 1].
    """
    values = []
    for score, label in zip(scores, labels, strict=True):
        if padded and len(score):
            score = np.concatenate([[0.0], score, [score.max()]])
            label = np.concatenate([[False], label, [True]])
        if label.any() and not label.all():
            values.append(float(roc_auc_score(label, score)))
    return float(np.mean(values)) if values else None


def frame_f1(alerts: Sequence[Labels], labels: Sequence[Labels]) -> float | None:
    """Return the F1 of flagged frames against labelled ones; None when no frame is labelled."""
    label = np.concatenate(labels)
    if not label.any():
        return None
    return float(f1_score(label, np.concatenate(alerts), zero_division=0.0))


def mean_figures(
    runs: Sequence[Figures],
    scores: Sequence[Sequence[Scores]],
    labels: Sequence[Labels],
) -> Figures:
    """Return the figures over seeds: means, and for the micro AUC deviation and interval.

    `runs` and `scores` have one entry a seed; the micro AUC of each run is in its `mean`.
    """
    areas = [run.micro_auc.mean for run in runs if run.micro_auc.mean is not None]
    interval = auc_interval(scores, labels) if areas else None
    micro = MicroAuc(
        mean=float(np.mean(areas)) if areas else None,
        sd=float(np.std(areas, ddof=1)) if len(areas) > 1 else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
    )
    means: dict[str, float | None] = {}
    for name in runs[0].to_dict():
        if name != "micro_auc":
            values = [getattr(run, name) for run in runs]
            known = [value for value in values if value is not None]
            means[name] = float(np.mean(known)) if known else None
    return Figures(micro_auc=micro, **means)


def _equal_error_rate(false_positive: Scores, true_positive: Scores) -> float:
    """Return the rate where the ROC, straight between its points, meets FPR = 1 - TPR."""
    gap = false_positive - (1.0 - true_positive)  # rises from -1 to 1
    after = int(np.argmax(gap >= 0.0))
    before = max(0, after - 1)
    span = gap[after] - gap[before]
    share = -gap[before] / span if span > 0 else 0.0
    return float(false_positive[before] + share * (false_positive[after] - false_positive[before]))


def _true_positives_within(false_positive: Scores, true_positive: Scores, allowed: float) -> float:
    """Return the largest TPR of a threshold that exists and whose FPR is at most `allowed`."""
    return float(true_positive[false_positive <= allowed].max())


_KEPT_BITS = 18
"""Of the 32 of a float: sign, exponent and 9 bits of the mantissa, so a bin is 0.2 % wide."""
_BINS = 1 << _KEPT_BITS


class PixelHistogram:
    """ROC of any number of pixel scores in bounded memory (4 MiB).

    A bin holds the float32 values that agree in their 18 leading bits; the order of bins is the
    order of values, so the area is exact but for ties of values nearer than 0.2 %.
    """

    def __init__(self) -> None:
        self._normal = np.zeros(_BINS, dtype=np.int64)
        self._abnormal = np.zeros(_BINS, dtype=np.int64)

    def add(
        self,
        values: NDArray[np.float32],
        normal: NDArray[np.int64],
        abnormal: NDArray[np.int64],
    ) -> None:
        """Count `normal` and `abnormal` pixels, one number of each for every value."""
        bins = _ordered_bits(np.asarray(values, dtype=np.float32).ravel())
        for counts, pixels in ((self._normal, normal), (self._abnormal, abnormal)):
            # Whole numbers below 2^53 are exact in the float64 weights of bincount.
            counts += np.bincount(bins, weights=pixels.ravel(), minlength=_BINS).astype(np.int64)

    def auroc(self) -> float | None:
        """Return the area under the ROC over all pixels; None when one class is missing."""
        normal, abnormal = int(self._normal.sum()), int(self._abnormal.sum())
        if not normal or not abnormal:
            return None
        below = np.cumsum(self._normal) - self._normal
        ordered = (self._abnormal * (below + self._normal / 2.0)).sum()
        return float(ordered / normal / abnormal)

    def thresholds(self, shares: Sequence[float]) -> list[float]:
        """Return for each share a value that about this share of all pixels reaches, largest first.

        Equal ones are given once.
        """
        counts = self._normal + self._abnormal
        reaching = np.cumsum(counts[::-1])[::-1]
        total = int(reaching[0])
        found = set()
        for share in shares:
            candidates = np.flatnonzero(reaching >= max(1.0, share * total))
            found.add(_value_of_bin(int(candidates[-1])))
        return sorted(found, reverse=True)


def _ordered_bits(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return bin numbers that grow with the values (IEEE 754: flip the bits of negative ones)."""
    # Adding 0 turns -0.0 into 0.0, whose bits differ though the values are equal.
    bits = (values + np.float32(0.0)).view(np.uint32).astype(np.int64)
    ordered = np.where(bits >> 31, 0xFFFFFFFF - bits, bits | 0x80000000)
    return np.asarray(ordered >> (32 - _KEPT_BITS), dtype=np.int64)


def _value_of_bin(number: int) -> float:
    """Return the smallest value of a bin."""
    ordered = number << (32 - _KEPT_BITS)
    bits = ordered & 0x7FFFFFFF if ordered & 0x80000000 else 0xFFFFFFFF - ordered
    return float(np.array([bits], dtype=np.uint32).view(np.float32)[0])
