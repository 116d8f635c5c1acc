"""Frames between frames: real middle frames, left out and drawn again.

    KIZASHI_DATA=FOLDER python benchmarks/interpolation.py [--model FOLDER] [--every 4]

UCSD Ped2 at the model's size and rate. Every second frame is left out and drawn by linear blending,
by optical-flow warping, by TGAN alone (section 5.4 of the paper, after inversion by the encoder)
and by the flow where TGAN's critic trusts it; as a control, by a critic that has learnt nothing.
Weights are learnt from training videos alone, those that the model
learnt from. Prints PSNR and SSIM, means over test videos with 95 % intervals from resampling whole
videos, and writes benchmarks/results/interpolation-ucsd-ped2.json. Without --model one is trained
into the folder of --work first; `--reuse` takes the one that is there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from _machine import command_line, data_folder, machine_line, stop, wide_console, write_figures
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipeline.errors import KizashiError
from pipeline.evaluation.middle_frames import METHODS, middle_figures, middle_qualities
from pipeline.evaluation.parts import real_parts
from pipeline.evaluation.videos import list_videos, stretches_of_folder
from pipeline.learning.learn import learn, split_held_out
from pipeline.learning.presets import preset_named
from pipeline.synthesis.between import Interpolator
from pipeline.synthesis.choosing import learn_choices
from pipeline.synthesis.source import Source, normal_runs, runs_of_video, source_of_folder

WORK = Path("out/interpolation")
RESULTS = Path(__file__).parent / "results"
NAME, FOLDER = "ucsd-ped2", "ucsd_ped2"


def main(
    model: Annotated[
        Path | None, typer.Option(help="Folder of a stored model; nothing is trained.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Measure one hidden frame in so many.")] = 4,
    learn_every: Annotated[int, typer.Option(min=1, help="The same of training footage.")] = 20,
    refine: Annotated[int, typer.Option(min=0, help="Steps of latent search.")] = 0,
    preset: Annotated[str, typer.Option(help="Preset, when one is trained.")] = "compact",
    seed: Annotated[int, typer.Option(min=0, help="Of that training.")] = 0,
    effort: Annotated[float, typer.Option(min=0.0, help="Times the preset's steps.")] = 1.0,
    reuse: Annotated[bool, typer.Option(help="Take the model that --work holds.")] = False,
    work: Annotated[Path, typer.Option(help="Folder for the model.")] = WORK,
    out: Annotated[Path, typer.Option(help="Folder for the JSON results.")] = RESULTS,
) -> None:
    """Leave frames out, draw them, compare."""
    console = wide_console()

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    data = data_folder() / FOLDER
    if not (data / "test").is_dir() or not (data / "train").is_dir():
        stop(f"{data}: no train/ and test/ in it; see benchmarks/README.md")
    started = datetime.now(UTC)
    try:
        folder = model or _trained(data / "train", preset, effort, seed, work, reuse, say)
        source = source_of_folder(folder)
        interpolator = Interpolator(sight=source.model.sight, refine_steps=refine).with_control()
        normal = split_held_out(stretches_of_folder(data / "train", real_parts())).training
        choices = learn_choices(interpolator, normal_runs(source, normal), every=learn_every)
        say(f"weights learnt from {choices.gaps} hidden frames of {len(normal)} training videos")
        videos = []
        for video in list_videos(data / "test"):
            runs = runs_of_video(source, video)
            videos.append(middle_qualities(interpolator, choices, runs, every=every))
            say(f"measured {video.name}: {len(videos[-1])} hidden frames")
    except KizashiError as error:
        stop(str(error))
    figures = middle_figures(videos)
    _print(figures, source, console)
    record = {
        "benchmark": "interpolation",
        "command": command_line(),
        "data_set": NAME,
        "preset": source.model.preset.name,
        "model": source.model.digest,
        "size_px": [source.model.sight.view.width_px, source.model.sight.view.height_px],
        "frame_rate": source.model.sight.view.frame_rate,
        "every": every,
        "refine_steps": refine,
        "started_utc": started.isoformat(timespec="seconds"),
        "wall_seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
        "weights": choices.to_dict(),
        **figures,
        "by_video": [_by_video(video) for video in videos],
    }
    path = out / f"interpolation-{NAME}.json"
    write_figures(path, record)
    say(f"wrote {path}")
    say(machine_line())


def _trained(
    train: Path,
    preset: str,
    effort: float,
    seed: int,
    work: Path,
    reuse: bool,
    say: Callable[[str], None],
) -> Path:
    folder = work / f"{preset}-seed-{seed}"
    if not (reuse and folder.is_dir()):
        stretches = stretches_of_folder(train, real_parts())
        chosen = preset_named(preset).with_effort(effort)
        workspace = work / "training"
        made = learn(stretches, preset=chosen, seed=seed, workspace=workspace, progress=say)
        shutil.rmtree(folder, ignore_errors=True)
        made.save(folder)
        shutil.rmtree(workspace, ignore_errors=True)
    return folder


def _by_video(video: list[Any]) -> dict[str, Any]:
    count = len(video)
    return {
        "frames": count,
        "psnr_db": {
            name: round(sum(frame[name].psnr_db for frame in video) / count, 4) for name in METHODS
        },
    }


def _print(figures: Mapping[str, Any], source: Source, console: Console) -> None:
    view = source.model.sight.view
    table = Table(
        title=f"{figures['frames']} hidden middle frames of {figures['videos']} test videos, "
        f"{view.width_px} x {view.height_px} px, input {view.frame_rate / 2:g} frames a second "
        "(95 % interval over videos)",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    headings = ("PSNR, dB", "over linear", "over no critic", "over untrained", "SSIM")
    for heading in ("", *headings):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, row in figures["methods"].items():
        table.add_row(
            METHODS[name],
            _figure(row["psnr_db"], 2),
            _figure(row["psnr_over_linear"], 3) if name != "linear" else "",
            _figure(row["psnr_over_without_networks"], 3) if name == "ours" else "",
            _figure(row["psnr_over_untrained"], 3) if name == "ours" else "",
            f"{row['ssim']['mean']:.4f}",
        )
    console.print(table)


def _figure(told: Mapping[str, Any], digits: int) -> str:
    text = f"{told['mean']:.{digits}f}"
    if told["interval"] is None:
        return text
    low, high = told["interval"]
    return f"{text} [{low:.{digits}f}, {high:.{digits}f}]"


if __name__ == "__main__":
    typer.run(main)
