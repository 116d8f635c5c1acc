"""Timeline: from scores of clips to scores of frames, causally; and the literature's way beside it.

Shapes: N clips in order of their ends, F frames in order of time.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pipeline.alerts.events import EventPolicy
from pipeline.alerts.sequential import SequentialTest
from pipeline.timebase import MICROSECONDS_PER_SECOND

__all__ = [
    "LITERATURE_SIGMA_FRAMES",
    "hysteresis",
    "levels",
    "literature_scores",
    "newest_clip",
    "smooth",
]

LITERATURE_SIGMA_FRAMES = 5.0
"""Of the centred Gaussian in the literature column. Papers take 3 to 282 frames, chosen for each
data set; here it was fixed beforehand and is never tuned."""

_RUN_GAP_SECONDS = 2.0


def newest_clip(moment_us: NDArray[np.int64], pts_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each frame the clip whose moment passed last at its time; the first frames get
    clip 0.

    `moment_us`: a time of every clip in order, its middle or its end; not empty.
    """
    newest = np.searchsorted(moment_us, pts_us, side="right") - 1
    return np.asarray(np.maximum(newest, 0), dtype=np.int64)


def smooth(
    start_us: NDArray[np.int64],
    end_us: NDArray[np.int64],
    scores: NDArray[np.float64],
    policy: EventPolicy,
) -> NDArray[np.float64]:
    """Return the causal exponential mean that `join_anomalies` compares with the thresholds.

    A pause longer than two seconds (or the merge gap) between clips that share no footage begins
    anew. A test holds the two together: the peak score of every event is the largest value here.
    """
    begins = _run_begins(start_us, end_us, policy)
    smoothed = np.empty(len(scores), dtype=np.float64)
    mean = 0.0
    for index, score in enumerate(scores):
        if begins[index] or policy.smoothing_seconds <= 0:
            mean = float(score)
        else:
            step = float(end_us[index] - end_us[index - 1]) / MICROSECONDS_PER_SECOND
            mean += (float(score) - mean) * -math.expm1(-step / policy.smoothing_seconds)
        smoothed[index] = mean
    return smoothed


def levels(
    start_us: NDArray[np.int64],
    end_us: NDArray[np.int64],
    smoothed: NDArray[np.float64],
    policy: EventPolicy,
) -> NDArray[np.float64]:
    """Return the smoothed scores, or what the scores so far are worth where that is more: what
    `join_anomalies` compares with the thresholds."""
    begins = _run_begins(start_us, end_us, policy)
    test, found = SequentialTest(policy.sums), np.empty(len(smoothed), dtype=np.float64)
    for index, score in enumerate(smoothed):
        step = None
        if not begins[index]:
            step = float(end_us[index] - end_us[index - 1]) / MICROSECONDS_PER_SECOND
        found[index] = test.after(float(score), step)
    return found


def _run_begins(
    start_us: NDArray[np.int64], end_us: NDArray[np.int64], policy: EventPolicy
) -> NDArray[np.bool_]:
    """Return for each clip whether a run of clips begins with it."""
    gap_us = max(policy.merge_gap_seconds, _RUN_GAP_SECONDS) * MICROSECONDS_PER_SECOND
    begins = np.ones(len(end_us), dtype=np.bool_)
    begins[1:] = (np.diff(end_us) > gap_us) & (start_us[1:] > end_us[:-1])
    return begins


def hysteresis(levels_N: NDArray[np.float64], policy: EventPolicy) -> NDArray[np.bool_]:
    """Return for each clip whether an event is open at its end."""
    opened = np.zeros(len(levels_N), dtype=np.bool_)
    is_open = False
    for index, score in enumerate(levels_N):
        is_open = bool(score >= (policy.close_score if is_open else policy.open_score))
        opened[index] = is_open
    return opened


def literature_scores(frame_scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one video's frame scores as papers print them: min-max of this video, then a centred
    Gaussian. Uses the future, so it is for comparison only. float64 in [0, 1].
    """
    if not len(frame_scores):
        return frame_scores
    low, high = float(frame_scores.min()), float(frame_scores.max())
    if high <= low:
        return np.zeros(len(frame_scores))
    scaled = (frame_scores - low) / (high - low)
    smoothed = gaussian_filter1d(scaled, LITERATURE_SIGMA_FRAMES, mode="nearest")
    return np.asarray(smoothed, dtype=np.float64)
