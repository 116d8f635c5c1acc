"""What decoding costs: processor time of the child process for a second of footage, by size.

    KIZASHI_DATA=FOLDER python benchmarks/decoding.py [--seconds 60]

Reads real files as scoring does, shrunk to 192 pixels, grey, at most ten frames a second, and once
more at their own rate without pictures, as admission does.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Annotated, Any

import typer
from _machine import command_line, data_folder, machine_line, stop, wide_console, write_figures
from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipeline.footage.decoding import open_decoder

RESULTS = Path(__file__).parent / "results"
FILES = (
    "upcam_day/00-12.mp4",
    "ucsd_ped2/test/01.mp4",
    "intel_samples/bottle-detection.mp4",
    "pets2009/vtest.avi",
    "intel_samples/one-by-one-person-detection.mp4",
)


def main(
    seconds: Annotated[float, typer.Option(min=5, help="Of footage, of each file.")] = 60.0,
    out: Annotated[Path, typer.Option(help="File for the JSON.")] = RESULTS / "decoding.json",
) -> None:
    """Decode, print."""
    folder = data_folder()
    rows = [measured(folder / name, seconds) for name in FILES if (folder / name).exists()]
    if not rows:
        stop(f"none of {', '.join(FILES)} under KIZASHI_DATA; see benchmarks/README.md")
    table = Table(title="Decoding", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("footage", "pixels", "frames/s", "kbit/s", "to score, cores", "to admit"):
        table.add_column(heading, justify="left" if heading == "footage" else "right")
    for row in rows:
        table.add_row(
            row["footage"],
            f"{row['width_px']} x {row['height_px']}",
            f"{row['frame_rate']:.1f}",
            f"{row['kilobits_a_second']:.0f}",
            f"{row['scoring_cpu_a_footage_second']:.4f}",
            f"{row['admission_cpu_a_footage_second']:.4f}",
        )
    wide_console().print(table)
    load = round(os.getloadavg()[0], 2)
    write_figures(
        out, {"benchmark": "decoding", "command": command_line(), "load": load, "rows": rows}
    )
    wide_console().print(machine_line(), highlight=False, markup=False)


def measured(path: Path, seconds: float) -> dict[str, Any]:
    """Return what a file costs; the start of the child, which each file pays once, is left out."""
    start = cpu_of(path, 0.1, pictures=True)[0]
    scoring, frames, length, size = cpu_of(path, seconds, pictures=True)
    admission, every, whole, _ = cpu_of(path, seconds, pictures=False)
    return {
        "footage": path.parent.name + "/" + path.name,
        "width_px": size[0],
        "height_px": size[1],
        "frame_rate": round(every / whole, 2),
        "footage_seconds": round(length, 1),
        "kilobits_a_second": round(path.stat().st_size * 8 / 1000 / duration(path), 1),
        "frames_to_score": frames,
        "scoring_cpu_a_footage_second": round(max(0.0, scoring - start) / length, 5),
        "admission_cpu_a_footage_second": round(max(0.0, admission - start) / whole, 5),
        "start_cpu_seconds": round(start, 3),
    }


def cpu_of(
    path: Path, seconds: float, *, pictures: bool
) -> tuple[float, int, float, tuple[int, int]]:
    """Return processor seconds of the child, frames, seconds of footage, and the picture's size."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    frames, last = 0, 0
    with open_decoder(
        path,
        size_px=(192, 128) if pictures else None,
        grey=pictures,
        pictures=pictures,
        end_us=round(seconds * 1e6),
        frame_rate=10.0 if pictures else None,
    ) as decoder:
        for frame in decoder:
            frames, last = frames + 1, frame.pts_us
        report = decoder.report
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, frames, max(1e-6, last / 1e6), (report.width_px, report.height_px)


def duration(path: Path) -> float:
    """Return the length of a whole file in seconds."""
    last = 0
    with open_decoder(path, pictures=False) as decoder:
        for frame in decoder:
            last = frame.pts_us
    return last / 1e6


if __name__ == "__main__":
    typer.run(main)
