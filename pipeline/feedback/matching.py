"""Matching: does an event look like one that a person has called known and harmless?

It does only when each of its strange places does: at about the same place, looking about the same
to the critic, and no expert finding it much stranger. One strange place that the pattern does not
know is enough, so a fault beside something harmless still alerts.

No bound is fitted to faults. How far apart two looks of one kind lie is measured on the camera's
own normal footage (`EventLooks.reach`); how much stranger is too much is one step of severity.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pipeline.feedback.looks import EventLooks, Look
from pipeline.feedback.patterns import Pattern, PatternState

__all__ = ["Comparison", "Unlike", "compare", "nearest_pattern"]

_PLACE_CELLS = 2
"""The judge averages over a square of three cells, the bank of normal looks knows its neighbours:
each moves what is seen by one cell."""
_DECADES_STRANGER = 1.0
"""-log10 p. Ten times rarer is the next severity: no longer the thing that was judged."""
_TIMES_LONGER, _SECONDS_LONGER = 2.0, 3.0
"""Whichever allows more. Events that are nearer than three seconds are one, so a pattern that comes
twice in a row is still it; a thing that passes and one that stays are two things."""


class Unlike(StrEnum):
    """Why an event is not like a pattern."""

    MODEL = "model"
    """Two models cannot be compared."""
    LENGTH = "length"
    """It lasts much longer, or too long to be looked at as a whole."""
    PLACE = "place"
    """It is strange where the pattern is not."""
    STRONGER = "stronger"
    """It is much stranger at one place, or to one expert."""
    LOOK = "look"
    """It looks different at one place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """An event beside a pattern."""

    unlike: Unlike | None
    """None when they are alike."""
    nearness: float = 0.0
    """Distance of the least alike place, as a share of the largest allowed; of those compared."""
    look: Look | None = None
    """The place that differs, where it is one."""


def compare(seen: EventLooks, pattern: EventLooks) -> Comparison:
    """Return how an event compares with a pattern, by the first thing in which it differs."""
    if seen.model_id != pattern.model_id:
        return Comparison(unlike=Unlike.MODEL)
    longest = max(_TIMES_LONGER * pattern.seconds, pattern.seconds + _SECONDS_LONGER)
    if not seen.whole or seen.seconds > longest:
        return Comparison(unlike=Unlike.LENGTH)
    if seen.score > pattern.score + _DECADES_STRANGER:
        return Comparison(unlike=Unlike.STRONGER)
    farthest = 0.0
    for look in (look for look in seen.looks if look.tested):
        here = [known for known in pattern.looks if _about_the_same_place(look, known)]
        if not here:
            return Comparison(unlike=Unlike.PLACE, nearness=farthest, look=look)
        as_strange = [known for known in here if not _stronger(look, known)]
        if not as_strange:
            return Comparison(unlike=Unlike.STRONGER, nearness=farthest, look=look)
        apart = min(math.dist(look.features, known.features) for known in as_strange)
        nearness = apart / seen.reach if seen.reach > 0 else math.inf
        if nearness > 1.0:
            return Comparison(unlike=Unlike.LOOK, nearness=nearness, look=look)
        farthest = max(farthest, nearness)
    return Comparison(unlike=None, nearness=farthest)


def nearest_pattern(
    seen: EventLooks, patterns: Iterable[Pattern]
) -> tuple[Pattern, Comparison] | None:
    """Return the active pattern that an event is most like, and how; None when it is like none."""
    alike = [
        (pattern, comparison)
        for pattern in patterns
        if pattern.state is PatternState.ACTIVE
        and (comparison := compare(seen, pattern.looks)).unlike is None
    ]
    return min(alike, key=lambda item: (item[1].nearness, item[0].pattern_id), default=None)


def _about_the_same_place(look: Look, known: Look) -> bool:
    return max(abs(look.row - known.row), abs(look.column - known.column)) <= _PLACE_CELLS


def _stronger(look: Look, known: Look) -> bool:
    return look.score > known.score + _DECADES_STRANGER or any(
        heard > known.terms.get(term, 0.0) + _DECADES_STRANGER for term, heard in look.terms.items()
    )
