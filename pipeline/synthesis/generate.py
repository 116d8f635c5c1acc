"""kizashi generate: a WebM of synthetic normal clips, and their tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.files import replace_file
from pipeline.footage.panels import grid_of
from pipeline.footage.webm_writer import write_webm
from pipeline.synthesis.sampling import sample_clips, write_tensors
from pipeline.synthesis.source import Source

__all__ = ["generate"]


def generate(source: Source, *, clips: int, seed: int, out: Path, tensors: bool) -> list[Path]:
    """Write clips.webm, a grid of clips that plays at the model's frame rate, and with `tensors`
    clips.safetensors (see pipeline.synthesis.sampling); return what was written.

    The same model, number and seed give the same bytes. KizashiError when a file cannot be written.
    """
    made = sample_clips(source.model.sight, clips, seed, source.masks)
    pictures = made.pictures_BTHW.numpy()
    if pictures.ndim == 5:
        pictures = np.ascontiguousarray(pictures[..., ::-1])  # WebM takes blue, green, red
    written = [out / "clips.webm"]
    with replace_file(written[0]) as temporary:
        frames = (grid_of(list(pictures[:, step])) for step in range(pictures.shape[1]))
        write_webm(temporary, frames, made.frame_rate)
    if tensors:
        written.append(out / "clips.safetensors")
        write_tensors(written[-1], made, source.model, seed)
    return written
