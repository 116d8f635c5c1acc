"""Learning the drift reference of a model from the footage that it learns from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.reader import ClipReader, Stretch
from pipeline.clips.windows import Clip
from pipeline.cycles.learn import LearntCycles
from pipeline.drift.reference import DriftReference
from pipeline.drift.samples import (
    cut_samples,
    fitting_seconds,
    picture_values,
    sample_seconds_for,
    score_values,
    thinned,
)
from pipeline.health.look import Looker, grey_of
from pipeline.timebase import seconds

__all__ = ["drift_reference"]

_MOST_SAMPLES = 96
"""Of pictures: more tell little more, and a decoder is started for each."""


def drift_reference(
    footage: Sequence[Stretch],
    held_out: Sequence[Stretch],
    reader: ClipReader,
    clips: Sequence[Sequence[Clip]],
    scores: Mapping[str, NDArray[np.float64]],
    cycles: LearntCycles,
) -> DriftReference:
    """Return the reference of a model.

    `footage`: all that is learnt from, in order of time; pictures are taken from it. `clips`: those
    of each held-out stretch, `scores`: row -> -log10 p of all of them, one after the other.
    """
    lengths_us = [stretch.segment.end_us - stretch.segment.start_us for stretch in held_out]
    length_seconds = fitting_seconds(held_out, sample_seconds_for(seconds(sum(lengths_us))))
    values: dict[str, list[float]] = {}
    looker = Looker(grey_of(reader.background_HW), reader.view.masks)
    for sample in thinned(list(cut_samples(footage, length_seconds)), _MOST_SAMPLES):
        _keep(values, picture_values(sample, reader, looker))
    for chosen in _samples_of_clips(held_out, clips, length_seconds):
        _keep(values, score_values({row: found[chosen].tolist() for row, found in scores.items()}))
    return DriftReference(
        sample_seconds=length_seconds,
        values={**{name: tuple(found) for name, found in values.items()}, **cycles.times},
        cycles=cycles.cycles,
        cycle_sample_seconds=cycles.sample_seconds,
    )


def _keep(values: dict[str, list[float]], taken: Mapping[str, float]) -> None:
    for name, value in taken.items():
        values.setdefault(name, []).append(value)


def _samples_of_clips(
    held_out: Sequence[Stretch], clips: Sequence[Sequence[Clip]], length_seconds: float
) -> Iterator[NDArray[np.bool_]]:
    """Yield which of all clips end in each whole sample of the held-out stretches."""
    total = sum(map(len, clips))
    position = 0
    for stretch, own in zip(held_out, clips, strict=True):
        ends_us = np.array([clip.end_us for clip in own], dtype=np.int64)
        for sample in cut_samples([stretch], length_seconds):
            segment = sample.segment
            chosen = np.zeros(total, dtype=np.bool_)
            chosen[position : position + len(own)] = (ends_us > segment.start_us) & (
                ends_us <= segment.end_us
            )
            yield chosen
        position += len(own)
