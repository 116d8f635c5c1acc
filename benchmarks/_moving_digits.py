"""Moving MNIST for the studies of training: digits from KIZASHI_DATA, clips without end, a grid."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import torch
from torch import Tensor
from torch.nn import functional as F

from tgan_core.config import GeometryConfig
from tgan_core.evaluation.moving_mnist import Digits, moving_digits, read_digits
from tgan_core.labels import LabelledClips

_IMAGES, _LABELS = "mnist/t10k-images-idx3-ubyte.gz", "mnist/t10k-labels-idx1-ubyte.gz"
_TRAINING_DIGITS = 8_000
_SHOWN = 6
"""Columns of a grid of clips."""


def small_geometry(
    *, generator_width: int = 64, critic_width: int = 16, labels: int = 0
) -> GeometryConfig:
    """Return networks that a core can train: eight frames of 32 px."""
    return GeometryConfig(
        frames=8,
        tile_px=32,
        channels=1,
        latent=32,
        generator_width=generator_width,
        critic_width=critic_width,
        temporal_width=generator_width,
        critic_norm="none",
        labels=labels,
    )


def read_split(side_px: int) -> tuple[Digits, Digits]:
    """Return digits to train with and digits that no network sees; half as large at 32 px.

    Raises ValueError when KIZASHI_DATA does not lead to them.
    """
    named = os.environ.get("KIZASHI_DATA")
    if not named or not (Path(named) / _IMAGES).is_file():
        raise ValueError(f"no {_IMAGES} under KIZASHI_DATA ({named or 'not set'})")
    digits = read_digits(Path(named) / _IMAGES, Path(named) / _LABELS)
    images_KDD = digits.images_KDD
    if side_px < 64:
        images_KDD = F.avg_pool2d(images_KDD[:, None], 2)[:, 0]
    cut = _TRAINING_DIGITS
    return (
        Digits(images_KDD=images_KDD[:cut], labels_K=digits.labels_K[:cut]),
        Digits(images_KDD=images_KDD[cut:], labels_K=digits.labels_K[cut:]),
    )


def endless_clips(
    digits: Digits, *, batch: int, frames: int, side_px: int, seed: int
) -> Iterator[Tensor]:
    """Yield video_BCTHW of moving digits, the same for the same seed."""
    random = torch.Generator().manual_seed(seed)
    while True:
        yield moving_digits(digits, batch, random, frames=frames, side_px=side_px).video_BCTHW


def endless_labelled_clips(
    digits: Digits, *, batch: int, frames: int, side_px: int, seed: int
) -> Iterator[LabelledClips]:
    """Yield clips of one digit each with its label, the same for the same seed."""
    random = torch.Generator().manual_seed(seed)
    while True:
        made = moving_digits(digits, batch, random, frames=frames, side_px=side_px, digits_a_clip=1)
        yield LabelledClips(made.video_BCTHW, made.labels_BM[:, 0])


def write_grid(
    path: Path, video_BCTHW: Tensor, frame_rate: float = 10.0, *, columns: int = _SHOWN
) -> None:
    """Write clips row by row, as many rows as they fill, as WebM, each twice as large."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = len(video_BCTHW) // columns
    shown = video_BCTHW[: rows * columns, 0].float().cpu()
    grey = ((shown + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
    tiled = (
        torch.unflatten(grey, 0, (rows, columns)).permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)
    )
    height, width = (2 * side for side in tiled.shape[1:])
    fourcc = cv2.VideoWriter.fourcc(*"VP80")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, frame_rate, (width, height))
    for picture in tiled.numpy():
        larger = cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST)
        writer.write(cv2.cvtColor(larger, cv2.COLOR_GRAY2BGR))
    writer.release()
