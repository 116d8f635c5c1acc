"""Checks of retention: does it run, does it come to its end, and what only people can mend."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from pipeline.camera import Camera
from pipeline.doctor.findings import Finding, Machine, ok, problem, warning

__all__ = ["check_disk_budget", "check_holds", "check_retention"]

_LATE = timedelta(days=2)
"""The schedule announces for up to a day before it removes for the first time."""
_LONG_HELD = timedelta(days=365)


def check_retention(machine: Machine, camera: Camera, source: Path) -> Iterator[Finding]:
    """Whether what is over goes, and what is in its way."""
    from pipeline.retention.policy import Kind
    from pipeline.retention.status import kept_state

    assert machine.site is not None, "asked for with a site only"
    store = machine.site.store
    name = f"retention of {camera.name}"
    state = kept_state(machine.site, camera)
    unfinished = [
        one
        for one in store.open_removals(camera.name)
        if one.files and machine.now_utc - one.planned_utc > timedelta(hours=1)
    ]
    due = store.scores_due(
        camera.name, machine.now_utc - state.policy.length(Kind.SCORES, camera) - _LATE
    )
    if unfinished:
        yield problem(
            name,
            f"{sum(len(one.files) for one in unfinished)} files that must be forgotten are not"
            f" removed, such as {unfinished[0].files[0]} of {camera.name}",
            f"kizashi retention run {camera.name} says why",
        )
    elif state.made_up_times:
        yield ok(name, "an archive without a clock: nothing goes by its age")
    elif due is not None:
        yield warning(
            name,
            f"{due[0]} scores are older than {state.days[Kind.SCORES]} days, the oldest of"
            f" {due[1]:%Y-%m-%d}",
            f"kizashi retention run {camera.name}; kizashi serve does it on a schedule",
        )
    elif state.sharers:
        yield warning(
            name,
            f"it shares its footage with {', '.join(state.sharers)}: none of it is removed",
            "give each camera a folder of its own",
        )
    else:
        kept = ", ".join(f"{kind.value} {days}" for kind, days in state.days.items())
        own = "" if state.removes_footage else "; its folder is not Kizashi's, footage stays there"
        yield ok(name, f"days: {kept}{own}")


def check_disk_budget(machine: Machine, camera: Camera, source: Path) -> Iterator[Finding]:
    """What a camera takes against its disk budget, and whether holds alone exceed it."""
    from pipeline.retention.status import disk_use

    assert machine.site is not None, "asked for with a site only"
    budget = machine.site.store.retention_policy(camera.name).budget_bytes
    if budget is None:
        return
    name = f"disk budget of {camera.name}"
    use = disk_use(machine.site, camera)
    told = f"{_gib(use.size_bytes)} of {_gib(budget)}, {_gib(use.held_bytes)} of it held"
    if use.held_bytes > budget:
        yield problem(
            name,
            f"{told}: what is held alone is more than the budget, and nothing held is removed",
            f"release what is needed no longer (kizashi retention holds --camera {camera.name}), or"
            " raise the budget",
        )
    elif use.size_bytes > budget:
        yield warning(
            name, told, f"kizashi retention run {camera.name}; kizashi serve does it on a schedule"
        )
    else:
        yield ok(name, told)


def check_holds(machine: Machine) -> Iterator[Finding]:
    """Holds that nobody took back for a year."""
    if machine.site is None:
        return
    holds = machine.site.store.holds()
    old = [hold for hold in holds if machine.now_utc - hold.at_utc > _LONG_HELD]
    if old:
        yield warning(
            "holds",
            f"{len(old)} of {len(holds)} are older than a year, such as {old[0].hold_id[:12]} of"
            f" {old[0].camera} by {old[0].who}",
            "ask whether they are needed still: kizashi retention holds",
        )
    else:
        yield ok("holds", f"{len(holds)} in force")


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.2f} GiB"
