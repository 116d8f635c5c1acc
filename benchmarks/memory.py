"""Memory and speed of a whole day: a camera's hours ingested, learnt from, scored and reported on.

    KIZASHI_DATA=FOLDER python benchmarks/memory.py [--hours 12] [--train-hours 3] [--effort 0.1]
        [--one-video] [--folder SITE] [--out FILE.json]

Makes a site with the camera `upcam` on the first hours of KIZASHI_DATA/upcam_day and runs each
stage as its own command, as a person would. Resident memory is looked at ten times a second, in the
command and in every process that it starts, decoders included. Prints the peak and the speed of
each stage, and what was resident after each hour of footage: it must not grow with the hours.
`--one-video`: the hours are made one video of twenty-four, 640 x 360 at a frame a second (twelve
come twice), which is scored with what was learnt from the first `--train-hours`.
"""

from __future__ import annotations

import argparse
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from _machine import ROOT, command_line, machine_line, write_figures

CAMERA = "upcam"
LIMIT_MIB = 1536.0
"""What the whole may take: 1.5 GiB."""
LOOK_SECONDS = 0.1


@dataclass(kw_only=True, slots=True)
class Stage:
    """One command and what it took."""

    name: str
    footage_seconds: float
    """Footage that it works through."""
    seconds: float = 0.0
    processor_seconds: float = 0.0
    peak_mib: float = 0.0
    """Of the command and all that it started, together."""
    largest_process_mib: float = 0.0
    """Peak of the largest single process, as the kernel counted it."""
    after_line: list[tuple[str, float]] = field(default_factory=list)
    """Each line of progress, and what was resident then."""
    each_minute: list[float] = field(default_factory=list)
    """What was resident at each minute of the clock, MiB."""

    @property
    def speed(self) -> float:
        """Seconds of footage worked through in a second."""
        return self.footage_seconds / self.seconds


def resident_mib(process_id: int) -> float:
    """Return what a process and all its descendants hold in memory.

    Pages that several share count once, in parts: a child on its way to its own program has all the
    pages of its parent for a moment, which are not there twice.
    """
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name of the program, in brackets, may hold anything.
            stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it ended meanwhile
        parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    total, waiting = 0, [process_id]
    while waiting:
        number = waiting.pop()
        total += proportional_kib(number)
        waiting += parents.get(number, [])
    return total / 1024


def proportional_kib(process_id: int) -> int:
    """Return the resident pages of one process, each divided by how many share it; 0 when it has
    ended."""
    try:
        lines = Path(f"/proc/{process_id}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def run_stage(stage: Stage, site: Path, arguments: Sequence[str]) -> Stage:
    """Run one command to its end and fill in what it took."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "--site", str(site), *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    os.set_blocking(process.stderr.fileno(), False)
    told = b""
    with selectors.DefaultSelector() as ready, process.stderr as lines:
        ready.register(lines, selectors.EVENT_READ)
        while True:
            now_mib = resident_mib(process.pid)
            stage.peak_mib = max(stage.peak_mib, now_mib)
            if time.monotonic() - began >= 60.0 * (len(stage.each_minute) + 1):
                stage.each_minute.append(round(now_mib, 1))
            if not ready.select(LOOK_SECONDS):
                continue
            new = lines.read()
            if new == b"":
                break
            *whole, told = (told + (new or b"")).split(b"\n")
            stage.after_line += [(line.decode("utf-8", "replace"), now_mib) for line in whole]
            time.sleep(LOOK_SECONDS)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    stage.seconds = time.monotonic() - began
    stage.processor_seconds = used.ru_utime + used.ru_stime
    stage.largest_process_mib = used.ru_maxrss / 1024
    stage.peak_mib = max(stage.peak_mib, stage.largest_process_mib)
    if process.returncode != 0:
        stop("\n".join([f"{stage.name} ended with {process.returncode}", *last_lines(stage)]))
    return stage


def last_lines(stage: Stage) -> list[str]:
    return [line for line, _ in stage.after_line[-5:]]


def make_site(folder: Path, hours: Sequence[Path]) -> None:
    """Make a site in `folder` with the camera, and put the hours into its drop folder."""
    drop = folder / "footage"
    drop.mkdir(parents=True)
    for hour in hours:
        shutil.copyfile(hour, drop / hour.name)
        os.utime(drop / hour.name, (0, 0))  # old, so that it does not count as still being written
    arguments = ["--source", "footage", "--purpose", "benchmark", "--owner", "benchmark"]
    clock = ["--clock", "sequence", "--sequence-start", "2026-01-01T08:00Z"]
    for command in (
        ["init"],
        ["camera", "add", CAMERA, *arguments, "--retention-days", "30", *clock],
    ):
        run_stage(Stage(name=command[0], footage_seconds=0.0), folder, command)


def one_video(hours: Sequence[Path], train_hours: int, folder: Path) -> list[Path]:
    """Return a video to learn from and one of twenty-four hours, made of the hours in `folder`."""
    folder.mkdir()
    small = [folder / f"part-{number:02d}.mp4" for number in range(len(hours))]
    as_filmed_slowly = ["-vf", "fps=1,scale=640:360", "-c:v", "libx264", "-preset", "veryfast"]
    for hour, part in zip(hours, small, strict=True):
        ffmpeg("-i", str(hour), *as_filmed_slowly, "-g", "30", str(part))
    made = []
    for name, parts in (("0-learnt.mp4", small[:train_hours]), ("1-day.mp4", (small * 24)[:24])):
        rows = [f"file '{part}'\n" for part in parts]
        (folder / "list.txt").write_text("".join(rows), encoding="utf-8")
        made.append(folder / name)
        source = ["-f", "concat", "-safe", "0", "-i", str(folder / "list.txt")]
        ffmpeg(*source, "-c", "copy", str(made[-1]))
    return made


def ffmpeg(*arguments: str) -> None:
    if shutil.which("ffmpeg") is None:
        stop("ffmpeg is missing: apt-get install ffmpeg")
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *arguments], check=True)


def hours_in(folder: Path) -> list[tuple[datetime, float]]:
    """Return start and length in seconds of each hour that was taken in."""
    from pipeline.assembly import open_site

    site = open_site(folder)
    found = [
        (item.start_utc, item.duration_us / 1e6)
        for item in site.store.footage_of(CAMERA)
        if item.start_utc is not None
    ]
    site.close()
    return found


def measure(folder: Path, files: Sequence[Path], train_hours: int, effort: float) -> list[Stage]:
    """Run every stage over the files; return what each took."""
    make_site(folder, files)
    ingest = run_stage(Stage(name="ingest", footage_seconds=0.0), folder, ["ingest", CAMERA])
    hours = hours_in(folder)
    lengths = [seconds for _, seconds in hours]
    ingest.footage_seconds = sum(lengths)
    stages = [ingest]
    until = [] if train_hours >= len(hours) else ["--until", hours[train_hours][0].isoformat()]
    for name, seconds, options in (
        ("train", sum(lengths[:train_hours]), ["--effort", str(effort), *until]),
        ("score", sum(lengths), []),
        ("report", sum(lengths), []),
    ):
        print(f"{stages[-1].name}: {stages[-1].seconds:.0f} s", file=sys.stderr, flush=True)
        stage = Stage(name=name, footage_seconds=seconds)
        stages.append(run_stage(stage, folder, [name, CAMERA, *options]))
    return stages


def line_of(stage: Stage) -> str:
    return (
        f"{stage.name:<8}{stage.footage_seconds / 3600:>9.2f}{stage.seconds:>10.0f}"
        f"{stage.processor_seconds:>13.0f}{stage.speed:>14.1f}{stage.peak_mib:>12.0f}"
        f"{stage.largest_process_mib:>18.0f}"
    )


def table(stages: Sequence[Stage]) -> str:
    """Return the figures for people."""
    rows = [
        f"{'stage':<8}{'hours':>9}{'seconds':>10}{'CPU seconds':>13}{'footage s/s':>14}"
        f"{'peak MiB':>12}{'largest process':>18}",
        *(line_of(stage) for stage in stages),
        "",
        "resident after each file, MiB:",
    ]
    for stage in stages:
        after = [mib for line, mib in stage.after_line if line.startswith(("admitted ", "scored "))]
        if after:
            rows.append(f"{stage.name:<8}" + " ".join(f"{mib:.0f}" for mib in after))
        tenths = stage.each_minute[:: max(1, len(stage.each_minute) // 10)]
        if len(tenths) > 1:
            rows.append(f"{stage.name:<8}as time went on: " + " ".join(f"{m:.0f}" for m in tenths))
    peak = max(stage.peak_mib for stage in stages)
    verdict = "within" if peak <= LIMIT_MIB else "OVER"
    rows += ["", f"peak {peak:.0f} MiB: {verdict} the {LIMIT_MIB:.0f} MiB that are promised"]
    return "\n".join(rows)


def stop(message: str) -> NoReturn:
    print(f"memory: {message}", file=sys.stderr)
    raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=int, default=12)
    parser.add_argument("--train-hours", type=int, default=3)
    parser.add_argument("--effort", type=float, default=0.1, help="share of the training steps")
    parser.add_argument("--one-video", action="store_true", help="one video of 24 hours")
    parser.add_argument("--folder", type=Path, help="keep the site here; none: a temporary one")
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    chosen = parser.parse_args()
    data = os.environ.get("KIZASHI_DATA")
    if not data:
        stop("no benchmark footage: set KIZASHI_DATA to its folder; see benchmarks/README.md")
    files = sorted((Path(data) / "upcam_day").glob("*.mp4"))[: chosen.hours]
    if not files:
        stop(f"{data}: no upcam_day/*.mp4 there; see benchmarks/README.md")
    with tempfile.TemporaryDirectory(prefix="kizashi-memory-") as temporary:
        folder = chosen.folder or Path(temporary) / "site"
        learnt = chosen.train_hours
        if chosen.one_video:
            files, learnt = one_video(files, chosen.train_hours, Path(temporary) / "made"), 1
        stages = measure(folder.resolve(), files, learnt, chosen.effort)
    print(table(stages))
    print(machine_line())
    figures = {
        "benchmark": "memory",
        "command": command_line(),
        "hours": 24 if chosen.one_video else len(files),
        "train_hours": chosen.train_hours,
        "effort": chosen.effort,
        "limit_mib": LIMIT_MIB,
        "peak_mib": max(stage.peak_mib for stage in stages),
        "stages": [
            {**asdict(stage), "footage_seconds_per_second": stage.speed} for stage in stages
        ],
    }
    write_figures(chosen.out, figures)


if __name__ == "__main__":
    main()
