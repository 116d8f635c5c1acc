"""One worker beside several on one PostgreSQL store: the same rows, how much sooner; and a drill.

    python benchmarks/workers.py [--workers 4] [--kills 20] [--part ingest] [--part watch]

`ingest` takes in large pictures, which is decoding; `watch` takes in and scores small ones with
models of a few training steps, which raise alerts. Both by one process, by several, and by the
flow in threads, in processes, on a cluster of Dask and on one of Ray, as far as these are
installed. `drill` kills one of several processes at work every few seconds, and puts some to sleep
for longer than their lease. Rows and files of evidence are compared with those of the one process.
Footage is made; the PostgreSQL server, the Prefect server and the clusters are started here. Needs
what the tests need (pip install 'kizashi[dev,postgres]', ffmpeg, PostgreSQL). Writes
results/workers.json.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from _machine import ROOT, command_line, machine_line, wide_console, write_figures
from rich.box import SIMPLE_HEAD
from rich.table import Table

sys.path.insert(0, str(ROOT))

from tests.crash.killed_workers import (
    ENVIRONMENT,
    Crew,
    copied,
    drill,
    evidence_of,
    make_site,
    template_of,
)
from tests.postgres_server import shared_server
from tests.prefect_server import Started, answers, wait_for
from tests.store_dump import dump

RESULT = Path(__file__).parent / "results" / "workers.json"
SHAPES: dict[str, dict[str, Any]] = {
    "ingest": {"size": (640, 360), "watched": 2, "watched_frames": 300},
    "watch": {"size": (96, 32), "watched": 9},
}


TURNS = 120
"""Times that each new file of `ingest` is played, without another encoding: an hour a file,
beside which the start of a worker is small."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """A way to do the work of a site."""

    name: str
    workers: int
    runner: str = ""
    """Of the flow; empty: processes that each do what the flow does, without Prefect."""


def ways(workers: int, only: Sequence[str]) -> list[Way]:
    """Return the ways that this machine has, of those after the first the ones in whose name is one
    of `only`, if any; the first is the one that others are held against."""
    known = [
        Way(name="1 process", workers=1),
        Way(name=f"{workers} processes", workers=workers),
        Way(name="flow, 1 thread", workers=1, runner="threads"),
        Way(name=f"flow, {workers} threads", workers=workers, runner="threads"),
        Way(name=f"flow, {workers} processes", workers=workers, runner="processes"),
    ]
    for library in ("dask", "ray"):
        if importlib.util.find_spec(f"prefect_{library}") is not None:
            name = f"flow, {workers} on {library.capitalize()}"
            known.append(Way(name=name, workers=workers, runner=library))
    rest = [way for way in known[1:] if not only or any(part in way.name for part in only)]
    return [known[0], *rest]


@contextmanager
def prefect_server(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of processes that find a Prefect server of our own."""
    environment = {
        **ENVIRONMENT,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": str(ROOT),
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    server = Started(command, folder / "server.log", environment)
    try:
        wait_for("server", lambda: answers(url), server, 300)
        yield {**environment, "PREFECT_API_URL": url}
    finally:
        server.stop()


def work(site: Path, way: Way, environment: dict[str, str]) -> float:
    """Do all that waits at a site; return the seconds that it took, with the start of processes."""
    begun = time.monotonic()
    if not way.runner:
        Crew(site, way.workers).wait()
        return time.monotonic() - begun
    chosen = {
        "KIZASHI_TASK_RUNNER": way.runner,
        "KIZASHI_CAMERAS_AT_ONCE": str(way.workers),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.flow_run", "watch", str(site)],
        cwd=ROOT,
        env={**environment, **chosen},
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"workers: {way.name} failed:\n{done.stdout}{done.stderr}")
    return time.monotonic() - begun


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """A site with work that waits, and its store; every way has a copy of both."""

    folder: Path
    url: str

    @contextmanager
    def copy(self, name: str) -> Iterator[tuple[Path, str]]:
        """Yield a copy of the site, and the URL of its store."""
        with shared_server().database(template_of(self.url)) as url:
            yield copied(self.folder, f"{self.folder.name}-{name}", url), url


@contextmanager
def base_of(folder: Path, part: str, cameras: int) -> Iterator[Base]:
    """Yield the site of a part of the benchmark."""
    names = [f"camera-{number}" for number in range(cameras)]
    learnt = names if part == "watch" else ()
    with shared_server().database() as url:
        make_site(folder / part, url, names, trained=learnt, **SHAPES[part])
        if part == "ingest":
            for film in sorted((folder / part / "in").glob("*/b*.mp4")):
                play_again(film, TURNS)
        yield Base(folder=folder / part, url=url)


def play_again(film: Path, turns: int) -> None:
    """Make a file as long as it would be if it was played so many times."""
    longer = film.with_suffix(".longer.mp4")
    again = ["-stream_loop", str(turns - 1), "-i", film, "-c", "copy", longer]
    subprocess.run(["ffmpeg", "-v", "error", *again], check=True)
    longer.replace(film)


def left(site: Path, url: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return all rows of a site's store, and its files of evidence."""
    return dump(url), evidence_of(site)


def counts(found: tuple[dict[str, Any], dict[str, str]]) -> dict[str, int]:
    """Return how many rows there are of what people ask for."""
    kinds = ("footage", "anomalies", "events", "alerts", "evidence")
    return {kind: len(found[0][kind]) for kind in kinds}


def measure(base: Base, chosen: list[Way], environment: dict[str, str]) -> tuple[list[Any], Any]:
    """Return a row for each way, and what the first of them left."""
    rows: list[dict[str, Any]] = []
    first: Any = None
    for number, way in enumerate(chosen):
        with base.copy(str(number)) as (site, url):
            load = os.getloadavg()[0]
            seconds = work(site, way, environment)
            found = left(site, url)
        first = found if first is None else first
        one = rows[0]["seconds"] if rows else round(seconds, 1)
        rows.append(
            {
                "way": way.name,
                "seconds": round(seconds, 1),
                "ratio": round(one / seconds, 2),
                **counts(found),
                "same": found == first,
                "load_before": round(load, 1),
            }
        )
    return rows, first


def drilled(base: Base, calm: Any, workers: int, kills: int, every: float) -> dict[str, Any]:
    """Return what a drill met, and whether it left what the calm run did."""
    with base.copy("drill") as (site, url):
        met = drill(site, workers=workers, kills=kills, sleeps=kills // 4, every_seconds=every)
        found = left(site, url)
    rows, known = found[0], calm[0]
    lost = sum(row not in rows[table] for table in known for row in known[table])
    more = sum(row not in known[table] for table in rows for row in rows[table])
    surplus = sum(max(0, len(rows[table]) - len(known[table])) for table in known)
    return {
        "kills": met.kills,
        "sleeps": met.sleeps,
        "refused": met.refused,
        "seconds": met.seconds,
        "lost": lost,
        "doubled": max(more, surplus),
        "same": found == calm,
    }


def show(console: Any, part: str, rows: list[dict[str, Any]]) -> None:
    """Print the ways side by side."""
    table = Table(title=part, box=SIMPLE_HEAD)
    for name in rows[0]:
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*("yes" if one is True else str(one) for one in row.values()))
    console.print(table)


def main(
    workers: Annotated[int, typer.Option(min=2, help="Of all ways but the first.")] = 4,
    cameras: Annotated[int, typer.Option(min=1, help="Of a site.")] = 4,
    kills: Annotated[int, typer.Option(min=1, help="Of the drill.")] = 20,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between them.")] = 3.0,
    part: Annotated[list[str] | None, typer.Option(help="ingest, watch, drill.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Part of the name of a way.")] = None,
    out: Annotated[Path, typer.Option(help="The JSON result.")] = RESULT,
) -> None:
    """Measure and drill."""
    console = wide_console()
    parts = part or ["ingest", "watch", "drill"]
    result: dict[str, Any] = {"benchmark": "workers", "command": command_line()}
    with tempfile.TemporaryDirectory() as name, prefect_server(Path(name)) as environment:
        if "ingest" in parts:
            with base_of(Path(name), "ingest", cameras) as base:
                result["ingest"], _ = measure(base, ways(workers, only or ()), environment)
            show(console, "take in (decoding)", result["ingest"])
        if "watch" in parts or "drill" in parts:
            chosen = ways(workers, only or ()) if "watch" in parts else ways(workers, ())[:1]
            with base_of(Path(name), "watch", cameras) as base:
                result["watch"], calm = measure(base, chosen, environment)
                show(console, "take in, score, raise alerts", result["watch"])
                if "drill" in parts:
                    result["drill"] = drilled(base, calm, workers, kills, every)
                    show(console, f"drill: {workers} processes", [result["drill"]])
    write_figures(out, result)
    console.print(machine_line())


if __name__ == "__main__":
    typer.run(main)
