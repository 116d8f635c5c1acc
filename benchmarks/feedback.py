"""Feedback: after one verdict, does the same thing alarm again, and do other faults still?

    KIZASHI_DATA=FOLDER python benchmarks/feedback.py [--instances 1] [--model FOLDER]

The first 60 % of the video are learnt (or a stored model is taken), and faults are injected into
the rest. The alert of each fault in turn is called known and harmless. Then its repeats come, and
every other fault: a repeat should be suppressed, another fault should alarm. Among the others are
another thing on the path of the harmless one, and a second thing beside it. What was scored stays
in the folder of --work, so a run that was stopped goes on; benchmarks/results/feedback.json is
written after every fault.
"""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from _machine import command_line, data_folder, machine_line, stop, wide_console, write_figures
from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipeline.alerts.alerts import alerts_from_events
from pipeline.alerts.events import join_anomalies
from pipeline.clips.reader import Stretch
from pipeline.errors import EvaluationError, KizashiError
from pipeline.evaluation.fault_protocol import (
    BUDGET_PER_DAY,
    TRAINING_SHARE,
    longest_stretch,
    read_scene,
)
from pipeline.evaluation.faults import Edit, FaultKind, inject
from pipeline.evaluation.injection import Variant, write_variant
from pipeline.evaluation.parts import real_parts
from pipeline.evaluation.repeats import again, another_object, beside, elsewhen, first_time
from pipeline.evaluation.scene import Scene
from pipeline.evaluation.videos import digest_of_footage
from pipeline.feedback.looking import looks_of_event
from pipeline.feedback.looks import EventLooks
from pipeline.feedback.matching import compare
from pipeline.learning.camera_model import CameraModel, load_camera_model
from pipeline.learning.learn import learn
from pipeline.learning.presets import preset_named
from pipeline.scoring.anomaly import Anomaly
from pipeline.scoring.scorer import BATCH_CLIPS, scored_clip

RESULTS = Path(__file__).parent / "results"
WORK = Path("out/feedback")
VIDEO = "pets2009/vtest.avi"
KINDS = (
    FaultKind.REPEATED_STEP,
    FaultKind.VANISHED_OBJECT,
    FaultKind.REVERSED,
    FaultKind.FOREIGN_OBJECT,
    FaultKind.FROZEN_REGION,
    FaultKind.CAMERA_KNOCKED,
)
"""Those of `benchmarks/faults.py` that alarm on this footage; the two of speed do not."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One video that was scored."""

    name: str
    of: str
    """The fault that it is, or repeats."""
    how: str
    """first, again, elsewhen, another_object or beside."""
    alerts: Sequence[EventLooks]
    """By time."""


def main(
    video: Annotated[str, typer.Option(help="Below KIZASHI_DATA.")] = VIDEO,
    instances: Annotated[int, typer.Option(min=1, help="Of every kind.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the faults, and of a training.")] = 0,
    effort: Annotated[float, typer.Option(min=0.001, help="Times the preset's steps.")] = 1.0,
    model: Annotated[Path | None, typer.Option(help="Stored model; nothing is trained.")] = None,
    work: Annotated[Path, typer.Option(help="Folder for the model.")] = WORK,
    out: Annotated[Path, typer.Option(help="Folder for the JSON result.")] = RESULTS,
) -> None:
    """Call injected faults harmless, one at a time, and inject them and others again."""
    console = wide_console()
    path = data_folder() / video
    if not path.is_file():
        stop(f"{path} is not there; see benchmarks/README.md")

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    started = datetime.now(UTC)
    try:
        scene, seen = _prepared(path, model, effort, seed, work)
        head = {
            "benchmark": "feedback",
            "command": command_line(),
            "footage": video,
            "preset": seen.preset.name,
            "budget_per_day": BUDGET_PER_DAY,
            "started_utc": started.isoformat(timespec="seconds"),
            "digests": {"footage": digest_of_footage([path]), "model": seen.digest},
        }
        faults: list[Fault] = []
        silent: set[str] = set()
        kept = work / f"looks-{seen.digest[:12]}-{seed}"
        for how, of, variant in _variants(scene, seed, instances, say):
            if of in silent:
                continue
            alerts = _kept_alerts(kept / f"{variant.name}.json", seen, variant)
            if how == "first" and not alerts:
                silent.add(of)  # nothing that could be called harmless
            faults.append(Fault(name=variant.name, of=of, how=how, alerts=alerts))
            say(f"{variant.name}: {len(alerts)} alerts {[round(a.score, 2) for a in alerts]}")
            wall = round((datetime.now(UTC) - started).total_seconds(), 1)
            result: dict[str, Any] = {**head, "wall_seconds": wall, "result": figures(faults)}
            write_figures(out / "feedback.json", result)
    except KizashiError as error:
        stop(str(error))
    console.print(_table(result["result"]))
    say(f"wrote {out / 'feedback.json'}")
    say(machine_line())


def _prepared(
    video: Path, stored: Path | None, effort: float, seed: int, work: Path
) -> tuple[Scene, CameraModel]:
    """Return the part of a video that is injected into, and a model of the part before it."""
    parts = real_parts()
    whole = longest_stretch(video, parts)
    start_us, end_us = whole.segment.start_us, whole.segment.end_us
    cut_us = start_us + round((end_us - start_us) * TRAINING_SHARE)
    scene = read_scene(video, cut_us, end_us, parts, f"its last {1 - TRAINING_SHARE:.0%}")
    work.mkdir(parents=True, exist_ok=True)
    if stored is None:
        stored = work / f"model-{seed}"
        chosen = preset_named("compact").with_effort(effort)
        learn([whole.part(start_us, cut_us)], preset=chosen, seed=seed).save(stored)
    return scene, load_camera_model(stored).with_budget(BUDGET_PER_DAY)


def _variants(
    scene: Scene, seed: int, instances: int, say: Any
) -> Iterator[tuple[str, str, Variant]]:
    """Yield how a fault comes, which one it is, and its video."""
    taken: dict[FaultKind, list[Edit]] = {kind: [] for kind in KINDS}
    for instance in range(instances):
        for kind in KINDS:
            rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), instance])
            name = f"{kind}-{instance + 1}"
            try:
                edit = inject(kind, scene, rng, [known.moment for known in taken[kind]])
            except EvaluationError as error:
                say(f"warning: {name} is left out: {error}")
                continue
            taken[kind].append(edit)
            variant = first_time(scene, kind, name, edit)
            yield "first", name, variant
            yield "again", name, again(variant, f"{name}-again", rng)
            moved = elsewhen(scene, kind, f"{name}-elsewhen", edit, rng)
            if moved is not None:
                yield "elsewhen", name, moved
            if kind is FaultKind.FOREIGN_OBJECT:
                other = another_object(scene, f"{name}-another_object", edit, rng)
                yield "another_object", name, other
                second = inject(kind, scene, rng, [edit.moment])
                yield "beside", name, beside(variant, f"{name}-beside", second)


def _kept_alerts(path: Path, model: CameraModel, variant: Variant) -> list[EventLooks]:
    """Return how the alerts of a video looked, as they were found when it was scored before."""
    if path.is_file():
        return [EventLooks.from_dict(one) for one in json.loads(path.read_text())]
    path.parent.mkdir(parents=True, exist_ok=True)
    alerts = _alerts(model, variant, path.parent)
    path.write_text(json.dumps([one.to_dict() for one in alerts]), encoding="utf-8")
    return alerts


def _alerts(model: CameraModel, variant: Variant, work: Path) -> list[EventLooks]:
    """Return how the alerts looked that a video raises, by time."""
    parts = real_parts()
    with tempfile.TemporaryDirectory(prefix=".variant-", dir=work) as folder:
        path = Path(folder) / "variant.avi"
        write_variant(path, variant)
        (stretch,) = parts.stretches(path, path.parent)
        anomalies = _scored(model, stretch, variant)
        events = list(join_anomalies(anomalies, model.policy))
        raised = alerts_from_events(events, model.policy, model.tail, model.budget_per_day)
        names = {alert.event_id for alert in raised}

        def whole(_: str) -> Stretch:
            return stretch

        found = [
            looks_of_event(model, event, anomalies, whole)
            for event in events
            if event.event_id in names
        ]
    return [looks for looks in found if looks is not None]


def _scored(model: CameraModel, stretch: Stretch, variant: Variant) -> list[Anomaly]:
    """Return the scores of a video from a second before its fault; what lies before that is only
    read, for the histories of places."""
    reader = model.reader()
    from_us = round((variant.spans[0].first / variant.scene.frame_rate - 1.0) * 1e6)
    found: list[Anomaly] = []
    for clips, windows in reader.batches(stretch, stride=model.clip_stride, size=BATCH_CLIPS):
        if clips[-1].end_us >= from_us:
            calibrated = model.look(reader, windows)
            found += [
                scored_clip(clip, index, calibrated, model.digest).anomaly
                for index, clip in enumerate(clips)
            ]
    return found


def figures(faults: Sequence[Fault]) -> dict[str, Any]:
    """Return what a verdict on the strongest alert of each fault changes for all the others.

    A fault is suppressed when all of its alerts are, and alarms when one is not.
    """
    patterns = []
    for fault in faults:
        if fault.how != "first" or not fault.alerts:
            continue
        pattern = max(fault.alerts, key=lambda alert: alert.score)
        rest = [other for other in faults if other is not fault and other.alerts]
        patterns.append(
            {
                "pattern": fault.name,
                "score": pattern.score,
                "places": sum(look.tested for look in pattern.looks),
                "repeats": [
                    _outcome(other, pattern)
                    for other in rest
                    if other.of == fault.of and other.how in ("again", "elsewhen")
                ],
                "others": [
                    _outcome(other, pattern)
                    for other in rest
                    if other.of != fault.of or other.how in ("another_object", "beside")
                ],
            }
        )
    return {
        "alarms_without_feedback": {fault.name: len(fault.alerts) for fault in faults},
        "again_suppressed": _share(patterns, "repeats", "again"),
        "elsewhen_suppressed": _share(patterns, "repeats", "elsewhen"),
        "others_suppressed": _share(patterns, "others", None),
        "hardest_others_suppressed": {
            how: _share(patterns, "others", how) for how in ("another_object", "beside")
        },
        "patterns": patterns,
    }


def _outcome(fault: Fault, pattern: EventLooks) -> dict[str, Any]:
    found = [compare(alert, pattern) for alert in fault.alerts]
    open_ones = [one.unlike for one in found if one.unlike is not None]
    return {
        "fault": fault.name,
        "how": fault.how,
        "suppressed": not open_ones,
        "alarms_because": sorted({str(why) for why in open_ones}),
        "nearness": round(max(one.nearness for one in found), 3) if not open_ones else None,
    }


def _share(patterns: Sequence[Mapping[str, Any]], group: str, how: str | None) -> dict[str, int]:
    outcomes = [
        one for pattern in patterns for one in pattern[group] if how is None or one["how"] == how
    ]
    return {"suppressed": sum(one["suppressed"] for one in outcomes), "of": len(outcomes)}


def _table(result: Mapping[str, Any]) -> Table:
    table = Table(title="After one verdict", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("called harmless", "again", "elsewhen", "others that still alarm"):
        table.add_column(heading, no_wrap=True)
    for pattern in result["patterns"]:
        cells = [
            ", ".join(
                "suppressed" if one["suppressed"] else "alarms: " + ", ".join(one["alarms_because"])
                for one in pattern["repeats"]
                if one["how"] == how
            )
            or "-"
            for how in ("again", "elsewhen")
        ]
        others = pattern["others"]
        alarming = sum(not one["suppressed"] for one in others)
        table.add_row(pattern["pattern"], *cells, f"{alarming} of {len(others)}")
    return table


if __name__ == "__main__":
    typer.run(main)
