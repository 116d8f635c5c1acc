"""Fault figures: what was found of injected faults, by kind, and what nuisances set off.

Every figure of a kind stands beside the same on the untouched footage. Moments are chosen where
much moves, so something may be found there without any fault; only what is above that is skill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.alarms import AlarmCount, count_alarms
from pipeline.evaluation.injection import Variant
from pipeline.evaluation.labels import Interval
from pipeline.evaluation.metrics import frame_figures
from pipeline.evaluation.run import FUSED, VideoRun
from pipeline.evaluation.trivial import TRIVIAL_NAMES
from pipeline.rates import poisson_interval

__all__ = [
    "Origin",
    "ScoredVariant",
    "figures_of",
    "interval_of",
    "origin_of",
    "share_in_place",
]

_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredVariant:
    """A variant and what every model says of it; lists have one entry a model."""

    variant: Variant
    pts_us: NDArray[np.int64]
    intervals: tuple[Interval, ...]
    trivial: Mapping[str, NDArray[np.float64]]
    runs: Sequence[VideoRun]
    in_place: Sequence[float | None]

    @property
    def shown_seconds(self) -> float:
        """How long it is shown."""
        return len(self.variant) / self.variant.scene.frame_rate

    def alarms(self, model: int) -> AlarmCount:
        """Return how the alerts of one model meet its faults."""
        return count_alarms(self.runs[model].rows[FUSED].alerts, self.intervals)

    def score(self, model: int, row: str) -> NDArray[np.float64] | None:
        """Return the score of every frame; None for a row that the model does not have."""
        found = self.runs[model].rows.get(row)
        return None if found is None else found.score


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where in the untouched footage a variant comes from, and where its fault lies there."""

    part: slice
    labels: NDArray[np.bool_]
    """Of the part's frames."""
    interval: Interval


def interval_of(pts_us: NDArray[np.int64], first: int, end: int) -> Interval:
    """Return the time of frames first <= frame < end of a video."""
    step_us = int(np.median(np.diff(pts_us)))
    end_us = int(pts_us[end]) if end < len(pts_us) else int(pts_us[-1]) + step_us
    return Interval(start_us=int(pts_us[first]), end_us=end_us, line=0)


def share_in_place(variant: Variant, run: VideoRun, maps_KMN: NDArray[np.float32]) -> float | None:
    """Return in what share of a fault's frames the strangest place lies in its box.

    A box is larger by one cell of the map on each side. None for a variant without a fault.
    """
    hits = []
    height, width = variant.scene.frames[0].shape[:2]
    for span in variant.spans if len(maps_KMN) else ():
        for frame, box in zip(range(span.first, span.end), span.boxes, strict=True):
            map_MN = maps_KMN[run.clip_of_frame[frame]]
            row, column = np.unravel_index(int(map_MN.argmax()), map_MN.shape)
            cell_y, cell_x = height / map_MN.shape[0], width / map_MN.shape[1]
            y, x = (float(row) + 0.5) * cell_y, (float(column) + 0.5) * cell_x
            hits.append(
                box.y - cell_y <= y <= box.y + box.height + cell_y
                and box.x - cell_x <= x <= box.x + box.width + cell_x
            )
    return float(np.mean(hits)) if hits else None


def figures_of(
    scored: Sequence[ScoredVariant], base: ScoredVariant, rows: Sequence[str]
) -> dict[str, Any]:
    """Return the figures of every fault kind, of all faults, of every nuisance, and of the footage
    as it is, as values that JSON can hold; counts are means over models."""
    faults = [one for one in scored if one.variant.group == "fault"]
    nuisances = [one for one in scored if one.variant.group == "nuisance"]
    return {
        "faults": {
            kind: _fault_figures(found, base, rows) for kind, found in _by_kind(faults).items()
        },
        "all_faults": _fault_figures(faults, base, rows) if faults else None,
        "nuisances": {kind: _false_alarms(found) for kind, found in _by_kind(nuisances).items()},
        "untouched": _false_alarms([base]),
        "variants": [_one(one) for one in [base, *scored]],
    }


def _by_kind(scored: Sequence[ScoredVariant]) -> dict[str, list[ScoredVariant]]:
    kinds: dict[str, list[ScoredVariant]] = {}
    for one in scored:
        kinds.setdefault(one.variant.kind, []).append(one)
    return kinds


def _fault_figures(
    scored: Sequence[ScoredVariant], base: ScoredVariant, rows: Sequence[str]
) -> dict[str, Any]:
    models = range(len(base.runs))
    origins = [origin_of(one, base) for one in scored]
    alarms = [sum((one.alarms(model) for one in scored), AlarmCount()) for model in models]
    without = [
        sum(
            count_alarms(base.runs[model].rows[FUSED].alerts, [origin.interval]).found
            for origin in origins
        )
        for model in models
    ]
    delays = [delay for count in alarms for delay in count.delay_seconds]
    places = [share for one in scored for share in one.in_place if share is not None]
    return {
        "instances": len(scored),
        "found": float(np.mean([count.found for count in alarms])),
        "event_recall": float(np.mean([count.found for count in alarms])) / len(scored),
        "event_recall_untouched": float(np.mean(without)) / len(scored),
        "false_alarms": float(np.mean([count.false_alarms for count in alarms])),
        "detection_delay_seconds": float(np.mean(delays)) if delays else None,
        "strangest_place_in_box": float(np.mean(places)) if places else None,
        "auc": {row: _row_auc(scored, base, origins, row) for row in rows},
        "trivial_auc": {name: _trivial_auc(scored, base, origins, name) for name in TRIVIAL_NAMES},
    }


def origin_of(one: ScoredVariant, base: ScoredVariant) -> Origin:
    """Return where the fault of a variant lies in the untouched footage."""
    order = one.variant.order_F
    (span,) = one.variant.spans
    first, end = int(order.min()), int(np.ceil(order.max())) + 1
    faulty = order[span.first : span.end]
    labels = np.zeros(end - first, dtype=np.bool_)
    start, stop = int(faulty.min()), int(np.ceil(faulty.max())) + 1
    labels[start - first : stop - first] = True
    return Origin(
        part=slice(first, end), labels=labels, interval=interval_of(base.pts_us, start, stop)
    )


def _row_auc(
    scored: Sequence[ScoredVariant], base: ScoredVariant, origins: Sequence[Origin], row: str
) -> dict[str, float | None]:
    """Return the AUC over all frames of the variants, mean and deviation over models, the same of
    the untouched frames that they come from, and that of faulty frames against the same moments
    untouched."""
    injected, before, against = [], [], []
    for model in range(len(base.runs)):
        scores = [one.score(model, row) for one in scored]
        as_it_was = base.score(model, row)
        known = [score for score in scores if score is not None]
        if as_it_was is None or len(known) < len(scores):
            continue
        injected.append(_auc(known, [one.variant.labels() for one in scored]))
        before.append(_auc([as_it_was[o.part] for o in origins], [o.labels for o in origins]))
        against.append(_against_untouched(known, scored, as_it_was, origins))
    return {
        "mean": float(np.mean(injected)) if injected else None,
        "sd": float(np.std(injected, ddof=1)) if len(injected) > 1 else None,
        "untouched": float(np.mean(before)) if before else None,
        "against_untouched": float(np.mean(against)) if against else None,
    }


def _trivial_auc(
    scored: Sequence[ScoredVariant], base: ScoredVariant, origins: Sequence[Origin], name: str
) -> dict[str, float | None]:
    as_it_was = base.trivial[name]
    scores = [one.trivial[name] for one in scored]
    return {
        "mean": _auc(scores, [one.variant.labels() for one in scored]),
        "untouched": _auc([as_it_was[o.part] for o in origins], [o.labels for o in origins]),
        "against_untouched": _against_untouched(scores, scored, as_it_was, origins),
    }


def _against_untouched(
    scores: Sequence[NDArray[np.float64]],
    scored: Sequence[ScoredVariant],
    as_it_was: NDArray[np.float64],
    origins: Sequence[Origin],
) -> float:
    """Return the AUC of faulty frames against the same moments untouched: what moves there anyway
    is on both sides. A score that does not see a fault has .5."""
    faulty = [s[one.variant.labels()] for s, one in zip(scores, scored, strict=True)]
    normal = [as_it_was[origin.part][origin.labels] for origin in origins]
    labels = [np.ones(len(part), dtype=np.bool_) for part in faulty]
    return _auc(
        [*faulty, *normal], [*labels, *(np.zeros(len(part), dtype=np.bool_) for part in normal)]
    )


def _auc(scores: Sequence[NDArray[np.float64]], labels: Sequence[NDArray[np.bool_]]) -> float:
    area = frame_figures(scores, labels).micro_auc
    # Every fault has normal time before it, so both classes are there.
    assert area is not None
    return area


def _false_alarms(scored: Sequence[ScoredVariant]) -> dict[str, Any]:
    shown = sum(one.shown_seconds for one in scored)
    models = range(len(scored[0].runs))
    count = float(
        np.mean([sum(one.alarms(model).false_alarms for one in scored) for model in models])
    )
    hours = shown / _SECONDS_PER_HOUR
    return {
        "false_alarms": count,
        "seconds": round(shown, 3),
        "per_camera_hour": count / hours,
        "interval": list(poisson_interval(count, hours)),
    }


def _one(one: ScoredVariant) -> dict[str, Any]:
    """Return what is kept of a single variant."""
    variant, rate = one.variant, one.variant.scene.frame_rate
    counts = [one.alarms(model) for model in range(len(one.runs))]
    return {
        "name": variant.name,
        "kind": variant.kind,
        "seconds": round(one.shown_seconds, 3),
        "faults": [
            {
                "start_seconds": round(interval.start_us / 1e6, 3),
                "end_seconds": round(interval.end_us / 1e6, 3),
                "from_footage_seconds": round(float(variant.order_F[span.first]) / rate, 3),
                "first_box_px": [
                    span.boxes[0].x,
                    span.boxes[0].y,
                    span.boxes[0].width,
                    span.boxes[0].height,
                ],
            }
            for span, interval in zip(variant.spans, one.intervals, strict=True)
        ],
        "found": [count.found for count in counts],
        "false_alarms": [count.false_alarms for count in counts],
        "peak_scores": [round(float(run.rows[FUSED].score.max()), 3) for run in one.runs],
    }
