"""A small disk of one's own, in memory: for a forked child that may mount, seen by nobody else."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

__all__ = ["fill", "mount_disk", "remount"]

_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
_READ_ONLY, _REMOUNT = 0x1, 0x20
_PRIVATE_ALL = 0x4000 | 0x40000  # MS_REC | MS_PRIVATE
_libc = ctypes.CDLL(None, use_errno=True)


def mount_disk(folder: Path, options: str) -> None:
    """Mount an empty disk at `folder`; `options` as tmpfs has them: size=8m,nr_inodes=100.

    PermissionError when this user may not.
    """
    _checked(_libc.unshare(_NEW_MOUNTS))
    _mount(b"none", b"/", None, _PRIVATE_ALL, None)
    _mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options.encode())


def remount(folder: Path, *, read_only: bool) -> None:
    """Make the disk read-only, or one that can be written again."""
    _mount(b"none", os.fsencode(folder), None, _REMOUNT | (_READ_ONLY if read_only else 0), None)


def fill(disk: Path, *, leave_bytes: int) -> Path:
    """Write a file that leaves so much free; return it, to be removed."""
    filler = disk / "filler"
    about = os.statvfs(disk)
    length = about.f_bavail * about.f_frsize - leave_bytes
    with filler.open("wb") as opened:
        os.posix_fallocate(opened.fileno(), 0, max(length, 1))
    return filler


def _mount(
    source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes | None
) -> None:
    _checked(_libc.mount(source, target, kind, ctypes.c_ulong(flags), options))


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
