"""kizashi generate: a WebM of synthetic normal clips, and their tensors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.files import replace_file
from pipeline.footage.panels import grid_of
from pipeline.footage.webm_writer import write_webm
from pipeline.synthesis.sampling import SyntheticClips, sample_clips, write_tensors

if TYPE_CHECKING:
    from pipeline.synthesis.source import Source

__all__ = ["generate", "write_clips"]


def generate(source: Source, *, clips: int, seed: int, out: Path, tensors: bool) -> list[Path]:
    """Write clips.webm, a grid of clips that plays at the model's frame rate, and with `tensors`
    clips.safetensors (see pipeline.synthesis.sampling); return what was written.

    The same model, number and seed give the same bytes. KizashiError when a file cannot be written.
    """
    made = sample_clips(source.model.sight, clips, seed, source.masks)
    written = [out / "clips.webm"]
    write_clips(made, written[0])
    if tensors:
        written.append(out / "clips.safetensors")
        write_tensors(written[-1], made, source.model, seed)
    return written


def write_clips(clips: SyntheticClips, path: Path) -> None:
    """Write clips as one WebM, a grid that plays at the model's frame rate; KizashiError when it
    cannot be written."""
    pictures = clips.pictures_BTHW.numpy()
    if pictures.ndim == 5:
        pictures = np.ascontiguousarray(pictures[..., ::-1])  # WebM takes blue, green, red
    with replace_file(path) as temporary:
        frames = (grid_of(list(pictures[:, step])) for step in range(pictures.shape[1]))
        write_webm(temporary, frames, clips.frame_rate)
