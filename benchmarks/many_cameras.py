"""More live cameras than a machine can look at, for real: who keeps up, and what becomes of the
rest.

    KIZASHI_DATA=FOLDER python benchmarks/many_cameras.py [--cameras 32] [--minutes 8] [--workers 2]
        [--processes] [--trained SITE]

Cuts KIZASHI_DATA/upcam_day into files of a minute, five frames a second, and trains one small model
on them, which all cameras share (`--trained`: the active model of the first camera of a site that
is there). Then every camera gets a new file each minute of real time, and threads give the cameras
their turns as `kizashi serve` does (`--processes`: processes, as with `task_runner = "processes"`),
until the time is over. Footage that waited longer than
`--behind` is let go, which operation does after a day. Prints which cameras keep up, how late
scores are, what was let go and what was said of it.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, Any

import typer
from _machine import (
    ROOT,
    command_line,
    data_folder,
    machine_line,
    stop,
    wide_console,
    write_figures,
)

from pipeline.assembly import open_site
from pipeline.camera import Camera, ClockSource
from pipeline.health.events import Trouble
from pipeline.learning.registry import ModelState
from pipeline.watch import TURN_SECONDS, watch_camera

RESULTS = Path(__file__).parent / "results"
FILE_SECONDS = 60
TRAIN_FILES = 6


def main(
    cameras: Annotated[int, typer.Option(min=1, help="Live cameras.")] = 32,
    minutes: Annotated[float, typer.Option(min=2.0, help="Of real time.")] = 8.0,
    workers: Annotated[int, typer.Option(min=1, help="Cameras that are scored at once.")] = 2,
    processes: Annotated[bool, typer.Option(help="Workers are processes, not threads.")] = False,
    behind: Annotated[int, typer.Option(min=60, help="most_behind_seconds of the site.")] = 180,
    effort: Annotated[float, typer.Option(help="Share of the training steps.")] = 0.03,
    trained: Annotated[Path | None, typer.Option(help="Site whose model is taken.")] = None,
    out: Annotated[Path, typer.Option(help="File for the JSON.")] = RESULTS / "many-cameras.json",
) -> None:
    """Prepare, run, print."""
    hours = sorted((data_folder() / "upcam_day").glob("*.mp4"))[4:6]
    if not hours:
        stop("no upcam_day/*.mp4 under KIZASHI_DATA; see benchmarks/README.md")
    if shutil.which("ffmpeg") is None:
        stop("ffmpeg is missing: apt-get install ffmpeg")
    with tempfile.TemporaryDirectory(prefix="kizashi-many-") as temporary:
        place = Path(temporary)
        files = [file for hour in hours for file in minutes_of(hour, place / hour.stem)]
        source = trained or trained_site(place / "trained", files[:TRAIN_FILES], effort)
        names = [f"live-{number:02d}" for number in range(cameras)]
        site = site_of(place / "site", names, source, behind)
        plant = Plant(site=site, files=files[TRAIN_FILES:], names=names)
        load = os.getloadavg()[0]
        pool = crew_of(workers, processes)
        figures = run_plant(plant, minutes, pool)
    record = {
        "benchmark": "many_cameras",
        "command": command_line(),
        "cameras": cameras,
        "minutes": minutes,
        "workers": workers,
        "processes": processes,
        "turn_seconds": TURN_SECONDS,
        "most_behind_seconds": behind,
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
        **figures,
    }
    print_figures(record)
    write_figures(out, record)
    wide_console().print(machine_line(), highlight=False, markup=False)


def minutes_of(hour: Path, folder: Path) -> list[Path]:
    """Return the files of a minute that an hour is cut into."""
    folder.mkdir(parents=True)
    subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-v", "error", "-i", str(hour)),
            *("-c:v", "libx264", "-preset", "veryfast", "-g", "25"),
            *("-f", "segment", "-segment_time", str(FILE_SECONDS), "-reset_timestamps", "1"),
            str(folder / "%03d.mp4"),
        ],
        check=True,
    )
    return sorted(folder.glob("*.mp4"))[:-1]  # the last one may be shorter


def trained_site(folder: Path, files: list[Path], effort: float) -> Path:
    """Make a site with one camera and train it, by the commands that people give."""
    (folder / "footage").mkdir(parents=True)
    for file in files:
        placed = shutil.copy(file, folder / "footage" / f"{file.parent.name}-{file.name}")
        os.utime(placed, (0, 0))  # old, so that it does not count as still being written
    about = ["--source", "footage", "--purpose", "benchmark", "--owner", "benchmark"]
    clock = ["--clock", "sequence", "--sequence-start", "2026-01-01T08:00Z"]
    for arguments in (
        ["init"],
        ["camera", "add", "one", *about, "--retention-days", "30", *clock],
        ["ingest", "one"],
        ["train", "one", "--effort", str(effort)],
    ):
        command = [sys.executable, "-m", "pipeline.cli", "--site", str(folder), *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            stop(f"{arguments[0]} ended with {done.returncode}: {done.stderr[-300:]}")
    return folder


def site_of(folder: Path, names: list[str], source: Path, behind: int) -> Path:
    """Make the site of the live cameras, all with the model of the first camera of `source`."""
    origin = open_site(source)
    model = origin.store.active_model(origin.store.cameras()[0].name)
    origin.close()
    if model is None:
        stop("the site of --trained has no active model")
    shutil.copytree(source / model.path, folder / model.path)
    tables = [f'[[record]]\ncamera = "{name}"\nurl = "rtsp://127.0.0.1:9/{name}"' for name in names]
    head = f"most_behind_seconds = {behind}\nstable_seconds = 0\n"
    (folder / "kizashi.toml").write_text("\n".join([head, *tables, ""]), encoding="utf-8")
    site = open_site(folder)
    for number, name in enumerate(names):
        (folder / name).mkdir()
        site.store.put_camera(
            Camera(
                name=name,
                source=Path(name),
                purpose="benchmark",
                owner="benchmark",
                retention_days=1,
                clock=ClockSource.SIDECAR,
            )
        )
        identity = f"{number:02x}{model.model_id[2:]}"
        shared = replace(
            model,
            model_id=identity,
            camera=name,
            calibration_id=identity,
            state=ModelState.CANDIDATE,
        )
        site.store.add_model(shared, [])
        site.store.promote(identity, datetime.now(UTC) - timedelta(hours=1))
    site.close()
    return folder


@dataclass(frozen=True, kw_only=True, slots=True)
class Plant:
    """The live cameras."""

    site: Path
    files: list[Path]
    names: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One turn of a camera."""

    camera: str
    began_seconds: float
    seconds: float
    footage_seconds: float
    clips: int
    waiting: int
    let_go_seconds: float
    delays: list[float]
    """From the middle of a file to its scores, for each file that was scored."""
    warnings: list[str]


def crew_of(workers: int, processes: bool) -> Executor:
    """Return what gives the cameras their turns."""
    if not processes:
        return ThreadPoolExecutor(workers)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def take_turn(site_folder: Path, name: str, began: float, until: float) -> Turn | None:
    """Give a camera its turn; None when the time is over. Both times are of the monotonic clock."""
    at = time.monotonic()
    if at >= until:
        return None
    delays: list[float] = []
    warnings: list[str] = []

    def heard(line: str) -> None:
        if line.startswith("scored "):
            start = datetime.strptime(Path(line.split()[1]).stem, "%Y%m%d-%H%M%S")
            middle = start.replace(tzinfo=UTC) + timedelta(seconds=FILE_SECONDS / 2)
            delays.append((datetime.now(UTC) - middle).total_seconds())
        elif line.startswith("warning"):
            warnings.append(line)

    site = open_site(site_folder)
    done = watch_camera(site, name, turn_seconds=TURN_SECONDS, progress=heard)
    site.close()
    return Turn(
        camera=name,
        began_seconds=round(at - began, 2),
        seconds=round(time.monotonic() - at, 3),
        footage_seconds=float(FILE_SECONDS * len(delays)),
        clips=done.clips,
        waiting=done.waiting,
        let_go_seconds=done.let_go_seconds,
        delays=delays,
        warnings=warnings,
    )


def record(plant: Plant, began: float, minutes: float, over: Event) -> None:
    """Lay a file into the folder of each camera once a minute, cameras one after the other."""
    jobs = sorted(
        (number * FILE_SECONDS / len(plant.names) + minute * FILE_SECONDS, number, minute)
        for number in range(len(plant.names))
        for minute in range(int(minutes) + 1)
    )
    for due, number, minute in jobs:
        if over.wait(max(0.0, began + due - time.monotonic())):
            return
        folder = plant.site / plant.names[number]
        start = datetime.now(UTC) - timedelta(seconds=FILE_SECONDS)
        name = f"{start:%Y%m%d-%H%M%S}.mp4"
        told = {"start_utc": start.isoformat()}
        (folder / f"{name}.start.json").write_text(json.dumps(told), encoding="utf-8")
        shutil.copy(plant.files[(7 * number + minute) % len(plant.files)], folder / f".{name}.part")
        (folder / f".{name}.part").rename(folder / name)


def run_plant(plant: Plant, minutes: float, crew: Executor) -> dict[str, Any]:
    """Run recorder and turns for some minutes; return what became of the footage."""
    over = Event()
    turns: list[Turn] = []
    before = cpu_seconds()
    began = time.monotonic()
    until = began + minutes * 60
    recorder = Thread(target=record, args=(plant, began, minutes, over))
    recorder.start()
    with crew:
        while time.monotonic() < until:
            futures = [
                crew.submit(take_turn, plant.site, name, began, until) for name in plant.names
            ]
            turns += [turn for future in futures if (turn := future.result()) is not None]
    over.set()
    recorder.join()
    return outcome(plant, turns, cpu_seconds() - before, time.monotonic() - began)


def cpu_seconds() -> float:
    """Return the processor time of this process, all its threads, and the children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def outcome(plant: Plant, turns: list[Turn], cpu: float, seconds: float) -> dict[str, Any]:
    """Return what became of the footage, of all turns and the processor time of all processes."""
    site = open_site(plant.site)
    seen, gone = 0.0, {}
    for name in plant.names:
        seen += sum((s.end_us - s.start_us) / 1e6 for s in site.store.segments(name))
        gone[name] = sum(
            (event.end_utc - event.start_utc).total_seconds()
            for event in site.store.health(name)
            if event.trouble is Trouble.BACKLOG
        )
    site.close()
    scored = sum(turn.footage_seconds for turn in turns)
    every = sorted(delay for turn in turns for delay in turn.delays)
    said = [line for turn in turns for line in turn.warnings]
    return {
        "footage_seconds_taken_in": round(seen),
        "footage_seconds_scored": round(scored),
        "clips": sum(turn.clips for turn in turns),
        "footage_seconds_let_go": round(sum(gone.values())),
        "blind_share": round(sum(gone.values()) / seen, 4) if seen else 0.0,
        "cameras_without_blind_time": sum(not seconds for seconds in gone.values()),
        "seconds": round(seconds),
        "cpu_seconds": round(cpu),
        "cores_busy": round(cpu / seconds, 2),
        "cpu_seconds_a_footage_second": round(cpu / scored, 4) if scored else None,
        "cameras_a_core": round(scored / cpu, 2) if cpu else None,
        "cameras_here": round(scored / seconds, 1),
        "delay_seconds": {
            "median": round(statistics.median(every)) if every else None,
            "longest": round(every[-1]) if every else None,
        },
        "warnings": len(said),
        "a_warning": said[0] if said else None,
        "turns": [
            {**asdict(turn), "warnings": len(turn.warnings), "delays": len(turn.delays)}
            for turn in turns
        ],
    }


def print_figures(record: dict[str, Any]) -> None:
    console = wide_console()
    for line in (
        f"{record['cameras']} cameras, {record['workers']}"
        f" {'processes' if record['processes'] else 'threads'}, {record['minutes']} minutes,"
        f" load {record['load_before']} before, {record['load_after']} after",
        f"taken in {record['footage_seconds_taken_in']} s of footage, scored"
        f" {record['footage_seconds_scored']} s, let go {record['footage_seconds_let_go']} s"
        f" ({100 * record['blind_share']:.1f} %)",
        f"{record['cameras_without_blind_time']} cameras without blind time; processor time"
        f" {record['cpu_seconds_a_footage_second']} s a second of footage, so"
        f" {record['cameras_a_core']} cameras a core; {record['cores_busy']} cores busy:"
        f" {record['cameras_here']} cameras here",
        f"from the middle of a file to its scores: {record['delay_seconds']['median']} s in the"
        f" median, {record['delay_seconds']['longest']} s at most",
        f"{record['warnings']} warnings such as: {record['a_warning']}",
    ):
        console.print(line, highlight=False, markup=False)


if __name__ == "__main__":
    typer.run(main)
