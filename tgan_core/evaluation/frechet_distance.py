"""Frechet distance between two sets of features, each taken for normally distributed.

Heusel et al. 2017, "GANs trained by a two time-scale update rule", section 3; on features of the
caller's own, so figures compare only where the features are the same. Shapes: N clips, D features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["FeatureMoments", "frechet_distance", "moments_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureMoments:
    """Mean and covariance of features, float64."""

    mean_D: Tensor
    covariance_DD: Tensor


def moments_of(features_ND: Tensor) -> FeatureMoments:
    """The moments of at least two clips' features; ValueError for fewer, or what is not finite."""
    if features_ND.dim() != 2 or len(features_ND) < 2:
        raise ValueError(f"features of shape {tuple(features_ND.shape)}, (2 or more, any) needed")
    features_ND = features_ND.double()
    if not bool(torch.isfinite(features_ND).all()):
        raise ValueError("features must be finite")
    return FeatureMoments(
        mean_D=features_ND.mean(dim=0),
        covariance_DD=torch.cov(features_ND.T).view(2 * [features_ND.shape[1]]),
    )


def frechet_distance(first: FeatureMoments, second: FeatureMoments) -> float:
    """|mean - mean|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)), >= 0; 0 for equal moments.

    The square root is taken of C1^(1/2) C2 C1^(1/2), which is symmetric and has the same trace, so
    covariances of fewer clips than features do no harm.
    """
    root_DD = _root(first.covariance_DD)
    inner_D = torch.linalg.eigvalsh(root_DD @ second.covariance_DD @ root_DD)
    overlap = inner_D.clamp_min(0.0).sqrt().sum()
    spread = first.covariance_DD.trace() + second.covariance_DD.trace() - 2.0 * overlap
    apart = (first.mean_D - second.mean_D).square().sum()
    return max(float(apart + spread), 0.0)


def _root(covariance_DD: Tensor) -> Tensor:
    values_D, vectors_DD = torch.linalg.eigh(covariance_DD)
    root_DD: Tensor = (vectors_DD * values_D.clamp_min(0.0).sqrt()) @ vectors_DD.T
    return root_DD
