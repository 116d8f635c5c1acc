"""Samples of a model: what it has learnt, to be looked at; written beside its files.

Two films: clips from chance alone, and held-out normal clips beside what the model makes of them.
Privacy masks are burnt into all of it. Shapes: T frames, H x W pixels (C colours).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.assembly import Site
from pipeline.camera import Camera, Polygon
from pipeline.clips.masks import burn_masks
from pipeline.clips.reader import ClipReader, Stretch, WindowBatch
from pipeline.clips.tensors import pictures_of
from pipeline.errors import KizashiError
from pipeline.files import replace_file, write_json
from pipeline.footage.panels import grid_of
from pipeline.footage.webm_writer import write_webm
from pipeline.learning.camera_model import CameraModel, Sight
from pipeline.learning.registry import ModelRecord
from pipeline.synthesis.generate import write_clips
from pipeline.synthesis.sampling import sample_clips
from pipeline.synthesis.shelf import (
    NOTE,
    SampleKind,
    learnt_behind,
    masks_digest,
    samples_folder,
)

__all__ = ["make_samples"]

_DRAWN, _REBUILT = 9, 4
"""Clips of each kind: enough to see what varies, few enough to see each."""
_SEED = 0

Film = NDArray[np.uint8]


def make_samples(
    site: Site,
    record: ModelRecord,
    model: CameraModel,
    camera: Camera,
    held_out: Sequence[Stretch],
    *,
    progress: Callable[[str], None] = lambda line: None,
) -> bool:
    """Write the samples of a model, over those of before, and return whether that went well.

    They are for people to look at: when one cannot be made it is said, and nothing else is harmed.
    Without `held_out` footage only what the generator draws is shown; and that not when the model
    has learnt behind other masks than the camera has now, for it may draw what they hide.
    """
    folder, masks = samples_folder(site, record), camera.privacy_masks
    try:
        # First of all the note goes: without it nothing half made is shown.
        shutil.rmtree(folder, ignore_errors=True)
        if learnt_behind(record, masks):
            made = sample_clips(model.sight, _DRAWN, _SEED, masks)
            write_clips(made, folder / f"{SampleKind.DRAWN}.webm")
        else:
            progress(
                f"model {record.model_id[:12]} learnt before these privacy masks: what it draws is "
                "not shown; train again"
            )
        pairs = list(_rebuilt(model.sight, masks, held_out))
        if pairs:
            with replace_file(folder / f"{SampleKind.REBUILT}.webm") as temporary:
                frames = (grid_of([pair[step] for pair in pairs]) for step in range(len(pairs[0])))
                write_webm(temporary, frames, model.sight.view.frame_rate)
        note = {
            "model": record.model_id,
            "masks": masks_digest(masks),
            "seed": _SEED,
        }
        write_json(folder / NOTE, note)
    except (KizashiError, OSError) as error:
        progress(f"no samples of model {record.model_id[:12]}: {error}")
        return False
    return True


def _rebuilt(
    sight: Sight, masks: tuple[Polygon, ...], held_out: Sequence[Stretch]
) -> Iterator[Film]:
    """Yield films of held-out clips, THWC in blue, green, red: left what was seen, right what the
    model makes of it."""
    reader = replace(sight.reader(masks), history=None)
    background = torch.from_numpy(sight.background_HW)
    for stretch in _spread(reader, held_out):
        for _, windows in reader.batches(stretch, stride=1, size=1):
            planes = sight.batch(reader, windows, everywhere=True).reconstruction_NPTHW.cpu()
            drawn = pictures_of(planes, background, sight.preset.planes)[0].numpy()
            yield _beside(windows, drawn, masks)
            break


def _beside(windows: WindowBatch, drawn: Film, masks: tuple[Polygon, ...]) -> Film:
    # The background of a model that was trained before a mask was drawn shows what lies behind it.
    pairs = [
        np.concatenate([_in_colour(burn_masks(one, masks)) for one in pair], axis=1)
        for pair in zip(windows.pictures[0], drawn, strict=True)
    ]
    return np.stack(pairs)


def _in_colour(picture: Film) -> Film:
    """Return a picture in blue, green, red; those in colour are red, green, blue."""
    if picture.ndim == 2:
        return np.repeat(picture[..., None], 3, axis=2)
    return np.ascontiguousarray(picture[..., ::-1])


def _spread(reader: ClipReader, held_out: Sequence[Stretch]) -> list[Stretch]:
    """Return short parts of held-out footage, a little longer than one clip, evenly over it."""
    length_us = round((reader.frames + 2) * 1e6 / reader.view.frame_rate)
    parts = [
        stretch.part(start_us, start_us + length_us)
        for stretch in held_out
        for start_us in range(
            stretch.segment.start_us, stretch.segment.end_us - length_us + 1, length_us
        )
    ]
    step = max(1.0, len(parts) / _REBUILT)
    return [parts[int(index * step)] for index in range(min(len(parts), _REBUILT))]
