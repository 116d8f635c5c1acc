"""Keeping, for pages: what a camera keeps and since when, holds, and the last removals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.access import Who, seen_camera
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.errors import AccessRefused
from pipeline.reports.words import Words
from pipeline.retention.nouns import Hold
from pipeline.retention.policy import Kind
from pipeline.retention.status import disk_use, kept_state

__all__ = ["kept_facts", "release_seen"]

_MIB = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """One kind of thing, in words."""

    kind: str
    length: str
    since: str


def kept_facts(site: Site, who: Who, camera: Camera, words: Words) -> dict[str, Any]:
    """Return what the page of a camera's retention shows to somebody."""
    state = kept_state(site, camera)
    budget = state.policy.budget_bytes
    use = disk_use(site, camera) if budget is not None else None
    for_ever = words("kept.for_ever")
    rows = []
    for kind, days in state.days.items():
        stays = state.made_up_times or (kind is Kind.FOOTAGE and not state.removes_footage)
        since = state.since.get(kind)
        rows.append(
            _Row(
                kind=words(f"kept.kind.{kind.value}"),
                length=for_ever if stays else words("kept.days", days=days),
                since=words.time(since, "minute") if since else "",
            )
        )
    return {
        "camera": camera,
        "state": state,
        "sharers": _sharers(state.sharers, who, words),
        "rows": rows,
        "command": f"kizashi retention set {camera.name}",
        "use": None
        if use is None
        else words(
            "kept.use",
            used=f"{use.size_bytes / _MIB:,.0f}",
            budget=f"{(budget or 0) / _MIB:,.0f}",
            held=f"{use.held_bytes / _MIB:,.0f}",
        ),
        "too_much_held": use is not None and use.held_bytes > (budget or 0),
    }


def _sharers(names: Sequence[str], who: Who, words: Words) -> str:
    """Return the other cameras of the same footage; those that may not be seen without names."""
    seen = [name for name in names if who.user.may_see(name)]
    unseen = [words("kept.unseen_cameras")] if len(seen) < len(names) else []
    return words("list.comma").join([*seen, *unseen])


def release_seen(site: Site, who: Who, hold_id: str, camera: str) -> Hold:
    """Take back a hold of a camera that `who` may see; AccessRefused when it is of another."""
    seen_camera(site, who, camera)
    if hold_id not in {hold.hold_id for hold in site.store.holds(camera, released=True)}:
        raise AccessRefused(f"there is no such hold of camera {camera!r}")
    return site.store.release_hold(hold_id, who.user.name, site.clock.now_utc())
