"""Labels of a conditional model: which digit, camera or state a clip is of (section 1.6).

A label is a whole number from 0 to V - 1; the networks see it as a one-hot vector. A model without
labels (V = 0) takes None. Letter of shapes: V labels of the model.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["LabelledClips", "checked_labels", "draw_labels", "labelled", "one_hot"]


class LabelledClips(NamedTuple):
    """A batch of clips, and of what each one is."""

    video_BCTHW: Tensor
    """float in [-1, 1]."""
    label_B: Tensor | None
    """Whole numbers; None for a model without labels."""


def labelled(batch: Tensor | LabelledClips) -> LabelledClips:
    """The batch as it is, or clips alone as clips without labels."""
    return batch if isinstance(batch, tuple) else LabelledClips(batch, None)


def checked_labels(
    label_B: Tensor | None, labels: int, clips: int, name: str = "label_B"
) -> Tensor | None:
    """label_B as int64, None for `labels` = 0.

    Raises ValueError where labels are missing, not asked for, not one a clip, no whole numbers, or
    outside 0 to labels - 1.
    """
    if label_B is None:
        if labels:
            raise ValueError(f"{name} is missing: the model has {labels} labels")
        return None
    if not labels:
        raise ValueError(f"{name} is given, but the model has no labels")
    if tuple(label_B.shape) != (clips,):
        raise ValueError(f"{name} has shape {tuple(label_B.shape)}, expected ({clips},)")
    if label_B.is_floating_point() or label_B.is_complex() or label_B.dtype == torch.bool:
        raise ValueError(f"{name} must be whole numbers, not {label_B.dtype}")
    lowest, highest = (int(bound) for bound in torch.aminmax(label_B))
    if lowest < 0 or highest >= labels:
        raise ValueError(f"{name} has labels from {lowest} to {highest}, outside 0 to {labels - 1}")
    return label_B.long()


def one_hot(label_B: Tensor, labels: int, like: Tensor) -> Tensor:
    """label_BV: a one at each clip's label, else zeros, of the type and on the device of `like`."""
    return F.one_hot(label_B.to(like.device), labels).to(like.dtype)


def draw_labels(counts_V: Tensor, clips: int, random: torch.Generator) -> Tensor:
    """label_B as often as they were counted: the prior over categories that evaluation draws from.

    Raises ValueError when nothing was counted. `random` and the result are on the CPU.
    """
    weights_V = counts_V.cpu().double()
    if not float(weights_V.sum()) > 0.0:
        raise ValueError("labels are drawn as often as training saw them, and it saw none yet")
    return torch.multinomial(weights_V, clips, replacement=True, generator=random)
