"""Names of files that come from outside: sorted as people do, shown in one line, stored as text.

Imported by the decoding child, so it imports nothing heavy.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = [
    "PICTURE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "footage_path",
    "is_ignored",
    "is_picture",
    "natural_key",
    "shown_name",
    "stored_path",
]

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff"})
VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".mts", ".ts", ".webm"}
)
"""Only used to tell a folder of frames from a folder of videos. What a file is, its bytes say."""

_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_SURROGATE = re.compile("[\udc80-\udcff]")


def is_ignored(name: str) -> bool:
    """Tell whether a name is none of ours: hidden, a side-car, or a file that is not finished."""
    lowered = name.lower()
    return name.startswith(".") or lowered.endswith((".json", ".part", ".tmp"))


def is_picture(name: str) -> bool:
    """Tell whether a name is that of a still picture that may be a frame of a folder."""
    return not is_ignored(name) and os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES


def natural_key(name: str) -> tuple[tuple[tuple[int, int | str], ...], str]:
    """Return a sorting key that puts 2 before 10; equal keys only for equal names."""
    parts = re.split(r"([0-9]+)", name)
    # isdecimal() also holds for other scripts' digits, which the pattern leaves alone.
    key = tuple((0, int(part)) if i % 2 else (1, part.casefold()) for i, part in enumerate(parts))
    return key, name


def shown_name(name: str) -> str:
    """Return a name as one printable line: control characters and broken bytes as escapes."""
    shown = []
    for character in name:
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, kept by the file system interface
            shown.append(f"\\x{code - 0xDC00:02x}")
        elif character.isprintable():
            shown.append(character)
        else:
            shown.append(character.encode("unicode_escape").decode("ascii"))
    return "".join(shown)


def stored_path(relative: Path) -> str:
    """Return a relative path as text that every database can hold; `footage_path` is its inverse.

    A path of valid text stays as it is. One with bytes that are not UTF-8 has each of them, and
    each backslash, written as \\xNN; so has one that happens to contain such an escape.
    """
    text = relative.as_posix()
    if not _SURROGATE.search(text) and not _ESCAPE.search(text):
        return text
    text = text.replace("\\", "\\x5c")
    return _SURROGATE.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)


def footage_path(source: Path, stored: str) -> Path:
    """Return where a stored path lies below the camera's source folder."""
    if not _ESCAPE.search(stored):
        return source / stored
    raw = _ESCAPE.sub(lambda found: _byte_text(int(found[1], 16)), stored)
    return source / raw


def _byte_text(value: int) -> str:
    return chr(value) if value < 0x80 else chr(0xDC00 + value)
