"""A plan on paper for many cameras: what they need, worked out from measured figures.

    python benchmarks/scale_plan.py [--cameras 10000] [--core-month 15] [...]

Reads `results/student-ucsd-ped2.json` (scoring a clip), `results/decoding.json` (a camera's
decoding) and `results/store.json` (bytes and processor time of a row). What nobody here can measure
is an option, and an assumption until somebody sets it: prices, bit rate, alerts a day.
Prints cores, rows, disk, network and money; docs/scale.md reads them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from _machine import command_line, machine_line, stop, wide_console, write_figures
from rich.box import SIMPLE_HEAD
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
DAY = 86_400
CORES_IN_USE = 0.7
"""Share of a core that is planned for: queues grow without bound towards one."""


def main(
    cameras: Annotated[int, typer.Option(min=1, help="Cameras.")] = 10_000,
    clips_a_second: Annotated[float, typer.Option(min=0.01, help="Scores of a camera.")] = 5.0,
    score_days: Annotated[float, typer.Option(min=0.1, help="Scores are kept, days.")] = 7.0,
    footage_days: Annotated[float, typer.Option(min=0, help="Footage is kept, days.")] = 7.0,
    evidence_days: Annotated[float, typer.Option(min=0, help="Evidence is kept, days.")] = 90.0,
    megabits: Annotated[float, typer.Option(help="Assumption: of a camera, a second.")] = 2.0,
    alerts_a_day: Annotated[float, typer.Option(help="Assumption: of a camera.")] = 1.0,
    evidence_mb: Annotated[float, typer.Option(help="Of an alert; about 2 in `make demo`.")] = 2.0,
    core_month: Annotated[float, typer.Option(help="Assumption: price of a core.")] = 15.0,
    disk_tb_month: Annotated[float, typer.Option(help="Assumption: of a terabyte of disks.")] = 10,
    ssd_tb_month: Annotated[float, typer.Option(help="Assumption: of one for databases.")] = 80.0,
    out: Annotated[Path, typer.Option(help="File for the JSON.")] = RESULTS / "scale-plan.json",
) -> None:
    """Work out, print."""
    options = dict(locals())
    options.pop("out")
    measured, figures = worked_out(options)
    show(f"{cameras:,} cameras", figures)
    record = {
        "benchmark": "scale_plan",
        "command": command_line(),
        "options": options,
        "measured": measured,
        "figures": figures,
    }
    write_figures(out, record)
    wide_console().print(machine_line(), highlight=False, markup=False)


def worked_out(options: dict[str, float]) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Return the measured figures that are used, and what follows from them."""
    measured = measured_figures()
    cameras = options["cameras"]
    rows_a_second = cameras * options["clips_a_second"]
    a_clip = rows_a_second / 1000.0 / CORES_IN_USE
    cores = {
        "decoding": cameras * measured["decoding_cores_a_camera"] / CORES_IN_USE,
        "scoring, a model for each camera": measured["model_ms_a_clip"] * a_clip,
        "scoring, students": measured["student_ms_a_clip"] * a_clip,
        "adding rows of scores": measured["cpu_ms_a_row"] * a_clip,
    }
    terabytes = {
        "scores": rows_a_second * DAY * options["score_days"] * measured["bytes_a_row"] / 1e12,
        "footage": cameras * options["megabits"] / 8 * DAY * options["footage_days"] / 1e6,
        "evidence": cameras
        * options["alerts_a_day"]
        * options["evidence_days"]
        * options["evidence_mb"]
        / 1e6,
    }
    disks = terabytes["footage"] + terabytes["evidence"]
    common = cores["decoding"] + cores["adding rows of scores"]
    money = {
        name: (
            (common + cores[name]) * options["core_month"]
            + disks * options["disk_tb_month"]
            + terabytes["scores"] * options["ssd_tb_month"]
        )
        / cameras
        for name in cores
        if name.startswith("scoring")
    }
    return measured, {
        "cores at 70 %": cores,
        "terabytes": terabytes,
        "a second": {
            "rows of scores": rows_a_second,
            "megabytes of rows": rows_a_second * measured["bytes_a_row"] / 1e6,
            "gigabits from cameras": cameras * options["megabits"] / 1000,
            "alerts": cameras * options["alerts_a_day"] / DAY,
        },
        "a camera and month, in the currency of the assumptions": money,
    }


def measured_figures() -> dict[str, float]:
    rows = known("student-ucsd-ped2")["rows"]
    scoring = {row["what"]: row["processor_ms_a_clip"] for row in rows}
    store = known("store")["postgresql"]
    several = store["ingestion"][-1]
    in_us = several["writer_cpu_us_per_row"] + several["server_cpu_us_per_row"]
    return {
        "model_ms_a_clip": scoring["teacher"],
        "student_ms_a_clip": scoring["student, ONNX"],
        "decoding_cores_a_camera": max(
            row["scoring_cpu_a_footage_second"] + row["admission_cpu_a_footage_second"]
            for row in known("decoding")["rows"]
        ),
        "bytes_a_row": round(store["sizes"]["anomalies"] / store["scores"], 1),
        "cpu_ms_a_row": round(in_us / 1000, 4),
    }


def known(name: str) -> Any:
    path = RESULTS / f"{name}.json"
    if not path.exists():
        stop(f"benchmarks/results/{name}.json is missing; run that benchmark first")
    return json.loads(path.read_text(encoding="utf-8"))


def show(title: str, figures: dict[str, dict[str, float]]) -> None:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("what")
    table.add_column("", justify="right")
    for heading, rows in figures.items():
        for name, value in rows.items():
            table.add_row(f"{heading}: {name}", f"{value:,.{0 if value >= 100 else 2}f}")
    wide_console().print(table)


if __name__ == "__main__":
    typer.run(main)
