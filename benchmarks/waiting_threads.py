"""How threads wait for one another, on a machine that has other work to do as well.

    python benchmarks/waiting_threads.py [--steps 10] [--busy 0 --busy 1 --busy 2] [--out FILE.json]

Steps of a small three-dimensional network (forwards and backwards, in bfloat16) by one thread, by
as many threads as there are cores that wait as libgomp does unless told otherwise (they spin), and
by as many that sleep (OMP_WAIT_POLICY=passive, which `import pipeline` sets). Each beside 0, 1 and
2 other processes that never rest. Wall and processor time a step.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from _machine import command_line, machine_line, wide_console, write_figures
from rich.box import SIMPLE_HEAD
from rich.table import Table

STEPS = """
import json, sys, time, torch
threads, steps = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(0)
layers = [torch.nn.Conv3d(32, 32, 3, padding=1) for _ in range(4)]
network = torch.nn.Sequential(*[part for one in layers for part in (one, torch.nn.ReLU())])
clips = torch.randn(4, 32, 16, 24, 24)
def step():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = network(clips).float().square().mean()
    loss.backward()
step()
wall, processor = time.perf_counter(), time.process_time()
for _ in range(steps):
    step()
taken = time.perf_counter() - wall, time.process_time() - processor
print(json.dumps([1000 * seconds / steps for seconds in taken]))
"""
CORES = os.cpu_count() or 1
WAYS = {
    "one thread": (1, None),
    f"{CORES} that spin": (CORES, None),
    f"{CORES} that sleep": (CORES, "passive"),
}


def main(
    steps: Annotated[int, typer.Option(min=1, help="Steps of each way.")] = 10,
    busy: Annotated[list[int] | None, typer.Option(help="Other processes; repeatable.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Of all ways, in turn.")] = 3,
    out: Annotated[Path | None, typer.Option(help="JSON to write.")] = None,
) -> None:
    """Time steps beside processes that never rest."""
    console = wide_console()
    rows: list[dict[str, Any]] = []
    for others in busy or [0, 1, 2]:
        taken: dict[str, list[list[float]]] = {way: [] for way in WAYS}
        with _neighbours(others):
            for _ in range(rounds):
                for way, (threads, policy) in WAYS.items():
                    taken[way].append(_steps(threads, policy, steps))
        for way, found in taken.items():
            wall_ms, processor_ms = min(found)
            row = {"busy": others, "way": way, "wall_ms": wall_ms, "processor_ms": processor_ms}
            rows.append({key: round(v, 1) if isinstance(v, float) else v for key, v in row.items()})
    table = Table(title="A step, best round", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("other processes", "threads", "wall ms", "processor ms"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*(str(row[key]) for key in ("busy", "way", "wall_ms", "processor_ms")))
    console.print(table)
    if out is not None:
        record = {"benchmark": "waiting-threads", "command": command_line(), "rows": rows}
        write_figures(out, record)
    console.print(machine_line(), highlight=False, markup=False)


@contextmanager
def _neighbours(count: int) -> Iterator[None]:
    """Keep so many processes busy meanwhile."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def _steps(threads: int, policy: str | None, steps: int) -> list[float]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    if policy:
        environment["OMP_WAIT_POLICY"] = policy
    done = subprocess.run(
        [sys.executable, "-c", STEPS, str(threads), str(steps)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return list(map(float, json.loads(done.stdout)))


if __name__ == "__main__":
    typer.run(main)
