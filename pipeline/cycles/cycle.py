"""A cycle: something in the view that repeats itself, as a machine does, and where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.scoring.anomaly import Place

__all__ = ["Cycle", "cycles_from", "is_cycle_name", "seconds_in_name"]

_PREFIX = "cycle of "


@dataclass(frozen=True, kw_only=True, slots=True)
class Cycle:
    """Cells of the picture that repeat themselves in the same time."""

    seconds: float
    """From one repeat to the next, > 0."""
    strength: float
    """Autocorrelation of what changes there after that time, in (0, 1]: 1 the very same again."""
    cells: tuple[int, ...]
    """Of `pipeline.cycles.changes`, in order."""
    share: float
    """Of all cells, in (0, 1]."""
    place: Place
    """The box that holds nine in ten of the cells, each way."""

    @property
    def name(self) -> str:
        """Return what it is called among statistics, as in `cycle of 4.00 s`."""
        return f"{_PREFIX}{self.seconds:.2f} s"

    def to_dict(self) -> dict[str, Any]:
        """Return values that JSON can hold."""
        return {**self.summary(), "cells": list(self.cells)}

    def summary(self) -> dict[str, Any]:
        """Return what people want to know of it, as values that JSON can hold."""
        return {
            "seconds": self.seconds,
            "strength": self.strength,
            "share": self.share,
            "place": asdict(self.place),
        }


def is_cycle_name(statistic: str) -> bool:
    """Return whether a statistic is the time of a cycle."""
    return statistic.startswith(_PREFIX)


def seconds_in_name(statistic: str) -> str:
    """Return the seconds in the name of a cycle, as they are written there."""
    return statistic.removeprefix(_PREFIX).removesuffix(" s")


def cycles_from(values: Sequence[Mapping[str, Any]]) -> tuple[Cycle, ...]:
    """Return the cycles of what `Cycle.to_dict` gave."""
    return tuple(
        Cycle(
            seconds=float(one["seconds"]),
            strength=float(one["strength"]),
            cells=tuple(map(int, one["cells"])),
            share=float(one["share"]),
            place=Place(**one["place"]),
        )
        for one in values
    )
