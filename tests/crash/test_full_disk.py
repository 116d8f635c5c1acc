"""A disk that is full, has no more inodes or is read-only stops the line with one line of error,
tears nothing, and the line goes on when there is space again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pipeline.errors import KizashiError
from tests.crash.own_disk import fill, mount_disk, remount
from tests.crash.small_line import CalmLine, line_work, what_is_left
from tests.fakes import FakeClock
from tests.forked import in_child
from tests.promises import Promise

pytestmark = pytest.mark.timeout(1800)

KIB = 1024
STOPPED = 10
"""Exit code of a child whose line was stopped by its disk, and went on afterwards."""


@pytest.fixture
def disk(place: Path) -> Path:
    """A folder for a disk of one's own."""
    folder = place / "disk"
    folder.mkdir()
    if in_child(partial(mount_disk, folder, "size=1m")) != 0:
        pytest.skip("no right to mount a disk")
    return folder


def drill(
    line: CalmLine,
    disk: Path,
    options: str,
    spoil: Callable[[], Callable[[], None]],
) -> None:
    """In a child: let the line run on a disk that `spoil` spoils; then do what it returned, which
    mends the disk, and let the line run again."""
    mount_disk(disk, options)
    site = line.copy(disk / "site")
    mend = spoil()
    stopped = ""
    try:
        line_work(site)
    except KizashiError as error:
        stopped = str(error)
    assert "\n" not in stopped
    for path in (site / "deliveries").glob("*.json"):
        name = path.relative_to(site).as_posix()
        assert name in line.left["deliveries/"], "a message that nobody wrote"
    mend()
    later = FakeClock()
    later.advance(3600.0)  # a message that could not be handed over rests for a while
    line_work(site, clock=later)
    assert what_is_left(site) == line.left
    if stopped:
        os._exit(STOPPED)


def stopped_at(
    line: CalmLine, disk: Path, options: str, spoils: list[Callable[[], Callable[[], None]]]
) -> int:
    """Drill once for each kind of spoiling; return how often the line was stopped."""
    ends = [in_child(partial(drill, line, disk, options, spoil)) for spoil in spoils]
    wrong = {number: end for number, end in enumerate(ends) if end not in (0, STOPPED)}
    assert not wrong, f"spoilt so, it ended so: {wrong}"
    return ends.count(STOPPED)


@pytest.mark.parametrize(
    "points",
    [
        [0, 64, 160, 288, 448],
        pytest.param([*range(0, 128, 4), *range(128, 1152, 16)], marks=pytest.mark.full),
    ],
    ids=["few", "many"],
)
def test_a_full_disk_tears_nothing_and_the_line_goes_on_afterwards(
    points: list[int], line: CalmLine, disk: Path, promise: Promise
) -> None:
    def fill_up(leave_kib: int) -> Callable[[], None]:
        return fill(disk, leave_bytes=leave_kib * KIB).unlink

    spoils = [partial(fill_up, point) for point in points]
    stopped = stopped_at(line, disk, "size=32m", spoils)
    assert stopped >= 3
    promise(
        "S1",
        f"disk full at {len(points)} points, 0 to {points[-1]} KiB before its end; the line stopped"
        f" at {stopped}: nothing torn, 0 lost, 0 doubled",
    )


@pytest.mark.parametrize(
    "points",
    [[0, 12, 18], pytest.param(list(range(24)), marks=pytest.mark.full)],
    ids=["few", "many"],
)
def test_a_disk_without_inodes_tears_nothing(
    points: list[int], line: CalmLine, disk: Path, promise: Promise
) -> None:
    def use_up(left: int) -> Callable[[], None]:
        folder = disk / "many"
        folder.mkdir()
        for number in range(os.statvfs(disk).f_favail - left):
            (folder / str(number)).touch()
        return partial(shutil.rmtree, folder)

    stopped = stopped_at(
        line, disk, "size=32m,nr_inodes=400", [partial(use_up, left) for left in points]
    )
    assert stopped
    promise(
        "S2",
        f"{len(points)} points, 0 to {points[-1]} inodes left; stopped at {stopped}: nothing lost",
    )


def test_a_read_only_disk_stops_the_line_and_nothing_else(
    line: CalmLine, disk: Path, promise: Promise
) -> None:
    def lock() -> Callable[[], None]:
        remount(disk, read_only=True)
        return partial(remount, disk, read_only=False)

    assert stopped_at(line, disk, "size=32m", [lock]) == 1
    promise("S2", "disk read-only: stopped with one line, went on when it could be written")
