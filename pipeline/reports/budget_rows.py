"""Other budgets in words, for reports and for the settings of a camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.reports.other_budgets import other_budgets
from pipeline.reports.what_if import WhatIf
from pipeline.reports.words import Words

__all__ = ["BudgetRow", "OtherBudgets", "budgets_between", "budgets_lately"]

_LOOK_BACK = timedelta(days=30)
_HOUR_SECONDS = 3_600.0
"""Of less, so many a day says nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetRow:
    """One budget, in words."""

    budget: str
    own: bool
    """It is the one that the camera has."""
    alerts: int
    per_day: str
    """In a day of watching."""
    lost: int
    spared: int
    unknown: int
    """Of these see WhatIf."""
    new: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherBudgets:
    """What is shown of other budgets; without rows there is nothing to say."""

    rows: Sequence[BudgetRow]
    watched: str
    """How much of the footage was watched."""


def budgets_lately(site: Site, camera: Camera, words: Words) -> OtherBudgets:
    """Return what half, once, twice and four times the budget would have raised in the last thirty
    days of footage."""
    newest = site.store.newest_segment(camera.name)
    if newest is None:
        return OtherBudgets(rows=(), watched="")
    until = newest.end_utc + timedelta(microseconds=1)
    return budgets_between(site, camera, until - _LOOK_BACK, until, words)


def budgets_between(
    site: Site, camera: Camera, since: datetime, until: datetime, words: Words
) -> OtherBudgets:
    """Return what half, once, twice and four times the budget would have raised in
    [since, until)."""
    found = other_budgets(site, camera.name, since, until)
    seen = [one for one in found if one.watched_seconds]
    return OtherBudgets(
        rows=[_row(one, camera, words) for one in seen],
        watched=words.length(seen[0].watched_seconds) if seen else "",
    )


def _row(one: WhatIf, camera: Camera, words: Words) -> BudgetRow:
    return BudgetRow(
        budget=words.number(one.budget_per_day),
        own=one.budget_per_day == camera.budget_per_day,
        alerts=len(one.alerts),
        per_day=words.number(one.per_day or 0.0) if one.watched_seconds >= _HOUR_SECONDS else "–",
        lost=one.lost,
        spared=one.spared,
        unknown=one.unknown,
        new=len(one.new),
    )
