"""Faults injected into real footage without labels: what is found of them, what nuisances set off.

    KIZASHI_DATA=FOLDER python benchmarks/faults.py [--preset compact] [--seeds 3] [--effort 1.0]

For every video that it knows and finds under KIZASHI_DATA, the first 60 % are learnt and faults are
injected into the rest. Prints tables and writes benchmarks/results/faults-NAME-PRESET.json. Models
stay in the folder of --work: `--reuse` scores with them again without training, `--model FOLDER`
with any one. `--data-set` also takes the path of a video under KIZASHI_DATA: so the model of a real
morning is asked about faults in the afternoon.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from _machine import command_line, data_folder, machine_line, stop, wide_console, write_figures
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipeline.errors import KizashiError
from pipeline.evaluation.fault_protocol import BUDGET_PER_DAY, evaluate_faults

WORK = Path("out/faults")
RESULTS = Path(__file__).parent / "results"
FOLDER = "intel_samples"
SINGLE = ("pets2009/vtest.avi",)
VIDEO_SUFFIXES = (".mp4", ".avi")


def main(
    preset: Annotated[list[str] | None, typer.Option(help="Preset; repeatable.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, ... this many.")] = 1,
    effort: Annotated[float, typer.Option(min=0.0, help="Times the preset's steps.")] = 1.0,
    instances: Annotated[int, typer.Option(min=1, help="Of every fault and nuisance.")] = 3,
    budget: Annotated[float, typer.Option(min=0.001, help="False alarms a day.")] = BUDGET_PER_DAY,
    data_set: Annotated[
        list[str] | None,
        typer.Option(help="A video: name without suffix, or path under KIZASHI_DATA; repeatable."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Stored model of the one --data-set; nothing is trained.")
    ] = None,
    reuse: Annotated[bool, typer.Option(help="Take models that --work holds already.")] = False,
    work: Annotated[Path, typer.Option(help="Folder for models.")] = WORK,
    out: Annotated[Path, typer.Option(help="Folder for the JSON results.")] = RESULTS,
) -> None:
    """Inject faults into every video under KIZASHI_DATA, and score with every preset asked for."""
    console = wide_console()
    data = data_folder()
    videos = _chosen(data, data_set)
    if model is not None and (len(videos) != 1 or len(preset or []) > 1):
        stop("--model belongs to one camera; name its video with --data-set, and one --preset")
    for name, video in videos.items():
        for chosen in preset or ["compact"]:
            console.rule(f"{name}, preset {chosen}")
            started = datetime.now(UTC)
            try:
                result = evaluate_faults(
                    video,
                    chosen,
                    range(seeds),
                    work / f"{name}-{chosen}",
                    lambda line: console.print(line, highlight=False, markup=False),
                    model=model,
                    reuse=reuse,
                    effort=effort,
                    instances=instances,
                    budget_per_day=budget,
                )
            except KizashiError as error:
                stop(str(error))
            _print(result, console)
            record = {
                "benchmark": "faults",
                "command": command_line(),
                "data_set": name,
                "footage": video.relative_to(data).as_posix(),
                "preset": chosen,
                "started_utc": started.isoformat(timespec="seconds"),
                "wall_seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
                "result": result,
            }
            path = out / f"faults-{name}-{chosen}.json"
            write_figures(path, record)
            console.print(f"wrote {path}", highlight=False, markup=False)
    console.print(machine_line(), highlight=False, markup=False)


def _chosen(data: Path, names: list[str] | None) -> dict[str, Path]:
    """Return the videos by name; a path under the data gets one that files can have."""
    paths = [path for path in (data / FOLDER).glob("*") if path.suffix.lower() in VIDEO_SUFFIXES]
    paths += [data / single for single in SINGLE if (data / single).is_file()]
    found = {path.stem: path for path in sorted(paths)}
    if not found:
        stop(f"{data}: neither {FOLDER}/ nor {', '.join(SINGLE)}; see benchmarks/README.md")
    if not names:
        return found
    chosen: dict[str, Path] = {}
    for name in names:
        if name not in found and not (data / name).is_file():
            stop(
                f"--data-set {name!r} is not there; choose from {', '.join(found)}, or give a path"
            )
        by_path = name.replace("/", "-").rpartition(".")[0]
        chosen.update({name: found[name]} if name in found else {by_path: data / name})
    return chosen


def _print(result: Mapping[str, Any], console: Console) -> None:
    console.print(result["what"], highlight=False, markup=False)
    console.print(
        f"threshold of {result['settings']['budget_per_day']:g} false alarms a day",
        highlight=False,
        markup=False,
    )
    rows = result["settings"]["rows"]
    found = Table(title="Injected faults", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("", "found", "untouched", "false alarms", "delay, s", "place"):
        found.add_column(heading, justify="right" if heading else "left", no_wrap=not heading)
    areas = Table(
        title="AUC of frames (in brackets: same frames, nothing injected)",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    trivial = Table(title="AUC of trivial scores", title_justify="left", box=SIMPLE_HEAD)
    against = Table(
        title="AUC of faulty frames against the same moments with nothing injected",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    kinds = dict(result["faults"])
    if result["all_faults"]:
        kinds["all"] = result["all_faults"]
    names = next(iter(kinds.values()))["trivial_auc"] if kinds else ()
    for table, columns in ((areas, rows), (trivial, names), (against, [*rows, *names])):
        table.add_column("", no_wrap=True)
        for column in columns:
            table.add_column(column.replace("largest_", "").replace("_", " "), justify="right")
    for kind, figures in kinds.items():
        instances = figures["instances"]
        found.add_row(
            kind,
            f"{figures['found']:g}/{instances}",
            f"{figures['event_recall_untouched'] * instances:g}/{instances}",
            f"{figures['false_alarms']:g}",
            _number(figures["detection_delay_seconds"]),
            _number(figures["strangest_place_in_box"]),
        )
        areas.add_row(kind, *(_area(figures["auc"][row]) for row in rows))
        trivial.add_row(kind, *(_area(area) for area in figures["trivial_auc"].values()))
        both = [*(figures["auc"][row] for row in rows), *figures["trivial_auc"].values()]
        against.add_row(kind, *(_number(area["against_untouched"]) for area in both))
    quiet = Table(title="Must not alarm (95 % interval)", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("", "false alarms", "seconds", "a camera-hour", "from", "to"):
        quiet.add_column(heading, justify="right" if heading else "left")
    for kind, figures in {"untouched": result["untouched"], **result["nuisances"]}.items():
        quiet.add_row(
            kind,
            f"{figures['false_alarms']:g}",
            f"{figures['seconds']:.0f}",
            f"{figures['per_camera_hour']:.1f}",
            *(f"{edge:.1f}" for edge in figures["interval"]),
        )
    for table in (found, areas, trivial, against, quiet):
        console.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _area(area: Mapping[str, float | None]) -> str:
    return f"{_number(area['mean'])} ({_number(area['untouched'])})"


if __name__ == "__main__":
    typer.run(main)
