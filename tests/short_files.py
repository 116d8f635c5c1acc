"""Footage as a recorder leaves it: many short files, one after the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from pipeline.clips.reader import Stretch
from pipeline.footage.ingest import probe_footage
from tests.footage_maker import encode
from tests.store_samples import MORNING
from tests.synthesis_makers import moving_square

__all__ = ["short_files"]


def short_files(folder: Path, files: int) -> list[Stretch]:
    """Return so many files of two seconds, all of the same pictures, from MORNING on."""
    pictures = np.stack(moving_square(20))
    video = encode(folder / "one.mp4", np.repeat(pictures[..., None], 3, axis=-1))
    footage, (segment,), _ = probe_footage(video, camera="any", root=folder, start_utc=MORNING)
    return [
        Stretch(
            source=video,
            footage=footage,
            segment=replace(segment, start_utc=MORNING + timedelta(seconds=2 * number)),
        )
        for number in range(files)
    ]
