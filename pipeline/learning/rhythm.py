"""What a camera's places do over seconds: histories of normal footage for the rhythm bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.history import HISTORY_KINDS
from pipeline.clips.reader import ClipReader, Moment, Stretch
from pipeline.learning.camera_model import Sight
from pipeline.scoring.rhythm_bank import LEAST_REGULARITY, MOST_HISTORIES, fit_rhythm_bank
from pipeline.timebase import seconds

__all__ = ["learn_rhythm", "rhythm_line"]

_NEAR_HISTORIES = 1.25
"""Lengths of a history within which two of them are one and the same: they overlap."""

_LARGEST_SHARE = 0.5
"""Of the frames whose history goes into the bank: two in a row are nearly the same."""


def learn_rhythm(
    stretches: Sequence[Stretch], sight: Sight, reader: ClipReader, *, seed: int
) -> Sight:
    """Return `sight` with the bank of histories of training footage; unchanged when the preset has
    none, or the footage is too short for them."""
    histories, moments = _drawn_histories(stretches, reader, seed)
    if reader.history is None or not histories:
        return sight
    near_us = round(_NEAR_HISTORIES * reader.history.frames * 1e6 / reader.view.frame_rate)
    bank = fit_rhythm_bank(np.stack(histories), moments, near_us=near_us, seed=seed)
    return replace(sight, rhythm_bank=bank and bank.on(sight.networks.device))


def rhythm_line(sight: Sight) -> str:
    """Return for people how regular the scene is, and which histories will say nothing."""
    if sight.rhythm_bank is None:
        return "no histories"
    kinds = zip(HISTORY_KINDS, sight.rhythm_bank.regularity_K.tolist(), strict=True)
    return ", ".join(
        f"{kind} {share:.2f}{'' if share >= LEAST_REGULARITY else ' (too little, silent)'}"
        for kind, share in kinds
    )


def _drawn_histories(
    stretches: Sequence[Stretch], reader: ClipReader, seed: int
) -> tuple[list[NDArray[np.float32]], list[Moment]]:
    """Return histories of frames drawn by chance: at even steps, a machine whose cycle is as long
    as the step would always be seen in the same phase."""
    length = sum(seconds(s.segment.end_us - s.segment.start_us) for s in stretches)
    frames = max(1.0, length * reader.view.frame_rate)
    share = min(_LARGEST_SHARE, MOST_HISTORIES / frames)
    chance = np.random.default_rng(seed)
    histories: list[NDArray[np.float32]] = []
    moments: list[Moment] = []
    for stretch in stretches:
        for moment, history in reader.histories(stretch):
            if chance.random() < share and not np.isnan(history_SGW2 := history()).any():
                histories.append(history_SGW2)
                moments.append(moment)
    return histories, moments
