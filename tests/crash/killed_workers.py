"""Workers of one store in processes of their own, killed and put to sleep while they work."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pipeline.assembly import Site, open_site
from pipeline.camera import Camera, ClockSource
from pipeline.register import add_camera
from tests import footage_maker as make

__all__ = ["Crew", "Drilled", "copied", "drill", "evidence_of", "make_site", "template_of"]

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 900.0
LEASE_SECONDS = 3.0
LEARNT_FRAMES = (20, 20, 20, 20, 70)
"""Of five files; the fifth is held out from training, and needs ten clips."""
WATCHED_FRAMES = 20
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
"""One thread: sums come in one order, so that scores can be compared bit for bit."""


def kizashi(site: Path, *arguments: str) -> None:
    """Run a command of a site to its good end."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "--site", str(site), *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _write_settings(site: Path, url: str) -> None:
    (site / "kizashi.toml").write_text(
        f'database_url = "{url}"\nlease_seconds = {LEASE_SECONDS}\n'
        'stable_seconds = 0.0\ndevice = "cpu"\n',
        encoding="utf-8",
    )


def make_site(
    site: Path,
    url: str,
    cameras: Sequence[str],
    *,
    watched: int,
    trained: Collection[str] = (),
    size: tuple[int, int] = (96, 32),
    watched_frames: int = WATCHED_FRAMES,
) -> None:
    """Make a site on the store at `url`, whose cameras have each five files and `watched` more that
    have just arrived, every third of these with a fault; those of `trained` have learnt the five.

    `size`: width and height of pictures; `watched_frames`: in a file, ten a second.
    """
    site.mkdir(parents=True)
    _write_settings(site, url)
    opened = open_site(site)
    for name in cameras:
        (site / "in" / name).mkdir(parents=True)
        camera = Camera(
            name=name,
            source=Path("in") / name,
            clock=ClockSource.SEQUENCE,
            budget_per_day=500.0,
            purpose="tests",
            owner="tests",
            retention_days=1,
        )
        add_camera(opened, camera, who="tests")
    opened.close()
    for number, name in enumerate(cameras):
        _write_footage(site / "in" / name, "a", 7 + number, LEARNT_FRAMES, size, faults=False)
        if name in trained:
            kizashi(site, "ingest", name)
            kizashi(site, "train", "--effort", "0.004", name)
        frames = [watched_frames] * watched
        _write_footage(site / "in" / name, "b", 7 + number, frames, size, faults=True)


def _write_footage(
    folder: Path, first: str, seed: int, lengths: Sequence[int], size: tuple[int, int], faults: bool
) -> None:
    width_px, height_px = size
    belt = make.scene(seed, sum(lengths), width_px=width_px, height_px=height_px)
    begin = 0
    for number, frames in enumerate(lengths):
        part = belt[begin : begin + frames].copy()
        if faults and number % 3 == 0:
            for moment in range(frames // 3, frames):
                part[moment, 4:-4, width_px // 3 : 2 * width_px // 3] = 255 * (moment % 2)
        make.encode(folder / f"{first}{number:03}.mp4", part, *make.H264)
        begin += frames


def template_of(url: str) -> str:
    """Return the name of a database, of which others may be copies."""
    return url.split("?")[0].rsplit("/", 1)[1]


def copied(site: Path, name: str, url: str) -> Path:
    """Copy a whole site beside itself, for a copy of its store at `url`."""
    copy = Path(shutil.copytree(site, site.with_name(name)))
    _write_settings(copy, url)
    return copy


def evidence_of(site: Path) -> dict[str, str]:
    """Return the files of evidence with their sha256."""
    return {
        path.relative_to(site).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted((site / "evidence").rglob("*"))
        if path.is_file()
    }


class Crew:
    """Workers of one site; what they say goes to files in it."""

    def __init__(self, site: Path, size: int) -> None:
        self._site = site
        self._started = 0
        self.workers: list[subprocess.Popen[bytes]] = []
        for _ in range(size):
            self.add()

    def add(self) -> None:
        """Start one more worker."""
        self._started += 1
        with self.log(self._started).open("wb") as output:
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.worker", str(self._site)],
                cwd=ROOT,
                env=ENVIRONMENT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.workers.append(worker)

    def log(self, number: int) -> Path:
        """Return where the n-th worker that was started writes."""
        return self._site / f"worker-{number}.log"

    def said(self) -> str:
        """Return what all of them said."""
        return "".join(self.log(one + 1).read_text("utf-8") for one in range(self._started))

    def at_work(self) -> list[subprocess.Popen[bytes]]:
        """Return those that have not ended; one that failed fails here."""
        for worker in self.workers:
            assert worker.poll() in (None, 0), self.said()
        return [worker for worker in self.workers if worker.returncode is None]

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker with its process group. Its decoder is left to end by itself."""
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(timeout=60)
        self.workers.remove(worker)

    def close(self) -> None:
        """Kill whoever is left."""
        for worker in self.workers:
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait(timeout=60)

    def wait(self) -> None:
        """Wait for the good end of all."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self.at_work():
            assert time.monotonic() < end, self.said()
            time.sleep(0.1)


@dataclass(kw_only=True, slots=True)
class Drilled:
    """What a drill has met."""

    kills: int = 0
    """Of workers that held a lease just then."""
    sleeps: int = 0
    """Longer than the lease of the worker."""
    refused: int = 0
    """Rounds in which a worker found its lease lost."""
    seconds: float = 0.0


def drill(
    site: Path, *, workers: int, kills: int, sleeps: int = 0, every_seconds: float, seed: int = 0
) -> Drilled:
    """Let `workers` work on a site until all is done. Meanwhile kill one of those that hold a
    lease, again and again, and start another instead; put one to sleep for longer than its lease.
    """
    chance = random.Random(seed)
    met, begun = Drilled(), time.monotonic()
    due = ["kill"] * kills + ["sleep"] * sleeps
    chance.shuffle(due)
    opened = open_site(site)
    crew = Crew(site, workers)
    try:
        while due and (victim := _one_at_work(opened, crew, chance)) is not None:
            if due.pop() == "sleep":
                os.kill(victim.pid, signal.SIGSTOP)
                time.sleep(1.5 * LEASE_SECONDS)
                os.kill(victim.pid, signal.SIGCONT)
                met.sleeps += 1
            else:
                crew.kill(victim)
                held = [lease.owner for lease in opened.store.leases()]
                met.kills += any(f":{victim.pid}:" in owner for owner in held)
                crew.add()
            time.sleep(every_seconds * chance.uniform(0.5, 1.5))
        crew.wait()
        met.refused = crew.said().count("was lost by")
    finally:
        crew.close()
        opened.close()
    met.seconds = round(time.monotonic() - begun, 1)
    return met


def _one_at_work(opened: Site, crew: Crew, chance: random.Random) -> subprocess.Popen[bytes] | None:
    """Return a worker that holds a lease, a moment after it was seen; None once all is done."""
    end = time.monotonic() + PATIENCE_SECONDS
    while alive := crew.at_work():
        owners = [lease.owner for lease in opened.store.leases()]
        busy = [one for one in alive if any(f":{one.pid}:" in owner for owner in owners)]
        if busy:
            time.sleep(chance.uniform(0.0, 0.1))
            return chance.choice(busy)
        assert time.monotonic() < end, crew.said()
        time.sleep(0.02)
    return None
