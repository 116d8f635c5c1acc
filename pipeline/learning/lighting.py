"""Lighting of training footage: which states a camera has, and the footage cut by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.reader import ClipReader, Stretch
from pipeline.learning.background import learn_background
from pipeline.learning.fifths import hold_out_fifths
from pipeline.lighting.events import SWITCH, UNKNOWN, LightingSpell
from pipeline.lighting.judge import Lighting, with_misfits
from pipeline.lighting.light import LOOK_US, Light, light_of
from pipeline.lighting.spells import SpellFinder
from pipeline.lighting.states import LightingStates, find_states, window_medians
from pipeline.timebase import seconds

__all__ = ["LitFootage", "lighting_line", "lit_footage", "seconds_by_state"]

_LOOK_RATE = 2.0
_SHORTEST_US = 1_000_000
_LEAST_HELD_OUT = 0.1
"""Of the footage of a state; where less of it was held out, its last fifth is."""
_MOST_PICTURES = 1_024
"""Kept of all training footage for the backgrounds of states: 25 MB at 192 x 128 pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LitFootage:
    """Training and held-out footage cut into parts that each have one light."""

    training: tuple[Stretch, ...]
    held_out: tuple[Stretch, ...]
    lighting: Lighting | None
    """None where there is only one state: then the footage is as it was given."""


@dataclass(frozen=True, slots=True)
class _Looked:
    pts_us: int
    light: Light
    distances: Mapping[str, float]
    """To each state; of none before they are known."""


class _Pictures:
    """Up to 1,024 pictures spread evenly over a stream, with what they are of."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, int, NDArray[np.uint8]]] = []
        self._every = 1
        self._seen = 0

    def add(self, stretch: int, pts_us: int, image: NDArray[np.uint8]) -> None:
        if self._seen % self._every == 0:
            if len(self._kept) == _MOST_PICTURES:
                self._kept = self._kept[::2]
                self._every *= 2
            self._kept.append((stretch, pts_us, image))
        self._seen += 1

    def of_state(
        self, state: str, spells: Sequence[Sequence[LightingSpell]]
    ) -> Iterator[NDArray[np.uint8]]:
        for stretch, pts_us, image in self._kept:
            inside = (s for s in spells[stretch] if s.start_us <= pts_us < s.end_us)
            if any(spell.state == state for spell in inside):
                yield image


def lit_footage(
    training: Sequence[Stretch],
    held_out: Sequence[Stretch],
    reader: ClipReader,
    *,
    seed: int,
    one_light: bool = False,
) -> LitFootage:
    """Return the footage cut by lighting states, without the switches between them, and without
    what is in none of them; `one_light`: nobody looks, and it is as it was given.

    Frames are looked at twice a second. Where a state has hardly any held-out footage, the last
    fifth of each part of its training footage is held out too, or every fifth of short parts, so
    that it can have a calibration of its own.
    """
    whole = LitFootage(training=tuple(training), held_out=tuple(held_out), lighting=None)
    if one_light:
        return whole
    pictures = _Pictures()
    looked = [
        _looks(stretch, reader, pictures=pictures, index=i) for i, stretch in enumerate(training)
    ]
    moments = [window_medians([one.light for one in looks]) for looks in looked]
    states = find_states(moments, seed=seed) if moments else None
    if states is None:
        return whole
    spells = [_spells(s, looks, states) for s, looks in zip(training, looked, strict=True)]
    pictures_of = {
        state.name: list(pictures.of_state(state.name, spells)) for state in states.states
    }
    backgrounds = {name: learn_background(found) for name, found in pictures_of.items() if found}
    lighting = with_misfits(states, backgrounds, pictures_of)
    rest = [_spells(s, _looks(s, reader, lighting=lighting), None) for s in held_out]
    parts = [p for s, found in zip(training, spells, strict=True) for p in _parts(s, found)]
    kept = [p for s, found in zip(held_out, rest, strict=True) for p in _parts(s, found)]
    learnt, calibrated = _held_out_of_each(parts, kept, states)
    return LitFootage(
        training=tuple(learnt),
        held_out=tuple(calibrated),
        lighting=lighting,
    )


def lighting_line(lighting: Lighting | None) -> str:
    """Return what was learnt of a camera's light, for people."""
    if lighting is None:
        return "one state"
    return ", ".join(state.line() for state in lighting.states.states)


def _looks(
    stretch: Stretch,
    reader: ClipReader,
    *,
    lighting: Lighting | None = None,
    pictures: _Pictures | None = None,
    index: int = 0,
) -> list[_Looked]:
    view = replace(reader.view, frame_rate=min(_LOOK_RATE, reader.view.frame_rate))
    found: list[_Looked] = []
    for frame in stretch.frames(view):
        if found and frame.pts_us - found[-1].pts_us < LOOK_US:
            continue
        light, distances = lighting.distances(frame) if lighting else (light_of(frame), {})
        found.append(_Looked(frame.pts_us, light, distances))
        if pictures is not None:
            pictures.add(index, frame.pts_us, frame.image)
    return found


def _spells(
    stretch: Stretch, looks: Sequence[_Looked], states: LightingStates | None
) -> list[LightingSpell]:
    """Return the spells of a stretch; by light alone where `states` are given: while backgrounds
    are learnt there are none to compare with."""
    finder = SpellFinder(stretch.segment.start_us)
    since_us = stretch.segment.start_us
    for look in looks:
        distances = states.distances(look.light) if states else look.distances
        finder.add(look.pts_us, look.light, distances, since_us=since_us)
        since_us = look.pts_us + 1
    finder.end(stretch.segment.end_us)
    return finder.spells


def _parts(stretch: Stretch, spells: Sequence[LightingSpell]) -> Iterator[Stretch]:
    """Yield the parts of a stretch that are in one state."""
    for spell in spells:
        if spell.state in (SWITCH, UNKNOWN):
            continue
        if spell.end_us - spell.start_us >= _SHORTEST_US:
            part = stretch.part(spell.start_us, spell.end_us)
            yield replace(part, lighting=spell.state)


def _held_out_of_each(
    training: Sequence[Stretch], held_out: Sequence[Stretch], states: LightingStates
) -> tuple[list[Stretch], list[Stretch]]:
    """Return both with some footage of each state held out."""
    learnt, kept = list(training), list(held_out)
    for name in (state.name for state in states.states):
        calibrated_us, learnt_us = (_lengths(parts).get(name, 0) for parts in (kept, learnt))
        if calibrated_us >= _LEAST_HELD_OUT * (calibrated_us + learnt_us):
            continue
        of_state = [one for one in learnt if one.lighting == name]
        for part, (left, cut) in zip(of_state, hold_out_fifths(of_state), strict=True):
            at = learnt.index(part)
            learnt[at : at + 1] = [left] if left else []
            kept += [cut] if cut else []
    return learnt, kept


def _lengths(parts: Sequence[Stretch]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        length_us = part.segment.end_us - part.segment.start_us
        found[part.lighting] = found.get(part.lighting, 0) + length_us
    return found


def seconds_by_state(parts: Sequence[Stretch]) -> dict[str, float]:
    """Return how long the parts of each lighting state are together."""
    return {name: seconds(length_us) for name, length_us in _lengths(parts).items()}
