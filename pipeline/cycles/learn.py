"""Learning the cycles of a camera from normal footage, and measuring them in footage that comes
later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.clips.reader import Stretch
from pipeline.cycles.changes import changes_of
from pipeline.cycles.cycle import Cycle
from pipeline.cycles.find import cycle_seconds, find_cycles
from pipeline.drift.samples import cut_samples, fitting_seconds, thinned
from pipeline.footage.frames import View
from pipeline.timebase import seconds

__all__ = ["LearntCycles", "cycles_line", "cycles_of", "learn_cycles"]

_SAMPLES = 96
"""At most: more tell little more, and a decoder is started for each."""
_FEWEST_SAMPLES = 3
_SHORTEST_SECONDS, _LONGEST_SECONDS = 20.0, 45.0
"""Cycles of up to a third of this are found, of shorter files those of up to a third of a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LearntCycles:
    """What normal footage says of cycles."""

    sample_seconds: float = 0.0
    """Length of the pieces of footage in which they are measured."""
    cycles: tuple[Cycle, ...] = ()
    times: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Name of a cycle -> the seconds that it took in each piece in which it was there."""


def learn_cycles(stretches: Sequence[Stretch], view: View) -> LearntCycles:
    """Return the cycles of normal footage (in order of time); none in less than a minute of it.

    Raises FootageError when footage cannot be decoded.
    """
    total_us = sum(stretch.segment.end_us - stretch.segment.start_us for stretch in stretches)
    wanted = min(max(seconds(total_us) / _SAMPLES, _SHORTEST_SECONDS), _LONGEST_SECONDS)
    length = fitting_seconds(stretches, wanted)
    samples = thinned(list(cut_samples(stretches, length)), _SAMPLES)
    if len(samples) < _FEWEST_SAMPLES:
        return LearntCycles()
    seen = [changes for sample in samples if (changes := changes_of(sample, view))]
    cycles = find_cycles(seen)
    measured = {cycle.name: [cycle_seconds(cycle, one) for one in seen] for cycle in cycles}
    return LearntCycles(
        sample_seconds=round(length, 3),
        cycles=cycles,
        times={
            name: tuple(one for one in found if one is not None) for name, found in measured.items()
        },
    )


def cycles_of(cycles: Sequence[Cycle], sample: Stretch, view: View) -> dict[str, float]:
    """Return by name how long each cycle took in a piece of footage, s; those that were not there
    are missing.

    Raises FootageError when it cannot be decoded.
    """
    changes = changes_of(sample, view)
    if changes is None:
        return {}
    measured = {cycle.name: cycle_seconds(cycle, changes) for cycle in cycles}
    return {name: value for name, value in measured.items() if value is not None}


def cycles_line(learnt: LearntCycles) -> str:
    """Return what was found in a line."""
    if not learnt.cycles:
        return "nothing in the view repeats itself"
    return ", ".join(
        f"{cycle.seconds:.2f} s in {cycle.share:.0%} of the picture" for cycle in learnt.cycles
    )
