"""Many workers on one line at once: the same rows, messages and files as of one alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pipeline.errors import LeaseHeld, StoreUnavailable
from pipeline.watch import watch_camera
from tests.crash.small_line import CAMERA, CalmLine, line_of, what_is_left
from tests.promises import Promise

pytestmark = pytest.mark.timeout(900)

WORKERS = 10
PATIENCE_SECONDS = 120.0


def work_until_done(folder: Path, barrier: int) -> None:
    """Begin with all others, and go on in rounds, as schedules do, until nothing is left."""
    site = line_of(folder)
    os.read(barrier, 1)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            done = watch_camera(site, CAMERA)
        except (LeaseHeld, StoreUnavailable):
            continue
        if not (done.busy or done.waiting or done.undelivered or done.clips or done.admitted):
            site.close()
            return
        time.sleep(0.02)
    raise TimeoutError("the work does not end")


def workers_at_once(folder: Path) -> list[int]:
    """Let ten processes work at once; return how they ended."""
    reading, writing = os.pipe()
    children = []
    for _ in range(WORKERS):
        child = os.fork()
        if child == 0:  # pragma: no cover: its end is in another process
            code = 1
            try:
                os.close(writing)
                work_until_done(folder, reading)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    os.close(reading)
    os.write(writing, bytes(WORKERS))
    os.close(writing)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.full)])
def test_ten_workers_at_once_leave_what_one_leaves(
    rounds: int, line: CalmLine, place: Path, promise: Promise
) -> None:
    for number in range(rounds):
        folder = line.copy(place / f"site{number}")
        assert workers_at_once(folder) == [0] * WORKERS
        assert what_is_left(folder) == line.left, number
    clips = len(line.left["anomalies"])
    promise(
        "C1",
        f"{WORKERS} workers at once on {clips} clips, {rounds} times: the same as one alone",
    )
