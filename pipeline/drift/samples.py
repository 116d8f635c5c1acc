"""Samples: short pieces of footage, and the numbers that stand for each of them.

Clips that follow one another share frames, so they are never counted. A sample is one number for a
statistic, and samples that lie apart are what tests compare. The same code makes them of training
footage, when a model is learnt, and of recent footage later.

Shapes: H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.reader import ClipReader, Stretch
from pipeline.health.look import Look, Looker, grey_of
from pipeline.timebase import microseconds, seconds, shift_utc

__all__ = [
    "LOOK_RATE",
    "cut_samples",
    "fitting_seconds",
    "picture_values",
    "sample_seconds_for",
    "score_values",
    "thinned",
    "values_of_pictures",
]

_LOUDEST = 2.0
"""A surprise (-log10 p) counts no more than this: a minute of a fault is an alert and no drift."""
_FEWEST_CLIPS = 5
LOOK_RATE = 2.0
"""Pictures a second that are looked at in a sample."""
_HELD_OUT_SAMPLES = 96
_SHORTEST_SECONDS, _LONGEST_SECONDS = 4.0, 60.0
_ROOM = 0.9
"""Of the usual length of short files: a recorder begins each at a picture that stands for itself,
so they are not of one length."""


def sample_seconds_for(held_out_seconds: float) -> float:
    """Return how long a sample is, so that held-out footage gives about 96 of them: 4 to 60 s."""
    return min(max(held_out_seconds / _HELD_OUT_SAMPLES, _SHORTEST_SECONDS), _LONGEST_SECONDS)


def fitting_seconds(stretches: Sequence[Stretch], wanted_seconds: float) -> float:
    """Return the length of samples for which most footage has room: as wanted, or shorter where
    more than half of the footage is in files that are shorter.

    A sample lies in one file: clips end with their file, and of files that are held out the
    neighbours are not.
    """
    lengths_us = sorted(one.segment.end_us - one.segment.start_us for one in stretches)
    if not lengths_us:
        return wanted_seconds
    together_us = np.cumsum(lengths_us)
    usual_us = lengths_us[int(np.searchsorted(together_us, together_us[-1] / 2))]
    return min(wanted_seconds, round(_ROOM * seconds(usual_us), 3))


def cut_samples(
    stretches: Sequence[Stretch], length_seconds: float, every_seconds: float = 0.0
) -> Iterator[Stretch]:
    """Yield the samples of stretches in order of time, of this length each and begun at least
    `every_seconds` apart; what is left of a stretch is too short for one.

    The last of a stretch may lack half a frame: containers round the times of their frames.
    """
    length_us, every_us = microseconds(length_seconds), microseconds(every_seconds)
    free_utc: datetime | None = None
    for stretch in stretches:
        segment = stretch.segment
        at_us = segment.start_us
        if free_utc is not None:
            at_us += max(0, microseconds((free_utc - segment.start_utc).total_seconds()))
        rate = stretch.footage.frame_rate
        lacking_us = min(microseconds(0.5 / rate), length_us // 2) if rate > 0 else 0
        while at_us + length_us <= segment.end_us + lacking_us:
            yield stretch.part(at_us, min(at_us + length_us, segment.end_us))
            at_us += max(length_us, every_us)
            free_utc = shift_utc(segment.start_utc, at_us - segment.start_us)


def thinned(samples: Sequence[Stretch], most: int) -> list[Stretch]:
    """Return at most so many of the samples, spread evenly."""
    chosen = np.linspace(0, len(samples) - 1, min(most, len(samples))).round().astype(int)
    return [samples[index] for index in chosen]


def score_values(scores: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the mean surprise of a sample by row (`fused`, experts), of its clips' -log10 p;
    nothing of fewer than five clips.

    In normal operation p is uniform, the mean of -log10 p is 0.43, and how far means of samples
    lie apart is learnt.
    """
    return {
        row: round(float(np.minimum(values, _LOUDEST).mean()), 6)
        for row, values in scores.items()
        if len(values) >= _FEWEST_CLIPS
    }


def picture_values(sample: Stretch, reader: ClipReader, looker: Looker) -> dict[str, float]:
    """Return the statistics of a sample's pictures: see `values_of_pictures`."""
    view = replace(reader.view, frame_rate=min(LOOK_RATE, reader.view.frame_rate))
    greys = [grey_of(frame.image) for frame in sample.frames(view)]
    return values_of_pictures(greys, grey_of(reader.background_HW), looker)


def values_of_pictures(
    greys: Sequence[NDArray[np.uint8]], background_HW: NDArray[np.uint8], looker: Looker
) -> dict[str, float]:
    """Return the statistics of grey pictures (HW each, as large as the background); nothing of
    none.

    brightness, contrast: mean and deviation of the grey levels. sharpness, agreement, shift: as
    camera health sees them (`Look`), shift in pixels of the working size. scene: mean difference
    between the median picture and the background, both with mean 0 and deviation 1.
    """
    if not greys:
        return {}
    looks = [looker.look(grey_HW) for grey_HW in greys]
    median_HW = np.median(np.stack(greys), axis=0)
    values = {
        "brightness": float(np.mean([grey_HW.mean() for grey_HW in greys])),
        "contrast": float(np.mean([grey_HW.std() for grey_HW in greys])),
        "sharpness": _median(looks, "sharpness"),
        "agreement": _median(looks, "agreement"),
        "shift": _median(looks, "shifted_px"),
        "scene": float(np.abs(_levelled(median_HW) - _levelled(background_HW)).mean()),
    }
    return {name: round(value, 6) for name, value in values.items()}


def _median(looks: Sequence[Look], name: str) -> float:
    return float(np.median([getattr(look, name) for look in looks]))


def _levelled(picture_HW: NDArray[np.generic]) -> NDArray[np.float64]:
    levels_HW = picture_HW.astype(np.float64)
    return np.asarray((levels_HW - levels_HW.mean()) / max(float(levels_HW.std()), 1.0))
