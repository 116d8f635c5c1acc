"""A small network that says at once what many experts say together (distillation).

Hinton et al. 2015, "Distilling the Knowledge in a Neural Network": here the knowledge is a map, how
surprising each place is. The student sees grey pictures and a quick, noisy optical flow, which it
learns to read.

Shapes: N clips, T frames, H x W pixels, grid of G x W cells of 8 x 8 pixels.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tgan_core.shapes import check_shape

__all__ = ["Student", "StudentGeometry"]

CELL_PX = 8
"""The strides of the two convolutions that make cells of pixels."""
_STEM_STRIDE = 4
_DIFFERENCE_SCALE, _STEP_SCALE = 96.0, 48.0
"""Grey levels off the background, and from one frame to the next, that fill the range."""
_FLOW_SCALE, _LARGEST_SPEED = 4.0, 1.5
"""Pixels a frame that fill the range of the flow, and how far beyond it speeds are told apart."""
OUTPUTS = 2
"""Surprise as a judge hears it (everyday surprises cut off), and as a map shows it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StudentGeometry:
    """Sizes of a student."""

    frames: int
    """T, frames of a clip."""
    height_px: int
    width_px: int
    """Of whole frames, multiples of 8."""
    channels: int = 24
    """Of the finer of its two resolutions; the coarser has twice as many."""
    fine_blocks: int = 2
    coarse_blocks: int = 2

    def __post_init__(self) -> None:
        if self.frames < 2 or self.channels < 1:
            raise ValueError(f"a student needs 2 frames and 1 channel at least: {self}")
        if self.height_px % CELL_PX or self.width_px % CELL_PX:
            raise ValueError(
                f"{self.width_px} x {self.height_px} px are not multiples of {CELL_PX}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The sizes as values that JSON can hold."""
        return asdict(self)


class Student(nn.Module):
    """Convolutions over whole frames, with what is particular about each place learnt beside them.

    A fixed camera's places differ: a map of numbers, learnt with the rest, tells them apart.
    """

    background_HW: Tensor

    def __init__(self, geometry: StudentGeometry) -> None:
        super().__init__()
        self.geometry = geometry
        rows, columns = geometry.height_px // _STEM_STRIDE, geometry.width_px // _STEM_STRIDE
        fine, coarse = geometry.channels, 2 * geometry.channels
        pairs = geometry.frames - 1
        # Difference off the background; step, flow to the right, flow down and speed of each pair.
        self.stem = nn.Conv2d(geometry.frames + 4 * pairs, fine, 6, _STEM_STRIDE, 1)
        self.places = nn.Parameter(torch.zeros(1, fine, rows, columns))
        self.fine = nn.Sequential(*(_Block(fine) for _ in range(geometry.fine_blocks)))
        self.coarsen = nn.Conv2d(fine, coarse, 4, CELL_PX // _STEM_STRIDE, 1)
        self.coarse = nn.Sequential(*(_Block(coarse) for _ in range(geometry.coarse_blocks)))
        self.head = nn.Conv2d(coarse, OUTPUTS, 1)
        size = (geometry.height_px, geometry.width_px)
        self.register_buffer("background_HW", torch.zeros(size))

    def forward(self, pictures_NTHW: Tensor, flow_NTHW2: Tensor) -> Tensor:
        """surprise_N2GW >= 0 (-log10 p) of whole frames: grey levels 0 to 255 with their lighting
        aligned, and pixels (right, down) a frame since the frame before."""
        sizes = self.geometry
        frame = (sizes.frames, sizes.height_px, sizes.width_px)
        check_shape(pictures_NTHW, (None, *frame), "pictures_NTHW")
        check_shape(flow_NTHW2, (None, *frame, 2), "flow_NTHW2")
        return torch.expm1(F.relu(self.log_surprise(pictures_NTHW, flow_NTHW2)))

    def log_surprise(
        self, pictures_NTHW: Tensor, flow_NTHW2: Tensor, top: int = 0, left: int = 0
    ) -> Tensor:
        """log(1 + surprise)_N2GW of the piece of the frames that begins at `top` and `left`, all in
        pixels and multiples of 8: whole frames, or what a training step looks at."""
        height, width = pictures_NTHW.shape[2:]
        background_HW = self.background_HW[top : top + height, left : left + width]
        rows, columns = (
            slice(first // _STEM_STRIDE, (first + length) // _STEM_STRIDE)
            for first, length in ((top, height), (left, width))
        )
        pictures = pictures_NTHW.float()
        off = ((pictures - background_HW) / _DIFFERENCE_SCALE).clamp(-1.0, 1.0)
        step = ((pictures[:, 1:] - pictures[:, :-1]) / _STEP_SCALE).clamp(-1.0, 1.0)
        flow = flow_NTHW2[:, 1:].float() / _FLOW_SCALE
        right, down = flow[..., 0], flow[..., 1]
        speed = (right.square() + down.square()).sqrt().clamp(max=_LARGEST_SPEED)
        planes = [off, step, right.clamp(-1.0, 1.0), down.clamp(-1.0, 1.0), speed]
        hidden = self.stem(torch.cat(planes, dim=1)) + self.places[:, :, rows, columns]
        hidden = self.coarse(F.relu(self.coarsen(self.fine(F.relu(hidden)))))
        log_surprise: Tensor = self.head(hidden)
        return log_surprise


class _Block(nn.Module):
    """Two convolutions around which the input goes on unchanged (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, 1, 1)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, hidden_NCHW: Tensor) -> Tensor:
        return F.relu(hidden_NCHW + self.second(F.relu(self.first(hidden_NCHW))))
