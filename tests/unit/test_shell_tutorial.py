"""The tutorial's commands are there, its two languages show the same, and its rule compares."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.tutorial import FOLDER, comparable, ids_in, steps_of
from tests.unit.test_shell_help import parsed

ROOT = Path(__file__).parents[2]
ENGLISH = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
JAPANESE = (ROOT / "docs" / "tutorial.ja.md").read_text(encoding="utf-8")
OUTSIDE = {"cd", "cp", "cat", "mkdir"}


@pytest.mark.parametrize("command", [step.command for step in steps_of(ENGLISH)])
def test_a_command_can_be_typed(command: str) -> None:
    for part in command.split(" | "):
        program = shlex.split(part)[0]
        if program == "kizashi":
            parsed(part)
        else:
            assert program in {*OUTSIDE, "grep"}


def test_the_way_leads_from_an_empty_folder_to_a_reviewed_alert_and_a_report() -> None:
    called = [step.command for step in steps_of(ENGLISH)]
    names = [re.sub(r"^kizashi (--site \S+ )?", "", command).split()[0] for command in called]
    wanted = ["demo", "init", "doctor", "ingest", "train", "score", "alerts", "review", "report"]
    places = [names.index(name) for name in wanted]
    assert places == sorted(places)


def test_both_languages_show_the_same_commands_and_output() -> None:
    assert steps_of(JAPANESE) == steps_of(ENGLISH)
    assert steps_of(ENGLISH)


@pytest.mark.parametrize("page", [ENGLISH, JAPANESE], ids=["en", "ja"])
def test_the_page_tells_the_rule_by_which_it_is_checked(page: str) -> None:
    assert FOLDER in page
    assert "tests/tutorial.py" in page


def test_what_may_differ_does_not_count(tmp_path: Path) -> None:
    shown = f"model 3e397345aabb of {FOLDER}/plant, score 8.55\n\nat T17:02:44.9Z, 3.69e-07 a day"
    real = f"model 0123456789ab of {tmp_path}/plant, score 9  \nat T17:02:41Z, 2e-08 a day\n"
    assert comparable(real, tmp_path) == comparable(shown)


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ("1 new events, 1 new alerts", "1 new events, 0 new alerts"),
        ("camera line-1 is registered", "camera line-2 is registered"),
        ("severity critical", "severity warning"),
        ("one line", "one line\nanother"),
        ("2026-01-05 17:02:44", "2026-01-06 17:02:44"),
        ("model 3e397345aabb is active", "model 3e397345aabb is retired"),
    ],
)
def test_what_must_be_the_same_counts(shown: str, real: str) -> None:
    assert comparable(shown) != comparable(real)


def test_ids_are_found_and_numbers_are_none() -> None:
    assert ids_in("6d95cc14ad44 593 20260105170244 bdd036c72f40984c") == [
        "6d95cc14ad44",
        "bdd036c72f40984c",
    ]
