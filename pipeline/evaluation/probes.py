"""Probes: how much simple readers get out of features of clips, and so what the features hold.

A linear probe (Alain and Bengio 2016) says what lies open in features, nearest neighbours what lies
close together. Both get the same few principal components, so that features of many numbers have
no more to learn from than those of few. Shapes: N clips to learn from, M to judge by, D features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

__all__ = ["ProbeAccuracy", "probe"]

_STRENGTHS = (0.01, 0.1, 1.0)
"""Inverse weights of the penalty that the linear probe chooses from."""
_CHOOSING_SHARE = 5
"""One clip in so many to learn from is kept back to choose with."""
_ITERATIONS = 300

Features = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeAccuracy:
    """Shares of clips that are put into their class."""

    linear: float
    """By logistic regression."""
    neighbours: float
    """By a vote of the nearest clips."""


def probe(
    features_ND: Features,
    labels_N: Labels,
    judged_MD: Features,
    judged_labels_M: Labels,
    *,
    components: int = 128,
    neighbours: int = 10,
) -> ProbeAccuracy:
    """Return how often the classes of unseen clips are read from their features.

    Everything is fitted on the clips to learn from: the principal components (at most as many as
    there are features and clips), the penalty (chosen on every fifth of them), the readers. The
    same features give the same figures. Raises ValueError for features and labels that do not fit
    together, and for fewer than 10 clips to learn from.
    """
    for name, features, labels in (
        ("learn from", features_ND, labels_N),
        ("judge by", judged_MD, judged_labels_M),
    ):
        if features.ndim != 2 or len(features) != len(labels) or not len(labels):
            raise ValueError(f"features {features.shape} and labels {labels.shape} to {name}")
    if len(features_ND) < 10:
        raise ValueError(f"{len(features_ND)} clips to learn from, 10 needed")
    kept = min(components, *features_ND.shape)
    reduced = PCA(kept, svd_solver="covariance_eigh" if _is_tall(features_ND) else "randomized")
    reduced.set_params(random_state=0)
    learnt_NK = reduced.fit_transform(features_ND.astype(np.float64))
    judged_MK = reduced.transform(judged_MD.astype(np.float64))
    near = KNeighborsClassifier(min(neighbours, len(labels_N))).fit(learnt_NK, labels_N)
    linear = _linear(_strength(learnt_NK, labels_N)).fit(learnt_NK, labels_N)
    return ProbeAccuracy(
        linear=float(linear.score(judged_MK, judged_labels_M)),
        neighbours=float(near.score(judged_MK, judged_labels_M)),
    )


def _is_tall(features_ND: Features) -> bool:
    return bool(len(features_ND) > 4 * features_ND.shape[1])


def _linear(strength: float) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=_ITERATIONS))


def _strength(features_NK: NDArray[np.float64], labels_N: Labels) -> float:
    """Return the penalty that reads every fifth clip best from the others."""
    kept_back_N = np.arange(len(labels_N)) % _CHOOSING_SHARE == 0
    if len(np.unique(labels_N[~kept_back_N])) < 2:
        return _STRENGTHS[0]

    def accuracy(strength: float) -> float:
        reader = _linear(strength).fit(features_NK[~kept_back_N], labels_N[~kept_back_N])
        return float(reader.score(features_NK[kept_back_N], labels_N[kept_back_N]))

    return max(_STRENGTHS, key=accuracy)
