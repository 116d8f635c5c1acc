"""Turns: every camera has one before any has a second, and what they did is added up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows import cameras
from flows.cameras import SomeCamerasFailed, run_in_turns
from pipeline.assembly import open_site
from pipeline.camera import Camera
from pipeline.learning.registry import ModelState
from tests.store_samples import MORNING, model


class Done:
    """What a task came to."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def result(self, *, raise_on_failure: bool) -> Any:
        assert not raise_on_failure
        return self.outcome


class Line:
    """A task that scores one of a camera's files a turn, and the table that was published."""

    def __init__(self, files: dict[str, int]) -> None:
        self.left = dict(files)
        self.turns: list[str] = []
        self.rows: list[dict[str, Any]] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def submit(self, folder: str, name: str) -> Done:
        self.turns.append(name)
        self.meanwhile()
        if self.left[name] < 0:
            return Done(RuntimeError("no disk"))
        clips = min(1, self.left[name])
        self.left[name] -= clips
        told = {"clips": clips, "waiting": self.left[name], "has_model": True, "undelivered": 2}
        return Done({"camera": name, "busy": False, **told})

    def published(self, *, table: list[dict[str, Any]], key: str, description: str) -> None:
        self.rows = table


def site(folder: Path, *names: str) -> str:
    (folder / "kizashi.toml").touch()
    opened = open_site(folder)
    for name in names:
        opened.store.put_camera(
            Camera(name=name, source=Path(name), purpose="test", owner="test", retention_days=1)
        )
    opened.close()
    return str(folder)


def run(monkeypatch: pytest.MonkeyPatch, line: Line, folder: str) -> None:
    monkeypatch.setattr(cameras, "create_table_artifact", line.published)
    run_in_turns(line, folder, None, "kizashi-watch")  # type: ignore[arg-type]


def test_a_camera_with_much_to_catch_up_on_keeps_no_other_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line({"a": 5, "b": 1, "c": 2})
    run(monkeypatch, line, site(tmp_path, "a", "b", "c"))
    assert line.turns == ["a", "b", "c", "a", "c", "a", "a", "a"]
    assert [(row["camera"], row["clips"]) for row in line.rows] == [("a", 5), ("b", 1), ("c", 2)]
    # What is true at the end is no sum.
    assert [(row["waiting"], row["undelivered"]) for row in line.rows] == [(0, 2)] * 3


class Watch:
    """A clock that moves when a turn is taken."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


def test_a_camera_that_waits_for_nothing_has_its_turn_while_another_catches_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, folder, watch = Line({"a": 5, "b": 0, "c": -1}), site(tmp_path, "a", "b", "c"), Watch()
    (tmp_path / "kizashi.toml").write_text("ingest_interval_seconds = 60\n", encoding="utf-8")
    monkeypatch.setattr(cameras, "time", watch)

    def a_while() -> None:
        watch.now += 25.0

    line.meanwhile = a_while
    with pytest.raises(SomeCamerasFailed, match="c: no disk"):
        run(monkeypatch, line, folder)
    assert line.turns == ["a", "b", "c", "a", "b", "a", "a", "b", "a"]


def test_a_camera_that_fails_has_no_more_turns_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line({"a": 2, "b": -1})
    with pytest.raises(SomeCamerasFailed, match="1 of 2 cameras failed: b: no disk"):
        run(monkeypatch, line, site(tmp_path, "a", "b"))
    assert line.turns == ["a", "b", "a"]


def test_a_camera_that_was_added_meanwhile_has_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, folder = Line({"a": 3, "b": 1}), site(tmp_path, "a")

    def add_b() -> None:
        site(tmp_path, "a", "b")

    line.meanwhile = add_b
    run(monkeypatch, line, folder)
    assert line.turns == ["a", "a", "b", "a"]


def test_a_round_ends_though_footage_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "LONGEST_ROUND_SECONDS", 0.0)
    line = Line({"a": 3})
    run(monkeypatch, line, site(tmp_path, "a"))
    assert (line.turns, line.rows[0]["waiting"]) == (["a"], 2)


def test_only_cameras_without_a_model_are_trained_on_a_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = site(tmp_path, "a", "b")
    opened = open_site(tmp_path)
    known = replace(model("a"), camera="a", state=ModelState.ACTIVE)
    opened.store.add_model(known, [])
    opened.store.promote(known.model_id, MORNING)
    opened.close()
    assert cameras.unlearnt_cameras(folder) == ["b"]
    line = Line({"b": 1})
    monkeypatch.setattr(cameras, "create_table_artifact", line.published)
    cameras.run_per_camera(line, folder, [], "kizashi-train")  # type: ignore[arg-type]
    assert (line.turns, line.rows) == ([], [])
