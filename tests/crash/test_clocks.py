"""Clocks that jump while the line works, and the zone of the process: the same rows."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine.default import DefaultDialect

from pipeline.camera import ClockSource
from pipeline.store import alerts, outbox, together
from tests.crash.small_line import CAMERA, CalmLine, line_of, line_work, what_is_left
from tests.fakes import FakeClock
from tests.forked import in_child
from tests.promises import Promise

JUMPS_SECONDS = (3600.0, -3600.0, 86_400.0, -86_400.0, -5.0)
ZONES = ("UTC", "Asia/Tokyo", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")


class JumpingClocks:
    """The clock of the program and that of the database; both jump at every commit."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.program = FakeClock(datetime.now(UTC))
        self._offset = timedelta()
        self.jumps = 0

    def jump(self) -> None:
        self.program.advance(self._chance.choice(JUMPS_SECONDS))
        self._offset += timedelta(seconds=self._chance.choice(JUMPS_SECONDS))
        self.jumps += 1

    def of_database(self, session: object) -> datetime:
        return datetime.now(UTC) + self._offset


@pytest.mark.parametrize("runs", [1, pytest.param(10, marks=pytest.mark.full)])
def test_clocks_that_jump_while_the_line_works_change_nothing(
    runs: int, line: CalmLine, place: Path, promise: Promise
) -> None:
    jumps = 0
    for seed in range(runs):
        clocks = JumpingClocks(seed)
        folder = line.copy(place / f"site{seed}")
        real = DefaultDialect.do_commit

        def commit(
            *given: Any, clocks: JumpingClocks = clocks, real: Callable[..., None] = real
        ) -> None:
            real(*given)
            clocks.jump()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DefaultDialect, "do_commit", commit)
            for room in (together, outbox, alerts):
                patch.setattr(room, "database_now", clocks.of_database, raising=False)
            line_work(folder, clock=clocks.program)
        left = what_is_left(folder)
        assert left == line.left
        for table in ("segments", "blind_intervals", "events", "alerts", "health_events"):
            for row in left.get(table, []):
                assert row["start_utc"] <= row.get("end_utc", row["start_utc"])
        jumps += clocks.jumps
    assert jumps >= 40
    promise(
        "T1",
        f"{jumps} jumps of 5 s, an hour or a day, of the clocks of program and database:"
        " the same rows, no negative duration",
    )


def test_the_zone_of_the_process_changes_no_row(
    line: CalmLine, place: Path, promise: Promise
) -> None:
    base = line.copy(place / "base")
    site = line_of(base)
    camera = replace(site.store.camera(CAMERA), clock=ClockSource.MTIME, timezone="Europe/Berlin")
    site.store.put_camera(camera)
    site.close()
    for number, path in enumerate(sorted((base / "in").iterdir())):
        at = datetime(2026, 3, 29, 0, 30, tzinfo=UTC).timestamp() + 60 * number
        os.utime(path, (at, at))
    calm = replace(line, fresh=base, left={})

    def work(folder: Path, zone: str) -> None:
        os.environ["TZ"] = zone
        time.tzset()
        assert time.localtime(0).tm_hour == {"UTC": 0, "Asia/Tokyo": 9}.get(
            zone, time.localtime(0).tm_hour
        )
        line_work(folder)

    left = []
    for zone in ZONES:
        folder = calm.copy(place / zone.replace("/", "-"))
        assert in_child(partial(work, folder, zone)) == 0
        left.append(what_is_left(folder))
    assert len(left[0]["anomalies"]) >= 40
    assert all(one == left[0] for one in left)
    promise("T5", f"{len(ZONES)} zones of the process: the same rows and files")
