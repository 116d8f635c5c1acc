"""Shape suffixes of tensor names, and the check at the public doors.

B  clips of a batch        C  channels (planes of a frame)      T  time steps (frames)
H  rows                    W  columns                           Z  numbers of a latent
V  labels of the model
N  images of a flat batch  O  rows of a reshaped weight         I  its columns

`video_BCTHW` is float in [-1, 1], `latent_BZ` and `frame_latents_BZT` are float in (-1, 1),
`score_B` is unbounded: larger means more like the footage the critic has seen. `label_B` are whole
numbers from 0 to V - 1.
"""

from torch import Tensor

__all__ = ["check_shape"]


def check_shape(tensor: Tensor, expected: tuple[int | None, ...], name: str) -> None:
    """Raises ValueError unless `tensor` has the expected sizes; None stands for any size >= 1."""
    actual = tuple(tensor.shape)
    agrees = len(actual) == len(expected) and all(
        size >= 1 if wanted is None else size == wanted
        for size, wanted in zip(actual, expected, strict=True)
    )
    if not agrees:
        wanted_text = ", ".join("any" if size is None else str(size) for size in expected)
        raise ValueError(f"{name} has shape {actual}, expected ({wanted_text})")
