"""Batch norm with the constants of the authors' framework, and its statistics afterwards."""

from collections.abc import Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn

__all__ = ["batch_norm", "recompute_batch_norm_statistics"]

Norm = TypeVar("Norm", nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

EPSILON = 2e-5
"""Added to the variance; Chainer's default, with which the paper was trained."""
MOMENTUM = 0.1
"""Share of the newest batch in the running statistics (Chainer: decay .9)."""


def batch_norm(kind: type[Norm], channels: int, *, shift: bool = True) -> Norm:
    """A batch norm layer; `shift=False` leaves out beta, as the critic and G0 need it."""
    norm = kind(channels, eps=EPSILON, momentum=MOMENTUM)
    if not shift:
        norm.register_parameter("bias", None)
    return norm


@torch.no_grad()
def recompute_batch_norm_statistics(
    network: nn.Module, inputs: Iterable[Tensor | tuple[Tensor, Tensor | None]]
) -> None:
    """Replaces the running statistics of `network` by their plain mean over `inputs`.

    For a generator the inputs are latents, for a critic clips; with the labels of a conditional
    model they are pairs. Averaged weights need this:
    their statistics were never measured. Without any batch norm, or any input, nothing happens.
    """
    norms = [
        part for part in network.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)
    ]
    if not norms:
        return
    was_training, momenta = network.training, [norm.momentum for norm in norms]
    kept = [{name: value.clone() for name, value in norm.named_buffers()} for norm in norms]
    batches = 0
    try:
        network.train()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # torch's word for a cumulative mean
        for batch in inputs:
            network(*batch) if isinstance(batch, tuple) else network(batch)
            batches += 1
    finally:
        network.train(was_training)
        for norm, momentum, buffers in zip(norms, momenta, kept, strict=True):
            norm.momentum = momentum
            for name, value in norm.named_buffers():
                if batches == 0 or name == "num_batches_tracked":
                    value.copy_(buffers[name])
