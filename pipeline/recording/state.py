"""State: what a camera's recorder does now, in one small file that others read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.footage.gaps import recording_folder

__all__ = ["Activity", "OpenFile", "RecordingState", "read_state", "write_state"]

_FILE = "state.json"
_SILENCE = timedelta(seconds=10)
"""A recorder that has written no state for so long runs no more."""


class Activity(StrEnum):
    """What a recorder does."""

    RECORDING = "recording"
    BLIND = "blind"
    """It runs, and no frames come."""
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenFile:
    """A file that is being written: what there is to know of it after a crash."""

    name: str
    start_utc: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordingState:
    """The present of one camera's recorder."""

    activity: Activity
    since_utc: datetime
    beat_utc: datetime
    """When this was written; every second while it runs."""
    known_until_utc: datetime
    """Before it, everything is in a file or noted as blind."""
    changes: tuple[tuple[datetime, str], ...] = ()
    """Causes after that; see `Ledger`."""
    last_frame_utc: datetime | None = None
    cause: str = ""
    """Why nothing is recorded; empty while something is."""
    files: int = 0
    """Written since the recorder was started."""
    open_file: OpenFile | None = None

    def runs(self, now_utc: datetime) -> bool:
        """Tell whether the recorder that wrote it runs still."""
        return self.activity is not Activity.STOPPED and now_utc - self.beat_utc < _SILENCE


def write_state(site_folder: Path, camera: str, state: RecordingState) -> None:
    """Write the state in one piece. Not made durable: it is written every second, and after a crash
    of the machine an old one or none is as good."""
    folder = recording_folder(site_folder, camera)
    temporary = folder / f".{_FILE}.tmp"
    temporary.write_text(json.dumps(asdict(state), default=_text), encoding="utf-8")
    os.replace(temporary, folder / _FILE)


def read_state(site_folder: Path, camera: str) -> RecordingState | None:
    """Return what the recorder of a camera wrote last; None when there is nothing readable."""
    path = recording_folder(site_folder, camera) / _FILE
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        known = {field.name for field in fields(RecordingState)}
        given = {name: _parsed(name, part) for name, part in value.items() if name in known}
        return RecordingState(**given)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _parsed(name: str, part: Any) -> Any:
    if part is None:
        return None
    if name.endswith("_utc"):
        return _moment(part)
    if name == "activity":
        return Activity(part)
    if name == "changes":
        return tuple((_moment(at), str(cause)) for at, cause in part)
    if name == "open_file":
        return OpenFile(name=str(part["name"]), start_utc=_moment(part["start_utc"]))
    return part


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment
