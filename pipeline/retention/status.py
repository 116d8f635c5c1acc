"""Status: what a camera keeps and since when, what is held, what it takes, what must be mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.assembly import Site
from pipeline.camera import Camera, ClockSource
from pipeline.retention.files import files_of, footage_root, sharers_of
from pipeline.retention.nouns import Hold, Removal
from pipeline.retention.policy import Kind, RetentionPolicy

__all__ = ["DiskUse", "KeptState", "disk_use", "kept_state"]

_LAST = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptState:
    """What the store knows of a camera's retention; quick to ask for."""

    camera: Camera
    policy: RetentionPolicy
    days: Mapping[Kind, int]
    since: Mapping[Kind, datetime]
    """The oldest that is kept; a kind of which nothing is kept is left out."""
    holds: Sequence[Hold]
    removals: Sequence[Removal]
    """The last ones, the newest first."""
    made_up_times: bool
    """Nothing goes by its age: the camera's footage has no clock."""
    removes_footage: bool
    """Some footage of this camera may be removed: the recorder writes into the site, or the policy
    says so."""
    sharers: Sequence[str]
    """Other cameras of the same footage; then none of it is removed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DiskUse:
    """What the files of a camera that may be removed take; needs a look at every one."""

    footage_bytes: int
    evidence_bytes: int
    held_bytes: int
    """Of these two what is held."""

    @property
    def size_bytes(self) -> int:
        """What counts against the budget."""
        return self.footage_bytes + self.evidence_bytes


def kept_state(site: Site, camera: Camera) -> KeptState:
    """Return what the store knows of a camera's retention."""
    policy = site.store.retention_policy(camera.name)
    recorded = any(table.camera == camera.name for table in site.settings.record)
    inside_site = not footage_root(site, camera).startswith("/")
    return KeptState(
        camera=camera,
        policy=policy,
        days={kind: policy.days(kind, camera) for kind in Kind},
        since=site.store.kept_since(camera.name),
        holds=site.store.holds(camera.name),
        removals=site.store.removals(camera.name, limit=_LAST),
        made_up_times=camera.clock is ClockSource.SEQUENCE,
        removes_footage=policy.remove_source or (recorded and inside_site),
        sharers=sharers_of(site, camera),
    )


def disk_use(site: Site, camera: Camera) -> DiskUse:
    """Return what the removable files of a camera take, and what of it is held."""
    policy = site.store.retention_policy(camera.name)
    holds = site.store.holds(camera.name)
    footage = files_of(site, camera, policy, Kind.FOOTAGE)
    evidence = files_of(site, camera, policy, Kind.EVIDENCE)
    return DiskUse(
        footage_bytes=footage.size_bytes,
        evidence_bytes=evidence.size_bytes,
        held_bytes=sum(
            file.size_bytes
            for file in (*footage.files, *evidence.files)
            if any(hold.covers(file.start_utc, file.end_utc) for hold in holds)
        ),
    )
