"""First values of the weights (paper, section 5, and the authors' configurations)."""

import math
from typing import Literal

import torch
from torch import nn

__all__ = ["initialise_"]

SMALL = 0.01
"""Half width of the uniform distribution that the authors use for the image generator."""

_WEIGHTED = (
    nn.Linear,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)


@torch.no_grad()
def initialise_(
    network: nn.Module, scheme: Literal["lecun", "uniform"], random: torch.Generator
) -> None:
    """Draws all weights anew: N(0, 1/fan_in) or U(-.01, .01); biases 0, gains 1.

    fan_in is the product of all weight sizes but the first, also for a transposed convolution:
    that is how Chainer counts.
    """
    for part in network.modules():
        if isinstance(part, _WEIGHTED):
            if scheme == "lecun":
                fan_in = part.weight[0].numel()
                part.weight.normal_(0.0, 1.0 / math.sqrt(fan_in), generator=random)
            else:
                part.weight.uniform_(-SMALL, SMALL, generator=random)
            if part.bias is not None:
                part.bias.zero_()
