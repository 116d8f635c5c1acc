"""The one-piece generator: time is a third axis of every layer (the paper's "3D model", table 4).

One linear layer and 3-D transposed convolutions, the mirror of the critic.
"""

from torch import Tensor, nn

from tgan_core.config import GeometryConfig
from tgan_core.labels import checked_labels
from tgan_core.normalisation import batch_norm
from tgan_core.shapes import check_shape

__all__ = ["OnePieceGenerator"]


class OnePieceGenerator(nn.Module):
    """Draws clips from latent_BZ without a trajectory: all frames come out of one volume."""

    def __init__(self, geometry: GeometryConfig) -> None:
        super().__init__()
        self.geometry = geometry
        doublings = geometry.image_doublings
        in_time = min(geometry.temporal_doublings, doublings)
        self.steps = geometry.frames >> in_time
        width = geometry.generator_width
        self.first = nn.Linear(geometry.latent, width * self.steps * 16, bias=False)
        layers: list[nn.Module] = [batch_norm(nn.BatchNorm3d, width), nn.ReLU()]
        for index in range(doublings):
            last = index == doublings - 1
            outputs = geometry.channels if last else width // 2
            # Space is doubled by every layer, time by the last ones.
            time = (4, 2, 1) if index >= doublings - in_time else (1, 1, 0)
            kernel, stride, padding = (
                (step, *space) for step, space in zip(time, ((4, 4), (2, 2), (1, 1)), strict=True)
            )
            layers.append(nn.ConvTranspose3d(width, outputs, kernel, stride, padding, bias=last))
            if not last:
                layers += [batch_norm(nn.BatchNorm3d, outputs), nn.ReLU()]
            width = outputs
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, latent_BZ: Tensor, label_B: Tensor | None = None) -> Tensor:
        """video_BCTHW in [-1, 1] of the configured length; it knows no labels."""
        check_shape(latent_BZ, (None, self.geometry.latent), "latent_BZ")
        checked_labels(label_B, self.geometry.labels, len(latent_BZ))
        volume = self.first(latent_BZ).unflatten(1, (-1, self.steps, 4, 4))
        video_BCTHW: Tensor = self.layers(volume)
        return video_BCTHW
