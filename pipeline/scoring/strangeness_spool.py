"""Spool: strangeness maps of held-out clips on disk, from one pass of calibration to the next.

Shapes: N clips, T terms, grid of G x W cells.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["StrangenessSpool"]

_STORED = np.float16
"""A thousandth of a value, which is finer than any value is known; half the space."""


class StrangenessSpool:
    """Maps of the terms that it was made for, in the order of their clips; gone when it is
    closed."""

    def __init__(self, terms: tuple[str, ...], *, exact: bool = False) -> None:
        """`exact`: keep float32."""
        self._terms = terms
        self._stored: type[np.floating] = np.float32 if exact else _STORED
        # Closed by __exit__.
        self._file = tempfile.TemporaryFile(prefix="kizashi-strangeness-")  # noqa: SIM115
        self._grid: tuple[int, ...] = ()
        self._clips = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def append(self, strangeness: Mapping[str, NDArray[np.float32]]) -> None:
        """Add the maps of some clips, NGW a term; values beyond 65,504 become it."""
        stacked_NTGW = np.stack([strangeness[term] for term in self._terms], axis=1)
        self._grid = stacked_NTGW.shape[2:]
        self._clips += len(stacked_NTGW)
        limit = float(np.finfo(self._stored).max)
        self._file.write(np.clip(stacked_NTGW, -limit, limit).astype(self._stored).tobytes())

    def batches(self, clips: int) -> Iterator[dict[str, NDArray[np.float32]]]:
        """Yield all maps again, up to `clips` clips at a time."""
        self._file.seek(0)
        size = (len(self._terms), *self._grid)
        for first in range(0, self._clips, clips):
            count = min(clips, self._clips - first)
            read = self._file.read(count * int(np.prod(size)) * np.dtype(self._stored).itemsize)
            values_NTGW = np.frombuffer(read, dtype=self._stored).reshape(count, *size)
            yield {
                term: values_NTGW[:, index].astype(np.float32)
                for index, term in enumerate(self._terms)
            }
