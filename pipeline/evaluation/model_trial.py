"""Model trials: several models on the same footage, which none of them has learnt from.

Each is tried on normal footage (what does it raise there?), on faults injected into it (what does
it find?), and on times of which people said that something was wrong. What a model raises on the
untouched footage at the moment of a fault finds nothing: there it alarms anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import EvaluationError
from pipeline.evaluation.alarms import AlertSpan, alert_spans, count_alarms
from pipeline.evaluation.busiest import busiest_part
from pipeline.evaluation.fault_figures import origin_of
from pipeline.evaluation.fault_protocol import VariantJob, read_scene
from pipeline.evaluation.faults import FaultKind
from pipeline.evaluation.injection import untouched, variants
from pipeline.evaluation.labels import Interval
from pipeline.evaluation.parts import Model, Parts
from pipeline.evaluation.run import FUSED
from pipeline.timebase import microseconds, seconds

if TYPE_CHECKING:
    from pipeline.clips.reader import Stretch

__all__ = ["KnownAnomaly", "ModelTrial", "TrialFootage", "kind_of", "try_models"]

Progress = Callable[[str], None]

_PART_SECONDS = 10.0
"""Of footage around an injected fault."""
_MOST_SCENE_SECONDS = 60.0
"""Of footage that faults are injected into: where most moves."""
_AROUND_SECONDS = 4.0
"""Shown to a model before and after a known anomaly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownAnomaly:
    """A time of which a person said that something was wrong."""

    name: str
    stretch: Stretch
    start_us: int
    end_us: int
    """In the media time of the stretch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialFootage:
    """What models are tried on."""

    normal: Sequence[Stretch]
    known: Sequence[KnownAnomaly] = ()
    kinds: Sequence[FaultKind] = tuple(FaultKind)
    instances: int = 3
    """Injected faults of each kind."""
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelTrial:
    """What one model did."""

    normal_seconds: float
    false_alarms: int
    """Alerts on normal footage, at the model's own threshold."""
    false_alarms_at: tuple[str, ...]
    """When they began, as file and seconds: for a person to look at."""
    faults: Mapping[str, bool]
    """Injected fault (`KIND-NUMBER`) -> whether it was found."""
    known: Mapping[str, bool]
    """Known anomaly -> whether it was found."""

    def to_dict(self) -> dict[str, Any]:
        """Return values that JSON can hold."""
        return {
            "normal_seconds": round(self.normal_seconds, 3),
            "false_alarms": self.false_alarms,
            "false_alarms_at": list(self.false_alarms_at),
            "faults": dict(self.faults),
            "known": dict(self.known),
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> ModelTrial:
        """Return what `to_dict` wrote."""
        return ModelTrial(**{**values, "false_alarms_at": tuple(values["false_alarms_at"])})


def try_models(
    models: Sequence[Model],
    footage: TrialFootage,
    work: Path,
    parts: Parts,
    progress: Progress = lambda line: None,
) -> list[ModelTrial]:
    """Return what each model did, in their order; all see the same.

    `work` is a folder for videos with faults in them, of which one at a time is there. Raises
    EvaluationError when there is no normal footage; footage in which no fault has a place gives no
    injected faults.
    """
    if not footage.normal:
        raise EvaluationError("no normal footage to try models on; ingest some, and retrain later")
    length = sum(seconds(s.segment.end_us - s.segment.start_us) for s in footage.normal)
    progress(f"trying {len(models)} models on {length:,.0f} s of normal footage")
    raised = []
    for number, model in enumerate(models, start=1):
        raised.append(_raised(model, footage.normal, parts))
        progress(f"model {number} of {len(models)}: {len(raised[-1])} false alarms")
    known = [{one.name: _finds(model, one, parts) for one in footage.known} for model in models]
    if footage.known:
        counts = " and ".join(str(sum(found.values())) for found in known)
        progress(f"of {len(footage.known)} known anomalies they find {counts}")
    faults = _faults(models, footage, work, parts, progress)
    return [
        ModelTrial(
            normal_seconds=length,
            false_alarms=len(raised[index]),
            false_alarms_at=tuple(raised[index][:20]),
            faults=faults[index],
            known=known[index],
        )
        for index in range(len(models))
    ]


def _spans(model: Model, stretch: Stretch, parts: Parts) -> list[AlertSpan]:
    anomalies = [clip.anomaly for clip in parts.score(model, stretch)]
    scores = np.array([anomaly.score for anomaly in anomalies], dtype=np.float64)
    return alert_spans(anomalies, scores, model.policy, model.tail, model.budget_per_day)


def _raised(model: Model, normal: Sequence[Stretch], parts: Parts) -> list[str]:
    return [
        f"{stretch.source.name} {seconds(span.start_us):.1f} s"
        for stretch in normal
        for span in _spans(model, stretch, parts)
    ]


def _finds(model: Model, one: KnownAnomaly, parts: Parts) -> bool:
    around_us = microseconds(_AROUND_SECONDS)
    segment = one.stretch.segment
    shown = one.stretch.part(
        max(segment.start_us, one.start_us - around_us),
        min(segment.end_us, one.end_us + around_us),
    )
    interval = Interval(start_us=one.start_us, end_us=one.end_us, line=0)
    return count_alarms(_spans(model, shown, parts), [interval]).found > 0


def _faults(
    models: Sequence[Model],
    footage: TrialFootage,
    work: Path,
    parts: Parts,
    progress: Progress,
) -> list[dict[str, bool]]:
    found: list[dict[str, bool]] = [{} for _ in models]
    # What does not move can neither go backwards nor stop.
    video, start_us, end_us = busiest_part(footage.normal, _MOST_SCENE_SECONDS, parts)
    try:
        scene = read_scene(video, start_us, end_us, parts, "held out")
    except EvaluationError as error:
        progress(f"warning: no faults are injected: {error}")
        return found
    job = VariantJob(models, parts, work, progress)
    base = job.score(untouched(scene))
    for variant in variants(
        scene,
        seed=footage.seed,
        instances=footage.instances,
        kinds=footage.kinds,
        left_out=lambda name, error: progress(f"warning: {name} is left out: {error}"),
        part_seconds=_PART_SECONDS,
    ):
        scored = job.score(variant)
        moment = origin_of(scored, base).interval
        for index, by_name in enumerate(found):
            anyway = count_alarms(base.runs[index].rows[FUSED].alerts, [moment]).found > 0
            by_name[variant.name] = scored.alarms(index).found > 0 and not anyway
    return found


def kind_of(fault: str) -> str:
    """Return the kind of an injected fault by its name."""
    return fault.rpartition("-")[0]
