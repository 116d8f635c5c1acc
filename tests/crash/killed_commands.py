"""The real command line in real processes, killed with kill -9; and what is left behind."""

from __future__ import annotations

import math
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from sqlalchemy import select

from pipeline.store.schema import LeaseRow
from pipeline.store.sql import open_store
from tests.store_dump import dump

__all__ = ["CAMERA", "Calm", "Storm", "calm_run", "copied", "run", "stopped", "storm", "working"]

ROOT = Path(__file__).parents[2]
CAMERA = "belt"
PATIENCE_SECONDS = 600.0
"""For one command on a machine that is busy with other things."""
BLOCKED_SECONDS = 0.2
"""A kill comes up to so much later than the processor time says, so that it also finds a command
that waits for a disk or a decoder."""
KILLS_A_SITE = 3
"""One after the other, before the work may come to its end: more would all hit its beginning."""
ATTEMPTS_A_KILL = 5

STOP_SECONDS = 10.0

TICKS = os.sysconf("SC_CLK_TCK")

Dump = dict[str, list[dict[str, Any]]]


class Command:
    """One command in a session of its own, so that a kill reaches its whole process group."""

    def __init__(self, site: Path, *arguments: str) -> None:
        # One thread: sums come in one order, so that two trainings can be compared bit for bit.
        settings = {"OMP_NUM_THREADS": "1", "KIZASHI_STABLE_SECONDS": "0", "KIZASHI_DEVICE": "cpu"}
        self.site = site
        self.lease = f"{arguments[0]}/{CAMERA}"
        self.output = ""
        self._began_seconds = 0.0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", "--site", str(site), *arguments, CAMERA],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def id(self) -> int:
        """The process, which leads its group."""
        return self._process.pid

    def wait_until_it_works(self) -> None:
        """Return as soon as it holds the lease of its work, or has ended."""
        place = f"file:{self.site / 'kizashi.db'}?mode=ro"
        query = "select owner from leases where name = ?"
        with closing(sqlite3.connect(place, uri=True)) as database:

            def has_lease() -> bool:
                owner = database.execute(query, (self.lease,)).fetchone()
                return owner is not None and f":{self.id}:" in owner[0]

            self._wait_for(has_lease)
        self._began_seconds = processor_seconds(self.id)

    def wait_for_work(self, work_seconds: float) -> None:
        """Return when it has worked for so long since it had its lease, or has ended."""
        self._wait_for(lambda: self.work_seconds >= work_seconds)

    @property
    def work_seconds(self) -> float:
        """Processor time since the lease: unlike the wall's, it does not depend much on what else
        the machine does."""
        return processor_seconds(self.id) - self._began_seconds

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while started(self.id) is not None and not condition():
            assert time.monotonic() < deadline, "the command hangs"
            time.sleep(0.01)

    def wait(self) -> int:
        """Wait for its end; return the exit code."""
        self.output, _ = self._process.communicate(timeout=PATIENCE_SECONDS)
        return self._process.returncode

    def stop(self) -> int:
        """Ask it to stop, as a service manager does; return the exit code. Fails when it takes
        longer than a service manager waits."""
        self._process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        code = self.wait()
        assert time.monotonic() - begun < STOP_SECONDS, "it takes too long to stop"
        return code

    def kill(self) -> None:
        """Kill its process group; it may have come to its good end before.

        Decoders have groups of their own. They are left to end by themselves, as they must when
        only their parent is killed.
        """
        children = [(process, started(process)) for process in children_of(self.id)]
        # Until it is waited for, its id is its own, even when it has ended.
        os.killpg(self.id, signal.SIGKILL)
        code = self.wait()
        deadline = time.monotonic() + 30.0
        while any(since is not None and started(child) == since for child, since in children):
            assert time.monotonic() < deadline, "a child outlives its killed parent"
            time.sleep(0.02)
        assert code in (0, -signal.SIGKILL), self.output


def children_of(process: int) -> list[int]:
    """Return the processes that `process` has started, and those that these have."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if (fields := stat_of(int(folder.name))) is not None:
            parents[int(folder.name)] = int(fields[1])
    found = [process]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found[1:]


def started(process: int) -> int | None:
    """Return when a process began, in clock ticks; None when it runs no more."""
    fields = stat_of(process)
    return int(fields[19]) if fields is not None and fields[0] not in "ZX" else None


def stat_of(process: int) -> list[str] | None:
    """Return what /proc says of a process, from its state on."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def processor_seconds(process: int) -> float:
    """Return the time that a process and its ended children have worked."""
    fields = stat_of(process)
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS if fields is not None else 0.0


def run(site: Path, *arguments: str) -> str:
    """Run one command to its good end; return what it printed."""
    command = Command(site, *arguments)
    assert command.wait() == 0, command.output
    return command.output


@contextmanager
def working(site: Path, *arguments: str) -> Iterator[Command]:
    """Begin a command, and kill it when the block is left."""
    command = Command(site, *arguments)
    try:
        command.wait_until_it_works()
        yield command
    finally:
        command.kill()


def copied(site: Path, name: str) -> Path:
    """Copy a whole site, with its footage; times of files too."""
    return Path(shutil.copytree(site, site.with_name(name)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """What a command has left behind."""

    tables: Dump
    leases: list[dict[str, Any]]
    files: dict[str, str]
    """Every file of models and evidence with its sha256."""


def left_by(site: Path) -> Left:
    """Look at a site. The database is looked at in a copy: the next command is to find everything
    just as the killed one has left it."""
    with tempfile.TemporaryDirectory() as folder:
        for path in site.glob("kizashi.db*"):
            shutil.copy(path, folder)
        store = open_store(f"sqlite:///{folder}/kizashi.db")
        try:
            with store._sessions.engine.connect() as connection:
                leases = [dict(row) for row in connection.execute(select(*LEASE)).mappings()]
            tables = dump(store)
        finally:
            store.close()
    return Left(tables=tables, leases=leases, files=files_of(site))


LEASE = (LeaseRow.name, LeaseRow.owner, LeaseRow.expires_utc)


def files_of(site: Path) -> dict[str, str]:
    """Return what lies in the folders of models and evidence: path -> sha256."""
    return {
        path.relative_to(site).as_posix(): sha256(path.read_bytes()).hexdigest()
        for part in ("models", "evidence")
        for path in sorted((site / part).rglob("*"))
        if path.is_file()
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Calm:
    """A run that nobody disturbed."""

    site: Path
    work_seconds: float
    """From the lease to the end, in processor time."""
    left: Left


def calm_run(site: Path, *arguments: str) -> Calm:
    """Run a command to its end."""
    command = Command(site, *arguments)
    command.wait_until_it_works()
    command.wait_for_work(math.inf)
    work_seconds = command.work_seconds
    assert command.wait() == 0, command.output
    return Calm(site=site, work_seconds=work_seconds, left=left_by(site))


FINAL_ROWS = (
    "footage",
    "segments",
    "blind_intervals",
    "anomalies",
    "scored_segments",
    "alerts",
    "evidence",
)
"""Tables whose rows never change once they are there."""


def check_what_a_kill_leaves(left: Left, calm: Left) -> None:
    """Fail unless all that is recorded is right already, and whole."""
    for table in FINAL_ROWS:
        foreign = [row for row in left.tables[table] if row not in calm.tables[table]]
        assert foreign == [], table
    footage = {row["footage_id"] for row in left.tables["footage"]}
    for table in ("segments", "blind_intervals"):
        there = [row for row in calm.tables[table] if row["footage_id"] in footage]
        assert left.tables[table] == there, "a file is recorded in part"
    for row in left.tables["evidence"]:
        assert left.files.get(row["path"]) == row["sha256"], "a row names a file that is not whole"
    for row in left.tables["models"]:
        # Films of what it has learnt come after the row, and are made up for by the next run.
        inside = {
            path: name
            for path, name in calm.files.items()
            if path.startswith(row["path"]) and "/samples/" not in path
        }
        assert inside
        assert inside.items() <= left.files.items(), "a row names a model that is not whole"


def check_equal(left: Left, calm: Left) -> None:
    """Fail, naming rows and files, unless two sites hold the same."""
    lost = [
        (t, row) for t, rows in calm.tables.items() for row in rows if row not in left.tables[t]
    ]
    more = [
        (t, row) for t, rows in left.tables.items() for row in rows if row not in calm.tables[t]
    ]
    assert (lost, more) == ([], []), f"lost: {lost}\ntoo many: {more}"
    counts, calm_counts = (
        {table: len(rows) for table, rows in one.tables.items()} for one in (left, calm)
    )
    assert counts == calm_counts, f"doubled: {counts}, calm: {calm_counts}"
    differing = {path for path, _ in left.files.items() ^ calm.files.items()}
    assert not differing, f"files that differ: {sorted(differing)}"


@dataclass(kw_only=True, slots=True)
class Storm:
    """What many kills have met."""

    kills: int = 0
    takeovers: int = 0
    """Times that a command took a dead one's lease before it had run out."""
    resumptions: int = 0
    """Runs that went on from a checkpoint."""
    finished: int = 0
    """Sites whose work was brought to its end, and compared."""


def storm(
    base: Path, calm: Calm, *arguments: str, kills: int, resumptions: int = 0, seed: int = 0
) -> Storm:
    """Kill the command `kills` times at random moments of its life, in copies of the site `base`;
    whenever its work comes to its end, compare what it left with what `calm` left.

    A kill that finds the lease given back comes after the end and counts nothing. Goes on until so
    many runs have gone on from a checkpoint, too.
    """
    chance = random.Random(f"{arguments[0]} {seed}")
    met, attempts = Storm(), 0
    while met.kills < kills or met.resumptions < resumptions:
        site = copied(base, f"{base.name}-stormy-{met.finished}")
        lease_until: datetime | None = None
        left_seconds = calm.work_seconds
        wanted = min(max(kills, met.kills + 1), met.kills + KILLS_A_SITE)
        while met.kills < wanted:
            attempts += 1
            assert attempts <= ATTEMPTS_A_KILL * (kills + 1), f"too few kills hit: {met}"
            command = _begun(site, lease_until, met, *arguments)
            command.wait_for_work(chance.random() * left_seconds)
            time.sleep(chance.random() * BLOCKED_SECONDS)
            left_seconds = max(left_seconds - command.work_seconds, calm.work_seconds / 2.0)
            command.kill()
            met.resumptions += "going on from step" in command.output
            left = left_by(site)
            lease_until = _lease_left(left, command)
            if lease_until is None:
                break
            met.kills += 1
            check_what_a_kill_leaves(left, calm.left)
        if lease_until is not None:
            command = _begun(site, lease_until, met, *arguments)
            assert command.wait() == 0, command.output
            met.resumptions += "going on from step" in command.output
        check_equal(left_by(site), calm.left)
        met.finished += 1
        shutil.rmtree(site)
    return met


def stopped(base: Path, calm: Calm, *arguments: str, stops: int, seed: int = 0) -> int:
    """Stop the command `stops` times at random moments of its life; hold that it gives its lease
    back each time, and that its work ends as `calm` did. Return how often it was in the middle."""
    chance = random.Random(f"{arguments[0]} {seed}")
    site, middle = copied(base, f"{base.name}-stopped"), 0
    for number in range(stops):
        command = Command(site, *arguments)
        command.wait_until_it_works()
        command.wait_for_work(chance.random() * calm.work_seconds / 2.0)
        code = command.stop()
        if code == -signal.SIGTERM:
            code = 0  # all was done, and nobody listened any more: held to that below
        assert code in (0, 143), f"{code}: {command.output}"
        left = left_by(site)
        assert [lease["owner"] for lease in left.leases if lease["owner"]] == []
        check_what_a_kill_leaves(left, calm.left)
        middle += code != 0
        if code == 0:
            check_equal(left, calm.left)
            shutil.rmtree(site)
            site = copied(base, f"{base.name}-stopped-{number}")
    run(site, *arguments)
    check_equal(left_by(site), calm.left)
    shutil.rmtree(site)
    return middle


def _begun(site: Path, lease_until: datetime | None, met: Storm, *arguments: str) -> Command:
    """Start a command after one that was killed; return when it has the lease, or has ended."""
    command = Command(site, *arguments)
    command.wait_until_it_works()
    met.takeovers += lease_until is not None and datetime.now(UTC) < lease_until
    return command


def _lease_left(left: Left, command: Command) -> datetime | None:
    """Return until when the lease of a command holds that ended without giving it back."""
    for lease in left.leases:
        if lease["name"] == command.lease and f":{command.id}:" in lease["owner"]:
            return cast("datetime", lease["expires_utc"])
    return None
