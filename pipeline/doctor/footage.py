"""Checks of each camera's footage: is it there, new enough, usable, and are its times plausible."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

from pipeline.camera import Camera, ClockSource, check_camera
from pipeline.doctor.findings import Finding, Machine, ok, problem, warning
from pipeline.errors import CameraError, FootageError
from pipeline.footage.admission import Footage, admit
from pipeline.footage.discovery import discover
from pipeline.footage.start_time import known_start_utc

__all__ = [
    "check_folder",
    "check_freshness",
    "check_refusals",
    "check_register",
    "check_times",
    "check_zone",
    "expected_within",
    "may_look_into",
    "steady_shift",
]

_MOST_FILES = 2_000
_SLACK = timedelta(minutes=5)
_SHORTEST_PATIENCE = timedelta(hours=1)
_PATIENCE_FACTOR = 3.0
_RECENT = 20
_HALF_HOUR_SECONDS = 1_800.0
_LARGEST_OFFSET_SECONDS = 15 * 3_600.0


def check_register(machine: Machine, camera: Camera, source: Path) -> Iterator[Finding]:
    """What is registered of a camera: purpose, owner, retention, masks, zones."""
    name = f"register of {camera.name}"
    try:
        check_camera(camera)
    except CameraError as error:
        yield problem(name, str(error), f"kizashi camera set {camera.name}; until then it is off")
    else:
        yield ok(name, f"{camera.owner} answers for it; kept for {camera.retention_days} days")


def check_folder(machine: Machine, camera: Camera, source: Path) -> Iterator[Finding]:
    """The folder of a camera, there and readable."""
    name = f"folder of {camera.name}"
    if not may_look_into(source, missing=True):
        yield problem(name, f"{source} cannot be read", "give the user who runs Kizashi the right")
    elif not source.is_dir():
        yield problem(
            name,
            f"no folder {source}",
            f"make it, or: kizashi camera set {camera.name} --source FOLDER",
        )
    else:
        yield ok(name, str(source))


def may_look_into(source: Path, *, missing: bool = False) -> bool:
    """Tell whether this user may list the folder of a camera and open what is in it; `missing`:
    what to say where there is no such folder."""
    try:
        if not source.is_dir():
            return missing
    except PermissionError:  # a folder above it is closed
        return False
    return os.access(
        source, os.R_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids
    )


def check_freshness(machine: Machine, camera: Camera, source: Path) -> Iterator[Finding]:
    """The newest file of a camera against the pace at which files came before."""
    if not may_look_into(source, missing=True):
        return  # the check of the folder says so
    name = f"footage of {camera.name}"
    changed = sorted(_changed_utc(path) for path in _files(source))
    if not changed:
        yield warning(name, f"no file in {source} yet", "see whether the recorder writes there")
        return
    age = machine.now_utc - changed[-1]
    patience = expected_within(changed)
    told = f"{len(changed)} files, the newest {_length(age)} old"
    if camera.clock is ClockSource.SEQUENCE:
        yield ok(name, f"{told}; an archive, no more is expected")
    elif patience is not None and age > patience:
        yield warning(
            name,
            f"{told}, one was expected within {_length(patience)}",
            "see whether camera, recorder and network work",
        )
    else:
        yield ok(name, told)


def expected_within(changed_utc: Sequence[datetime]) -> timedelta | None:
    """Return how soon the next file should come after the last: three times the longest pause
    between the last twenty, an hour at least; None when one file says nothing of a pace."""
    recent = changed_utc[-_RECENT:]
    pauses = [later - earlier for earlier, later in pairwise(recent)]
    if not pauses:
        return None
    return max(_SHORTEST_PATIENCE, max(pauses) * _PATIENCE_FACTOR)


def check_refusals(machine: Machine, camera: Camera, source: Path) -> Iterator[Finding]:
    """Files that ingest would refuse, and why, as far as can be told without decoding."""
    name = f"files of {camera.name}"
    refused: list[str] = []
    looked = 0
    for path in _files(source):
        looked += 1
        try:
            with admit(path, root=source):
                known_start_utc(camera, path)
        except FootageError as error:
            refused.append(f"{error} ({error.reason})")
    if refused:
        yield warning(
            name,
            f"{len(refused)} of {looked} would be refused: {refused[0]}",
            "every reason and what to do: docs/errors.md",
        )
    elif looked:
        yield ok(name, f"none of {looked} would be refused")


def check_times(machine: Machine, camera: Camera, source: Path) -> Iterator[Finding]:
    """Times of footage and files against this machine's clock, and against each other."""
    assert machine.site is not None, "asked for with a site only"
    name = f"clock of {camera.name}"
    recorded = [
        item for item in machine.site.store.footage_of(camera.name) if item.start_utc is not None
    ][-_RECENT:]
    newest = max((_changed_utc(path) for path in _files(source)), default=None)
    outdated = [
        item for item in recorded if may_look_into(source) and _told_otherwise(camera, source, item)
    ]
    current = [item for item in recorded if item not in outdated]
    ends = [_end_utc(item) for item in current]
    if newest is not None and newest > machine.now_utc + _SLACK:
        yield problem(
            name,
            f"files are {_length(newest - machine.now_utc)} newer than this machine's clock",
            "set the clocks of recorder and machine by NTP",
        )
    elif camera.clock is ClockSource.SEQUENCE:
        yield ok(name, "an archive without a clock")
    elif ends and max(ends) > machine.now_utc + _SLACK:
        yield problem(
            name,
            f"footage ends {_length(max(ends) - machine.now_utc)} in the future",
            f"set the right zone: kizashi camera set {camera.name} --timezone ZONE"
            f" (now {camera.timezone}), or the recorder's clock; what is taken in keeps its times",
        )
    elif (shift := steady_shift(list(_shifts(current, source)))) is not None:
        yield warning(
            name,
            f"times in names lie {abs(shift) / 3600:.1f} h {'before' if shift > 0 else 'after'}"
            " those at which the files were written",
            f"is {camera.timezone} the recorder's zone? kizashi camera set {camera.name}"
            " --timezone ZONE; what is taken in keeps its times",
        )
    elif outdated:
        yield warning(
            name,
            f"{len(outdated)} of the last {len(recorded)} files were taken in with other times than"
            f" their names or side-cars tell now (zone {camera.timezone}), and keep them",
            f"nothing for what comes from now on; to have these files too with the times of now:"
            f" kizashi camera add NAME --source {camera.source} --timezone {camera.timezone},"
            " with purpose and the rest; see docs/settings.md",
        )
    else:
        yield ok(name, f"times of {len(recorded)} files are plausible")


def _told_otherwise(camera: Camera, source: Path, item: Footage) -> bool:
    """Tell whether the name or side-car of a file tells another time now than it was taken in with:
    the zone was set since. No setting brings that to what is taken in."""
    path = source / item.path
    if not path.exists():
        return False
    try:
        told = known_start_utc(camera, path)
    except FootageError:
        return False
    return told is not None and told != item.start_utc


def _shifts(recorded: Sequence[Footage], source: Path) -> Iterator[float]:
    """Yield by how many seconds each file was written later than its footage ends."""
    if not may_look_into(source):
        return
    for item in recorded:
        path = source / item.path
        if path.is_file():
            yield (_changed_utc(path) - _end_utc(item)).total_seconds()


def steady_shift(shifts_seconds: Sequence[float]) -> float | None:
    """Return the shift that looks like a wrong time zone: the same for at least three files within
    five minutes, whole half hours and not more than fifteen hours; None when there is none."""
    if len(shifts_seconds) < 3:
        return None
    middle = statistics.median(shifts_seconds)
    spread = max(abs(shift - middle) for shift in shifts_seconds)
    halves = round(middle / _HALF_HOUR_SECONDS)
    off = abs(middle - halves * _HALF_HOUR_SECONDS)
    slack = _SLACK.total_seconds()
    zone_like = abs(halves) >= 2 and abs(middle) <= _LARGEST_OFFSET_SECONDS
    return middle if zone_like and spread <= slack and off <= slack else None


def check_zone(machine: Machine, camera: Camera, source: Path) -> Iterator[Finding]:
    """A camera that was left at UTC on a machine that is not."""
    name = f"zone of {camera.name}"
    if camera.timezone == "UTC" and machine.zone not in ("UTC", "Etc/UTC"):
        yield warning(
            name,
            f"UTC, while this machine is in {machine.zone}",
            f"kizashi camera set {camera.name} --timezone {machine.zone}, unless UTC is meant",
        )
    else:
        yield ok(name, camera.timezone)


def _files(source: Path) -> list[Path]:
    if not may_look_into(source):
        return []
    found = islice(discover(source), _MOST_FILES)
    return [path for path in found if path != source or not path.is_dir()]


def _changed_utc(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:  # removed since it was listed, or a link to nothing
        return datetime.fromtimestamp(0, UTC)


def _end_utc(item: Footage) -> datetime:
    assert item.start_utc is not None
    return item.start_utc + timedelta(microseconds=item.duration_us)


def _length(length: timedelta) -> str:
    hours = length.total_seconds() / 3600
    if hours >= 48:
        return f"{hours / 24:.0f} days"
    return f"{hours:.1f} h" if hours >= 1 else f"{max(hours, 0) * 60:.0f} min"
