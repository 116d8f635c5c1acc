"""Remembers the identity of files that have not changed, so that each is read for it only once.

Only an aid: without it, or with a damaged one, everything is read again and comes out the same.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from pipeline.files import write_json
from pipeline.footage.admission import Candidate
from pipeline.footage.examine import Content

__all__ = ["HashCache"]


class HashCache:
    """Identity by path, valid while device, inode, size and both change times stay the same."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._known = self._load()
        self._used: dict[str, list[str | int]] = {}

    def get(self, path: str, candidate: Candidate) -> Content | None:
        """Return what is remembered of a file, if it is certainly the same one."""
        entry = self._known.get(path)
        if candidate.is_folder or entry is None or entry[0] != _state(candidate.about):
            return None
        self._used[path] = entry
        about = candidate.about
        return Content(sha256=str(entry[1]), size_bytes=about.st_size, changed_ns=about.st_mtime_ns)

    def put(self, path: str, candidate: Candidate, content: Content) -> None:
        """Remember a file; a folder is always read again, as its pictures may change alone."""
        if not candidate.is_folder:
            self._used[path] = [_state(candidate.about), content.sha256]

    def save(self) -> None:
        """Keep what was used since the beginning; files that are gone are forgotten.

        On a full disk nothing is kept, and files are read once more.
        """
        if self._used != self._known:
            with suppress(OSError):
                write_json(self._place, self._used)

    def _load(self) -> dict[str, list[str | int]]:
        try:
            value = json.loads(self._place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(value, dict):
            return {}
        return {
            path: entry
            for path, entry in value.items()
            if isinstance(entry, list) and len(entry) == 2 and _is_digest(entry[1])
        }


def _state(about: os.stat_result) -> str:
    # Not the number of the device: that of a network mount is another one after the next restart,
    # and weeks of footage would be read again before anything new is looked at.
    return f"{about.st_ino}:{about.st_size}:{about.st_mtime_ns}:{about.st_ctime_ns}"


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")
