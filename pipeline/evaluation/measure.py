"""Measure: from runs and labels to the figures of every row, strict and as in the literature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.alarms import AlarmCount, count_alarms, normal_hours
from pipeline.evaluation.cells import CellGrid, LabelledRegions, labelled_regions
from pipeline.evaluation.metrics import (
    Figures,
    MicroAuc,
    PixelHistogram,
    frame_f1,
    frame_figures,
    mean_figures,
)
from pipeline.evaluation.regions import THRESHOLD_SHARES, RegionCounter
from pipeline.evaluation.run import FUSED, VideoRun
from pipeline.evaluation.spool import MapSpool
from pipeline.evaluation.timeline import literature_scores
from pipeline.evaluation.trivial import TRIVIAL_NAMES
from pipeline.evaluation.videos import TestVideo
from pipeline.rates import poisson_interval

__all__ = [
    "Budget",
    "MaskedVideo",
    "PlaceFigures",
    "budget_figures",
    "leave_one_out",
    "literature_figures",
    "place_figures",
    "read_masks",
    "strict_figures",
    "trivial_figures",
]

HOURS_PER_DAY = 24.0
_CELLS_AT_ONCE = 1 << 20
"""Of clips that are looked at together: of hours of footage all would be gigabytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceFigures:
    """How well the places are found; None without masks."""

    pixel_auroc: float | None = None
    rbdc: float | None = None
    tbdc: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """The alarm budget, stated against measured."""

    stated_per_day: float
    measured_per_day: float | None
    """False alarms for 24 hours of normal test footage; None when there is no normal footage."""
    interval: tuple[float, float] | None
    """95 %, if false alarms come by chance at a constant rate (Poisson)."""
    detected_frames: float | None
    """Share of the labelled frames that were shown while an alert of theirs was open; None when
    nothing is labelled."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskedVideo:
    """What the mask of one test video says, on the cells of its picture."""

    grid: CellGrid
    regions: LabelledRegions


def read_masks(videos: Sequence[TestVideo]) -> list[MaskedVideo]:
    """Return the masks of all videos; one of them is in memory at a time.

    A video without a mask file is normal in every pixel.
    """
    found = []
    for video in videos:
        mask = video.read_mask()
        if mask is None:
            mask = np.zeros((0, video.height_px, video.width_px), dtype=np.bool_)
        grid = CellGrid(height_px=video.height_px, width_px=video.width_px)
        found.append(MaskedVideo(grid=grid, regions=labelled_regions(mask, grid)))
    return found


def place_figures(
    masks: Sequence[MaskedVideo],
    runs: Sequence[VideoRun],
    spool: MapSpool,
    rows: Sequence[str],
    *,
    cells_at_once: int = _CELLS_AT_ONCE,
) -> dict[str, PlaceFigures]:
    """Return the place figures of every row of one run.

    Two passes: the first counts pixels by score, which also gives the thresholds at which the
    second looks for regions. Both look at so many clips at a time as have `cells_at_once`.
    """
    figures = {}
    for row in rows:
        histogram = PixelHistogram()
        for index, (mask, run) in enumerate(zip(masks, runs, strict=True)):
            first = 0
            for scores_KGC in _blocks_of_scores(mask.grid, run, spool, index, row, cells_at_once):
                end = first + len(scores_KGC)
                histogram.add(scores_KGC, *_pixels_of_clips(mask, run, first, end))
                first = end
        counter = RegionCounter(histogram.thresholds(THRESHOLD_SHARES))
        for index, (mask, run) in enumerate(zip(masks, runs, strict=True)):
            blocks_KGC = _blocks_of_scores(mask.grid, run, spool, index, row, cells_at_once)
            counter.add_blocks(blocks_KGC, run.clip_of_frame, mask.regions, mask.grid)
        figures[row] = PlaceFigures(
            pixel_auroc=histogram.auroc(), rbdc=counter.rbdc(), tbdc=counter.tbdc()
        )
    return figures


def _pixels_of_clips(
    mask: MaskedVideo, run: VideoRun, first: int, end: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many normal and abnormal pixels each cell has in the frames of each of the clips
    first <= clip < end, KGC."""
    rows, columns = mask.grid.shape
    clips = end - first
    regions = mask.regions
    clip = run.clip_of_frame[regions.region_frame[regions.piece_region]]
    pieces = np.flatnonzero((clip >= first) & (clip < end))
    abnormal = np.bincount(
        (clip[pieces] - first) * rows * columns + regions.piece_cell[pieces],
        weights=regions.piece_pixels[pieces],
        minlength=clips * rows * columns,
    )
    abnormal_KGC = abnormal.astype(np.int64).reshape(clips, rows, columns)
    frames_K = np.bincount(run.clip_of_frame, minlength=end)[first:end]
    return frames_K[:, None, None] * mask.grid.cell_pixels() - abnormal_KGC, abnormal_KGC


def _blocks_of_scores(
    grid: CellGrid, run: VideoRun, spool: MapSpool, index: int, row: str, cells_at_once: int
) -> Iterator[NDArray[np.float32]]:
    """Yield the score of every cell of every clip, KGC, some clips at a time."""
    if not run.clips:
        yield np.zeros((1, *grid.shape), dtype=np.float32)
        return
    maps_KMN = spool.maps(index, row)
    step = max(1, cells_at_once // (grid.shape[0] * grid.shape[1]))
    for first in range(0, len(maps_KMN), step):
        yield grid.interpolate(maps_KMN[first : first + step])


def strict_figures(
    videos: Sequence[TestVideo],
    runs: Sequence[Sequence[VideoRun]],
    places: Sequence[dict[str, PlaceFigures]],
    row: str,
) -> Figures:
    """Return the strict figures of a row; `runs` and `places` have one entry a seed."""
    if not _has_row(runs, row):
        return Figures(micro_auc=MicroAuc())
    labels = [video.labels for video in videos]
    hours = sum(normal_hours(video.pts_us, video.labels) for video in videos)
    figures = []
    for run, place in zip(runs, places, strict=True):
        scores = [video_run.rows[row].score for video_run in run]
        alarms = _alarms(videos, run, row)
        figures.append(
            replace(
                _single(scores, labels),
                **asdict(place.get(row, PlaceFigures())),
                event_recall=alarms.found / alarms.intervals if alarms.intervals else None,
                false_alarms_per_hour=alarms.false_alarms / hours if hours else None,
                detection_delay_seconds=float(np.mean(alarms.delay_seconds))
                if alarms.delay_seconds
                else None,
                f1_at_threshold=frame_f1([v.rows[row].alert for v in run], labels),
            )
        )
    scores_of_runs = [[v.rows[row].score for v in run] for run in runs]
    return mean_figures(figures, scores_of_runs, labels)


def leave_one_out(
    videos: Sequence[TestVideo], runs: Sequence[Sequence[VideoRun]]
) -> dict[str, dict[str, float | None]]:
    """Return for every expert the micro AUC of all the others, and what it adds to them: means over
    seeds, strict. None where a class is missing; empty where no model tells."""
    labels = [video.labels for video in videos]
    names = [name for name in runs[0][0].rows if any(name in v.without for v in runs[0])]
    fused = [_area([v.rows[FUSED].score for v in run], labels) for run in runs]
    table: dict[str, dict[str, float | None]] = {}
    for name in names:
        # A video without clips has score 0 whoever is left out.
        without = [[v.without.get(name, v.rows[FUSED].score) for v in run] for run in runs]
        others = [_area(scores, labels) for scores in without]
        mean, of_all = _mean(others), _mean(fused)
        adds = None if mean is None or of_all is None else of_all - mean
        table[name] = {"micro_auc_without": mean, "adds": adds}
    return table


def _area(
    scores: Sequence[NDArray[np.float64]], labels: Sequence[NDArray[np.bool_]]
) -> float | None:
    return frame_figures(scores, labels).micro_auc


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def literature_figures(
    videos: Sequence[TestVideo], runs: Sequence[Sequence[VideoRun]], row: str
) -> Figures:
    """Return the figures as papers count: min-max per video, centred smoothing, padded macro AUC.

    Nothing that needs a threshold: normalised by its own future, a score has none that could ship.
    """
    if not _has_row(runs, row):
        return Figures(micro_auc=MicroAuc())
    labels = [video.labels for video in videos]
    scores_of_runs = [[literature_scores(v.rows[row].raw) for v in run] for run in runs]
    figures = [_single(scores, labels, padded_macro=True) for scores in scores_of_runs]
    return mean_figures(figures, scores_of_runs, labels)


def trivial_figures(videos: Sequence[TestVideo]) -> dict[str, Figures]:
    """Return the figures of every trivial score, counted as in the strict column."""
    labels = [video.labels for video in videos]
    figures = {}
    for name in TRIVIAL_NAMES:
        scores = [video.trivial[name] for video in videos]
        figures[name] = mean_figures([_single(scores, labels)], [scores], labels)
    return figures


def budget_figures(
    videos: Sequence[TestVideo], runs: Sequence[Sequence[VideoRun]], stated_per_day: float
) -> Budget:
    """Return the false alarms of the fused row for a day of normal test footage, and the share of
    labelled frames under an alert, means over seeds.

    Seeds see the same footage, so they do not narrow the interval.
    """
    days = sum(normal_hours(video.pts_us, video.labels) for video in videos) / HOURS_PER_DAY
    count = float(np.mean([_alarms(videos, run, FUSED).false_alarms for run in runs]))
    return Budget(
        stated_per_day=stated_per_day,
        measured_per_day=count / days if days else None,
        interval=poisson_interval(count, days) if days else None,
        detected_frames=_detected_frames(videos, runs),
    )


def _detected_frames(
    videos: Sequence[TestVideo], runs: Sequence[Sequence[VideoRun]]
) -> float | None:
    labels = np.concatenate([video.labels for video in videos])
    if not labels.any():
        return None
    shares = [np.concatenate([v.rows[FUSED].alert for v in run])[labels].mean() for run in runs]
    return float(np.mean(shares))


def _has_row(runs: Sequence[Sequence[VideoRun]], row: str) -> bool:
    return all(row in video_run.rows for run in runs for video_run in run)


def _alarms(videos: Sequence[TestVideo], run: Sequence[VideoRun], row: str) -> AlarmCount:
    total = AlarmCount()
    for video, video_run in zip(videos, run, strict=True):
        total += count_alarms(video_run.rows[row].alerts, video.intervals)
    return total


def _single(
    scores: Sequence[NDArray[np.float64]],
    labels: Sequence[NDArray[np.bool_]],
    *,
    padded_macro: bool = False,
) -> Figures:
    frame = asdict(frame_figures(scores, labels, padded_macro=padded_macro))
    return Figures(micro_auc=MicroAuc(mean=frame.pop("micro_auc")), **frame)
