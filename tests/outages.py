"""Outages of a live camera in tests: what was done to it, and what the ledger has to say of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from pipeline.assembly import Site
from pipeline.footage.admission import Reason
from pipeline.footage.ingest import ingest_camera
from pipeline.footage.segments import Blind
from pipeline.recording.camera_recorder import Limits
from pipeline.recording.films import work_folder

__all__ = [
    "LIMITS",
    "RECONNECT_SECONDS",
    "RECORDED_SECONDS",
    "SECOND",
    "Outage",
    "check_ledger",
]

LIMITS = Limits(file_seconds=2.0, stall_seconds=2.0, healthy_seconds=0.5, least_free_bytes=1)
SECOND = timedelta(seconds=1)
RECONNECT_SECONDS = 5.0
RECORDED_SECONDS = 1.5
"""Of recording between two outages."""


@dataclass
class Outage:
    """What a test did to the camera."""

    cause: str
    begun_utc: datetime
    over_utc: datetime


def check_ledger(site: Site, name: str, outages: list[Outage], *, begun: datetime) -> None:
    """Every second from `begun` is in a file or is blind; blind are the outages and nothing else,
    to a second and with their cause; no file goes across one."""
    summary = ingest_camera(site, name)
    assert (summary.refused, summary.waiting) == (0, 0), summary
    assert list(work_folder(site.folder / name).iterdir()) == []
    blind = [one for one in site.store.blind(name) if one.end_utc > begun]
    # A connection may end less than a second after a file: too short for a clip, and no gap.
    inside = [one for one in blind if one.footage_id is not None]
    others = [one for one in inside if one.reason is not Reason.TOO_SHORT]
    # What was on its way when a connection ended may be in the film in part: that is the outage.
    assert all(_is_torn_end(one, outages) for one in others), others
    segments = [one for one in site.store.segments(name) if one.end_utc > begun]
    spans = sorted((one.start_utc, one.end_utc) for one in [*segments, *blind])
    for (_, end), (start, _) in pairwise(spans):
        assert start - end < 0.3 * SECOND, (start, end)  # a hole
        assert end - start < SECOND, (start, end)  # times of arrival, each right to a second
    blind = [one for one in blind if one not in inside]
    for outage in outages:
        parts = [
            one
            for one in blind
            if one.start_utc < outage.over_utc + SECOND and one.end_utc > outage.begun_utc
        ]
        assert parts, outage
        assert abs(parts[0].start_utc - outage.begun_utc) < SECOND, (outage, parts)
        assert parts[-1].end_utc > outage.over_utc - SECOND, (outage, parts)
        # Up to its first frame: it is told a little later, when the child knows the stream.
        assert parts[-1].end_utc < outage.over_utc + RECONNECT_SECONDS * SECOND, (outage, parts)
        assert any(one.detail.startswith(f"{outage.cause}: ") for one in parts), (outage, parts)
        blind = [one for one in blind if one not in parts]
    # What remains is the beginning, before the first frame.
    assert all(one.detail.startswith("restarting: ") for one in blind), blind


def _is_torn_end(blind: Blind, outages: list[Outage]) -> bool:
    """Tell whether damaged pictures are the last ones before an outage, to a second."""
    return (
        blind.reason is Reason.DAMAGED
        and blind.end_utc - blind.start_utc < SECOND
        and any(abs(blind.end_utc - outage.begun_utc) < SECOND for outage in outages)
    )
