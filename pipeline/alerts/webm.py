"""WebM files that depend on their pictures alone."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["name_track_by_number"]

_TRACK_UID = b"\x73\xc5\x88"
_TAG_TRACK_UID = b"\x63\xc5\x88"
"""Matroska's TrackUID and TagTrackUID, each with the size of the eight bytes that follow."""
_FIRST_TRACK = (1).to_bytes(8, "big")


def name_track_by_number(path: Path) -> bool:
    """Replace the random name that FFmpeg gives to the only track of a file by 1; return False when
    there is no file, or when it cannot be written.

    This is what FFmpeg's own flag `bitexact` does, which OpenCV does not offer: written twice, the
    same pictures are the same bytes. A file without such a name stays as it is.
    """
    try:
        content = path.read_bytes()
        found = re.search(re.escape(_TRACK_UID) + b"(.{8})", content, re.DOTALL)
        if found is None:
            return True
        for element in (_TRACK_UID, _TAG_TRACK_UID):
            content = content.replace(element + found[1], element + _FIRST_TRACK)
        path.write_bytes(content)
    except OSError:
        return False
    return True
