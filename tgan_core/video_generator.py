"""The whole generator: latent of a clip -> latents of its frames -> frames."""

import torch
from torch import Tensor, nn

from tgan_core.config import GeometryConfig
from tgan_core.image_generator import ImageGenerator
from tgan_core.labels import draw_labels
from tgan_core.temporal_generator import TemporalGenerator

__all__ = ["VideoGenerator"]


class VideoGenerator(nn.Module):
    """Draws clips: every frame follows from latent_BZ, drawn from U(-1, 1), and nothing else.

    A conditional one draws clips of the kinds label_B; without labels that is None everywhere. It
    remembers how often training showed it each label.
    """

    label_counts_V: Tensor

    def __init__(self, geometry: GeometryConfig) -> None:
        super().__init__()
        self.geometry = geometry
        self.temporal = TemporalGenerator(geometry)
        self.image = ImageGenerator(geometry)
        if geometry.labels:
            self.register_buffer("label_counts_V", torch.zeros(geometry.labels, dtype=torch.int64))

    def forward(self, latent_BZ: Tensor, label_B: Tensor | None = None) -> Tensor:
        """video_BCTHW in [-1, 1] of the configured length."""
        return self.render(latent_BZ, self.frame_latents(latent_BZ, label_B), label_B)

    def frame_latents(self, latent_BZ: Tensor, label_B: Tensor | None = None) -> Tensor:
        """The trajectory frame_latents_BZT in (-1, 1); float32 also under autocast."""
        with torch.autocast(latent_BZ.device.type, enabled=False):
            frame_latents_BZT: Tensor = self.temporal(latent_BZ.float(), label_B)
        return frame_latents_BZT

    def render(
        self, latent_BZ: Tensor, frame_latents_BZT: Tensor, label_B: Tensor | None = None
    ) -> Tensor:
        """video_BCTHW in [-1, 1] along any trajectory, of any number of time steps."""
        video_BCTHW: Tensor = self.image(latent_BZ, frame_latents_BZT, label_B)
        return video_BCTHW

    def count_labels_(self, label_B: Tensor) -> None:
        """Remembers, in place, that training showed these labels once more."""
        counts_V = torch.bincount(label_B, minlength=self.geometry.labels)
        self.label_counts_V += counts_V.to(self.label_counts_V.device)

    def draw_labels(self, clips: int, random: torch.Generator) -> Tensor | None:
        """label_B on the CPU, as often as training showed them; None for a model without labels.

        Raises ValueError for a conditional model that was not trained.
        """
        if not self.geometry.labels:
            return None
        return draw_labels(self.label_counts_V, clips, random)
