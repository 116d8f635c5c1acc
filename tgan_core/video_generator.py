"""The whole generator: latent of a clip -> latents of its frames -> frames."""

import torch
from torch import Tensor, nn

from tgan_core.config import GeometryConfig
from tgan_core.image_generator import ImageGenerator
from tgan_core.temporal_generator import TemporalGenerator

__all__ = ["VideoGenerator"]


class VideoGenerator(nn.Module):
    """Draws clips: every frame follows from latent_BZ alone, drawn from U(-1, 1)."""

    def __init__(self, geometry: GeometryConfig) -> None:
        super().__init__()
        self.geometry = geometry
        self.temporal = TemporalGenerator(geometry)
        self.image = ImageGenerator(geometry)

    def forward(self, latent_BZ: Tensor) -> Tensor:
        """video_BCTHW in [-1, 1] of the configured length."""
        return self.render(latent_BZ, self.frame_latents(latent_BZ))

    def frame_latents(self, latent_BZ: Tensor) -> Tensor:
        """The trajectory frame_latents_BZT in (-1, 1); float32 also under autocast."""
        with torch.autocast(latent_BZ.device.type, enabled=False):
            frame_latents_BZT: Tensor = self.temporal(latent_BZ.float())
        return frame_latents_BZT

    def render(self, latent_BZ: Tensor, frame_latents_BZT: Tensor) -> Tensor:
        """video_BCTHW in [-1, 1] along any trajectory, of any number of time steps."""
        video_BCTHW: Tensor = self.image(latent_BZ, frame_latents_BZT)
        return video_BCTHW
