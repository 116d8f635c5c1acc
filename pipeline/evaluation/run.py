"""Run: one model over all test videos. Gives scores of frames and alerts; keeps maps in a spool."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.alarms import AlertSpan, alert_clips, alert_spans
from pipeline.evaluation.parts import Model, Parts, Scored
from pipeline.evaluation.spool import MapSpool
from pipeline.evaluation.timeline import hysteresis, levels, newest_clip, smooth
from pipeline.evaluation.videos import TestVideo
from pipeline.scoring.anomaly import Anomaly
from pipeline.timebase import seconds

__all__ = ["FUSED", "TGAN", "RowTimeline", "VideoRun", "row_names", "run_model"]

FUSED = "fused"
TGAN = "tgan"


@dataclass(frozen=True, kw_only=True, slots=True)
class RowTimeline:
    """What one row says of one video. F frames."""

    score: NDArray[np.float64]
    """-log10 p, smoothed causally as the threshold sees it, at every frame. It is that of the clip
    around the frame, and known half a clip later."""
    raw: NDArray[np.float64]
    """The same without smoothing."""
    alert: NDArray[np.bool_]
    """Whether, when the frame is shown, an alert is known and its event open."""
    alerts: tuple[AlertSpan, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoRun:
    """What one model says of one video."""

    clip_of_frame: NDArray[np.int64]
    """Which clip's score each frame has: the newest whose middle has passed; 0 also without
    clips."""
    latency_seconds: float
    """How long after a frame its score is known: half a clip."""
    clips: int
    leading: tuple[str, ...]
    """The expert that led, of every clip."""
    rows: Mapping[str, RowTimeline]
    without: Mapping[str, NDArray[np.float64]]
    """Expert -> score of every frame, fused over all the others; empty where that is not known, as
    in a video without clips."""


def row_names(model: Model, parts: Parts) -> tuple[str, ...]:
    """Return the rows of a model: fused, tgan, then each expert."""
    return (FUSED, TGAN, *(expert.name for expert in model.experts))


def run_model(
    model: Model,
    videos: Sequence[TestVideo],
    spool: MapSpool,
    parts: Parts,
    progress: Callable[[str], None],
    *,
    keep_all_maps: bool,
) -> list[VideoRun]:
    """Return what a model says of every video; one video's clips are in memory at a time.

    Maps go to the spool: of every row when `keep_all_maps`, else of the fused row.
    """
    runs = []
    rows = row_names(model, parts)
    for index, video in enumerate(videos):
        anomalies: list[Anomaly] = []
        tgan: list[float] = []
        without: list[Mapping[str, float]] = []
        for stretch in video.stretches:
            for clip in parts.score(model, stretch):
                anomalies.append(clip.anomaly)
                tgan.append(clip.tgan_score)
                without.append(clip.without)
                spool.append(index, _maps(clip, rows if keep_all_maps else (FUSED,)))
        scores = _scores(anomalies, tgan, rows)
        run = _video_run(model, video, anomalies, scores, _by_expert(without))
        runs.append(run)
        if not anomalies:
            progress(f"warning: {video.name} is too short for one clip; its score is 0 throughout")
        count = len(run.rows[FUSED].alerts)
        progress(
            f"scored {index + 1}/{len(videos)} {video.name}: {len(anomalies)} clips, {count} alerts"
        )
    return runs


def _maps(clip: Scored, rows: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    maps: dict[str, NDArray[np.float32]] = {}
    for row in rows:
        if row == FUSED:
            maps[row] = clip.fused_map
        elif row == TGAN:
            maps[row] = clip.tgan_map
        else:
            maps[row] = clip.maps[row]
    return maps


def _by_expert(without: Sequence[Mapping[str, float]]) -> dict[str, NDArray[np.float64]]:
    names = without[0] if without else ()
    return {name: np.array([clip[name] for clip in without], dtype=np.float64) for name in names}


def _scores(
    anomalies: Sequence[Anomaly], tgan: Sequence[float], rows: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    scores = {
        row: np.array([anomaly.scores[row] for anomaly in anomalies], dtype=np.float64)
        for row in rows
        if row not in (FUSED, TGAN)
    }
    scores[FUSED] = np.array([anomaly.score for anomaly in anomalies], dtype=np.float64)
    scores[TGAN] = np.array(tgan, dtype=np.float64)
    return {row: scores[row] for row in rows}


def _video_run(
    model: Model,
    video: TestVideo,
    anomalies: Sequence[Anomaly],
    scores: Mapping[str, NDArray[np.float64]],
    without: Mapping[str, NDArray[np.float64]],
) -> VideoRun:
    end_us = np.array([anomaly.clip.end_us for anomaly in anomalies], dtype=np.int64)
    if not len(end_us):
        nothing = np.zeros(len(video.pts_us))
        quiet = RowTimeline(score=nothing, raw=nothing, alert=nothing.astype(np.bool_), alerts=())
        first = np.zeros(len(video.pts_us), dtype=np.int64)
        return VideoRun(
            clip_of_frame=first,
            latency_seconds=0.0,
            clips=0,
            leading=(),
            rows=dict.fromkeys(scores, quiet),
            without={},
        )
    # What a clip shows is spread around its middle: at its end half of it is over already.
    start_us = np.array([anomaly.clip.start_us for anomaly in anomalies], dtype=np.int64)
    middle_us = start_us + (end_us - start_us) // 2
    clip_of_frame = newest_clip(middle_us, video.pts_us)
    known_clip = newest_clip(end_us, video.pts_us)
    # Before the end of the first clip nobody was alerted yet.
    begun = video.pts_us >= end_us[0]
    rows = {}
    for row, values in scores.items():
        if np.isnan(values).any():
            # No expert of this row in the model: no figure either.
            continue
        smoothed = smooth(start_us, end_us, values, model.policy)
        spans = alert_spans(anomalies, values, model.policy, model.tail, model.budget_per_day)
        opened = hysteresis(levels(start_us, end_us, smoothed, model.policy), model.policy)
        alerting = alert_clips(end_us, opened, spans)
        rows[row] = RowTimeline(
            score=smoothed[clip_of_frame],
            raw=values[clip_of_frame],
            alert=alerting[known_clip] & begun,
            alerts=tuple(spans),
        )
    return VideoRun(
        clip_of_frame=clip_of_frame,
        latency_seconds=seconds(int(np.median(end_us - middle_us))),
        clips=len(anomalies),
        leading=tuple(anomaly.expert for anomaly in anomalies),
        rows=rows,
        without={
            name: smooth(start_us, end_us, values, model.policy)[clip_of_frame]
            for name, values in without.items()
        },
    )
