"""The power goes: what was written and not synced is lost, in a forked child that dies of it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

__all__ = ["Disk"]


class Disk:
    """What the disk under a folder holds for certain: of a file, what it was at its last fsync; of
    a folder, the names that were in it at its last fsync. All that lies there at first is certain.

    Real disks keep more, in an order of their own; none has to keep more than this. Database files
    are the database's business and stay as they are: it syncs them behind Python's back.
    """

    def __init__(self, folder: Path, *, database: str) -> None:
        self._folder = folder
        self._database = database
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, tuple[int, bool]]] = {}
        for place, _, files in os.walk(folder):
            self._learn_folder(place)
            for name in files:
                self._learn_file(os.path.join(place, name))

    def watch(self) -> None:
        """Learn of every fsync of this process from now on. For a child that ends soon."""
        sync = os.fsync

        def synced(descriptor: int) -> None:
            sync(descriptor)
            self._synced(f"/proc/self/fd/{descriptor}")

        os.fsync = synced

    def then_lost(self, told: Callable[[str], None], number: int) -> Callable[[str], None]:
        """Return what is told of steps, loses what is not certain at one of them, from 0, and tells
        `told` of each."""
        seen, losing = -1, False

        def telling(step: str) -> None:
            nonlocal seen, losing
            if losing:
                return  # a removal of ours
            seen += 1
            if seen == number:
                losing = True
                self.lose()
                losing = False
            told(step)

        return telling

    def lose(self) -> None:
        """Let the folder be what the disk holds."""
        root = os.stat(self._folder).st_ino
        self._restore(self._folder, root)

    def _synced(self, path: str) -> None:
        if stat.S_ISDIR(os.stat(path).st_mode):
            self._learn_folder(path)
        else:
            self._learn_file(path)

    def _learn_file(self, path: str) -> None:
        with open(path, "rb") as opened:
            self._contents[os.fstat(opened.fileno()).st_ino] = opened.read()

    def _learn_folder(self, path: str) -> None:
        with os.scandir(path) as entries:
            self._names[os.stat(path).st_ino] = {
                entry.name: (entry.inode(), entry.is_dir(follow_symlinks=False))
                for entry in entries
            }

    def _restore(self, folder: Path, inode: int) -> None:
        known = self._names.get(inode, {})
        for path in folder.iterdir():
            if folder == self._folder and path.name.startswith(self._database):
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, (there, is_folder) in known.items():
            if folder == self._folder and name.startswith(self._database):
                continue
            if is_folder:
                (folder / name).mkdir()
                self._restore(folder / name, there)
            else:
                (folder / name).write_bytes(self._contents.get(there, b""))
