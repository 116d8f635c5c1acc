"""Where the time of a frame goes from file to score, beside decoding and resizing alone.

    KIZASHI_DATA=FOLDER python benchmarks/throughput.py [--model PED2] [--vtest-model VTEST]
        [--videos 3] [--seconds 20] [--rounds 3] [--threads 2] [--no-store]
        [--out FILE.json]

`--model` is a stored model of UCSD Ped2 (`benchmarks/accuracy.py` leaves some), `--vtest-model` one
of `pets2009/vtest.avi`; `--seconds` takes the beginning of each video. Four things are done with
each video in turn, so that the machine's other work disturbs all alike: bare (OpenCV decodes, makes
grey and resizes, in this process), floor (the same through the decoder of the pipeline, a process
of its own with its limits and times), alone (everything up to the fused score, each window by
itself and one thing after the other), and score (the same as scoring does it: what windows share is
worked out once, and the next are read ahead). Stages are the
timers that `kizashi score` runs with; the store's are those of that command, run whole. Prints
frames a second, shares of the floor, how many cameras of ten frames a second that makes, and
processor milliseconds a frame by stage.
"""

from __future__ import annotations

import re
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import cv2
import torch
import typer
from _machine import (
    command_line,
    data_folder,
    machine_line,
    stop,
    wide_console,
    write_figures,
)
from _site import CAMERA, run_command, site_with_model
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipeline.clips.reader import Stretch
from pipeline.distillation.stored_models import AnyModel, load_model
from pipeline.errors import KizashiError
from pipeline.evaluation.parts import real_parts
from pipeline.footage.decoding import open_decoder
from pipeline.footage.frames import View
from pipeline.scoring.scorer import BATCH_CLIPS, score_stretch, scored_clip
from pipeline.stopwatch import Stopwatch
from pipeline.timebase import microseconds

PED2_MODEL = Path("out/accuracy/ucsd-ped2-compact/models/seed-0")
WAYS = ("bare", "floor", "alone", "score")
CAMERA_RATE = 10.0
IN_STORE = ("store", "events", "evidence")


@dataclass(kw_only=True, slots=True)
class Spent:
    """What one way took in all, and in each round."""

    frames: int = 0
    wall_seconds: float = 0.0
    processor_seconds: float = 0.0
    """Of this process and of the decoders that it waited for."""
    rounds: list[float] = field(default_factory=list)
    """Wall seconds."""

    @property
    def rate(self) -> float:
        """Frames a second by the clock."""
        return self.frames / self.wall_seconds

    @property
    def processor_ms(self) -> float:
        """Processor milliseconds a frame."""
        return 1e3 * self.processor_seconds / self.frames


def main(
    model: Annotated[Path, typer.Option(help="Stored model of UCSD Ped2.")] = PED2_MODEL,
    vtest_model: Annotated[Path | None, typer.Option(help="Stored model of vtest.avi.")] = None,
    videos: Annotated[int, typer.Option(min=1, help="Test videos of Ped2.")] = 3,
    seconds: Annotated[float | None, typer.Option(min=1.0, help="Of each video.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each video is gone through.")] = 3,
    threads: Annotated[int | None, typer.Option(min=1, help="Of the networks.")] = None,
    store: Annotated[bool, typer.Option(help="Also run the whole command, for the store.")] = True,
    out: Annotated[Path | None, typer.Option(help="File for the JSON.")] = None,
) -> None:
    """Measure every way over the same videos in turn, and print where the time went."""
    console, data = wide_console(), data_folder()
    if threads is not None:
        torch.set_num_threads(threads)
    sets = [("ucsd-ped2", model, sorted((data / "ucsd_ped2/test").glob("*.mp4"))[:videos])]
    if vtest_model is not None:
        sets.append(("vtest", vtest_model, [data / "pets2009/vtest.avi"]))
    try:
        found = [_measured(name, folder, files, seconds, rounds) for name, folder, files in sets]
        # The store works by the clip, whatever is on it: one set tells.
        in_store = _in_store(model, sets[0][2][:1]) if store else {}
    except KizashiError as error:
        stop(str(error))
    for one in found:
        _print(one, console)
    if in_store:
        told = ", ".join(f"{stage} {ms:.2f}" for stage, ms in in_store.items())
        console.print(f"kizashi score, wall ms a clip: {told}", highlight=False)
    figures = {"sets": found, "store_wall_ms_a_clip": in_store}
    write_figures(out, {"benchmark": "throughput", "command": command_line(), **figures})
    console.print(machine_line(), highlight=False)


def _measured(
    name: str, folder: Path, files: Sequence[Path], seconds: float | None, rounds: int
) -> dict[str, Any]:
    if not folder.exists():
        stop(f"no model in {folder}; see benchmarks/README.md for what leaves one, or name another")
    if not files:
        stop(f"no videos of {name} under KIZASHI_DATA; see benchmarks/README.md")
    model = load_model(folder, device="cpu")
    view = model.reader().view
    parts = real_parts()
    end_us = None if seconds is None else microseconds(seconds)
    stretches = {
        file: [_beginning(stretch, end_us) for stretch in parts.stretches(file, file.parent)]
        for file in files
    }
    spent = {way: Spent() for way in WAYS}
    watch, watch_alone = Stopwatch(), Stopwatch()
    ways: dict[str, Callable[[Path], int]] = {
        "bare": lambda file: _bare(file, view, end_us),
        "floor": lambda file: _floor(file, view, end_us),
        "alone": lambda file: _scored_alone(model, stretches[file], watch_alone),
        "score": lambda file: _scored(model, stretches[file], watch),
    }
    # Kernels are chosen, memory is taken.
    list(islice(score_stretch(model, stretches[files[0]][0], model_id="warm"), BATCH_CLIPS))
    for _ in range(rounds):
        taken = dict.fromkeys(WAYS, 0.0)
        for file in files:
            frames = 0
            for way in WAYS:
                began, processor = time.perf_counter(), _processor_seconds()
                frames = ways[way](file) or frames
                wall = time.perf_counter() - began
                taken[way] += wall
                spent[way].frames += frames
                spent[way].wall_seconds += wall
                spent[way].processor_seconds += _processor_seconds() - processor
        for way in WAYS:
            spent[way].rounds.append(round(taken[way], 3))
    return _figures(name, files, rounds, spent, watch, watch_alone)


def _beginning(stretch: Stretch, end_us: int | None) -> Stretch:
    start_us = stretch.segment.start_us
    return (
        stretch if end_us is None else stretch.part(start_us, min(end_us, stretch.segment.end_us))
    )


def _bare(file: Path, view: View, end_us: int | None) -> int:
    """Decode and resize in this process; return how many frames."""
    capture, frames = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]), 0
    while True:
        there, image = capture.read()
        if not there or (end_us and capture.get(cv2.CAP_PROP_POS_MSEC) * 1e3 >= end_us):
            break
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        cv2.resize(grey, (view.width_px, view.height_px), interpolation=cv2.INTER_AREA)
        frames += 1
    capture.release()
    return frames


def _floor(file: Path, view: View, end_us: int | None) -> int:
    with open_decoder(
        file,
        size_px=(view.width_px, view.height_px),
        grey=view.grey,
        frame_rate=view.frame_rate,
        end_us=end_us,
    ) as decoder:
        return sum(1 for _ in decoder)


def _scored(model: AnyModel, stretches: Sequence[Stretch], watch: Stopwatch) -> int:
    """Score all clips; return 0, for the frames are those that the floor counted."""
    with watch.running():
        for stretch in stretches:
            for _ in score_stretch(model, stretch, model_id="throughput"):
                pass
    return 0


def _scored_alone(model: AnyModel, stretches: Sequence[Stretch], watch: Stopwatch) -> int:
    reader, stride = model.reader(), model.clip_stride
    with watch.running():
        for stretch in stretches:
            for clips, windows in reader.batches(stretch, stride=stride, size=BATCH_CLIPS):
                looked = model.look(reader, replace(windows, frames_us=()))
                for index, clip in enumerate(clips):
                    scored_clip(clip, index, looked, "throughput")
    return 0


def _processor_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _in_store(model: Path, files: Sequence[Path]) -> dict[str, float]:
    """Return the wall milliseconds a clip that `kizashi score` spends on store, events and
    evidence."""
    with tempfile.TemporaryDirectory(prefix="kizashi-throughput-") as temporary:
        site = site_with_model(Path(temporary) / "site", files, model)
        said = run_command(site, "score", CAMERA)
    line = next((text for text in said.splitlines() if "clips a second:" in text), "")
    told = dict(re.findall(r"(?:: |, )([a-z ]+) ([0-9.]+) s", line.partition("second")[2]))
    clips = sum(
        int(count) for count in re.findall(r"^scored .* ([0-9]+) clips", said, re.MULTILINE)
    )
    if not told or not clips:
        stop("kizashi score did not say where its time went")
    return {name: round(1e3 * float(told.get(name, 0.0)) / clips, 3) for name in IN_STORE}


def _figures(
    name: str,
    files: Sequence[Path],
    rounds: int,
    spent: dict[str, Spent],
    watch: Stopwatch,
    watch_alone: Stopwatch,
) -> dict[str, Any]:
    frames, alone = spent["score"].frames, watch_alone.stages
    stages = [
        {
            "stage": stage,
            "wall_ms_a_frame": round(1e3 * took.seconds / frames, 3),
            "processor_ms_a_frame": round(1e3 * took.processor_seconds / frames, 3),
            "processor_ms_a_frame_alone": round(1e3 * alone[stage].processor_seconds / frames, 3)
            if stage in alone
            else None,
        }
        for stage, took in watch.stages.items()
    ]
    score = spent["score"]
    return {
        "set": name,
        "videos": [file.name for file in files],
        "rounds": rounds,
        "frames_a_round": frames // rounds,
        "ways": {
            way: {
                "frames_a_second": round(one.rate, 2),
                "processor_ms_a_frame": round(one.processor_ms, 3),
                "wall_seconds_by_round": one.rounds,
            }
            for way, one in spent.items()
        },
        "times_as_fast_as_alone": round(score.rate / spent["alone"].rate, 3),
        "processor_time_of_alone": round(score.processor_ms / spent["alone"].processor_ms, 3),
        "share_of_floor": round(score.rate / spent["floor"].rate, 4),
        "share_of_floor_by_round": [
            round(floor / ours, 4)
            for floor, ours in zip(spent["floor"].rounds, score.rounds, strict=True)
        ],
        "share_of_floor_in_processor_time": round(
            spent["floor"].processor_ms / score.processor_ms, 4
        ),
        "cameras_at_10_frames_a_second": round(score.rate / CAMERA_RATE, 2),
        "cameras_a_free_core": round(1e3 / score.processor_ms / CAMERA_RATE, 2),
        "stages": stages,
    }


def _print(found: dict[str, Any], console: Console) -> None:
    ways = ", ".join(
        f"{way} {one['frames_a_second']:.1f} ({one['processor_ms_a_frame']:.2f} ms of processor)"
        for way, one in found["ways"].items()
    )
    low, high = (fn(found["share_of_floor_by_round"]) for fn in (min, max))
    lines = [
        f"{found['set']}: frames a second: {ways}",
        f"share of the floor {found['share_of_floor']:.3f} ({low:.3f} to {high:.3f} by round), in "
        f"processor time {found['share_of_floor_in_processor_time']:.3f}; cameras of 10 frames a "
        f"second: {found['cameras_at_10_frames_a_second']:.1f} now, "
        f"{found['cameras_a_free_core']:.1f} a free core",
        f"{found['times_as_fast_as_alone']:.2f} times as fast as alone, with "
        f"{found['processor_time_of_alone']:.2f} of its processor time",
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False)
    table = Table(box=SIMPLE_HEAD)
    for heading in ("stage", "wall ms a frame", "processor ms a frame", "of it alone"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage in found["stages"]:
        table.add_row(
            stage["stage"],
            f"{stage['wall_ms_a_frame']:.2f}",
            f"{stage['processor_ms_a_frame']:.2f}",
            "" if (ms := stage["processor_ms_a_frame_alone"]) is None else f"{ms:.2f}",
        )
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
