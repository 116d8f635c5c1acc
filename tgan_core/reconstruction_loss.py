"""How far a reconstructed clip is from the real one, in pixels and in the critic's eyes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tgan_core.critic import Critic
from tgan_core.processes import ALONE, Processes

__all__ = ["frozen", "reconstruction_loss"]

FLOOR = 1e-6
"""Smallest variance that counts: a batch of one flat grey must not blow the loss up."""


def reconstruction_loss(
    critic: Critic,
    video_BCTHW: Tensor,
    reconstructed_BCTHW: Tensor,
    *,
    feature_weight: float,
    real_features: Sequence[Tensor] | None = None,
    processes: Processes = ALONE,
    label_B: Tensor | None = None,
) -> Tensor:
    """The izi_f loss of f-AnoGAN per clip: loss_B >= 0.

    Squared pixel error plus `feature_weight` times the squared error of the critic's features,
    mean over the strided layers. Each error is a share of the variance of what is compared over
    the batch, so 1 means no better than a flat grey: a clipped critic contracts, and plain
    differences of its features would count for nothing beside the pixels.
    `real_features` saves the critic's pass over the real clips when it is already known.
    `label_B` are the labels of the clips, for a conditional critic. The batch is that of all
    `processes` together.
    """
    loss_B = _share_of_variance(video_BCTHW, reconstructed_BCTHW, processes)
    if feature_weight == 0:
        return loss_B
    if real_features is None:
        with torch.no_grad():
            real_features = critic.features(video_BCTHW, label_B)
    pairs = list(zip(real_features, critic.features(reconstructed_BCTHW, label_B), strict=True))
    for real_BCTHW, fake_BCTHW in pairs:
        share_B = _share_of_variance(real_BCTHW, fake_BCTHW, processes)
        loss_B = loss_B + feature_weight / len(pairs) * share_B
    return loss_B


def _share_of_variance(real_BCTHW: Tensor, fake_BCTHW: Tensor, processes: Processes) -> Tensor:
    real_BCTHW, fake_BCTHW = real_BCTHW.float(), fake_BCTHW.float()
    variance_C, mean_C = torch.var_mean(real_BCTHW, dim=(0, 2, 3, 4), correction=0)
    variance = processes.moments(mean_C, variance_C)[1].mean().clamp_min(FLOOR)
    return (real_BCTHW - fake_BCTHW).square().flatten(1).mean(1) / variance


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Inside, the networks are in eval mode and collect no gradients of their own."""
    modes = [(network, network.training) for network in networks]
    asked = [
        weight for network in networks for weight in network.parameters() if weight.requires_grad
    ]
    try:
        for network in networks:
            network.eval()
        for weight in asked:
            weight.requires_grad_(False)
        yield
    finally:
        for network, mode in modes:
            network.train(mode)
        for weight in asked:
            weight.requires_grad_(True)
