"""Tiles to learn from: what the networks are trained on, gathered from training footage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.clips.pace import Pace
from pipeline.clips.reader import ClipReader, Stretch
from pipeline.errors import FootageError
from pipeline.footage.admission import Reason
from pipeline.learning.adversarial import TileSource
from pipeline.learning.presets import Preset
from pipeline.learning.pseudo_anomalies import FAST_FACTORS, PseudoAnomalies
from pipeline.learning.reservoir import PlacedTiles, TileReservoir
from pipeline.timebase import seconds

__all__ = ["tile_source"]

_FULL_SPEED = 4.0
"""Times the usual top speed that fills the speed plane: three times as fast can still be told from
four times."""
_LEAST_FULL_SPEED_PX = 1.0
"""Where nothing ever moves, the noise of the flow must not fill the plane."""
_MOST_WINDOWS = 4_000
"""Windows of footage that tiles are taken from: twice what fills the reservoir. Days have more."""
_MOST_PSEUDO_TILES = 8_000
_MOST_OF_WINDOW = 96
"""Tiles taken from one window: as many as it takes to fill the reservoir, up to this. A minute of
footage has a hundred windows; a dozen tiles of each would be drawn forty times each in training."""


def tile_source(
    training: Sequence[Stretch],
    reader: ClipReader,
    preset: Preset,
    seed: int,
    added: PlacedTiles | None,
) -> tuple[TileSource, int]:
    """Return what the networks learn from, and how many windows lie side by side in the training
    footage."""
    reservoir, windows = _fill_reservoir(training, reader, preset, seed)
    source = TileSource(
        reservoir,
        _pseudo_anomalies(training, reader, preset, seed, reservoir),
        reader.background_HW,
        max(_LEAST_FULL_SPEED_PX, _FULL_SPEED * reservoir.usual_top_speed_px()),
        preset,
        seed,
    )
    if added is not None:  # last: how fast things move is for the footage to say
        reservoir.add_tiles(added)
    return source, windows


def _fill_reservoir(
    training: Sequence[Stretch], reader: ClipReader, preset: Preset, seed: int
) -> tuple[TileReservoir, int]:
    """Return the filled reservoir and how many windows lie side by side in the training footage."""
    stride = _window_stride(training, reader, _MOST_WINDOWS)
    reservoir = _empty_reservoir(
        preset, preset.reservoir_tiles, seed, _frame_count(training, reader) // stride
    )
    count = 0
    pace = Pace(stride)
    for part in reader.paced(training, pace):
        for _, window in reader.clips(part, stride=pace):
            reservoir.add_window(window, reader.backgrounds.get(window.lighting))
            count += 1
    if not len(reservoir):
        raise FootageError(
            f"no window of {reader.frames} frames at {reader.view.frame_rate:g} frames a second in "
            "the footage; give longer footage",
            reason=Reason.TOO_SHORT,
        )
    return reservoir, max(1, count * stride // reader.frames)


def _window_stride(training: Sequence[Stretch], reader: ClipReader, most: int) -> int:
    """Return the frames between two windows, so that there are about `most` of them at most.

    Windows of short footage overlap by half: a movement across a border is seen whole in one.
    """
    return max(1, reader.frames // 2, round(_frame_count(training, reader) / most))


def _frame_count(training: Sequence[Stretch], reader: ClipReader) -> int:
    """Return about how many frames the reader makes of the footage."""
    length = sum(seconds(s.segment.end_us - s.segment.start_us) for s in training)
    return round(length * reader.view.frame_rate)


def _empty_reservoir(preset: Preset, capacity: int, seed: int, windows: int) -> TileReservoir:
    """Return a reservoir that about so many windows fill, if they have the tiles."""
    wanted = capacity // max(1, windows)
    return TileReservoir(
        capacity=capacity,
        tile_px=preset.tgan.geometry.tile_px,
        tiles_per_window=max(preset.tiles_per_window, min(wanted, _MOST_OF_WINDOW)),
        moving_share=preset.moving_share,
        seed=seed,
    )


def _pseudo_anomalies(
    training: Sequence[Stretch],
    reader: ClipReader,
    preset: Preset,
    seed: int,
    normal: TileReservoir,
) -> PseudoAnomalies | None:
    """Return what draws pseudo-anomalies; None when the preset has none, or when no stretch is long
    enough for a window at a lower frame rate."""
    if not preset.pseudo_anomalies:
        return None
    slower = [_slower(reader, factor) for factor in FAST_FACTORS]
    strides = [_window_stride(training, slow, _MOST_WINDOWS // 4) for slow in slower]
    windows = sum(
        _frame_count(training, slow) // stride for slow, stride in zip(slower, strides, strict=True)
    )
    capacity = min(_MOST_PSEUDO_TILES, preset.reservoir_tiles)
    fast = _empty_reservoir(preset, capacity, seed, windows)
    for slow, stride in zip(slower, strides, strict=True):
        pace = Pace(stride)
        for part in slow.paced(training, pace):
            for _, window in slow.clips(part, stride=pace):
                fast.add_window(window, slow.backgrounds.get(window.lighting))
    return PseudoAnomalies(normal=normal, fast=fast) if len(fast) else None


def _slower(reader: ClipReader, factor: float) -> ClipReader:
    """Return a reader at a fraction of the frame rate."""
    view = replace(reader.view, frame_rate=reader.view.frame_rate / factor)
    return replace(reader, view=view)
