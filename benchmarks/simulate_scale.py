"""How many cameras a machine keeps up with, simulated with measured service times.

    python benchmarks/simulate_scale.py [--workers 1,2,4,8] [--clips-a-second 5] [--hours 6]

Service times come from `results/student-ucsd-ped2.json` (processor time a clip: a whole model, and
its student as ONNX) and, where it is there, from `results/many-cameras.json` (whole turns of real
cameras, drawn again from what was measured). Each worker has a core of its own. Prints for every
number of workers how many cameras keep up, how long an event takes to its alert there, what is let
go with half as many cameras again, and what an hour without one worker costs. `_turns.py` says by
which rules; a property test holds it to the formulas of queueing theory.
"""

from __future__ import annotations

import json
import random
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from _machine import command_line, machine_line, stop, wide_console, write_figures
from _turns import Cost, Outcome, Plan, simulate
from rich.box import SIMPLE_HEAD
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
LATE_SECONDS = 900.0
"""Cameras keep up when 95 % of events are alerts within a quarter of an hour, to the end."""


def main(
    workers: Annotated[str, typer.Option(help="Numbers of workers.")] = "1,2,4,8",
    clips_a_second: Annotated[
        float, typer.Option(min=0.1, help="Clips of a camera, where times are those of a clip.")
    ] = 5.0,
    hours: Annotated[float, typer.Option(min=2.0, help="Simulated.")] = 6.0,
    behind: Annotated[int, typer.Option(min=60, help="most_behind_seconds of the site.")] = 3600,
    interval: Annotated[int, typer.Option(min=10, help="ingest_interval_seconds.")] = 300,
    turn_cost: Annotated[
        float, typer.Option(min=0.0, help="Seconds of a turn besides its scoring.")
    ] = 1.0,
    out: Annotated[Path, typer.Option(help="File for the JSON.")] = RESULTS / "simulate-scale.json",
) -> None:
    """Simulate, print."""
    counts = [int(count) for count in workers.split(",")]
    services = measured(clips_a_second)
    if not services:
        stop("no measured service times in benchmarks/results")
    record: dict[str, Any] = {
        "benchmark": "simulate_scale",
        "command": command_line(),
        "hours": hours,
        "interval_seconds": interval,
        "most_behind_seconds": behind,
        "turn_cost_seconds": turn_cost,
        "late_seconds": LATE_SECONDS,
        "services": {},
    }
    for name, (cost, mean) in services.items():
        rows = []
        for count in counts:
            plan = Plan(
                cameras=1,
                workers=count,
                hours=hours,
                interval_seconds=float(interval),
                most_behind_seconds=float(behind),
                turn_cost_seconds=turn_cost,
            )
            rows.append(row_of(plan, cost, mean))
        record["services"][name] = {"seconds_a_footage_second": round(mean, 5), "rows": rows}
        print_rows(f"{name}: {1000 * mean:.0f} ms a second of footage", rows)
    write_figures(out, record)
    wide_console().print(machine_line(), highlight=False, markup=False)


def measured(clips_a_second: float) -> dict[str, tuple[Cost, float]]:
    """Return name -> what draws seconds a second of footage, and their mean."""
    services: dict[str, tuple[Cost, float]] = {}
    of_clips = RESULTS / "student-ucsd-ped2.json"
    if of_clips.exists():
        for row in json.loads(of_clips.read_text(encoding="utf-8"))["rows"]:
            if row["what"] in ("teacher", "student, ONNX"):
                each = clips_a_second * row["processor_ms_a_clip"] / 1000.0
                services[f"{row['what']} of UCSD Ped2, 192 x 128"] = (constant(each), each)
    of_turns = RESULTS / "many-cameras.json"
    if of_turns.exists():
        known = json.loads(of_turns.read_text(encoding="utf-8"))["turns"]
        each_turn = [t["cpu_seconds"] / t["footage_seconds"] for t in known if t["footage_seconds"]]
        if each_turn:
            services["turns of real cameras, 128 x 64"] = (
                lambda chance: chance.choice(each_turn),
                statistics.mean(each_turn),
            )
    return services


def constant(cost: float) -> Cost:
    def draw(chance: random.Random) -> float:
        return cost

    return draw


def row_of(plan: Plan, cost: Cost, mean: float) -> dict[str, Any]:
    """Return what a number of workers can do."""
    most = keeping_up(plan, cost, mean)
    full = replace(plan, cameras=max(1, most))
    usual = simulate(full, cost)
    over = simulate(replace(plan, cameras=max(2, round(1.5 * most))), cost)
    lost = simulate(replace(full, lost=(3600.0, 7200.0)), cost)
    return {
        "workers": plan.workers,
        "cameras_that_keep_up": most,
        "by_the_utilisation_law": int(plan.workers / mean),
        "utilisation": round(usual.busy_seconds / (plan.workers * plan.hours * 3600.0), 3),
        "delay_seconds": quantiles(usual),
        "half_as_many_again": {
            "cameras": max(2, round(1.5 * most)),
            "blind_share": round(over.blind_share, 4),
            "delay_seconds": quantiles(over),
        },
        "a_worker_lost_for_an_hour": {
            "delay_seconds": quantiles(lost),
            "longest_delay_seconds": round(max(lost.delays)),
            "blind_seconds": round(lost.let_go_seconds),
        },
    }


def keeping_up(plan: Plan, cost: Cost, mean: float) -> int:
    """Return the largest number of cameras that keep up, 0 when not even one does."""
    low, high = 0, int(1.2 * plan.workers / mean) + 2
    while high - low > 1:
        middle = (low + high) // 2
        if keeps_up(simulate(replace(plan, cameras=middle), cost)):
            low = middle
        else:
            high = middle
    return low


def keeps_up(done: Outcome) -> bool:
    last = done.delays[-max(2, len(done.delays) // 4) :]
    late = done.oldest_waiting_seconds > LATE_SECONDS
    return (
        not done.let_go_seconds and not late and statistics.quantiles(last, n=20)[18] < LATE_SECONDS
    )


def quantiles(done: Outcome) -> dict[str, int]:
    found = statistics.quantiles(done.delays, n=20)
    return {"median": round(found[9]), "95 %": round(found[18])}


def print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for heading in (
        "workers",
        "cameras",
        "by the law",
        "event to alert s",
        "95 %",
        "1.5 x: blind",
        "1.5 x: s",
        "worker lost: longest s",
        "blind s",
    ):
        table.add_column(heading, justify="right")
    for row in rows:
        over, lost = row["half_as_many_again"], row["a_worker_lost_for_an_hour"]
        table.add_row(
            str(row["workers"]),
            str(row["cameras_that_keep_up"]),
            str(row["by_the_utilisation_law"]),
            str(row["delay_seconds"]["median"]),
            str(row["delay_seconds"]["95 %"]),
            f"{100 * over['blind_share']:.1f} %",
            str(over["delay_seconds"]["median"]),
            str(lost["longest_delay_seconds"]),
            str(lost["blind_seconds"]),
        )
    wide_console().print(table)


if __name__ == "__main__":
    typer.run(main)
