"""A bounded stock of tiles of normal footage, drawn evenly in time and mostly where things move.

Shapes: K tiles of T frames and S x S pixels; H x W pixels a frame; C colours when not grey.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["TileReservoir", "motion_weights"]

_CORNER_STEP_PX = 4
"""Tiles begin at multiples of this when learning: finer than the scoring grid, so that the networks
do not depend on how things lie in a tile."""


def motion_weights(window_THW: NDArray[np.float32], tile_px: int) -> NDArray[np.float64]:
    """Return the mean absolute frame difference in the tile at each candidate corner, (rows,
    columns).

    Corners lie every 4 pixels. Uses a summed-area table, so the cost does not grow with the tile.
    """
    energy_HW = np.abs(np.diff(window_THW, axis=0)).mean(axis=0)
    # Sensor noise everywhere would drown a small mover: what is below the noise floor counts
    # nothing.
    energy_HW = np.maximum(energy_HW - 2.0 * np.median(energy_HW) - 1.0, 0.0)
    table = np.pad(energy_HW.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    total = (
        table[tile_px:, tile_px:]
        - table[:-tile_px, tile_px:]
        - table[tile_px:, :-tile_px]
        + table[:-tile_px, :-tile_px]
    )
    weights: NDArray[np.float64] = np.maximum(total[::_CORNER_STEP_PX, ::_CORNER_STEP_PX], 0.0)
    return weights / tile_px**2


@dataclass(slots=True)
class TileReservoir:
    """Tiles sampled from a stream of windows of unknown length, each kept with equal chance
    (reservoir sampling: memory is bounded by `capacity`, not by the footage)."""

    capacity: int
    tile_px: int
    tiles_per_window: int
    moving_share: float
    seed: int
    _tiles: NDArray[np.uint8] | None = field(default=None, init=False)
    _corners: NDArray[np.int32] = field(init=False)
    _held: int = field(default=0, init=False)
    _seen: int = field(default=0, init=False)
    _random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)
        self._corners = np.zeros((self.capacity, 2), np.int32)

    def __len__(self) -> int:
        return self._held

    def add_window(
        self, window_THW: NDArray[np.uint8], motion_THW: NDArray[np.float32] | None = None
    ) -> None:
        """Offer tiles of one window. `motion_THW`: grey levels to look for motion in (default: the
        window itself; a colour window needs it)."""
        grey = window_THW.astype(np.float32) if motion_THW is None else motion_THW
        weights = motion_weights(grey, self.tile_px)
        columns = weights.shape[1]
        flat = weights.ravel()
        even = np.full(flat.size, 1.0 / flat.size)
        moving = flat / flat.sum() if flat.sum() > 0 else even
        for _ in range(self.tiles_per_window):
            by_motion = self._random.random() < self.moving_share
            place = int(self._random.choice(flat.size, p=moving if by_motion else even))
            top, left = (place // columns) * _CORNER_STEP_PX, (place % columns) * _CORNER_STEP_PX
            self._offer(window_THW, top, left)

    def _offer(self, window_THW: NDArray[np.uint8], top: int, left: int) -> None:
        self._seen += 1
        slot = self._held
        if slot == self.capacity:
            slot = int(self._random.integers(self._seen))
            if slot >= self.capacity:
                return
        rows, columns = slice(top, top + self.tile_px), slice(left, left + self.tile_px)
        tile = window_THW[:, rows, columns]
        if self._tiles is None:
            # One block, whose pages become real as they are filled. An array for each of 24,000
            # tiles left 1.4 GB of holes between them, where the windows had been.
            self._tiles = np.empty((self.capacity, *tile.shape), np.uint8)
        self._tiles[slot], self._corners[slot] = tile, (top, left)
        self._held = max(self._held, slot + 1)

    def batches(
        self, size: int, background_HW: NDArray[np.uint8], *, seed: int, skip: int = 0
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield without end (tiles_KTSS, backgrounds_KSS) of uint8, drawn with replacement.

        The n-th batch depends on `seed` and n alone, so training resumes with `skip` = batches
        used.
        """
        if self._tiles is None:
            raise ValueError("the reservoir is empty")
        number = skip
        while True:
            chosen = np.random.default_rng((seed, number)).integers(self._held, size=size)
            number += 1
            tiles = self._tiles[chosen]
            backgrounds = np.stack(
                [
                    background_HW[t : t + self.tile_px, x : x + self.tile_px]
                    for t, x in self._corners[chosen]
                ]
            )
            yield torch.from_numpy(tiles), torch.from_numpy(backgrounds)
