"""Showcase: the best and the worst of one run, with the frames and heat maps that show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EvaluationError
from pipeline.evaluation.alarms import known_at_us, right_alerts
from pipeline.evaluation.parts import Parts
from pipeline.evaluation.pictures import heat_overlay, png_data_uri, shrink
from pipeline.evaluation.run import FUSED, VideoRun
from pipeline.evaluation.spool import MapSpool
from pipeline.evaluation.videos import TestVideo
from pipeline.timebase import seconds

__all__ = ["Kind", "Moment", "Shown", "choose_moments", "show_moments"]

_MOST_OF_A_KIND = 3
_MOST_PX = 480


class Kind(StrEnum):
    """Why a moment is shown."""

    FOUND = "found"
    """A labelled interval with a right alert: the clearest ones."""
    MISSED = "missed"
    """A labelled interval without one: those furthest below the threshold."""
    FALSE_ALARM = "false_alarm"
    """An alert raised on normal frames: the highest ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A moment of a video worth a picture."""

    kind: Kind
    video: int
    """Index of the video."""
    frame: int
    """Index of the frame with the highest score."""
    start_us: int
    end_us: int
    """Of the labelled interval, or of the false alarm."""
    score: float
    """Highest smoothed fused score in it."""
    delay_seconds: float | None = None
    """From its start to the moment at which the alert was known; None unless found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A moment with its pictures, for the template."""

    kind: Kind
    video: str
    at_seconds: float
    start_seconds: float
    end_seconds: float
    score: float
    delay_seconds: float | None
    expert: str
    """The expert that led at that moment; empty without a clip."""
    width: int
    height: int
    frame_uri: str
    heat_uri: str
    """Transparent where nothing is strange; to be stretched over the frame."""


def choose_moments(videos: Sequence[TestVideo], runs: Sequence[VideoRun]) -> list[Moment]:
    """Return at most three moments of each kind: found, missed, false alarm."""
    found: list[Moment] = []
    missed: list[Moment] = []
    false_alarms: list[Moment] = []
    for index, (video, run) in enumerate(zip(videos, runs, strict=True)):
        timeline = run.rows[FUSED]
        right = right_alerts(timeline.alerts, video.intervals)
        for interval in video.intervals:
            known = known_at_us(right, interval)
            inside = np.flatnonzero(
                (video.pts_us >= interval.start_us) & (video.pts_us < interval.end_us)
            )
            frame = int(inside[np.argmax(timeline.score[inside])])
            moment = Moment(
                kind=Kind.MISSED if known is None else Kind.FOUND,
                video=index,
                frame=frame,
                start_us=interval.start_us,
                end_us=interval.end_us,
                score=float(timeline.score[frame]),
                delay_seconds=None if known is None else seconds(max(0, known - interval.start_us)),
            )
            (missed if known is None else found).append(moment)
        for span in timeline.alerts:
            if span not in right:
                false_alarms.append(
                    Moment(
                        kind=Kind.FALSE_ALARM,
                        video=index,
                        frame=int(np.searchsorted(video.pts_us, span.peak_us)),
                        start_us=span.start_us,
                        end_us=span.end_us,
                        score=span.score,
                    )
                )
    found.sort(key=lambda moment: -moment.score)
    missed.sort(key=lambda moment: moment.score)
    false_alarms.sort(key=lambda moment: -moment.score)
    return [m for group in (found, missed, false_alarms) for m in group[:_MOST_OF_A_KIND]]


def show_moments(
    moments: Sequence[Moment],
    videos: Sequence[TestVideo],
    runs: Sequence[VideoRun],
    spool: MapSpool,
    parts: Parts,
) -> tuple[list[Shown], float]:
    """Return the moments with their pictures, and the map value that is drawn darkest.

    One scale for all: the highest value among them.
    """
    maps = [_map(moment, runs, spool) for moment in moments]
    full = max((float(values.max()) for values in maps), default=0.0)
    shown = []
    for moment, values in zip(moments, maps, strict=True):
        video, run = videos[moment.video], runs[moment.video]
        picture = shrink(_frame(video, int(video.pts_us[moment.frame]), parts), _MOST_PX)
        expert = run.leading[int(run.clip_of_frame[moment.frame])] if run.clips else ""
        shown.append(
            Shown(
                kind=moment.kind,
                video=video.name,
                at_seconds=seconds(int(video.pts_us[moment.frame])),
                start_seconds=seconds(moment.start_us),
                end_seconds=seconds(moment.end_us),
                score=moment.score,
                delay_seconds=moment.delay_seconds,
                expert=expert,
                width=picture.shape[1],
                height=picture.shape[0],
                frame_uri=png_data_uri(picture),
                heat_uri=png_data_uri(heat_overlay(values, full)),
            )
        )
    return shown, full


def _map(moment: Moment, runs: Sequence[VideoRun], spool: MapSpool) -> NDArray[np.float32]:
    run = runs[moment.video]
    if not run.clips:
        return np.zeros((1, 1), dtype=np.float32)
    clip = int(run.clip_of_frame[moment.frame])
    return np.array(spool.maps(moment.video, FUSED)[clip])


def _frame(video: TestVideo, at_us: int, parts: Parts) -> NDArray[np.uint8]:
    """Return the frame at a media time, red-green-blue, in the original size."""
    with parts.decode(video.path, False, at_us) as frames:
        for frame in frames:
            if frame.pts_us >= at_us:
                image = frame.image
                return image if image.ndim == 2 else np.ascontiguousarray(image[:, :, ::-1])
    raise EvaluationError(
        f"{video.path}: no frame at {seconds(at_us):.3f} s any more; was the file replaced?"
    )
