"""A bounded stock of tiles of normal footage, drawn evenly in time and mostly where things move.

Shapes: K tiles of T frames and S x S pixels; H x W pixels a frame; C colours when not grey.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.clips.flow import SPEED_STEPS, grey_of, speed_codes
from pipeline.clips.tiles import sums_of_rectangles
from pipeline.clips.windows import Window

__all__ = ["PlacedTiles", "TileBatch", "TileReservoir", "motion_weights"]

_CORNER_STEP_PX = 4
"""Tiles begin at multiples of this when learning: finer than the scoring grid, so that the networks
do not depend on how things lie in a tile."""

_SPEED_TILES = 4_000
"""Tiles that are looked at for the usual top speed: enough for its second digit."""


def motion_weights(window_THW: NDArray[np.float32], tile_px: int) -> NDArray[np.float64]:
    """Return the mean absolute frame difference in the tile at each candidate corner, (rows,
    columns).

    Corners lie every 4 pixels.
    """
    energy_HW = np.abs(np.diff(window_THW, axis=0)).mean(axis=0)
    # Sensor noise everywhere would drown a small mover: what is below the noise floor counts
    # nothing.
    energy_HW = np.maximum(energy_HW - 2.0 * np.median(energy_HW) - 1.0, 0.0)
    total = sums_of_rectangles(energy_HW, tile_px, tile_px)
    weights: NDArray[np.float64] = np.maximum(total[::_CORNER_STEP_PX, ::_CORNER_STEP_PX], 0.0)
    return weights / tile_px**2


@dataclass(frozen=True, kw_only=True, slots=True)
class TileBatch:
    """K tiles, as they lie in the reservoir."""

    pictures: NDArray[np.uint8]
    """KTSS, or KTSSC for colour; lighting aligned."""
    speeds: NDArray[np.uint8]
    """KTSS, in the steps of `pipeline.clips.flow.SPEED_STEPS`."""
    backgrounds: NDArray[np.uint8]
    """KSS, of the same places."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PlacedTiles:
    """K tiles that no window was cut for: synthetic ones, say."""

    pictures: NDArray[np.uint8]
    """KTSS, or KTSSC for colour; lighting aligned."""
    speeds: NDArray[np.uint8]
    """KTSS, in the steps of `pipeline.clips.flow.SPEED_STEPS`."""
    corners_K2: NDArray[np.int64]
    """Row and column of the upper left pixel of each, in the working picture."""

    @property
    def digest(self) -> str:
        """Of everything in them."""
        content = hashlib.sha256()
        for values in (self.pictures, self.speeds, self.corners_K2):
            content.update(f"{values.shape}".encode())
            content.update(np.ascontiguousarray(values).tobytes())
        return content.hexdigest()


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
    _speeds: NDArray[np.uint8] = field(init=False)
    _backgrounds: NDArray[np.uint8] | None = field(default=None, init=False)
    """Of the tiles that have their own; None where one background holds for all."""
    _has_own: NDArray[np.bool_] = field(init=False)
    """Which tiles have their own background."""
    _corners: NDArray[np.int32] = field(init=False)
    _held: int = field(default=0, init=False)
    _seen: int = field(default=0, init=False)
    _random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)
        self._corners = np.zeros((self.capacity, 2), np.int32)
        self._has_own = np.zeros(self.capacity, np.bool_)

    def __len__(self) -> int:
        return self._held

    def add_window(
        self, window: Window, own_background_HW: NDArray[np.uint8] | None = None
    ) -> None:
        """Offer tiles of one window, which has its flow; `own_background_HW`: of its lighting
        state, where the camera has several."""
        if window.flow_THW2 is None:
            raise ValueError("a window without flow says nothing of speed")
        pictures, speeds = window.pictures, speed_codes(window.flow_THW2)
        grey = grey_of(pictures[None])[0].astype(np.float32)
        weights = motion_weights(grey, self.tile_px)
        columns = weights.shape[1]
        flat = weights.ravel()
        even = np.full(flat.size, 1.0 / flat.size)
        moving = flat / flat.sum() if flat.sum() > 0 else even
        for _ in range(self.tiles_per_window):
            by_motion = self._random.random() < self.moving_share
            place = int(self._random.choice(flat.size, p=moving if by_motion else even))
            top, left = (place // columns) * _CORNER_STEP_PX, (place % columns) * _CORNER_STEP_PX
            slot = self._offer(pictures, speeds, top, left)
            if slot is not None and own_background_HW is not None:
                self._keep_background(own_background_HW, slot)

    def _keep_background(self, background_HW: NDArray[np.uint8], slot: int) -> None:
        top, left = self._corners[slot]
        tile = background_HW[top : top + self.tile_px, left : left + self.tile_px]
        if self._backgrounds is None:
            self._backgrounds = np.empty((self.capacity, *tile.shape), np.uint8)
        self._backgrounds[slot] = tile
        self._has_own[slot] = True

    def add_tiles(self, tiles: PlacedTiles) -> None:
        """Offer tiles as they are, each once; ValueError for those of another size."""
        size = tiles.speeds.shape[2:]
        if size != (self.tile_px, self.tile_px) or tiles.pictures.shape[:4] != tiles.speeds.shape:
            raise ValueError(
                f"tiles {tiles.pictures.shape} with speeds {tiles.speeds.shape}, "
                f"{self.tile_px} px needed"
            )
        for pictures, speeds, (top, left) in zip(
            tiles.pictures, tiles.speeds, tiles.corners_K2.tolist(), strict=True
        ):
            self._keep(pictures, speeds, top, left)

    def _offer(
        self, pictures: NDArray[np.uint8], speeds: NDArray[np.uint8], top: int, left: int
    ) -> int | None:
        """Return where the tile was put; None when it was not taken."""
        area = (slice(None), slice(top, top + self.tile_px), slice(left, left + self.tile_px))
        return self._keep(pictures[area], speeds[area], top, left)

    def _keep(
        self, tile: NDArray[np.uint8], speeds: NDArray[np.uint8], top: int, left: int
    ) -> int | None:
        self._seen += 1
        slot = self._held
        if slot == self.capacity:
            slot = int(self._random.integers(self._seen))
            if slot >= self.capacity:
                return None
        if self._tiles is None:
            # One block, whose pages become real as they are filled. An array for each of 24,000
            # tiles left 1.4 GB of holes between them, where the windows had been.
            self._tiles = np.empty((self.capacity, *tile.shape), np.uint8)
            self._speeds = np.empty((self.capacity, *tile.shape[:3]), np.uint8)
        self._tiles[slot], self._speeds[slot] = tile, speeds
        self._corners[slot] = (top, left)
        self._has_own[slot] = False  # the background of the tile that was here goes with it
        self._held = max(self._held, slot + 1)
        return slot

    def batch(
        self, size: int, background_HW: NDArray[np.uint8], chance: np.random.Generator
    ) -> TileBatch:
        """Return `size` tiles drawn with replacement by `chance`; `background_HW`: of those that
        came without their own."""
        if self._tiles is None:
            raise ValueError("the reservoir is empty")
        chosen = chance.integers(self._held, size=size)
        backgrounds = np.stack(
            [
                background_HW[top : top + self.tile_px, left : left + self.tile_px]
                for top, left in self._corners[chosen]
            ]
        )
        if self._backgrounds is not None:
            own = self._has_own[chosen]
            backgrounds[own] = self._backgrounds[chosen[own]]
        return TileBatch(
            pictures=self._tiles[chosen], speeds=self._speeds[chosen], backgrounds=backgrounds
        )

    def usual_top_speed_px(self) -> float:
        """Return what one tile in a hundred is faster than, in pixels a frame: the mean speed over
        a quarter of a tile at its fastest place."""
        if self._tiles is None:
            raise ValueError("the reservoir is empty")
        side = self.tile_px // 2
        chosen = np.linspace(0, self._held - 1, min(self._held, _SPEED_TILES)).astype(np.int64)
        fastest = [
            cv2.blur(self._speeds[index, -1].astype(np.float32), (side, side)).max()
            for index in chosen
        ]
        return float(np.quantile(fastest, 0.99)) / SPEED_STEPS
