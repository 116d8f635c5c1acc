"""Files that are either old or new, never torn; and paths that stay inside their root."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import KizashiError

__all__ = [
    "inside",
    "make_folder",
    "replace_file",
    "sha256_of_file",
    "sync_folder",
    "write_bytes",
    "write_json",
]


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on leaving, make it durable and put it at `path`.

    When the block raises, `path` is untouched and the temporary file is removed. One that a killed
    process has left is taken up by the next that writes `path`; two that write it at once wait for
    each other.
    """
    make_folder(path.parent)
    temporary, handle = _own_temporary(path)
    try:
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(0o640)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    finally:
        os.close(handle)


def _own_temporary(path: Path) -> tuple[Path, int]:
    """Return the empty temporary file of `path`, and a descriptor whose closing lets others at
    it."""
    # A name of its own for each target: with a random one, every killed writer left another file.
    mark = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    temporary = path.with_name(f".part-{mark}{path.suffix}")
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        try:
            handle = os.open(temporary, flags, 0o600)
        except PermissionError:
            # Left by another user; where the folder is ours, it may go.
            temporary.unlink(missing_ok=True)
            handle = os.open(temporary, flags, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if _lies_at(temporary, handle):
            os.ftruncate(handle, 0)
            return temporary, handle
        os.close(handle)  # whoever had it before us has put it in place, or removed it


def _lies_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False


def make_folder(folder: Path) -> None:
    """Make `folder` and what is missing above it, durably; one that is there already stays.

    What is synced in a new folder is on the disk only when the folder's own name is.
    """
    missing = []
    place = folder
    while not place.exists():
        missing.append(place)
        place = place.parent
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        sync_folder(one.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, so that a rename survives a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, durably and in one piece."""
    with replace_file(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys, durably and in one piece."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode("utf-8", "surrogateescape"))


def sha256_of_file(path: Path) -> str:
    """Return the sha256 of the bytes of a file (64 hexadecimal characters)."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def inside(root: Path, name: str | Path) -> Path:
    """Return `root / name` resolved; KizashiError when it leads out of `root`."""
    resolved_root = root.resolve()
    resolved = (resolved_root / name).resolve()
    if resolved != resolved_root and resolved_root not in resolved.parents:
        raise KizashiError(f"{str(name)!r} leads out of {resolved_root}; use a path inside it")
    return resolved
