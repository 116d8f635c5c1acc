"""The alarm budget on normal footage that nothing was learnt from: stated against measured.

    KIZASHI_DATA=FOLDER python benchmarks/budget.py [--learn 4] [--watch 4] [--preset compact]
        [--seconds 60 --every 600] [--stride 2] [--windows 200] [--one-light] [--label NAME]

One real day of one indoor camera, an hour a file, taken as normal. The first --learn files are
learnt, the last fifth of each is held out for calibration; the next --watch files are scored once,
and the alerts counted that budgets of one to many a day would have let through. A budget is kept or
exceeded when all of the interval lies on one side of it, else the hours were too few. --seconds and
--every take a part of each stretch of time instead of all of it, --stride and --windows less of
what is taken; --one-light learns as if the camera had one lighting state. Prints a table and writes
benchmarks/results/budget-NAME-PRESET[-LABEL].json.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from _machine import command_line, machine_line, stop, wide_console, write_figures
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipeline.alerts.alerts import Alert, alerts_from_events
from pipeline.alerts.events import join_anomalies
from pipeline.clips.reader import ClipReader, Stretch
from pipeline.errors import KizashiError
from pipeline.evaluation.parts import MEDIA_ZERO_UTC, real_parts
from pipeline.evaluation.videos import list_videos
from pipeline.learning.camera_model import CameraModel, load_camera_model
from pipeline.learning.learn import learn
from pipeline.learning.presets import Preset, preset_named
from pipeline.lighting.events import LightingEvent
from pipeline.rates import poisson_interval
from pipeline.scoring.anomaly import Anomaly
from pipeline.scoring.policy import policy_within
from pipeline.scoring.scorer import score_stretch
from pipeline.timebase import microseconds, seconds

WORK = Path("out/budget")
RESULTS = Path(__file__).parent / "results"
NAME, FOLDER = "upcam-day", "upcam_day"
BUDGETS = (1.0, 4.0, 24.0, 96.0, 240.0)
"""Alarms a day; a few hours can prove the larger ones, and only bound the smaller."""


def main(
    learn_files: Annotated[int, typer.Option("--learn", min=1, help="Files to learn.")] = 4,
    watch_files: Annotated[int, typer.Option("--watch", min=1, help="Files to watch.")] = 4,
    preset: Annotated[str, typer.Option(help="Preset.")] = "compact",
    seed: Annotated[int, typer.Option(help="Of the training.")] = 0,
    effort: Annotated[float, typer.Option(min=0.0, help="Times the preset's steps.")] = 1.0,
    reuse: Annotated[bool, typer.Option(help="Take the model that --work holds.")] = False,
    part: Annotated[
        float | None, typer.Option("--seconds", min=10.0, help="Taken of each --every; all of it.")
    ] = None,
    every: Annotated[float, typer.Option(min=10.0, help="Seconds.")] = 600.0,
    stride: Annotated[
        int | None, typer.Option(min=1, help="Frames between two scores; the preset's.")
    ] = None,
    windows: Annotated[
        int | None, typer.Option(min=50, help="That places are learnt from; the preset's.")
    ] = None,
    one_light: Annotated[bool, typer.Option(help="Do not tell lighting states apart.")] = False,
    label: Annotated[str, typer.Option(help="Ends the name of the JSON.")] = "",
    work: Annotated[Path, typer.Option(help="Folder for the model.")] = WORK,
    out: Annotated[Path, typer.Option(help="Folder for the JSON results.")] = RESULTS,
) -> None:
    """Learn some hours, watch the next, and hold alerts against budgets."""
    console = wide_console()

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    started = datetime.now(UTC)
    try:
        videos = _videos(learn_files + watch_files)
        taken = _Parts(part, every)
        learnt, watched = (
            [piece for video in chosen for s in _stretches(video) for piece in taken.of(s)]
            for chosen in (videos[:learn_files], videos[learn_files:])
        )
        recipe = _recipe(preset_named(preset).with_effort(effort), stride, windows)
        training = _Training(recipe, seed, one_light)
        model = _model(learnt, training, work / (label or preset), reuse, say)
        reader = model.reader()
        scored = list(_scored(model, watched, reader, say))
        spells, switches = reader.lighting.take() if reader.lighting else ([], [])
    except KizashiError as error:
        stop(str(error))
    hours = _hours(watched) - sum(s.end_us - s.start_us for s in switches) / 3.6e9
    rows = [_row(model, scored, hours, budget) for budget in BUDGETS]
    _print(rows, hours, console)
    path = out / f"budget-{NAME}-{'-'.join(filter(None, (preset, label)))}.json"
    record = {
        "benchmark": "budget",
        "command": command_line(),
        "data_set": NAME,
        "preset": preset,
        "seed": seed,
        "effort": effort,
        "clip_stride": recipe.clip_stride,
        "place_windows": recipe.place_windows,
        "learnt": [video.name for video in videos[:learn_files]],
        "watched": [video.name for video in videos[learn_files:]],
        "part_seconds": part,
        "every_seconds": every if part else None,
        "learnt_hours": round(_hours(learnt), 4),
        "watched_hours": round(hours, 4),
        "lighting": {
            "told_apart": not one_light,
            "learnt": model.calibration_summary().get("lighting", []),
            "watched_hours": _by_state(spells),
            "switches": len(switches),
            "switching_seconds": round(sum(s.end_us - s.start_us for s in switches) / 1e6, 1),
        },
        "held_out_seconds": model.held_out_seconds,
        "event_tail": asdict(model.tail),
        "started_utc": started.isoformat(timespec="seconds"),
        "wall_seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
        "budgets": rows,
        "raised": _raised(model, watched, scored),
    }
    write_figures(path, record)
    say(f"wrote {path}")
    say(machine_line())


def _recipe(preset: Preset, stride: int | None, windows: int | None) -> Preset:
    return replace(
        preset,
        clip_stride=stride or preset.clip_stride,
        place_windows=windows or preset.place_windows,
    )


def _videos(count: int) -> list[Path]:
    named = os.environ.get("KIZASHI_DATA")
    if not named or not (Path(named) / FOLDER).is_dir():
        stop(f"no {FOLDER}/ under KIZASHI_DATA ({named or 'not set'}); see benchmarks/README.md")
    found = list_videos(Path(named) / FOLDER)
    if len(found) < count:
        stop(f"{FOLDER}/ holds {len(found)} files, {count} asked for; lower --learn or --watch")
    return found[:count]


def _stretches(video: Path) -> list[Stretch]:
    return real_parts().stretches(video, video.parent)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The first so many seconds of each so many; None: all of them."""

    part: float | None
    every: float

    def of(self, stretch: Stretch) -> Iterator[Stretch]:
        start_us, end_us = stretch.segment.start_us, stretch.segment.end_us
        if self.part is None:
            yield stretch
            return
        for first_us in range(start_us, end_us, microseconds(self.every)):
            last_us = first_us + microseconds(self.part)
            if last_us <= end_us:
                yield stretch.part(first_us, last_us)


@dataclass(frozen=True, slots=True)
class _Training:
    preset: Preset
    seed: int
    one_light: bool


def _model(
    normal: Sequence[Stretch], training: _Training, work: Path, reuse: bool, say: Any
) -> CameraModel:
    folder = work / "model"
    if reuse and folder.is_dir():
        return load_camera_model(folder)
    model = learn(
        normal,
        preset=training.preset,
        seed=training.seed,
        workspace=work / "training",
        progress=say,
        one_light=training.one_light,
    )
    shutil.rmtree(folder, ignore_errors=True)
    model.save(folder)
    shutil.rmtree(work / "training", ignore_errors=True)
    return model


def _hours(stretches: Sequence[Stretch]) -> float:
    return sum(seconds(s.segment.end_us - s.segment.start_us) for s in stretches) / 3600.0


def _by_state(spells: Sequence[LightingEvent]) -> dict[str, float]:
    found: dict[str, float] = {}
    for spell in spells:
        found[spell.state] = found.get(spell.state, 0.0) + (spell.end_us - spell.start_us) / 3.6e9
    return {state: round(hours, 4) for state, hours in found.items()}


def _scored(
    model: CameraModel, stretches: Sequence[Stretch], reader: ClipReader, say: Any
) -> Iterator[list[Anomaly]]:
    for stretch in stretches:
        scored = score_stretch(model, stretch, model_id="budget", reader=reader)
        anomalies = [one.anomaly for one in scored]
        say(f"watched {stretch.source.name}: {len(anomalies):,} clips")
        yield anomalies


def _alerts(model: CameraModel, anomalies: Sequence[Anomaly], budget: float) -> list[Alert]:
    policy = policy_within(model.tail, budget, like=model.policy)
    return alerts_from_events(join_anomalies(anomalies, policy), policy, model.tail, budget)


def _raised(
    model: CameraModel, watched: Sequence[Stretch], scored: Sequence[Sequence[Anomaly]]
) -> list[dict[str, Any]]:
    """Return what the smallest budget lets through, where and when, to be looked at."""
    return [
        {
            "video": stretch.source.name,
            "from_seconds": round((alert.start_utc - MEDIA_ZERO_UTC).total_seconds(), 1),
            "to_seconds": round((alert.end_utc - MEDIA_ZERO_UTC).total_seconds(), 1),
            "score": round(alert.score, 2),
            "expert": alert.expert,
            "place": asdict(alert.place),
        }
        for stretch, anomalies in zip(watched, scored, strict=True)
        for alert in _alerts(model, anomalies, BUDGETS[0])
    ]


def _row(
    model: CameraModel, scored: Sequence[Sequence[Anomaly]], hours: float, budget: float
) -> dict[str, Any]:
    policy = policy_within(model.tail, budget, like=model.policy)
    alerts = [alert for anomalies in scored for alert in _alerts(model, anomalies, budget)]
    low, high = poisson_interval(len(alerts), hours / 24.0)
    return {
        "stated_per_day": budget,
        "alert_score": policy.alert_score,
        "alerts": len(alerts),
        "expected": budget * hours / 24.0,
        "measured_per_day": len(alerts) * 24.0 / hours,
        "interval": [low, high],
        "verdict": "kept" if high <= budget else "exceeded" if low > budget else "open",
        "largest_score": max((alert.score for alert in alerts), default=None),
    }


def _print(rows: Sequence[dict[str, Any]], hours: float, console: Console) -> None:
    table = Table(
        title=f"Alarm budget over {hours:.1f} hours of normal footage (95 % interval)",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    for heading in ("stated a day", "threshold", "expected", "seen", "a day", "from", "to", ""):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            f"{row['stated_per_day']:g}",
            f"{row['alert_score']:.2f}",
            f"{row['expected']:.1f}",
            str(row["alerts"]),
            f"{row['measured_per_day']:.1f}",
            *(f"{edge:.1f}" for edge in row["interval"]),
            row["verdict"],
        )
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
