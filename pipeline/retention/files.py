"""Files that may be removed: what the recorder wrote into the site, evidence, pages of reports,
messages, models.

A file of somebody else is never among them, unless the policy of its camera says so in words.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.errors import KizashiError
from pipeline.files import inside, sync_folder
from pipeline.footage.admission import Footage
from pipeline.footage.discovery import discover
from pipeline.footage.names import footage_path, is_picture, stored_path
from pipeline.footage.start_time import sidecar_of
from pipeline.recording.ffmpeg import SUFFIX
from pipeline.recording.films import recorded_span, work_folder
from pipeline.retention.messages import message_files
from pipeline.retention.models import model_files
from pipeline.retention.nouns import Removal, StoredFile
from pipeline.retention.policy import Kind, RetentionPolicy
from pipeline.timebase import shift_utc

__all__ = ["Stock", "files_of", "footage_root", "remove_files", "sharers_of"]

_LEFT = timedelta(days=1)
"""A file of the recorder's that nobody wrote to for so long is not being written."""
_LONGEST_PERIOD = timedelta(days=62)
"""A page tells of at most so long before it was written: a month, with the one before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stock:
    """The files of one kind that may be removed, by the end of the time that is seen in them."""

    kind: Kind
    root: str
    """Relative to the site where it lies in it, else absolute."""
    files: Sequence[StoredFile] = field(default=())

    @property
    def size_bytes(self) -> int:
        """What they take on disk."""
        return sum(file.size_bytes for file in self.files)


def files_of(site: Site, camera: Camera, policy: RetentionPolicy, kind: Kind) -> Stock:
    """Return the files of a kind that has files."""
    if kind is Kind.FOOTAGE:
        root, found = footage_root(site, camera), _footage(site, camera, policy)
    elif kind is Kind.EVIDENCE:
        root, found = ".", _evidence(site, camera)
    elif kind is Kind.REPORTS:
        root, found = ".", _reports(site, camera)
    elif kind is Kind.DELIVERIES:
        root, found = ".", message_files(site, camera)
    else:
        assert kind is Kind.MODELS, "rows have no files"
        root, found = "models", model_files(site, camera)
    ordered = sorted(found, key=lambda file: (file.end_utc, file.name))
    return Stock(kind=kind, root=root, files=ordered)


def footage_root(site: Site, camera: Camera) -> str:
    """Return the folder of a camera's footage: relative to the site where it lies in it, so that a
    site can be moved."""
    source, place = site.source_of(camera).resolve(), site.folder.resolve()
    return source.relative_to(place).as_posix() if place in source.parents else str(source)


def sharers_of(site: Site, camera: Camera) -> list[str]:
    """Return the other cameras that read the footage of this one, or whose footage it reads: what
    one may forget, another may have to keep."""
    own = site.source_of(camera).resolve()
    folders = {
        other.name: site.source_of(other).resolve()
        for other in site.store.cameras()
        if other.name != camera.name
    }
    return [
        name
        for name, folder in folders.items()
        if folder == own or folder in own.parents or own in folder.parents
    ]


def _footage(site: Site, camera: Camera, policy: RetentionPolicy) -> Iterator[StoredFile]:
    source = site.source_of(camera)
    if not source.is_dir() or sharers_of(site, camera):
        return
    ours = site.folder.resolve() in source.resolve().parents
    rows: dict[str, list[Footage]] = {}
    for row in site.store.footage_of(camera.name) if policy.remove_source else ():
        rows.setdefault(row.path, []).append(row)
    for path in discover(source):
        name = stored_path(path.relative_to(source))
        span = recorded_span(path) if ours or policy.remove_source else None
        if span is None and policy.remove_source:
            span = _span_of(path, rows.get(name, []))
        if span is not None:
            yield StoredFile(name=name, start_utc=span[0], end_utc=span[1], size_bytes=_size(path))
    if ours:
        yield from _left_by_recorders(source, site.clock.now_utc())


def _left_by_recorders(source: Path, now: datetime) -> Iterator[StoredFile]:
    """Yield what killed recorders left open and nobody looked at; not what one writes now."""
    for path in work_folder(source).glob(f"*{SUFFIX}"):
        at_utc = _changed_utc(path)
        if path.is_file() and not path.is_symlink() and now - at_utc > _LEFT:
            yield StoredFile(
                name=stored_path(path.relative_to(source)),
                start_utc=at_utc,
                end_utc=at_utc,
                size_bytes=_size(path),
            )


def _span_of(path: Path, rows: Sequence[Footage]) -> tuple[datetime, datetime] | None:
    """Return the time that is seen in a file of somebody else: as it was taken in, or, for one that
    was not or has changed since, when it was written; None for what must not be touched."""
    about = path.lstat()
    if stat.S_ISDIR(about.st_mode):
        if not rows:
            return None
    elif not stat.S_ISREG(about.st_mode):
        return None
    same = [
        (row.start_utc, shift_utc(row.start_utc, row.duration_us))
        for row in rows
        if row.start_utc is not None
        and (row.size_bytes == about.st_size or stat.S_ISDIR(about.st_mode))
    ]
    if same:
        return min(start for start, _ in same), max(end for _, end in same)
    changed = _changed_utc(path)
    return changed, changed


def _evidence(site: Site, camera: Camera) -> Iterator[StoredFile]:
    told: set[str] = set()
    for kept in site.store.evidence_kept(camera.name):
        for file in kept.files:
            told.add(file.path)
            yield StoredFile(
                name=file.path,
                start_utc=kept.start_utc,
                end_utc=kept.end_utc,
                size_bytes=file.size_bytes,
                evidence_id=file.evidence_id,
            )
    # Left by a run that was killed between the files and their rows, or put back by a restored
    # backup after they were removed.
    alerts = {alert.alert_id: alert for alert in site.store.alerts(camera.name)}
    folder = inside(site.evidence_folder, camera.name)
    for path in sorted(folder.glob("*/*")) if folder.is_dir() else ():
        name = path.relative_to(site.folder.resolve()).as_posix()
        if name not in told and path.is_file() and not path.is_symlink():
            alert, changed = alerts.get(path.parent.name), _changed_utc(path)
            yield StoredFile(
                name=name,
                start_utc=alert.start_utc if alert else changed,
                end_utc=alert.end_utc if alert else changed,
                size_bytes=_size(path),
            )


def _reports(site: Site, camera: Camera) -> Iterator[StoredFile]:
    folder = inside(site.reports_folder, camera.name)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file() and not path.is_symlink():
            at_utc = _changed_utc(path)
            yield StoredFile(
                name=stored_path(path.relative_to(site.folder.resolve())),
                start_utc=at_utc - _LONGEST_PERIOD,
                end_utc=at_utc,
                size_bytes=_size(path),
            )


def remove_files(site: Site, removal: Removal) -> list[str]:
    """Remove what is left of the files of a removal; return, in words, those that cannot be.

    A name never leads out of the root, links are removed and not followed, and a folder goes when
    nothing is left in it.
    """
    root = site.folder / removal.root
    failed = []
    folders = set()
    for name in removal.files:
        try:
            path = footage_path(root, name)
            path = inside(root, path.parent.relative_to(root)) / path.name
            if removal.kind is Kind.MODELS:
                _remove_model(path)
            else:
                _remove(path)
            folders.add(path.parent)
        except KizashiError as error:  # its folder has become a link that leads elsewhere
            failed.append(str(error))
        except OSError as error:
            failed.append(f"{root / name}: {error.strerror or error}")
    for folder in sorted(folders):
        _tidy(folder, root.resolve(), removal.kind)
    return failed


def _remove(path: Path) -> None:
    """Remove a film and then its side-car, or the pictures of a folder of frames."""
    if path.is_dir() and not path.is_symlink():
        for picture in sorted(path.iterdir()):
            if is_picture(picture.name) and not picture.is_dir():
                picture.unlink(missing_ok=True)
        sync_folder(path)
    else:
        path.unlink(missing_ok=True)
    sidecar_of(path).unlink(missing_ok=True)


def _remove_model(path: Path) -> None:
    """Remove the folder of a model, or its one file."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _tidy(folder: Path, root: Path, kind: Kind) -> None:
    """Make removals durable; a folder of evidence goes when it is empty."""
    if not folder.is_dir():
        return
    sync_folder(folder)
    if kind is Kind.EVIDENCE and folder != root and not any(folder.iterdir()):
        folder.rmdir()
        sync_folder(folder.parent)


def _changed_utc(path: Path) -> datetime:
    return datetime.fromtimestamp(path.lstat().st_mtime_ns // 1000 / 1e6, UTC)


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(one.stat().st_size for one in path.iterdir() if is_picture(one.name))
    return path.stat().st_size
