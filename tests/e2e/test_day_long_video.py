"""A video of twenty-four hours is taken in with memory, files and threads that do not grow."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.assembly import open_site
from tests import footage_maker as make

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
HOURS = 24
LIMIT_MIB = 1229
"""1.2 GiB, of the command and its decoder together."""


class Looks:
    """What a command and its children held, at one look after the other."""

    def __init__(self) -> None:
        self.mib: list[float] = []
        self.descriptors: list[int] = []
        self.threads: list[int] = []

    def take(self, process_id: int) -> None:
        children = children_of(process_id)
        if not children:
            return  # it begins, or ends: no decoder is there
        here = [process_id, *children]
        sizes = [resident_kib(one) for one in here]
        try:
            self.descriptors.append(len(os.listdir(f"/proc/{process_id}/fd")))
            self.threads.append(len(os.listdir(f"/proc/{process_id}/task")))
        except OSError:
            return  # it has just ended
        self.mib.append(sum(sizes) / 1024)

    def slope_mib_per_hour(self) -> float:
        """Growth a video-hour, from the second quarter of the looks to the last one."""
        quarter = len(self.mib) // 4
        early = self.mib[quarter : 2 * quarter]
        late = self.mib[-quarter:]
        return (sum(late) - sum(early)) / quarter / (HOURS * 0.5)


def children_of(process_id: int) -> list[int]:
    try:
        said = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    except OSError:
        return []
    return [int(one) for one in said.split()]


def resident_kib(process_id: int) -> int:
    try:
        lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def test_a_day_of_video_is_taken_in_within_bounds(
    tmp_path: Path, promise: Callable[[str, str], None]
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    film = source / "20260301T000000Z.mkv"
    hour = tmp_path / "hour.mkv"
    make.from_lavfi(hour, "testsrc2=duration=3600:size=64x48:rate=1", "-c:v", "mpeg4", "-g", "10")
    again = ["-stream_loop", str(HOURS - 1), "-i", str(hour), "-c", "copy", str(film)]
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", *again], check=True)
    run = [sys.executable, "-m", "pipeline.cli", "--site", str(tmp_path / "site")]
    register = ("--purpose", "p", "--owner", "o", "--retention-days", "30", "--clock", "name")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "KIZASHI_STABLE_SECONDS": "0"}
    open_site(tmp_path / "site").close()
    for command in (["camera", "add", "belt", "--source", str(source), *register],):
        subprocess.run([*run, *command], cwd=ROOT, env=environment, check=True)
    looks = Looks()
    process = subprocess.Popen([*run, "ingest", "belt"], cwd=ROOT, env=environment)
    while process.poll() is None:
        looks.take(process.pid)
        time.sleep(0.05)
    assert process.returncode == 0
    site = open_site(tmp_path / "site")
    [row] = site.store.footage_of("belt")
    site.close()
    assert (row.frames, row.duration_us) == (HOURS * 3600, HOURS * 3600 * 1_000_000)
    assert len(looks.mib) >= 40, "too quick to see anything"
    peak, slope = max(looks.mib), looks.slope_mib_per_hour()
    working = slice(len(looks.mib) // 4, -len(looks.mib) // 10)
    descriptors, threads = looks.descriptors[working], looks.threads[working]
    promise(
        "B1",
        f"{HOURS} h at 1 fps, ingest: peak {peak:.0f} MiB, {slope:+.2f} MiB a video-hour, files"
        f" {min(descriptors)}-{max(descriptors)}, threads {min(threads)}-{max(threads)}",
    )
    assert peak <= LIMIT_MIB
    assert slope < 1.0
    assert max(descriptors) - min(descriptors) <= 2
    assert max(threads) == min(threads)
