"""Moving averages of networks: the game goes round in circles, its average does not."""

import torch
from torch import Tensor, nn

__all__ = ["follow_"]


@torch.no_grad()
def follow_(average: nn.Module, network: nn.Module, *, decay: float, step: int) -> None:
    """Moves the weights of `average` towards those of `network` after step number `step`, and takes
    over its buffers.

    Keeps `decay` of the average at most. Young averages move faster, or the random first weights
    would stay in them for thousands of steps.
    """
    kept = min(decay, (1 + step) / (10 + step))
    weights: list[Tensor] = list(average.parameters())
    torch._foreach_lerp_(weights, list(network.parameters()), 1 - kept)
    for mean, buffer in zip(average.buffers(), network.buffers(), strict=True):
        mean.copy_(buffer)
