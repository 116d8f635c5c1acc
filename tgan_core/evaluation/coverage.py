"""Coverage: whether a generator can draw what it has not seen, asked clip by clip.

A generator that has dropped modes draws good clips of some kinds and none of others; no figure of
its samples need show it, but the clips of the missing kinds cannot be inverted. Coverage is the
share of held-out clips that come back about as well as clips of the training set: a recall, beside
the Frechet distance, which mixes both. Shapes: N held-out clips, M training clips, Z latent.
"""

import torch
from torch import Tensor

from tgan_core.critic import Critic
from tgan_core.encoder import Encoder
from tgan_core.inversion import refine_latent
from tgan_core.video_generator import VideoGenerator

__all__ = ["coverage", "inversion_residuals"]


def inversion_residuals(
    generator: VideoGenerator,
    critic: Critic,
    encoder: Encoder,
    video_BCTHW: Tensor,
    *,
    steps: int = 30,
    batch: int = 32,
    learning_rate: float = 0.03,
) -> Tensor:
    """The mean squared pixel error of each clip when it is inverted: residual_B >= 0, float32.

    Each search begins at the encoder's latent and takes `steps` gradient steps by the pixels alone
    (0: the encoder's latent as it is), `batch` clips at once; what a clip comes to does not depend
    on the others. Raises NonFiniteError when a search runs into a NaN.
    """
    parts = []
    for part_BCTHW in torch.split(video_BCTHW, batch):
        with torch.no_grad():
            latent_BZ = encoder.eval()(part_BCTHW).float()
        found_BZ = refine_latent(
            generator,
            critic,
            part_BCTHW,
            latent_BZ,
            steps=steps,
            learning_rate=learning_rate,
            feature_weight=0.0,
        )
        with torch.no_grad():
            drawn_BCTHW = generator.eval()(found_BZ).float()
        parts.append((drawn_BCTHW - part_BCTHW).square().flatten(1).mean(1))
    return torch.cat(parts)


def coverage(residual_N: Tensor, training_residual_M: Tensor, *, quantile: float = 0.95) -> float:
    """The share of clips whose residual is at most that quantile of the training clips'.

    About `quantile` when clips come back as those of the training set do, less when the generator
    does not know them. Raises ValueError without clips on either side, for what is not finite, and
    for a quantile outside (0, 1].
    """
    if not 0.0 < quantile <= 1.0:
        raise ValueError(f"quantile must be in (0, 1], not {quantile}")
    for name, values in (("held-out", residual_N), ("training", training_residual_M)):
        if values.dim() != 1 or not len(values) or not bool(torch.isfinite(values).all()):
            raise ValueError(
                f"{name} residuals of shape {tuple(values.shape)}: one finite number "
                "a clip, and one clip at least"
            )
    limit = training_residual_M.double().quantile(quantile)
    return float((residual_N.double() <= limit).double().mean())
