"""TGAN without the latent of the clip in its image generator (the paper's G1(z1), table 3).

Each frame is drawn from the latent of its moment alone. The paper finds nearly the same quality,
fewer different clips, and sudden changes of the action.
"""

import torch
from torch import Tensor

from tgan_core.video_generator import VideoGenerator

__all__ = ["MomentGenerator"]


class MomentGenerator(VideoGenerator):
    """A VideoGenerator whose frames do not see the clip's latent.

    Sizes and layers are the same, so that what is compared is what frames know, not how large the
    network is: the branch of the clip is left with a constant.
    """

    def render(
        self, latent_BZ: Tensor, frame_latents_BZT: Tensor, label_B: Tensor | None = None
    ) -> Tensor:
        """video_BCTHW in [-1, 1] along any trajectory; the latents of clips are taken for zero."""
        return super().render(torch.zeros_like(latent_BZ), frame_latents_BZT, label_B)
