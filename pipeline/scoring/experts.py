"""The experts by name. Adding one is one module (NAME, TERMS, term_maps) and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring import continuity, critic, features, motion, reconstruction, rhythm
from pipeline.scoring.clip_batch import ClipBatch
from pipeline.scoring.term import Term
from pipeline.stopwatch import stage

__all__ = ["EXPERTS", "TGAN_EXPERTS", "Expert", "all_term_maps", "experts_named"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Expert:
    """One way to look at a clip."""

    name: str
    terms: dict[str, Term]
    """By name; names are unique among all experts."""
    term_maps: Callable[[ClipBatch], dict[str, NDArray[np.float32]]]
    """Values of each term on the score grid, float32 NGW, not yet calibrated."""


EXPERTS = {
    module.NAME: Expert(name=module.NAME, terms=module.TERMS, term_maps=module.term_maps)
    for module in (critic, reconstruction, features, motion, continuity, rhythm)
}

TGAN_EXPERTS = frozenset({"critic", "reconstruction", "features"})
"""Those that look through the networks; the others need no training."""


def all_term_maps(experts: Iterable[Expert], batch: ClipBatch) -> dict[str, NDArray[np.float32]]:
    """Return the maps of every term of the experts, NGW, not yet calibrated."""
    maps: dict[str, NDArray[np.float32]] = {}
    for expert in experts:
        with stage(expert.name):
            maps |= expert.term_maps(batch)
    return maps


def experts_named(names: tuple[str, ...]) -> tuple[Expert, ...]:
    """Return experts by name, in the order given; ValueError for an unknown one."""
    unknown = set(names) - set(EXPERTS)
    if unknown:
        raise ValueError(f"experts {sorted(unknown)} are unknown; there are {sorted(EXPERTS)}")
    return tuple(EXPERTS[name] for name in names)
