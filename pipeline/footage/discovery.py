"""Discovery: what lies in a camera's source folder, in natural order, nothing opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.footage.names import VIDEO_SUFFIXES, is_ignored, is_picture, natural_key

__all__ = ["discover"]


def discover(source: Path) -> Iterator[Path]:
    """Yield every file, and every folder of frames, at any depth below `source`.

    A folder that directly holds at least two pictures and no video is one footage; `source` itself
    may be one. Links to folders are yielded as they are and never entered. Names beginning with a
    dot, side-cars (*.json) and unfinished files (*.part, *.tmp) are left out. A folder that cannot
    be listed is yielded itself, so that it is recorded.
    """
    waiting: list[tuple[Path, bool]] = [(source, True)]
    while waiting:  # a stack instead of recursion: folders may be nested a thousand deep
        place, is_folder = waiting.pop()
        if not is_folder:
            yield place
            continue
        try:
            found = _list(place)
        except OSError:
            yield place
            continue
        if found.is_footage:
            yield place
        waiting.extend((place / name, inner) for name, inner in reversed(found.entries))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Listing:
    """What to look at in one folder."""

    is_footage: bool
    """The folder is a folder of frames."""
    entries: list[tuple[str, bool]]
    """(name, is a folder) in natural order, without the frames of a folder of frames."""


def _list(folder: Path) -> _Listing:
    with os.scandir(folder) as listing:
        entries = [
            (entry.name, entry.is_dir(follow_symlinks=False))
            for entry in listing
            if not is_ignored(entry.name)
        ]
    entries.sort(key=lambda entry: natural_key(entry[0]))
    files = [name for name, is_folder in entries if not is_folder]
    pictures = {name for name in files if is_picture(name)}
    videos = any(os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES for name in files)
    is_footage = len(pictures) >= 2 and not videos
    if is_footage:
        entries = [entry for entry in entries if entry[1] or entry[0] not in pictures]
    return _Listing(is_footage=is_footage, entries=entries)
