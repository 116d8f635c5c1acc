"""Spells of lighting: which state a scene is in from when to when, with hysteresis, and how long
each switch takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.lighting.events import SWITCH, UNKNOWN, LightingSpell
from pipeline.lighting.light import Light

__all__ = ["GRACE_US", "SpellFinder"]

GRACE_US = 30_000_000
"""A switch takes no longer: then the scene is taken to be in the state that it looks most like,
however much its light still moves."""
_HOLD_US = 2_000_000
"""For how long another state must be seen until it is believed, and light be steady after it."""
_MARGIN = 0.8
"""Another state must be nearer than this share of the distance to the one that it would follow, and
light that was unlike all states come as near to one."""
_STEADY = 6.0
"""Grey levels by which steady light moves in two seconds, at most."""
_UNKNOWN_US = 10_000_000
"""Light that was not seen while learning counts when it lasts."""
_FOREVER_US = 1 << 62


@dataclass(frozen=True, slots=True)
class _Look:
    pts_us: int
    light: Light
    distances: Mapping[str, float]

    def name(self, current: str) -> str:
        """Return the state that it is in, for somebody who was in `current` before."""
        nearest = min(self.distances, key=lambda name: self.distances[name])
        here = self.distances.get(current, math.inf)
        if here <= 1.0 and self.distances[nearest] >= _MARGIN * here:
            return current
        within = _MARGIN if current == UNKNOWN else 1.0
        return nearest if self.distances[nearest] <= within else UNKNOWN


@dataclass(slots=True)
class SpellFinder:
    """Joins looks to spells. After each look, everything before `settled_us` is known."""

    start_us: int
    """Where the stretch begins."""
    spells: list[LightingSpell] = field(default_factory=list)
    """Those that are over, in order of time; together they cover the stretch."""
    settled_us: int = field(init=False)
    open: LightingSpell | None = None
    """The one that goes on; None while the first is not known."""
    _pending: list[_Look] = field(default_factory=list)
    """Looks that may be the beginning of another state; while it switches, those of the last
    seconds."""
    _before_us: int = 0
    """When that state would begin."""
    _earlier_us: int = field(init=False)

    def __post_init__(self) -> None:
        self.settled_us = self._earlier_us = self.start_us

    def add(
        self, pts_us: int, light: Light, distances: Mapping[str, float], *, since_us: int
    ) -> None:
        """Take in the next look; `since_us` is right after the look before it, `distances` those
        to each state: up to 1 it may be in it."""
        look = _Look(pts_us, light, distances)
        if self.open is None:
            self._begin(look)
        elif self.open.state == SWITCH:
            self._settle(look)
        else:
            self._hold(look)
        self._earlier_us = since_us
        if not self._pending:
            self.settled_us = since_us
        elif self.open is not None and self.open.state != SWITCH:
            self.settled_us = self._before_us
        elif self.open is not None:
            self.settled_us = self._pending[0].pts_us

    def end(self, end_us: int) -> None:
        """Finish at the end of the stretch."""
        if self.open is None and self._pending:
            self._open_first()
        if self.open is not None:
            self._close(end_us)
        self._pending = []
        self.settled_us = _FOREVER_US

    def _begin(self, look: _Look) -> None:
        self._pending.append(look)
        if look.pts_us - self._pending[0].pts_us >= _HOLD_US:
            self._open_first()
            self._pending = []

    def _open_first(self) -> None:
        self.open = LightingSpell(
            state=_most([one.name("") for one in self._pending]),
            start_us=self.start_us,
            end_us=_FOREVER_US,
        )

    def _hold(self, look: _Look) -> None:
        """Stay in a state, or leave it once another was seen for two seconds, or none for ten."""
        assert self.open is not None
        current = self.open.state
        if look.name(current) == current:
            self._pending = []  # it was somebody who passed by
            return
        if not self._pending:
            # One look more: lamps were switched between two of them.
            self._before_us = max(self._earlier_us, self.open.start_us + 1)
        self._pending.append(look)
        last = [one for one in self._pending if look.pts_us - one.pts_us <= _HOLD_US]
        waited_us = look.pts_us - self._pending[0].pts_us
        names = {one.name(current) for one in last}
        if waited_us >= _HOLD_US and names == {look.name(current)} != {UNKNOWN}:
            self._close(self._before_us)
            self.open = LightingSpell(state=SWITCH, start_us=self._before_us, end_us=_FOREVER_US)
            self._pending = last[:-1]
            self._settle(look)
        elif waited_us >= _UNKNOWN_US:
            # What jumps into light that nobody has seen is news, and is scored.
            self._close(self._before_us)
            state = _most([one.name(current) for one in self._pending])
            self.open = LightingSpell(state=state, start_us=self._before_us, end_us=_FOREVER_US)
            self._pending = []

    def _settle(self, look: _Look) -> None:
        """End the switch once light has been steady in one state for two seconds."""
        assert self.open is not None
        self._pending.append(look)
        values = np.stack([one.light.values() for one in self._pending])
        names = [one.name("") for one in self._pending]
        waits = look.pts_us - self._pending[0].pts_us >= _HOLD_US
        steady = bool(np.ptp(values, axis=0).max() <= _STEADY) and len(set(names)) == 1
        if (waits and steady) or look.pts_us - self.open.start_us >= GRACE_US:
            at_us = self._pending[0].pts_us
            self._close(at_us)
            self.open = LightingSpell(state=_most(names), start_us=at_us, end_us=_FOREVER_US)
            self._pending = []
            return
        while look.pts_us - self._pending[0].pts_us >= _HOLD_US:
            del self._pending[0]

    def _close(self, at_us: int) -> None:
        assert self.open is not None
        if at_us > self.open.start_us:
            self.spells.append(replace(self.open, end_us=at_us))


def _most(names: list[str]) -> str:
    return max(names, key=names.count)
