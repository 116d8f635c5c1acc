"""Checks of what was learnt and found: the active model, the budget, what waits, evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path

from pipeline.camera import Camera
from pipeline.doctor.findings import Finding, Machine, ok, problem, warning
from pipeline.errors import KizashiError
from pipeline.files import inside
from pipeline.footage.segments import Segment
from pipeline.scoring.backlog import still_there
from pipeline.timebase import seconds

__all__ = ["check_budget", "check_evidence", "check_model", "check_waiting"]

_MOST_ALERTS = 1_000
_LONGEST_WAIT = timedelta(hours=1)


def check_model(machine: Machine, camera: Camera, source: Path) -> Iterator[Finding]:
    """The active model of a camera, and whether its files are what was recorded."""
    assert machine.site is not None, "asked for with a site only"
    name = f"model of {camera.name}"
    active = machine.site.store.active_model(camera.name)
    if active is None:
        yield warning(
            name,
            "none is active: nothing is scored",
            f"kizashi ingest {camera.name}, then: kizashi train {camera.name}",
        )
        return
    from pipeline.learning.registration import is_intact  # with torch: only for a model

    if not is_intact(machine.folder / active.path, active.digest):
        yield problem(
            name,
            f"{active.model_id[:12]} in {active.path} is missing or was changed",
            "restore that folder from a backup, or choose another: kizashi model list, promote",
        )
    else:
        yield ok(name, f"{active.model_id[:12]} is active and intact")


def check_budget(machine: Machine, camera: Camera, source: Path) -> Iterator[Finding]:
    """The stated budget against the one that the active model was calibrated for."""
    assert machine.site is not None, "asked for with a site only"
    active = machine.site.store.active_model(camera.name)
    calibrated = active.calibration.get("budget_per_day") if active else None
    if calibrated is None:
        return
    name = f"budget of {camera.name}"
    if float(calibrated) != camera.budget_per_day:
        yield warning(
            name,
            f"{camera.budget_per_day:g} a day is stated, the model was calibrated for"
            f" {float(calibrated):g}",
            f"kizashi train {camera.name}, or: kizashi camera set {camera.name} --budget"
            f" {float(calibrated):g}",
        )
    else:
        yield ok(name, f"{camera.budget_per_day:g} a day, as the model was calibrated for")


def check_waiting(machine: Machine, camera: Camera, source: Path) -> Iterator[Finding]:
    """Footage that was taken in and waits to be scored."""
    assert machine.site is not None, "asked for with a site only"
    active = machine.site.store.active_model(camera.name)
    if active is None:
        return
    # What came before the model was made is what it learnt from; nobody waits for its scores.
    waiting = [
        segment
        for segment in machine.site.store.segments_to_score(camera.name, active.model_id)
        if segment.footage_id not in set(active.manifest.get("footage", ()))
    ]
    gone = _gone(machine, camera, source, waiting)
    length = sum(
        seconds(segment.end_us - segment.start_us)
        for segment in waiting
        if segment.segment_id not in gone
    )
    name = f"scoring of {camera.name}"
    missed = _missed(machine, camera, [one for one in waiting if one.segment_id in gone])
    if length > _LONGEST_WAIT.total_seconds():
        yield warning(
            name,
            f"{length / 3600:.1f} h of footage wait to be scored",
            f"kizashi score {camera.name}; kizashi serve does it on a schedule",
        )
    elif missed is not None:
        yield warning(
            name,
            f"{missed / 3600:.1f} h of footage went from {source} before any of it was scored",
            "let the recorder keep its files for longer than scoring takes; or put them back, and:"
            f" kizashi score {camera.name}",
        )
    else:
        yield ok(name, f"{length / 60:.0f} min of footage wait")


def _gone(machine: Machine, camera: Camera, source: Path, waiting: Sequence[Segment]) -> set[str]:
    """Return the segments whose file is not in the folder any more: they wait for nothing."""
    assert machine.site is not None, "asked for with a site only"
    if not source.is_dir():
        return set()  # of a disk that is away nothing is known; the check of the folder says so
    there = still_there(machine.site, camera, waiting, progress=lambda line: None)
    return {one.segment_id for one in waiting} - {one.segment_id for one in there}


def _missed(machine: Machine, camera: Camera, gone: Sequence[Segment]) -> float | None:
    """Return how many seconds went unscored that the policy would still keep, None when not long
    enough to speak of. What is older had to go by now, so the warning ends with it."""
    from pipeline.retention.policy import Kind

    assert machine.site is not None, "asked for with a site only"
    policy = machine.site.store.retention_policy(camera.name)
    cut = machine.now_utc - policy.length(Kind.FOOTAGE, camera)
    length = sum(seconds(one.end_us - one.start_us) for one in gone if one.end_utc >= cut)
    return length if length > _LONGEST_WAIT.total_seconds() else None


def check_evidence(machine: Machine) -> Iterator[Finding]:
    """Evidence files that are recorded and not there, as far back as their camera keeps them; those
    that are held too."""
    from pipeline.retention.policy import Kind

    if machine.site is None:
        return
    store = machine.site.store
    kept = {
        known.name: machine.now_utc
        - store.retention_policy(known.name).length(Kind.EVIDENCE, known)
        for known in store.cameras()
    }
    holds = store.holds()
    newest = islice(reversed(store.alerts()), _MOST_ALERTS)
    files = [
        file
        for alert in newest
        if alert.end_utc > kept[alert.camera]
        or any(h.camera == alert.camera and h.covers(alert.start_utc, alert.end_utc) for h in holds)
        for file in store.evidence(alert.alert_id)
        if file.removed_utc is None
    ]
    missing = [file.path for file in files if not _is_there(machine.folder, file.path)]
    if missing:
        yield problem(
            "evidence",
            f"{len(missing)} of {len(files)} files are missing, such as {missing[0]}",
            "restore the folder evidence/ from a backup",
        )
    else:
        yield ok("evidence", f"all {len(files)} files are there")


def _is_there(folder: Path, name: str) -> bool:
    try:
        return inside(folder, name).is_file()
    except KizashiError:
        return False
