"""Scoring: every clip of a stretch of footage becomes an anomaly with its maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label

from pipeline.camera import Polygon
from pipeline.clips.reader import ClipReader, Stretch, WindowBatch
from pipeline.clips.windows import Clip
from pipeline.health.reference import HealthReference
from pipeline.identity import content_id
from pipeline.learning.prefetch import prefetched
from pipeline.scoring.anomaly import Anomaly, PartScore, Place
from pipeline.scoring.fusion import CalibratedClips
from pipeline.stopwatch import stage, under_same_stopwatch
from pipeline.zones.regions import EVERYWHERE, Regions

__all__ = [
    "BATCH_CLIPS",
    "ScoredClip",
    "ScoringModel",
    "in_regions",
    "place_of",
    "score_stretch",
    "scored_clip",
]

BATCH_CLIPS = 8
"""Clips that go through the networks together: more gain nothing on two cores, and memory grows."""

_BATCHES_AHEAD = 1
"""Made while another one is looked at. Each holds the pictures and flow of its clips."""


class ScoringModel(Protocol):
    """What can score clips: a camera's model, or a student of one."""

    @property
    def clip_stride(self) -> int:
        """Frames between the ends of two scored clips."""

    @property
    def health(self) -> HealthReference | None:
        """What the camera looks like when it is well."""

    def reader(self, masks: tuple[Polygon, ...] = ()) -> ClipReader:
        """Return what reads clips for it, with privacy masks burnt in."""

    def look(
        self, reader: ClipReader, windows: WindowBatch, *, leave_one_out: bool = False
    ) -> CalibratedClips:
        """Return the calibrated scores of clips."""

    def expected_pictures(self, reader: ClipReader, windows: WindowBatch) -> NDArray[np.uint8]:
        """Return the last frame of clips as it would be if nothing was wrong, NHW or NHWC."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredClip:
    """An anomaly with the maps behind it."""

    anomaly: Anomaly
    tgan_score: float
    """Fused over the experts that look through the networks, -log10 p; NaN when there is none."""
    without: Mapping[str, float]
    """Expert -> fused over all the others, -log10 p; empty unless asked for."""
    maps: Mapping[str, NDArray[np.float32]]
    """Expert -> strangeness on the score grid (rows, columns), >= 0."""
    tgan_map: NDArray[np.float32]
    """Surprise (-log10 p) at each place, joined over the experts that look through the networks;
    0 when there is none."""
    fused_map: NDArray[np.float32]
    """The same over all experts."""


def score_stretch(
    model: ScoringModel,
    stretch: Stretch,
    *,
    model_id: str,
    masks: tuple[Polygon, ...] = (),
    reader: ClipReader | None = None,
    leave_one_out: bool = False,
    regions: Regions = EVERYWHERE,
) -> Iterator[ScoredClip]:
    """Yield the scored clips of a stretch in order of time.

    The score of a clip uses no frame after its end. `reader` None takes the model's own.
    `leave_one_out`: also score with all experts but one. `regions`: the zones that are also scored
    each by itself, and the places that are not scored.
    """
    chosen = reader or model.reader(masks)
    batches = chosen.batches(stretch, stride=model.clip_stride, size=BATCH_CLIPS)
    # Decoding, flow and light of the next clips go on while the networks look at these.
    ahead = prefetched(under_same_stopwatch(batches), depth=_BATCHES_AHEAD)
    for clips, windows in ahead:
        looked = model.look(chosen, windows, leave_one_out=leave_one_out)
        with stage("places"):
            scored = _scored_clips(clips, looked, model_id, regions)
        yield from scored


def _scored_clips(
    clips: Sequence[Clip], looked: CalibratedClips, model_id: str, regions: Regions
) -> list[ScoredClip]:
    """Return the clips of a batch."""
    calibrated, parts = in_regions(looked, regions)
    return [
        scored_clip(
            clip,
            index,
            calibrated,
            model_id,
            {name: _said(part, index) for name, part in parts.items()},
        )
        for index, clip in enumerate(clips)
    ]


def in_regions(
    calibrated: CalibratedClips, regions: Regions
) -> tuple[CalibratedClips, Mapping[str, CalibratedClips]]:
    """Return the scores of the places that are scored, and by name those of every zone and of the
    rest of the picture; no parts for a camera without zones."""
    grid = calibrated.fused_map.shape[1:]
    scored_GW, cells = regions.scored(*grid), regions.parts(*grid)
    seen = calibrated if scored_GW is None else calibrated.within(scored_GW)
    return seen, {
        name: calibrated.within(part if scored_GW is None else part & scored_GW)
        for name, part in cells.items()
    }


def _said(calibrated: CalibratedClips, index: int) -> PartScore:
    """Return what is said of one clip of a batch."""
    scores = {name: round(float(values[index]), 6) for name, values in calibrated.experts.items()}
    expert = max(scores, key=lambda name: scores[name])
    return PartScore(
        score=round(float(calibrated.fused[index]), 6),
        expert=expert,
        place=place_of(calibrated.maps[expert][index]),
    )


def scored_clip(
    clip: Clip,
    index: int,
    calibrated: CalibratedClips,
    model_id: str,
    parts: Mapping[str, PartScore] = MappingProxyType({}),
) -> ScoredClip:
    """Return what one clip of a batch scored: the clip `index` of `calibrated`; `parts`: what its
    zones scored."""
    whole = _said(calibrated, index)
    return ScoredClip(
        anomaly=Anomaly(
            anomaly_id=content_id("anomaly", clip.clip_id, model_id),
            clip=clip,
            model_id=model_id,
            scores={
                name: round(float(values[index]), 6) for name, values in calibrated.experts.items()
            },
            score=whole.score,
            p_value=10.0**-whole.score,
            expert=whole.expert,
            place=whole.place,
            parts=parts,
        ),
        tgan_score=float(calibrated.tgan[index]),
        without={name: float(values[index]) for name, values in calibrated.without.items()},
        maps={name: values[index] for name, values in calibrated.maps.items()},
        tgan_map=calibrated.tgan_map[index],
        fused_map=calibrated.fused_map[index],
    )


def place_of(map_GW: NDArray[np.float32]) -> Place:
    """Return the box around the strangest cell and the cells joined to it of at least half its
    value."""
    rows, columns = map_GW.shape
    peak = np.unravel_index(int(np.argmax(map_GW)), map_GW.shape)
    regions, _ = label(map_GW >= 0.5 * map_GW[peak])
    # `find_objects` lists the slices of region 1, 2, ...; the peak is in one of them by definition.
    vertical, horizontal = find_objects(regions)[regions[peak] - 1]
    return Place(
        x=horizontal.start / columns,
        y=vertical.start / rows,
        width=(horizontal.stop - horizontal.start) / columns,
        height=(vertical.stop - vertical.start) / rows,
    )
