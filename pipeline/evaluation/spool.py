"""Spool: score maps of a run on disk, so that memory does not grow with the footage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["MapSpool"]


class MapSpool:
    """Appends maps clip by clip and gives them back by video and row. Files are raw float32."""

    def __init__(self, folder: Path) -> None:
        """`folder`: an existing empty folder; whoever made it removes it."""
        self._folder = folder
        self._shapes: dict[int, tuple[int, ...]] = {}

    def append(self, video: int, maps: Mapping[str, NDArray[np.float32]]) -> None:
        """Add the maps of the next clip of a video, by row."""
        for row, values in maps.items():
            self._shapes.setdefault(video, values.shape)
            if values.shape != self._shapes[video]:
                raise ValueError(f"map of {row} is {values.shape}, not {self._shapes[video]}")
            with self._path(video, row).open("ab") as opened:
                opened.write(np.ascontiguousarray(values, dtype=np.float32).tobytes())

    def maps(self, video: int, row: str) -> NDArray[np.float32]:
        """Return all maps of a video's row, (clips, rows, columns); no clip gives (0, 1, 1)."""
        path = self._path(video, row)
        if not path.exists():
            return np.empty((0, 1, 1), dtype=np.float32)
        flat = np.memmap(path, dtype=np.float32, mode="r")
        return flat.reshape(-1, *self._shapes[video])

    def _path(self, video: int, row: str) -> Path:
        return self._folder / f"{video:06d}-{row}.f32"
