"""Other ways to keep the critic from growing steep than singular value clipping (section 4.1).

Weight clipping: Arjovsky et al. 2017, algorithm 1. Gradient penalty: Gulrajani et al. 2017,
section 4. Spectral norm: Miyato et al. 2018, section 2.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

__all__ = ["clip_weights_", "mixed_gradient_penalty", "normalise_spectrally_"]


@torch.no_grad()
def clip_weights_(critic: nn.Module, limit: float) -> None:
    """Holds every parameter of the critic in [-limit, limit], in place, biases and gains too."""
    for weight in critic.parameters():
        weight.clamp_(-limit, limit)


def mixed_gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real_BCTHW: Tensor,
    fake_BCTHW: Tensor,
    mixing_B: Tensor,
) -> Tensor:
    """Mean of (||dD/dx|| - 1)^2 at clips between real and generated ones, differentiable.

    `mixing_B` in [0, 1] says where between: 1 is the real clip. Always computed in float32. With
    batch norm in the critic the gradient of a clip depends on the others, and means nothing.
    """
    share_B1111 = mixing_B.view(-1, 1, 1, 1, 1).to(real_BCTHW.device)
    with torch.autocast(real_BCTHW.device.type, enabled=False), torch.enable_grad():
        between_BCTHW = torch.lerp(
            fake_BCTHW.detach().float(), real_BCTHW.detach().float(), share_B1111
        ).requires_grad_()
        (slope_BCTHW,) = torch.autograd.grad(
            critic(between_BCTHW).sum(), [between_BCTHW], create_graph=True
        )
    length_B: Tensor = torch.linalg.vector_norm(slope_BCTHW.flatten(1), dim=1)
    return (length_B - 1.0).square().mean()


def normalise_spectrally_(critic: nn.Module) -> None:
    """Divides the weight of every convolution by its largest singular value from now on.

    The value is followed by one step of power iteration in each forward pass of training. The
    network keeps its parameters under other names, so its checkpoints fit no other critic.
    """
    for part in list(critic.modules()):
        if isinstance(part, nn.Conv3d):
            spectral_norm(part)
