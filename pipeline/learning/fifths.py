"""Holding out a fifth of footage, so that its pieces are long enough to judge by."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.clips.reader import Stretch

__all__ = ["hold_out_fifths"]

_FIFTH = 5
_LEAST_US = 5_000_000
"""A held-out piece that is shorter has next to no window with the four seconds before it, and none
at all where it is shorter than a window."""


def hold_out_fifths(
    stretches: Sequence[Stretch],
) -> list[tuple[Stretch | None, Stretch | None]]:
    """Return what is left of each stretch and what of it is held out: its last fifth, but of
    stretches that are too short for that (25 s) every fifth as a whole, if there are five."""
    short = [number for number, one in enumerate(stretches) if _length_us(one) < _FIFTH * _LEAST_US]
    whole = set(short) if len(short) >= _FIFTH else set[int]()
    chosen = set(short[_FIFTH - 1 :: _FIFTH])
    found: list[tuple[Stretch | None, Stretch | None]] = []
    for number, stretch in enumerate(stretches):
        if number in whole:
            found.append((None, stretch) if number in chosen else (stretch, None))
            continue
        start_us, end_us = stretch.segment.start_us, stretch.segment.end_us
        cut_us = start_us + (end_us - start_us) * (_FIFTH - 1) // _FIFTH
        found.append((stretch.part(start_us, cut_us), stretch.part(cut_us, end_us)))
    return found


def _length_us(stretch: Stretch) -> int:
    return stretch.segment.end_us - stretch.segment.start_us
