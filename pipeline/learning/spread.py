"""A part of long footage that stands for all of it: pieces from every hour of it, drawn evenly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.clips.reader import Stretch
from pipeline.learning.learn import length_seconds

__all__ = ["spread_evenly"]

_PIECE_SECONDS = 600.0
"""Long enough for its last fifth to be held out, short enough for an hour to have several."""


def spread_evenly(stretches: Sequence[Stretch], most_seconds: float) -> list[Stretch]:
    """Return about `most_seconds` of these stretches, in the order given; all where there is no
    more.

    They are cut into pieces of about ten minutes, and one is drawn by chance of each run of so many
    pieces in a row: at even steps, what comes back every few hours would always be seen, or never.
    The same stretches give the same pieces. At least one piece is returned.
    """
    total_seconds = length_seconds(stretches)
    if total_seconds <= most_seconds:
        return list(stretches)
    pieces = [piece for stretch in stretches for piece in _cut(stretch)]
    count = max(1, int(most_seconds * len(pieces) / total_seconds))
    chance = np.random.default_rng(0)
    runs = np.array_split(np.arange(len(pieces)), count)
    return [pieces[int(chance.choice(run))] for run in runs]


def _cut(stretch: Stretch) -> list[Stretch]:
    """Return a stretch in parts of one length."""
    start_us, end_us = stretch.segment.start_us, stretch.segment.end_us
    count = max(1, round(length_seconds([stretch]) / _PIECE_SECONDS))
    edges_us = [start_us + (end_us - start_us) * part // count for part in range(count + 1)]
    return [stretch.part(*edges_us[part : part + 2]) for part in range(count)]
