"""The power goes at durable steps of a line, and what was never synced goes with it: every file is
old or new, what a row names is there, and the next run ends where an undisturbed one does."""

from __future__ import annotations

import shutil
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.files import write_bytes
from tests.crash.power_cut import Disk
from tests.crash.small_line import CalmLine, line_work, what_is_left
from tests.crash.steps import count_steps, die_at
from tests.forked import DEATH, in_child
from tests.promises import Promise

pytestmark = pytest.mark.timeout(1800)

DATABASE = "kizashi.db"


def cut_at(folder: Path, number: int, steps: Path | None = None) -> int:
    """Run the line in a child whose machine loses its power at a step (-1: at none); return how it
    ended."""

    def work() -> None:
        disk = Disk(folder, database=DATABASE)
        disk.watch()
        seen: list[str] = []
        count_steps(disk.then_lost(die_at(number, seen), number))
        line_work(folder)
        if steps is not None:
            steps.write_text("\n".join(seen), encoding="utf-8")

    return in_child(work)


@pytest.fixture(scope="module")
def steps(line: CalmLine, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The durable steps of a run that comes to its end."""
    folder = tmp_path_factory.mktemp("steps")
    assert cut_at(line.copy(folder / "counted"), -1, folder / "steps.txt") == 0
    return (folder / "steps.txt").read_text(encoding="utf-8").split("\n")


def named_and_not_there(folder: Path) -> list[str]:
    """Return the files that rows of evidence name and that are not what the rows say."""
    rows = what_is_left(folder)["evidence"]
    return [
        row["path"]
        for row in rows
        if not (folder / row["path"]).is_file()
        or sha256((folder / row["path"]).read_bytes()).hexdigest() != row["sha256"]
    ]


@pytest.mark.parametrize("stride", [32, pytest.param(1, marks=pytest.mark.full)])
def test_what_was_not_synced_is_done_again(
    stride: int, line: CalmLine, steps: list[str], place: Path, promise: Promise
) -> None:
    cuts = 0
    for number in range(stride // 4, len(steps), stride):
        folder = line.copy(place / f"at{number}")
        assert cut_at(folder, number) == DEATH
        cuts += 1
        where = f"power lost at {number}: {steps[number]}"
        assert named_and_not_there(folder) == [], where
        assert in_child(partial(line_work, folder)) == 0, where
        assert what_is_left(folder) == line.left, where
        shutil.rmtree(folder)
    promise(
        "K5", f"{cuts} power cuts at {len(steps)} durable steps, all that was not synced lost: 0"
    )


def test_a_file_is_old_or_new(place: Path) -> None:
    target, met = place / "site" / "model.json", set()
    for number in range(20):
        shutil.rmtree(place / "site", ignore_errors=True)
        target.parent.mkdir()
        write_bytes(target, b"old")

        def work(number: int = number) -> None:
            disk = Disk(target.parent, database=DATABASE)
            disk.watch()
            count_steps(disk.then_lost(die_at(number), number))
            write_bytes(target, b"new")

        ended = in_child(work)
        met.add((ended, target.read_bytes()))
        if ended == 0:
            break
    assert met == {(DEATH, b"old"), (DEATH, b"new"), (0, b"new")}


def test_without_a_sync_the_file_is_lost(place: Path) -> None:
    """The disk of these tests can lose something."""
    (place / "old.txt").write_bytes(b"old")
    disk = Disk(place, database=DATABASE)
    (place / "new.txt").write_bytes(b"new")
    (place / "old.txt").write_bytes(b"newer")
    disk.lose()
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {"old.txt": b"old"}
