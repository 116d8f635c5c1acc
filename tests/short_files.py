"""Footage as a recorder leaves it: many short files, one after the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from pipeline.clips.reader import Stretch
from pipeline.footage.ingest import probe_footage
from tests.footage_maker import encode
from tests.reports_makers import footage_at, segment_of
from tests.store_samples import MORNING
from tests.synthesis_makers import moving_square

__all__ = ["files", "short_files"]


def files(*lengths_seconds: float) -> list[Stretch]:
    """Return files of so many seconds, one after the other, that nobody can open."""
    found = []
    for number, length in enumerate(lengths_seconds):
        name = f"{number:02}"
        footage = footage_at(sum(lengths_seconds[:number]), length, name)
        segment = segment_of(footage, 0.0, length)
        found.append(Stretch(source=Path(name), footage=footage, segment=segment))
    return found


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
