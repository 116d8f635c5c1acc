"""Names that come from outside are sorted, shown and stored without loss."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.footage.names import footage_path, is_ignored, natural_key, shown_name, stored_path

BROKEN = os.fsdecode(b"caf\xe9 \xff.mp4")


def test_numbers_in_names_are_sorted_as_numbers() -> None:
    names = ["frame10.png", "frame9.png", "Frame1.png", "frame010.png"]
    assert sorted(names, key=natural_key) == [
        "Frame1.png",
        "frame9.png",
        "frame010.png",
        "frame10.png",
    ]


def test_names_of_digits_and_letters_can_be_compared() -> None:
    assert sorted(["a", "1", "1a", "", "a1"], key=natural_key) == ["", "1", "1a", "a", "a1"]


@pytest.mark.parametrize("name", [".hidden.mp4", "a.mp4.part", "a.TMP", "a.mp4.start.json"])
def test_hidden_unfinished_and_side_car_names_are_ignored(name: str) -> None:
    assert is_ignored(name)


@pytest.mark.parametrize("name", ["a.mp4", "-i.mp4", "json", "part.mp4", "兆し.mp4", " "])
def test_other_names_are_looked_at(name: str) -> None:
    assert not is_ignored(name)


def test_a_shown_name_is_one_printable_line() -> None:
    assert shown_name("a\nb\t\x1b[31m兆し😀") == "a\\nb\\t\\x1b[31m兆し😀"
    assert shown_name(BROKEN) == "caf\\xe9 \\xff.mp4"
    assert shown_name("\u202egpj.exe") == "\\u202egpj.exe"


@pytest.mark.parametrize(
    "name",
    [
        "plain.mp4",
        "兆し/カメラ 1.mp4",
        "a\nb.mp4",
        "back\\slash.mp4",
        "looks like \\x41 escape.mp4",
        "both \\x5c \\ .mp4",
        BROKEN,
        BROKEN + "\\x41\\",
    ],
)
def test_a_stored_path_is_valid_text_and_leads_back_to_the_file(name: str) -> None:
    stored = stored_path(Path(name))
    stored.encode("utf-8")
    assert footage_path(Path("/source"), stored) == Path("/source") / name


def test_ordinary_paths_are_stored_as_they_are() -> None:
    for name in ("day 1/兆し.mp4", "back\\slash.mp4", "a'b\"c.mp4"):
        assert stored_path(Path(name)) == name


def test_different_names_are_stored_differently() -> None:
    names = [BROKEN, "caf\\xe9 \\xff.mp4", "caf\\x5cxe9 \\xff.mp4", "caf\\\\xe9 \\xff.mp4"]
    assert len({stored_path(Path(name)) for name in names}) == len(names)
