"""How sure a classifier is of each clip, and how various its answers are over all of them.

Salimans et al. 2016, "Improved techniques for training GANs", section 4; with a classifier of the
caller's own, so figures compare only where the classifier is the same. Shapes: N clips, V classes.
"""

import torch
from torch import Tensor

__all__ = ["inception_score"]

_ROUNDING = 1e-3
"""How far the probabilities of a clip may be from a sum of one."""


def inception_score(probability_NV: Tensor) -> float:
    """exp of the mean of KL(p(y|x) || p(y)), from 1 to V; p(y) is the mean over these clips.

    1: no clip tells more of its class than all of them do. V: every clip is surely of one class,
    and there are as many of each. It depends on the number of clips: compare sets of equal size.
    Raises ValueError unless each row is a distribution.
    """
    if probability_NV.dim() != 2 or not len(probability_NV):
        raise ValueError(f"probabilities of shape {tuple(probability_NV.shape)}, (any, any) needed")
    probability_NV = probability_NV.double()
    sums_N = probability_NV.sum(dim=1)
    # Asked the other way round, so that NaN is refused too.
    if not bool((probability_NV >= 0).all() and ((sums_N - 1.0).abs() <= _ROUNDING).all()):
        raise ValueError("the probabilities of each clip must be >= 0 and have the sum 1")
    prior_V = probability_NV.mean(dim=0)
    # xlogy is 0 where the probability is, also where no clip at all is of that class.
    own_N = torch.xlogy(probability_NV, probability_NV).sum(dim=1)
    shared_N = torch.xlogy(probability_NV, prior_V).sum(dim=1)
    return float((own_N - shared_N).mean().exp())
