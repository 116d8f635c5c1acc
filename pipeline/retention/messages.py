"""Messages whose files may be removed: what file sinks have written into the site, and nothing that
still waits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.footage.names import stored_path
from pipeline.notification.configuration import FileTable
from pipeline.retention.nouns import StoredFile

__all__ = ["message_files"]

_LARGEST_BYTES = 16 << 20
_TIMES = {
    "alert": ("alert_id", "start_utc", "end_utc"),
    "held_digest": ("digest_id", "since_utc", "until_utc"),
    "daily_digest": ("digest_id", "since_utc", "until_utc"),
}
"""Kind of message -> names of its key, and of the begin and end of the time it tells of."""


def message_files(site: Site, camera: Camera) -> Iterator[StoredFile]:
    """Yield the files of messages about a camera that were handed over, in folders inside the site.

    Their age counts from when they were written: whoever picks them up has that long, also for what
    was found in old footage. A test names no camera, and stays.
    """
    waiting = site.store.waiting_messages(camera.name)
    for folder in _folders(site):
        for path in sorted(folder.glob("*.json")):
            if path.is_symlink() or not path.is_file() or path.stem in waiting:
                continue
            about = path.stat()
            span = _span(path, camera.name) if about.st_size <= _LARGEST_BYTES else None
            if span is not None:
                written = datetime.fromtimestamp(about.st_mtime_ns // 1000 / 1e6, UTC)
                yield StoredFile(
                    name=stored_path(path.relative_to(site.folder.resolve())),
                    start_utc=min(span[0], written),
                    end_utc=max(span[1], written),
                    size_bytes=about.st_size,
                )


def _folders(site: Site) -> list[Path]:
    """Return the folders of file sinks inside the site; the usual one also when no table names it
    any more."""
    named = {table.folder for table in site.settings.notify if isinstance(table, FileTable)}
    whole = {(site.folder / folder).resolve() for folder in {Path("deliveries"), *named}}
    return sorted(one for one in whole if site.folder.resolve() in one.parents and one.is_dir())


def _span(path: Path, camera: str) -> tuple[datetime, datetime] | None:
    """Return the time that a message about `camera` tells of; None for any other file: its name and
    what is in it must both say that a sink wrote it."""
    try:
        body = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(body, Mapping) or body.get("camera") != camera:
        return None
    names = _TIMES.get(str(body.get("message")))
    if names is None or body.get(names[0]) != path.stem:
        return None
    times = [_moment(body.get(name)) for name in names[1:]]
    first, last = times
    return None if first is None or last is None else (first, last)


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None
