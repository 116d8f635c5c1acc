"""Moving MNIST: two digits that move straight on and bounce off the walls (Srivastava et al. 2015).

The paper trains on 10,000 clips of 20 frames, 64 x 64 px, of which 16 frames in a row are drawn at
random; a window of an endless movement is the same without the store. Shapes: K digits, M of them
in a clip, D px a side.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

__all__ = ["Digits", "MovingDigits", "moving_digits", "read_digits"]

_SPEED_PX = (2.0, 5.0)
"""Pixels a frame at 64 px; the usual step is between."""
_IMAGES, _LABELS = 2051, 2049
"""First number of a file of images, and of one of labels (the format's magic)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Digits:
    """Handwritten digits."""

    images_KDD: Tensor
    """float32 in [0, 1]."""
    labels_K: Tensor
    """int64, 0 to 9."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MovingDigits:
    """A batch of clips, and what is in them."""

    video_BCTHW: Tensor
    """float32 in [-1, 1], one channel."""
    labels_BM: Tensor
    """Which digits."""
    direction_BM: Tensor
    """Angle at which each sets out, radians in (-pi, pi]: 0 to the right, positive downwards."""


def read_digits(images: Path, labels: Path) -> Digits:
    """Reads a pair of gzipped IDX files, as MNIST comes; ValueError naming the file otherwise."""
    image_bytes, sizes = _read_idx(images, _IMAGES, 3)
    label_bytes, (count,) = _read_idx(labels, _LABELS, 1)
    if sizes[0] != count:
        raise ValueError(f"{labels}: {count} labels for {sizes[0]} images of {images}")
    return Digits(images_KDD=image_bytes.view(*sizes).float() / 255.0, labels_K=label_bytes.long())


def _read_idx(path: Path, magic: int, dimensions: int) -> tuple[Tensor, tuple[int, ...]]:
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise ValueError(f"{path}: not a gzipped IDX file ({error})") from error
    header = 4 + 4 * dimensions
    numbers = [int.from_bytes(content[at : at + 4], "big") for at in range(0, header, 4)]
    sizes = tuple(numbers[1:])
    if numbers[0] != magic or len(content) - header != torch.Size(sizes).numel():
        raise ValueError(f"{path}: not an IDX file of {dimensions} dimension(s), or cut short")
    return torch.frombuffer(bytearray(content[header:]), dtype=torch.uint8), sizes


def moving_digits(
    digits: Digits,
    clips: int,
    random: torch.Generator,
    *,
    frames: int = 16,
    side_px: int = 64,
    digits_a_clip: int = 2,
    labels_BM: Tensor | None = None,
) -> MovingDigits:
    """Draws clips: each digit has a place, a direction and a speed of its own, from `random`.

    Where digits lie over each other the brighter pixel is seen. Speeds are 2 to 5 px a frame at
    64 px, and in proportion at other sizes. `labels_BM` asks for digits of these labels. Raises
    ValueError for a picture that is smaller than a digit.
    """
    digit_px = digits.images_KDD.shape[-1]
    room_px = side_px - digit_px
    if room_px < 1:
        raise ValueError(f"digits of {digit_px} px do not move in {side_px} px")
    size = (clips, digits_a_clip)
    chosen_BM = _chosen(digits.labels_K, size, random, labels_BM)
    angle_BM = (torch.rand(size, generator=random) * 2.0 - 1.0) * torch.pi
    slow, fast = (speed * side_px / 64.0 for speed in _SPEED_PX)
    speed_BM = slow + (fast - slow) * torch.rand(size, generator=random)
    start_BM2 = torch.rand((*size, 2), generator=random) * room_px
    step_BM2 = speed_BM[..., None] * torch.stack([angle_BM.sin(), angle_BM.cos()], dim=-1)
    moments_T = torch.arange(frames, dtype=torch.float32)
    straight_BMT2 = start_BM2[:, :, None] + step_BM2[:, :, None] * moments_T[:, None]
    place_BMT2 = _bounced(straight_BMT2, room_px)
    return MovingDigits(
        video_BCTHW=_painted(digits.images_KDD[chosen_BM], place_BMT2, side_px) * 2.0 - 1.0,
        labels_BM=digits.labels_K[chosen_BM],
        direction_BM=angle_BM,
    )


def _chosen(
    labels_K: Tensor, size: tuple[int, int], random: torch.Generator, labels_BM: Tensor | None
) -> Tensor:
    if labels_BM is None:
        return torch.randint(len(labels_K), size, generator=random)
    weights_BMK = (labels_K == labels_BM[..., None]).float()
    drawn = torch.multinomial(weights_BMK.flatten(0, 1), 1, generator=random)
    return drawn.view(size)


def _bounced(straight: Tensor, room_px: float) -> Tensor:
    """Fold an endless line into [0, room]: what would leave comes back as from a mirror."""
    folded = torch.remainder(straight, 2.0 * room_px)
    return torch.minimum(folded, 2.0 * room_px - folded)


def _painted(images_BMDD: Tensor, place_BMT2: Tensor, side_px: int) -> Tensor:
    """video_BCTHW in [0, 1] with every digit at the nearest whole pixel of its place."""
    clips, count, frames, _ = place_BMT2.shape
    digit_px = images_BMDD.shape[-1]
    corner_BMT2 = place_BMT2.round().long()
    inside_D = torch.arange(digit_px)
    rows_BMTD = corner_BMT2[..., 0, None] + inside_D
    columns_BMTD = corner_BMT2[..., 1, None] + inside_D
    flat_BMTDD = rows_BMTD[..., :, None] * side_px + columns_BMTD[..., None, :]
    canvas_BTN = torch.zeros(clips, frames, side_px * side_px)
    for which in range(count):
        images_BTDD = images_BMDD[:, which, None].expand(-1, frames, -1, -1)
        canvas_BTN.scatter_reduce_(
            2, flat_BMTDD[:, which].flatten(2), images_BTDD.flatten(2), reduce="amax"
        )
    return canvas_BTN.view(clips, 1, frames, side_px, side_px)
