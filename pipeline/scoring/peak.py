"""The pictures behind an alert: what was seen at the peak, what the model made of it, and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.evidence import PeakPicture
from pipeline.camera import Polygon
from pipeline.clips.reader import ClipReader, Stretch, WindowBatch
from pipeline.clips.windows import Clip
from pipeline.errors import FootageError
from pipeline.footage.admission import Reason
from pipeline.footage.frames import View
from pipeline.lighting.events import UNKNOWN
from pipeline.scoring.anomaly import REST, Anomaly
from pipeline.scoring.scorer import ScoringModel, in_regions
from pipeline.zones.regions import EVERYWHERE, Regions

__all__ = ["picture_of", "windows_of"]


def picture_of(
    model: ScoringModel,
    stretch: Stretch,
    peak: Anomaly,
    masks: tuple[Polygon, ...],
    *,
    sight: tuple[ClipReader, Regions] | None = None,
    part: str = REST,
) -> PeakPicture:
    """Return the pictures of the clip `peak`, decoded again with the privacy masks burnt in.

    The heat map is the strangeness map of the expert that led, over `part` of the picture. What was
    seen, what is usual and the difference are of the clip's last frame at working size. `sight`:
    how the clip was looked at, see `pipeline.scoring.sight`; None: as the model alone looks.
    """
    reader, regions = sight or (model.reader(masks), EVERYWHERE)
    ((_, windows),) = windows_of(reader, stretch, [peak.clip])
    seen_of_all, parts = in_regions(model.look(reader, windows), regions)
    scored = parts.get(part, seen_of_all)
    seen, drawn = windows.pictures[0, -1], model.expected_pictures(reader, windows)[0]
    usual = _nearer(seen, drawn, reader.background_of(windows.lighting))
    return PeakPicture(
        frame_HWC=_full_frame(stretch, peak.clip.end_us, masks),
        heat_HW=scored.maps[peak.expert][0],
        input_HW=_grey(seen),
        usual_HW=_grey(usual),
        difference_HW=_grey(_difference(seen, usual)),
        place=peak.place,
    )


def _nearer(
    seen: NDArray[np.uint8], drawn: NDArray[np.uint8], background: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return what the model draws of a picture, or the background where that comes nearer to it:
    networks that learnt for few steps draw what moves, and little of what never does."""
    if background.shape != seen.shape:
        return drawn
    return min((drawn, background), key=lambda one: float(_difference(seen, one).mean()))


def _difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.abs(one.astype(np.int16) - other.astype(np.int16)).astype(np.uint8)


def windows_of(
    reader: ClipReader, stretch: Stretch, clips: Sequence[Clip]
) -> Iterator[tuple[Clip, WindowBatch]]:
    """Yield clips of a segment, in order of time, each with its window and what went before it,
    decoded again. Those that lie near each other are decoded together. FootageError when one is not
    there any more. What `reader` watches does not hear of it: it was seen before, and is in the
    light that was found then, where `stretch` knows it."""
    light = reader.lighting.apart() if reader.lighting else None
    reader = replace(reader, health=None, lighting=light)
    before_us = 0
    if reader.history is not None:
        # And a frame more: those of a source that is thinned out lie up to a step apart.
        before_us = round((reader.history.frames + 1) * 1e6 / reader.view.frame_rate)
    for run in _near_each_other(clips, before_us):
        start_us = max(stretch.segment.start_us, run[0].start_us - before_us)
        short = stretch.part(start_us, run[-1].end_us + 1)
        if not all(_light_is_known(clip, short, reader) for clip in run):
            short = replace(short, known_light=())
        wanted = {clip.end_us: clip for clip in run}
        for (found,), windows in reader.batches(short, stride=1, size=1):
            if found.end_us in wanted:
                yield wanted.pop(found.end_us), windows
        if wanted:
            raise FootageError(
                f"{stretch.footage.path}: the clip of an alert cannot be decoded again; "
                "was the file replaced since it was ingested?",
                reason=Reason.UNREADABLE,
            )


def _light_is_known(clip: Clip, stretch: Stretch, reader: ClipReader) -> bool:
    """Tell whether a clip lies in light that was found, and that the reader's model knows: what is
    stored may be of another model's scoring."""
    return any(
        spell.start_us <= clip.start_us and clip.end_us < spell.end_us
        for spell in stretch.known_light
        if spell.state == UNKNOWN or spell.state in reader.backgrounds
    )


def _near_each_other(clips: Sequence[Clip], gap_us: int) -> Iterator[list[Clip]]:
    run: list[Clip] = []
    for clip in clips:
        if run and clip.start_us - run[-1].end_us > gap_us:
            yield run
            run = []
        run.append(clip)
    if run:
        yield run


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture if picture.ndim == 2 else picture.mean(axis=2).round().astype(np.uint8)


def _full_frame(stretch: Stretch, at_us: int, masks: tuple[Polygon, ...]) -> NDArray[np.uint8]:
    """Return the frame at media time `at_us` in its original size and colours."""
    footage = stretch.footage
    view = View(
        width_px=footage.width_px,
        height_px=footage.height_px,
        frame_rate=max(1.0, footage.frame_rate),
        grey=False,
        masks=masks,
    )
    for frame in stretch.part(at_us, at_us + 1_000_000).frames(view):
        return frame.image
    raise FootageError(
        f"{footage.path}: no frame at {at_us / 1e6:.3f} s any more", reason=Reason.UNREADABLE
    )
