"""How threads wait for one another, on a machine that has other work to do as well.

    python benchmarks/waiting_threads.py [--steps 10] [--busy 0 --busy 1 --busy 2] [--out FILE.json]

Two kinds of work: steps of a small three-dimensional network (forwards and backwards, in bfloat16),
and the nearest histories of a grid of 336 places (`rhythm`), a product of small matrices each. By
one thread, by as many as there are cores that wait as libgomp does unless told otherwise (they
spin), and by as many that sleep (OMP_WAIT_POLICY=passive, which `import pipeline` sets). Each
beside 0, 1 and 2 other processes that never rest. Wall and processor time.
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

WORK = """
import json, sys, time, torch
threads, steps = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(0)
layers = [torch.nn.Conv3d(32, 32, 3, padding=1) for _ in range(4)]
network = torch.nn.Sequential(*[part for one in layers for part in (one, torch.nn.ReLU())])
clips = torch.randn(4, 32, 16, 24, 24)
asked, known = torch.rand(336, 16, 10).double(), torch.rand(336, 2000, 10).double()
def training():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = network(clips).float().square().mean()
    loss.backward()
def histories():
    for one, many in zip(asked, known):
        torch.addmm(many.square().sum(1), one, many.T, alpha=-2).amin(dim=1)
taken = {}
for work in (training, histories):
    work()
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(steps):
        work()
    taken[work.__name__] = [
        1000 * (time.perf_counter() - wall) / steps,
        1000 * (time.process_time() - processor) / steps,
    ]
print(json.dumps(taken))
"""
CORES = os.cpu_count() or 1
WAYS = {
    "one thread": (1, None),
    f"{CORES} that spin": (CORES, None),
    f"{CORES} that sleep": (CORES, "passive"),
}


def main(
    steps: Annotated[int, typer.Option(min=1, help="Of each work and way.")] = 10,
    busy: Annotated[list[int] | None, typer.Option(help="Other processes; repeatable.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Of all ways, in turn.")] = 3,
    out: Annotated[Path | None, typer.Option(help="JSON to write.")] = None,
) -> None:
    """Time work beside processes that never rest."""
    console = wide_console()
    rows: list[dict[str, Any]] = []
    for others in busy or [0, 1, 2]:
        taken: list[tuple[str, str, list[float]]] = []
        with _neighbours(others):
            for _ in range(rounds):
                for way, (threads, policy) in WAYS.items():
                    found = _taken(threads, policy, steps)
                    taken += [(work, way, both) for work, both in found.items()]
        for work, way in dict.fromkeys((work, way) for work, way, _ in taken):
            wall_ms, processor_ms = min(b for w, how, b in taken if (w, how) == (work, way))
            rows.append(
                {
                    "work": work,
                    "busy": others,
                    "way": way,
                    "wall_ms": round(wall_ms, 1),
                    "processor_ms": round(processor_ms, 1),
                }
            )
    rows.sort(key=lambda row: str(row["work"]))
    table = Table(title="Milliseconds, best round", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("work", "other processes", "threads", "wall ms", "processor ms"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            *(str(row[key]) for key in ("work", "busy", "way", "wall_ms", "processor_ms"))
        )
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


def _taken(threads: int, policy: str | None, steps: int) -> dict[str, list[float]]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    if policy:
        environment["OMP_WAIT_POLICY"] = policy
    done = subprocess.run(
        [sys.executable, "-c", WORK, str(threads), str(steps)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    typer.run(main)
