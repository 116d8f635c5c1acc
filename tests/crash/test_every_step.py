"""kill -9 before and after every durable step of a line: the next run ends where an undisturbed one
does, nothing is lost, nothing is doubled."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from tests.crash.small_line import CalmLine, line_work, what_is_left
from tests.crash.steps import count_steps, die_at
from tests.forked import DEATH, in_child
from tests.promises import Promise

pytestmark = pytest.mark.timeout(1800)


def steps_of(folder: Path) -> list[str]:
    """Return the durable steps of a run that comes to its end."""
    said = folder / "steps.txt"

    def work() -> None:
        steps: list[str] = []
        count_steps(steps.append)
        line_work(folder)
        said.write_text("\n".join(steps), encoding="utf-8")

    assert in_child(work) == 0
    return said.read_text(encoding="utf-8").split("\n")


def killed_at(folder: Path, number: int) -> int:
    """Run the line in a child that kills itself at a step; return how it ended."""

    def work() -> None:
        count_steps(die_at(number))
        line_work(folder)

    return in_child(work)


@pytest.fixture(scope="module")
def steps(line: CalmLine, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The durable steps of the calm run."""
    return steps_of(line.copy(tmp_path_factory.mktemp("steps") / "counted"))


def test_the_line_takes_every_kind_of_step(line: CalmLine, steps: list[str]) -> None:
    met = Counter(steps)
    for kind in ("commit", "fsync", "replace", "rename", "send"):
        assert met[f"before {kind}"] == met[f"after {kind}"] > 0, kind
    assert len(line.left["anomalies"]) >= 40
    assert len(line.left["deliveries/"]) == len(line.left["alerts"]) == 2
    assert len(line.left["evidence/"]) == 8
    assert {row["verdict"] for row in line.left["footage"]} == {"admitted", "refused"}


@pytest.mark.parametrize("stride", [29, pytest.param(1, marks=pytest.mark.full)])
def test_a_line_that_is_killed_anywhere_is_finished_by_the_next_run(
    stride: int, line: CalmLine, steps: list[str], place: Path, promise: Promise
) -> None:
    kills = 0
    for number in range(stride // 2, len(steps), stride):
        folder = line.copy(place / f"at{number}")
        assert killed_at(folder, number) == DEATH
        kills += 1
        assert in_child(partial(line_work, folder)) == 0
        assert what_is_left(folder) == line.left, f"killed at {number}: {steps[number]}"
        shutil.rmtree(folder)
    promise("K1", f"{kills} kills at {len(steps)} durable steps: 0 lost, 0 doubled, 0 extra")


@pytest.mark.parametrize("pairs", [2, pytest.param(50, marks=pytest.mark.full)])
def test_a_line_that_is_killed_again_while_it_recovers_is_finished_too(
    pairs: int, line: CalmLine, steps: list[str], place: Path, promise: Promise
) -> None:
    chance = random.Random(pairs)
    killed_twice = 0
    while killed_twice < pairs:
        folder = line.copy(place / "twice")
        first = chance.randrange(len(steps))
        second = chance.randrange(len(steps) - first)
        assert killed_at(folder, first) == DEATH
        killed_twice += killed_at(folder, second) == DEATH
        assert in_child(partial(line_work, folder)) == 0
        assert what_is_left(folder) == line.left, f"killed at {first}, then at {second}"
        shutil.rmtree(folder)
    promise("K3", f"{killed_twice} pairs of kills, the second while recovering: 0 lost, 0 doubled")
