"""From working frames (uint8) to what the networks see: planes in [-1, 1].

Fixed cameras see the same background all day. A generator that has to draw it spends itself on
the pavement, so the working presets look at what differs from the background and at what moves.

Shapes: N clips, P planes, T frames, H x W pixels, C colours.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = [
    "PLANES",
    "align_lighting",
    "levels_of",
    "lighting_of",
    "pictures_of",
    "plane_count",
    "planes_of",
    "speed_plane",
]

PLANES = ("background_difference", "speed", "frame_difference", "grey", "colour")
"""background_difference: picture less background. speed: how fast each pixel moves (optical flow).
frame_difference: picture less the one before. grey: the picture itself. colour: the picture itself
in three planes, as in the paper."""

_FULL_SCALE = 96.0
"""Grey levels of difference that fill the range. Larger ones saturate: a difference of 96 is
plainly visible already, and the whole range of 255 would leave most of it unused."""


def plane_count(planes: tuple[str, ...]) -> int:
    """Return how many channels the named planes have together."""
    unknown = set(planes) - set(PLANES)
    if unknown or not planes:
        raise ValueError(f"planes {sorted(unknown)} are unknown; choose from {', '.join(PLANES)}")
    if "colour" in planes and len(planes) > 1:
        raise ValueError("the colour planes stand alone: the others are made from grey pictures")
    return 3 if planes == ("colour",) else len(planes)


def align_lighting(video_NTHW: Tensor, background_HW: Tensor) -> Tensor:
    """Return the clip (float32 grey levels) with gain and offset of its lighting brought to the
    background's.

    See `lighting_of`.
    """
    gain, offset = lighting_of(video_NTHW, background_HW)
    return (gain[..., None, None] * video_NTHW.float() + offset[..., None, None]).clamp(0.0, 255.0)


def lighting_of(video_NTHW: Tensor, background_HW: Tensor) -> tuple[Tensor, Tensor]:
    """Return gain_N1 and offset_N1 that bring a clip's lighting to the background's.

    One gain and one offset a clip, by least squares on every fourth pixel, fitted again without the
    pixels that differ most (what moves must not change the light). Gain stays within [0.5, 2].
    """
    sampled = video_NTHW[:, :, 2::4, 2::4].float().mean(dim=1).flatten(1)  # N, pixels
    target = background_HW.float()[2::4, 2::4].flatten().expand_as(sampled)
    weight = torch.ones_like(sampled)
    gain, offset = _weighted_line(sampled, target, weight)
    for _ in range(4):
        residual = (gain * sampled + offset - target).abs()
        weight = (residual <= residual.quantile(0.7, dim=1, keepdim=True)).float()
        gain, offset = _weighted_line(sampled, target, weight)
    return gain, offset


def _weighted_line(x_NM: Tensor, y_NM: Tensor, weight_NM: Tensor) -> tuple[Tensor, Tensor]:
    """Return gain_N1 and offset_N1 of y = gain * x + offset by weighted least squares."""
    total = weight_NM.sum(dim=1, keepdim=True)
    mean_x = (weight_NM * x_NM).sum(dim=1, keepdim=True) / total
    mean_y = (weight_NM * y_NM).sum(dim=1, keepdim=True) / total
    # A flat picture has no variance to fit a gain to; the small term then leaves the gain at 1.
    prior = 1.0
    variance = (weight_NM * (x_NM - mean_x) ** 2).sum(dim=1, keepdim=True) / total
    covariance = (weight_NM * (x_NM - mean_x) * (y_NM - mean_y)).sum(dim=1, keepdim=True) / total
    gain = ((covariance + prior) / (variance + prior)).clamp(0.5, 2.0)
    return gain, mean_y - gain * mean_x


def speed_plane(speed_NTHW: Tensor, full_speed_px: float) -> Tensor:
    """Return speeds in pixels a frame as shares of `full_speed_px`, float32 in [0, 1]."""
    return (speed_NTHW.float() / full_speed_px).clamp(0.0, 1.0)


def planes_of(
    video_NTHW: Tensor,
    background_NHW: Tensor,
    planes: tuple[str, ...],
    speed_NTHW: Tensor | None = None,
) -> Tensor:
    """Return planes_NPTHW, float32 in [-1, 1].

    `video_NTHW` holds grey levels 0..255 already aligned in lighting; for the colour planes it is
    video_NTHWC. `background_NHW` is the background of the same crop, one for each clip or one for
    all. `speed_NTHW`, from `speed_plane`, is needed for the plane of that name.
    """
    if planes == ("colour",):
        return ((video_NTHW.float() - 128.0) / 128.0).permute(0, 4, 1, 2, 3).contiguous()
    video = video_NTHW.float()
    made = []
    for plane in planes:
        if plane == "background_difference":
            made.append((video - background_NHW.float().unsqueeze(1)) / _FULL_SCALE)
        elif plane == "speed":
            if speed_NTHW is None:
                raise ValueError("the speed plane needs the speeds")
            made.append(speed_NTHW)
        elif plane == "frame_difference":
            step = video[:, 1:] - video[:, :-1]
            # The first frame has none before it in the clip; the next step stands in for it.
            made.append(torch.cat([step[:, :1], step], dim=1) / _FULL_SCALE)
        else:
            made.append((video - 128.0) / 128.0)
    return torch.stack(made, dim=1).clamp(-1.0, 1.0)


def pictures_of(planes_NPTHW: Tensor, background_HW: Tensor, planes: tuple[str, ...]) -> Tensor:
    """Return the pictures that planes show, uint8 pictures_NTHW (colour: pictures_NTHWC).

    The inverse of `planes_of` as far as it goes: saturated differences stay saturated.
    """
    levels = levels_of(planes_NPTHW, background_HW, planes)
    return levels.round().clamp(0, 255).to(torch.uint8)


def levels_of(planes_NPTHW: Tensor, background_HW: Tensor, planes: tuple[str, ...]) -> Tensor:
    """Return the grey levels (colour: the levels of each colour) that planes show, float32 and
    neither rounded nor cut off: pictures_NTHW, for colour pictures_NTHWC."""
    first = planes_NPTHW[:, 0].float()
    if planes == ("colour",):
        return planes_NPTHW.float().permute(0, 2, 3, 4, 1) * 128.0 + 128.0
    if planes[0] == "background_difference":
        return first * _FULL_SCALE + background_HW.float()
    if planes[0] == "frame_difference":
        return first * _FULL_SCALE + 128.0
    return first * 128.0 + 128.0
