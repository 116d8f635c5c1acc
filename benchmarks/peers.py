"""Scoring beside what others do: a motion detector as a whole command, and other ways to ask a GAN.

    KIZASHI_DATA=FOLDER python benchmarks/peers.py [--vtest-model VTEST] [--dvr-scan PATH]
        [--seconds 20] [--clips 16] [--steps 50] [--threads 1] [--out FILE.json]

`--vtest-model` is a stored model of `pets2009/vtest.avi`. Two comparisons, each in turn
in one run:

Commands, on the beginning of vtest.avi, cut without another encoding: `dvr-scan` (DVR-Scan, MOG2
background subtraction; `--dvr-scan` names its executable) against `kizashi score` of a site that
has taken the file in. Wall time, processor time and peak memory of the whole commands.

Networks, on the same clips, from planes to residuals: ours (the critic over whole frames once, the
generator where it finds a clip least normal), every tile by itself (critic, encoder, generator and
the critic of the reconstruction for each tile of the grid, one after the other, as a scorer of
f-AnoGAN's kind does), and a search for the latent of each tile that ours looks at, by Adam
(AnoGAN). The others are float32, network after network; ours is as it scores, in bfloat16 where
training found that its processor gains by it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from _machine import command_line, data_folder, machine_line, stop, wide_console, write_figures
from _site import CAMERA, kizashi, site_with_model
from memory import LOOK_SECONDS, resident_mib
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipeline.clips.tiles import cut_tiles
from pipeline.errors import KizashiError
from pipeline.evaluation.parts import real_parts
from pipeline.learning.camera_model import CameraModel, load_camera_model
from pipeline.scoring import critic, reconstruction
from pipeline.scoring.clip_batch import ClipBatch
from pipeline.scoring.scorer import BATCH_CLIPS
from tgan_core.inversion import refine_latent

VTEST_MODEL = Path("out/faults/vtest-compact/models/seed-0")
OURS, EVERY_TILE, SEARCH = "ours", "every tile by itself", "search of the latent"


def main(
    vtest_model: Annotated[Path, typer.Option(help="Stored model of vtest.avi.")] = VTEST_MODEL,
    dvr_scan: Annotated[Path, typer.Option(help="Executable of DVR-Scan.")] = Path("dvr-scan"),
    seconds: Annotated[float, typer.Option(min=2.0, help="Of vtest.avi, for commands.")] = 20.0,
    clips: Annotated[int, typer.Option(min=1, help="Clips for the networks.")] = 16,
    steps: Annotated[int, typer.Option(min=1, help="Of Adam on the latent.")] = 50,
    threads: Annotated[int, typer.Option(min=1, help="Of every way.")] = 1,
    only: Annotated[str | None, typer.Option(hidden=True, help="Print its peak memory.")] = None,
    out: Annotated[Path | None, typer.Option(help="File for the JSON.")] = None,
) -> None:
    """Compare whole commands, then ways to use the networks."""
    console, video = wide_console(), data_folder() / "pets2009/vtest.avi"
    if not vtest_model.exists():
        stop(f"no model in {vtest_model}; benchmarks/faults.py leaves one, or name another")
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        model = load_camera_model(vtest_model, device="cpu")
        batches = _batches(model, video, clips)
        if only is not None:
            _ways(model, steps)[only](batches[0], 0)
            print(_own_peak_mib())
            return
        networks = _networks(model, batches, clips, steps, vtest_model, threads)
        commands = _commands(vtest_model, video, seconds, dvr_scan)
    except KizashiError as error:
        stop(str(error))
    _print("networks, clip by clip", networks, console)
    _print(f"whole commands, {seconds:g} s of vtest.avi", commands, console)
    figures = {"networks": networks, "commands": commands, "seconds": seconds, "steps": steps}
    write_figures(out, {"benchmark": "peers", "command": command_line(), **figures})
    console.print(machine_line(), highlight=False)


def _batches(model: CameraModel, video: Path, clips: int) -> list[ClipBatch]:
    """Return clips of the video, in batches of the size that scoring takes."""
    reader, found, count = model.reader(), list[ClipBatch](), 0
    for stretch in real_parts().stretches(video, video.parent):
        for _, windows in reader.batches(stretch, stride=model.clip_stride, size=BATCH_CLIPS):
            found.append(model.sight.batch(reader, windows))
            count += len(found[-1])
            if count >= clips:
                return found
    return found


def _ways(model: CameraModel, steps: int) -> dict[str, Callable[[ClipBatch, int], object]]:
    """Return each way to ask the networks about one clip of a batch; ours asks about all of them
    when it comes to the first."""
    networks = model.sight.networks

    def ours(batch: ClipBatch, clip: int) -> object:
        return (critic.term_maps(batch), reconstruction.term_maps(batch)) if clip == 0 else None

    @torch.inference_mode()
    def every_tile(batch: ClipBatch, clip: int) -> object:
        every_1K = torch.arange(len(batch.grid.corners))[None]
        tiles = cut_tiles(batch.planes_NPTHW[clip : clip + 1], batch.grid, every_1K)
        said = []
        for tile in tiles.split(1):
            drawn = networks.generator(networks.encoder(tile))
            seen, redrawn = (networks.critic.features(video) for video in (tile, drawn))
            score = networks.critic.score_map_from_features(seen)
            said.append((score, (tile - drawn).abs().mean(), (seen[-1] - redrawn[-1]).abs().mean()))
        return said

    def search(batch: ClipBatch, clip: int) -> object:
        tiles = cut_tiles(
            batch.planes_NPTHW[clip : clip + 1], batch.grid, batch.tiles_NK[clip : clip + 1]
        ).clone()
        start = torch.zeros(len(tiles), model.preset.tgan.geometry.latent)
        return refine_latent(networks.generator, networks.critic, tiles, start, steps=steps)

    return {OURS: ours, EVERY_TILE: every_tile, SEARCH: search}


def _networks(
    model: CameraModel,
    batches: Sequence[ClipBatch],
    clips: int,
    steps: int,
    folder: Path,
    threads: int,
) -> list[dict[str, Any]]:
    """Return what each way took, batch by batch in turn; the search looks at the first clip of each
    batch only, for it takes so long."""
    ways = _ways(model, steps)
    wall, processor = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0.0)
    done = dict.fromkeys(ways, 0)
    for number, batch in enumerate(batches):
        for way, ask in ways.items():
            asked = range(1 if way == SEARCH else len(batch))
            began = time.perf_counter(), time.process_time()
            for clip in asked:
                ask(batch, clip)
            if number == 0 and len(batches) > 1:
                continue  # kernels are chosen, memory is taken
            wall[way] += time.perf_counter() - began[0]
            processor[way] += time.process_time() - began[1]
            done[way] += len(asked)
    rows = []
    for way in ways:
        row = {"what": way, "clips": done[way], "clips_a_second": done[way] / wall[way]}
        row["processor_ms_a_clip"] = 1e3 * processor[way] / done[way]
        row["times_ours_by_the_clock"] = wall[way] / done[way] / (wall[OURS] / done[OURS])
        row["times_ours_in_processor_time"] = (
            processor[way] / done[way] / (processor[OURS] / done[OURS])
        )
        row["peak_mib"] = _peak_of(way, folder, threads)
        rows.append({key: round(v, 3) if isinstance(v, float) else v for key, v in row.items()})
    return rows


def _own_peak_mib() -> float:
    """Return the most that this process held. The count of `getrusage` begins with what the process
    that started it held."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) / 1024


def _peak_of(way: str, folder: Path, threads: int) -> float:
    """Return the peak memory of one way in a process of its own, MiB."""
    # More steps of the search take no more memory.
    options = ["--only", way, "--clips", "1", "--steps", "2", "--threads", str(threads)]
    done = subprocess.run(
        [sys.executable, __file__, "--vtest-model", str(folder), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        stop(f"{way}: {done.stderr.strip()[-300:]}")
    return float(done.stdout.split()[-1])


def _commands(model: Path, video: Path, seconds: float, dvr_scan: Path) -> list[dict[str, Any]]:
    """Return what the whole commands took on the beginning of the video."""
    scanner = shutil.which(str(dvr_scan))
    with tempfile.TemporaryDirectory(prefix="kizashi-peers-") as temporary:
        cut = Path(temporary) / "vtest.avi"
        frames = _cut(video, cut, seconds)
        site = site_with_model(Path(temporary) / "site", [cut], model)
        rows = []
        if scanner is not None:
            # Only looking: writing clips of its events would be work that the other does not do.
            rows.append(_run("dvr-scan", [scanner, "-i", str(cut), "-so", "-q"], frames))
        rows.append(_run("kizashi score", kizashi(site, "score", CAMERA), frames))
        if scanner is not None:
            for key, name in (("seconds", "clock"), ("processor_seconds", "processor")):
                rows[1][f"times_dvr_scan_by_{name}"] = round(rows[1][key] / rows[0][key], 2)
        else:
            rows.append(
                {
                    "what": f"dvr-scan: not measured, there is no executable {dvr_scan.name}; "
                    "install DVR-Scan elsewhere and name it with --dvr-scan"
                }
            )
        return rows


def _cut(video: Path, to: Path, seconds: float) -> int:
    """Write the beginning of a video without another encoding; return how many frames."""
    if not video.is_file():
        stop(f"{video.name}: not under KIZASHI_DATA; see benchmarks/README.md")
    ffmpeg = ["ffmpeg", "-v", "error", "-t", str(seconds), "-i", str(video), "-c", "copy", str(to)]
    subprocess.run(ffmpeg, check=True, stdin=subprocess.DEVNULL)
    (stretch,) = real_parts().stretches(to, to.parent)
    return round(stretch.footage.duration_us / 1e6 * stretch.footage.frame_rate)


def _run(what: str, command: Sequence[str], frames: int) -> dict[str, Any]:
    """Run a command to its end; return what it took with all that it started."""
    with tempfile.TemporaryFile() as said:
        began, peak = time.monotonic(), 0.0
        process = subprocess.Popen(
            command, stdout=said, stderr=subprocess.STDOUT, cwd=Path(__file__).parents[1]
        )
        while True:
            # First of all: until its own program has begun, it shows the memory of this one.
            time.sleep(LOOK_SECONDS)
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            peak = max(peak, resident_mib(process.pid))
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            stop(f"{what}: {said.read()[-400:].decode('utf-8', 'replace')}")
    return {
        "what": what,
        "frames": frames,
        "seconds": round(seconds, 2),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 2),
        "frames_a_second": round(frames / seconds, 2),
        "peak_mib": round(peak, 1),
    }


def _print(title: str, rows: Sequence[dict[str, Any]], console: Console) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column.replace("_", " "), justify="left" if column == "what" else "right")
    for row in rows:
        table.add_row(*(str(row.get(column, "")) for column in columns))
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
