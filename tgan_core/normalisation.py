"""Batch norm with the constants of the authors' framework, over one process or several, and its
statistics afterwards."""

from collections.abc import Iterable
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from tgan_core.processes import ALONE, Processes

__all__ = ["batch_norm", "recompute_batch_norm_statistics", "share_statistics_"]

Norm = TypeVar("Norm", nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

EPSILON = 2e-5
"""Added to the variance; Chainer's default, with which the paper was trained."""
MOMENTUM = 0.1
"""Share of the newest batch in the running statistics (Chainer: decay .9)."""


def batch_norm(kind: type[Norm], channels: int, *, shift: bool = True) -> Norm:
    """A batch norm layer; `shift=False` leaves out beta, as the critic and G0 need it."""
    norm = _KINDS[kind](channels, eps=EPSILON, momentum=MOMENTUM)
    if not shift:
        norm.register_parameter("bias", None)
    return cast(Norm, norm)


class _SharedNorm(nn.modules.batchnorm._BatchNorm):
    """A batch norm that, in training, measures the shares of all processes as one batch."""

    processes: Processes = ALONE

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.processes.size == 1:
            return super().forward(input)
        # torch's SyncBatchNorm does the same, and does not run on a CPU.
        values = input.float()
        across = [axis for axis in range(values.dim()) if axis != 1]
        variance_C, mean_C = torch.var_mean(values, across, correction=0)
        mean_C, variance_C = self.processes.moments(mean_C, variance_C)
        self._follow(mean_C, variance_C, self.processes.size * values.numel() // values.shape[1])
        gain_C = (variance_C + self.eps).rsqrt() * self.weight
        along = [-1 if axis == 1 else 1 for axis in range(values.dim())]
        values = (values - mean_C.view(along)) * gain_C.view(along)
        if self.bias is not None:
            values = values + self.bias.view(along)
        return values.to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean_C: Tensor, variance_C: Tensor, count: int) -> None:
        """Moves the running statistics as torch does, with the variance's unbiased estimate."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum or 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean_C, share)
        self.running_var.lerp_(variance_C * (count / (count - 1)), share)


class _SharedNorm1d(_SharedNorm, nn.BatchNorm1d):
    pass


class _SharedNorm2d(_SharedNorm, nn.BatchNorm2d):
    pass


class _SharedNorm3d(_SharedNorm, nn.BatchNorm3d):
    pass


_KINDS: dict[type[nn.modules.batchnorm._BatchNorm], type[_SharedNorm]] = {
    nn.BatchNorm1d: _SharedNorm1d,
    nn.BatchNorm2d: _SharedNorm2d,
    nn.BatchNorm3d: _SharedNorm3d,
}


def share_statistics_(network: nn.Module, processes: Processes) -> None:
    """Lets the batch norms of `network` measure over the batch of all `processes`."""
    for part in network.modules():
        if isinstance(part, _SharedNorm):
            part.processes = processes


@torch.no_grad()
def recompute_batch_norm_statistics(
    network: nn.Module, inputs: Iterable[Tensor | tuple[Tensor, Tensor | None]]
) -> None:
    """Replaces the running statistics of `network` by their plain mean over `inputs`.

    For a generator the inputs are latents, for a critic clips; with the labels of a conditional
    model they are pairs. Of several processes each gives its share. Averaged weights need this:
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
