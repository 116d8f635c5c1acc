"""A new camera that starts from another one's networks: footage it needs, against starting anew.

    python benchmarks/adaptation.py --small --new 120:0.2 --new 30:0.2 --adapted 30:0.05
    KIZASHI_DATA=FOLDER python benchmarks/adaptation.py --small --on ucsd-ped2 --adapted 25:0.05 ...

`--on line` (the default) renders the demo line as a second camera sees it: from the other side,
nearer, darker, in cooler light; the first is the camera of the demonstration. `ucsd-ped2` is real
footage with labels, and the first camera is that of PETS 2009 (`vtest.avi`). --model is the folder
of the first camera's stored model; without it one is trained, with all of the preset's steps.
Every --new and --adapted is SECONDS:EFFORT: a training on so many seconds of normal footage (the
first of the line, whole clips evenly spread of Ped2), with such a share of the preset's steps; all
are scored on the same footage with faults. --seed is repeatable. Prints a table and writes
benchmarks/results/adaptation-NAME[-small].json after every training, so that what a stopped run has
measured is there; rows that it holds already are not measured again.

--small measures on little: pictures 128 pixels wide, batches of 16, no `reconstruction` (so no
encoder either), on Ped2 `critic` and `features` alone, half of the faults or test videos.

The AUC is of clips: one is faulty when it ends within a fault. `fused` is of all experts, `tgan` of
those that look through the networks.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from _machine import data_folder, machine_line, stop, wide_console, write_figures
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from pipeline.clips.reader import Stretch
from pipeline.demo.line_view import LineView
from pipeline.demo.write_line import write_line
from pipeline.errors import KizashiError
from pipeline.evaluation.labels import Interval, read_labels
from pipeline.evaluation.parts import real_parts
from pipeline.evaluation.videos import list_videos
from pipeline.learning.camera_model import CameraModel, load_camera_model
from pipeline.learning.learn import learn, length_seconds
from pipeline.learning.origin import origin_of
from pipeline.learning.presets import Preset, preset_named
from pipeline.scoring.scorer import score_stretch
from pipeline.timebase import microseconds

WORK = Path("out/adaptation")
RESULTS = Path(__file__).parent / "results"
LINE, PED2 = "line", "ucsd-ped2"
LINE_SEED = 7
_NORMAL_SECONDS = 240.0
_NORMAL_WATCHED, _BEFORE_SECONDS = 30.0, 5.0
_SCORED_EVERY = 5
"""Frames between two scored clips."""
_EXPERTS = {
    LINE: ("critic", "features", "motion", "continuity", "rhythm"),
    PED2: ("critic", "features"),
}
"""Of a small measurement."""
_HELD_OUT_CLIPS = 60
"""About so many are calibrated on, however much footage there is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Footage of a new camera."""

    normal: Sequence[Stretch]
    watched: Sequence[tuple[Stretch, Sequence[Interval]]]
    """With its faults, in media time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One training."""

    adapted: bool
    seconds: float
    effort: float
    seed: int

    @property
    def key(self) -> list[Any]:
        """What tells it from another in the JSON."""
        return [self.adapted, self.seconds, self.effort, self.seed]


def main(
    model: Annotated[Path | None, typer.Option(help="Folder of the first camera's model.")] = None,
    on: Annotated[str, typer.Option(help="line or ucsd-ped2.")] = LINE,
    new: Annotated[list[str] | None, typer.Option(help="SECONDS:EFFORT, started anew.")] = None,
    adapted: Annotated[
        list[str] | None, typer.Option(help="SECONDS:EFFORT, from the first.")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Of the training; repeatable.")] = None,
    small: Annotated[bool, typer.Option(help="Measure on little.")] = False,
    work: Annotated[Path, typer.Option(help="Folder for rendered footage.")] = WORK,
    out: Annotated[Path, typer.Option(help="Folder for the JSON results.")] = RESULTS,
) -> None:
    """Train on little and on much footage, with and without another camera's networks."""
    console = wide_console()

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    path = out / f"adaptation-{on}{'-small' if small else ''}.json"
    if not (new or adapted):
        new, adapted = ["120:0.2", "30:0.2"], ["30:0.05"]
    try:
        runs = [*_runs(new, False, seed or [0]), *_runs(adapted, True, seed or [0])]
        task = _task(on, work, small, say)
        origin = load_camera_model(model) if model else _first_model(on, work, say)
        for run in runs:
            if run.key in [row["key"] for row in _rows(path)]:
                continue
            say(f"{'adapted' if run.adapted else 'new'}: {run.seconds:g} s, effort {run.effort:g}")
            row = _measured(task, run, origin, _recipe(run, on, small), say)
            rows = [*_rows(path), row]  # read again: another run may have measured meanwhile
            _write(path, on, origin, rows, small)
            _print(rows, console)
    except KizashiError as error:
        stop(str(error))
    say(f"wrote {path}")
    say(machine_line())


def _runs(given: Sequence[str] | None, adapted: bool, seeds: Sequence[int]) -> Iterator[Run]:
    for text in given or ():
        try:
            length, effort = (float(part) for part in text.split(":"))
        except ValueError:
            stop(f"{text!r} is not SECONDS:EFFORT, like 60:0.1")
        for seed in seeds:
            yield Run(adapted=adapted, seconds=length, effort=effort, seed=seed)


def _first_model(on: str, work: Path, say: Any) -> CameraModel:
    """Train the camera that the others start from."""
    if on == LINE:
        line = write_line(work / "first", normal_seconds=_NORMAL_SECONDS, progress=say)
        normal = [s for file in line.files if not file.watched for s in _stretches(file.path)]
    else:
        normal = _stretches(data_folder() / "pets2009" / "vtest.avi")
    made = learn(
        normal,
        preset=preset_named("compact"),
        seed=0,
        workspace=work / f"training-{on}",
        progress=say,
    )
    return replace(made, digest=made.save(work / f"model-{on}"))


def _rows(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.exists() else []
    return rows


def _recipe(run: Run, on: str, small: bool) -> Preset:
    compact = preset_named("compact").with_effort(run.effort)
    held_out_frames = run.seconds / 5.0 * compact.frame_rate
    every = max(1, int(held_out_frames // _HELD_OUT_CLIPS))
    recipe = replace(compact, clip_stride=every)
    if not small:
        return recipe
    return replace(
        recipe,
        working_width_px=128,
        place_windows=60,
        encoder_steps=1,  # no expert asks for it
        experts=_EXPERTS[on],
        tgan=replace(recipe.tgan, optimisation=replace(recipe.tgan.optimisation, batch=16)),
    )


def _task(on: str, work: Path, small: bool, say: Any) -> Task:
    if on == LINE:
        return _line(work / "line", small, say)
    if on != PED2:
        stop(f"{on!r} is unknown; choose {LINE} or {PED2}")
    folder = data_folder() / "ucsd_ped2"
    test = list_videos(folder / "test")
    labels = read_labels(folder / "labels.csv", [video.name for video in test])
    return Task(
        normal=[s for video in list_videos(folder / "train") for s in _stretches(video)],
        watched=[
            (s, labels.get(video.name, ()))
            for video in test[:: 2 if small else 1]
            for s in _stretches(video)
        ],
    )


def _line(folder: Path, small: bool, say: Any) -> Task:
    """Return the second camera's footage: of what is watched the faults with what comes before
    them, and the half minute of normal operation before all of them."""
    line = write_line(
        folder, seed=LINE_SEED, normal_seconds=_NORMAL_SECONDS, view=LineView.BACK, progress=say
    )
    stretches = {file.path: stretch for file in line.files for stretch in _stretches(file.path)}
    faults = line.script.faults[:: 2 if small else 1]
    spans = [(_NORMAL_SECONDS, _NORMAL_SECONDS + _NORMAL_WATCHED, ())] + [
        (one.start_seconds - _BEFORE_SECONDS, one.end_seconds, (one,)) for one in faults
    ]
    watched = []
    for start, end, shown in spans:
        for file in line.files:
            first, last = max(start, file.start_seconds), min(end, file.end_seconds)
            if not file.watched or last - first < 2.0:
                continue
            at = microseconds(first - file.start_seconds)
            part = stretches[file.path].part(at, microseconds(last - file.start_seconds))
            labels = [
                Interval(
                    start_us=microseconds(max(0.0, fault.start_seconds - file.start_seconds)),
                    end_us=microseconds(fault.end_seconds - file.start_seconds),
                    line=0,
                )
                for fault in shown
            ]
            watched.append((part, labels))
    return Task(
        normal=[stretches[file.path] for file in line.files if not file.watched], watched=watched
    )


def _stretches(video: Path) -> list[Stretch]:
    return real_parts().stretches(video, video.parent)


def _first(normal: Sequence[Stretch], wanted: float) -> list[Stretch]:
    """Return so many seconds: the first of one long recording, whole clips evenly spread of
    several short ones."""
    if len(normal) > 5:
        share = wanted / length_seconds(normal)
        count = max(1, round(share * len(normal)))
        places = np.linspace(0, len(normal) - 1, count).round().astype(int)
        return [normal[index] for index in places]
    taken, left_us = [], microseconds(wanted)
    for stretch in normal:
        segment = stretch.segment
        if left_us > 0:
            taken.append(
                stretch.part(segment.start_us, min(segment.end_us, segment.start_us + left_us))
            )
            left_us -= segment.end_us - segment.start_us
    return taken


def _measured(
    task: Task, run: Run, origin: CameraModel, recipe: Preset, say: Any
) -> dict[str, Any]:
    began = time.monotonic()
    normal = _first(task.normal, run.seconds)
    model = learn(
        normal,
        preset=recipe,
        seed=run.seed,
        progress=say,
        origin=origin_of(origin, "origin") if run.adapted else None,
    )
    learnt = time.monotonic()
    sight = replace(model.sight, preset=replace(model.preset, clip_stride=_SCORED_EVERY))
    aucs, clips = _aucs(replace(model, sight=sight), task.watched)
    return {
        "key": run.key,
        "adapted": run.adapted,
        "footage_seconds": round(length_seconds(normal), 1),
        "effort": run.effort,
        "steps": [recipe.generator_steps, recipe.encoder_steps],
        "seed": run.seed,
        "auc": aucs,
        "watched_clips": clips,
        "network_seconds": model.figures["stage_seconds"]["networks"],
        "training_seconds": round(learnt - began, 1),
        "scoring_seconds": round(time.monotonic() - learnt, 1),
    }


def _aucs(
    model: CameraModel, watched: Sequence[tuple[Stretch, Sequence[Interval]]]
) -> tuple[dict[str, float], int]:
    """Return the AUC by row (`fused`, `tgan`, experts), and the number of clips."""
    labels: list[bool] = []
    scores: dict[str, list[float]] = {}
    for stretch, faults in watched:
        for scored in score_stretch(model, stretch, model_id="benchmark"):
            end_us = scored.anomaly.clip.end_us
            inside = any(one.start_us <= end_us < one.end_us for one in faults)
            labels.append(inside)
            said = {"fused": scored.anomaly.score, "tgan": scored.tgan_score}
            said |= scored.anomaly.scores
            for name, value in said.items():
                scores.setdefault(name, []).append(value)
    return {
        name: round(float(roc_auc_score(labels, values)), 4) for name, values in scores.items()
    }, len(labels)


def _write(
    path: Path,
    on: str,
    origin: CameraModel,
    rows: Sequence[dict[str, Any]],
    small: bool,
) -> None:
    record = {
        "benchmark": "adaptation",
        "command": _command(on, rows, small),
        "data_set": on,
        "preset": "compact",
        "origin": {
            "digest": origin.digest[:32],
            "steps": [origin.preset.generator_steps, origin.preset.encoder_steps],
            "training_seconds": origin.figures.get("training_seconds"),
        },
        "small": small,
        "scored_every_frames": _SCORED_EVERY,
        "rows": rows,
    }
    write_figures(path, record)


def _command(on: str, rows: Sequence[dict[str, Any]], small: bool) -> str:
    """Return the command that measures these rows."""
    runs = [
        f"--{'adapted' if adapted else 'new'} {length:g}:{effort:g}"
        for adapted, length, effort in dict.fromkeys(tuple(row["key"][:3]) for row in rows)
    ]
    seeds = [f"--seed {seed}" for seed in sorted({row["key"][3] for row in rows})]
    options = [f"--on {on}", *(["--small"] if small else []), *runs, *seeds]
    return " ".join(["python benchmarks/adaptation.py", *options])


def _print(rows: Sequence[dict[str, Any]], console: Console) -> None:
    table = Table(
        title="AUC of clips of a new camera", title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    shown = ("fused", "tgan", "critic", "features")
    for heading in ("start", "footage s", "steps", "seed", *shown, "networks s"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            "adapted" if row["adapted"] else "new",
            f"{row['footage_seconds']:g}",
            "+".join(str(count) for count in row["steps"]),
            str(row["seed"]),
            *(f"{row['auc'].get(name, math.nan):.3f}" for name in shown),
            f"{row['network_seconds']:.0f}",
        )
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
