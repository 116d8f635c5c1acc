"""A student against its teacher on UCSD Ped2: accuracy, speed and size, in four ways to run it.

    KIZASHI_DATA=FOLDER python benchmarks/student.py [--model FOLDER] [--effort 1] [--reuse]

`--model` is a stored model of that data set; unless told, the first that `benchmarks/accuracy.py`
leaves. Makes a student of it, writes it as ONNX in 32 and in 8
bits, evaluates all of them as `kizashi evaluate` does, and times them side by side: clip by clip
over the same videos, decoding, flow and lighting included, in processor time and by the clock.
Prints a table and writes benchmarks/results/student-NAME.json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from _machine import command_line, data_folder, machine_line, stop, wide_console, write_figures
from accuracy import DATA_SETS
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipeline.clips.reader import Stretch
from pipeline.distillation.distil import distil
from pipeline.distillation.eight_bits import export_int8
from pipeline.distillation.export import export_onnx
from pipeline.distillation.stored_models import AnyModel, load_model
from pipeline.distillation.student_model import load_student_model
from pipeline.errors import KizashiError
from pipeline.evaluation.parts import real_parts
from pipeline.evaluation.protocol import evaluate
from pipeline.evaluation.videos import stretches_of_folder
from pipeline.learning.camera_model import CameraModel
from pipeline.scoring.scorer import score_stretch

WORK = Path("out/student")
TEACHER = Path("out/accuracy/ucsd-ped2-compact/models/seed-0")
RESULTS = Path(__file__).parent / "results"
DATA_SET = DATA_SETS[0]
_TIMED_VIDEOS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to score."""

    what: str
    path: Path
    """Folder of the model, or exported file."""


def main(
    model: Annotated[Path, typer.Option(help="Folder of the teacher.")] = TEACHER,
    effort: Annotated[float, typer.Option(min=0.001, help="Times its lessons and steps.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the student.")] = 0,
    reuse: Annotated[
        bool, typer.Option(help="Take the student and the reports that --work holds.")
    ] = False,
    work: Annotated[Path, typer.Option(help="Folder for models and reports.")] = WORK,
    out: Annotated[Path, typer.Option(help="Folder for the JSON results.")] = RESULTS,
) -> None:
    """Make a student, and hold it against its teacher."""
    console = wide_console()
    data, started = data_folder(), datetime.now(UTC)

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    try:
        ways = _ways(data, model, work, effort, seed, reuse, say)
        rows = [_evaluated(way, data, work, reuse, say) for way in ways]
        times = _timed(ways, stretches_of_folder(data / DATA_SET.test, real_parts()))
    except KizashiError as error:
        stop(str(error))
    rows = [{**row, **time_} for row, time_ in zip(rows, times, strict=True)]
    _print(rows, console)
    path = out / f"student-{DATA_SET.name}.json"
    record = {
        "benchmark": "student",
        "command": command_line(),
        "data_set": DATA_SET.name,
        "effort": effort,
        "seed": seed,
        "started_utc": started.isoformat(timespec="seconds"),
        "wall_seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
        "rows": rows,
    }
    write_figures(path, record)
    say(f"wrote {path}")
    say(machine_line())


def _ways(
    data: Path,
    folder: Path,
    work: Path,
    effort: float,
    seed: int,
    reuse: bool,
    say: Callable[[str], None],
) -> list[Way]:
    if not folder.is_dir():
        stop(f"no model in {folder}; run benchmarks/accuracy.py first, or name one with --model")
    teacher = load_model(folder)
    if not isinstance(teacher, CameraModel):
        stop(f"{folder} holds a student already; give the model that it came from")
    stretches = stretches_of_folder(data / DATA_SET.train, real_parts())
    path = work / "student"
    if reuse and path.is_dir():
        student = load_student_model(path)
    else:
        student = distil(teacher, stretches, seed=seed, effort=effort, progress=say)
        student.save(path)
        student = load_student_model(path)
    export_onnx(student, work / "student.onnx")
    export_int8(student, stretches, work / "student-int8.onnx")
    return [
        Way(what="teacher", path=folder),
        Way(what="student, PyTorch", path=path),
        Way(what="student, ONNX", path=work / "student.onnx"),
        Way(what="student, ONNX, 8 bits", path=work / "student-int8.onnx"),
    ]


def _evaluated(
    way: Way, data: Path, work: Path, reuse: bool, say: Callable[[str], None]
) -> dict[str, Any]:
    say(way.what)
    out = work / "reports" / way.path.name
    result = _known(out / "result.json", load_model(way.path).digest) if reuse else None
    if result is None:
        result = evaluate(
            None,
            data / DATA_SET.test,
            data / DATA_SET.labels,
            None,
            "",
            (),
            way.path,
            out,
            say,
        )
    fused = result["strict"]["fused"]
    size = sum(f.stat().st_size for f in way.path.rglob("*")) if way.path.is_dir() else 0
    return {
        "what": way.what,
        "auc": fused["micro_auc"],
        "event_recall": fused["event_recall"],
        "false_alarms_per_hour": fused["false_alarms_per_hour"],
        "detected_frames": result["budget"]["detected_frames"],
        "megabytes": round((size or way.path.stat().st_size) / 1e6, 2),
    }


def _known(path: Path, digest: str) -> dict[str, Any] | None:
    """Return what an earlier call has found of the very same model."""
    if not path.is_file():
        return None
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result if result["digests"]["models"]["given"] == digest else None


def _timed(ways: Sequence[Way], stretches: Sequence[Stretch]) -> list[dict[str, float]]:
    """Return seconds a clip of each way, video by video in turn, so that the machine's other work
    disturbs all alike."""
    models: list[AnyModel] = [load_model(way.path, device="cpu") for way in ways]
    clips = [0] * len(ways)
    processor, wall = [0.0] * len(ways), [0.0] * len(ways)
    for stretch in stretches[:_TIMED_VIDEOS]:
        for index, model in enumerate(models):
            started = time.process_time(), time.perf_counter()
            clips[index] += sum(1 for _ in score_stretch(model, stretch, model_id="timing"))
            processor[index] += time.process_time() - started[0]
            wall[index] += time.perf_counter() - started[1]
    return [
        {
            "processor_ms_a_clip": round(1e3 * processor[index] / clips[index], 3),
            "wall_ms_a_clip": round(1e3 * wall[index] / clips[index], 3),
            "times_faster": round(wall[0] / clips[0] / (wall[index] / clips[index]), 2),
            "times_less_processor": round(
                processor[0] / clips[0] / (processor[index] / clips[index]), 2
            ),
            "threads": torch.get_num_threads(),
        }
        for index in range(len(ways))
    ]


def _print(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    table = Table(
        title="UCSD Ped2: frame-level micro AUC; time a clip with all that scoring it takes",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    for heading in ("", "AUC", "MB", "ms a clip", "of processor", "faster", "less processor"):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for row in rows:
        table.add_row(
            row["what"],
            f"{row['auc']['mean']:.4f}",
            f"{row['megabytes']:.1f}",
            f"{row['wall_ms_a_clip']:.1f}",
            f"{row['processor_ms_a_clip']:.1f}",
            f"{row['times_faster']:.1f}x",
            f"{row['times_less_processor']:.1f}x",
        )
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
