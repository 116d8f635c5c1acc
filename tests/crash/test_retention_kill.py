"""kill -9 before and after every durable step of a removal: at no moment does a row point to a
missing file without saying so, and the next run ends where an undisturbed one does."""

from __future__ import annotations

import os
import shutil
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.files import write_json
from pipeline.retention.change import set_retention
from pipeline.retention.holds import hold_alert
from pipeline.retention.run import run_retention
from pipeline.store.sql import open_store
from tests import store_samples as make
from tests.crash.steps import count_steps, die_at
from tests.retention_makers import FIRST_DAY, RetentionSite, retention_site
from tests.store_dump import dump

pytestmark = pytest.mark.timeout(1800)

CAMERA = "press-1"
DAY = timedelta(days=1)


def opened(folder: Path) -> RetentionSite:
    """Return the site on its day, the same for every run."""
    return retention_site(
        folder, open_store(f"sqlite:///{folder / 'kizashi.db'}"), FIRST_DAY + 40 * DAY
    )


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with films, alerts, a report and a hold; half of it is over, some over the budget."""
    folder = tmp_path_factory.mktemp("retention") / "full"
    folder.mkdir()
    here = opened(folder)
    here.add_camera(CAMERA)
    held = None
    for day in (0, 1, 2, 20, 21, 39):
        film = here.record(FIRST_DAY + day * DAY, scores=(1.0, 2.0, 5.0, 6.0))
        if day in (0, 1, 21):
            raised = here.raise_alert(film)
            held = held or raised
    assert held is not None
    hold_alert(here.site, held.alert_id, reason="insurer", who="rei")
    page = here.site.reports_folder / CAMERA / "old.html"
    page.parent.mkdir(parents=True)
    page.write_text("pictures")
    os.utime(page, (FIRST_DAY.timestamp() - 400 * 86_400,) * 2)
    _retired_model(here)
    _old_message(here)
    set_retention(here.site, CAMERA, {"budget_bytes": 2_300}, who="ada")
    here.site.close()
    return folder


def _retired_model(here: RetentionSite) -> None:
    """Let a model with files be retired long ago, as two others were made active after it."""
    for number in (3, 4, 5):
        record = make.model(CAMERA, number)
        folder = here.site.folder / record.path / "samples"
        folder.mkdir(parents=True)
        for path in (folder / "drawn.webm", folder.parent / "weights.safetensors"):
            path.write_bytes(b"learnt")
        here.store.add_model(record, [])
        here.store.promote(record.model_id, FIRST_DAY - (400 - number) * DAY)


def _old_message(here: RetentionSite) -> None:
    path = here.site.folder / "deliveries" / f"{'a' * 32}.json"
    times = {"since_utc": "2025-11-01T00:00:00Z", "until_utc": "2025-11-02T00:00:00Z"}
    body = {"message": "daily_digest", "camera": CAMERA, "digest_id": path.stem, **times}
    write_json(path, body)
    os.utime(path, (FIRST_DAY.timestamp() - 60 * 86_400,) * 2)


def copied(full: Path, folder: Path) -> Path:
    """Return a copy of the site."""
    shutil.copytree(full, folder)
    return folder


def left_behind(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the canonical database and every file beside it."""
    content = dump(f"sqlite:///{folder / 'kizashi.db'}")
    files = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("kizashi.db")
    )
    return content, files


def run_in_child(folder: Path, at: int | None, *, may_end: bool = False) -> list[str]:
    """Run retention in a forked child that kills itself at step `at`; return the steps of one that
    came to its end, which with `at` it only may when `may_end`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover: its end is in another process
        code = 1
        try:
            os.close(reading)
            steps = _run_counted(folder, at)
            os.write(writing, "\n".join(steps).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as said:
        steps = said.read().split("\n")
    _, status = os.waitpid(child, 0)
    if at is None:
        assert os.waitstatus_to_exitcode(status) == 0
    elif not may_end or steps == [""]:
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    return steps


def _run_counted(folder: Path, at: int | None) -> list[str]:
    here = opened(folder)
    steps: list[str] = []
    count_steps(die_at(-1 if at is None else at, steps))
    run_retention(here.site, CAMERA)
    return steps


def check_rows(folder: Path) -> None:
    """Hold that every row of a file that is missing says that it was removed."""
    here = opened(folder)
    try:
        source = here.site.source_of(here.store.camera(CAMERA))
        for row in here.store.footage_of(CAMERA):
            assert row.removed_utc is not None or (source / row.path).exists(), row.path
        for model in here.store.models(CAMERA):
            weights = folder / model.path / "weights.safetensors"
            # The model that `add_camera` makes never had files.
            known = model.files_removed_utc is not None or model.model_id == make.model().model_id
            assert known or weights.exists(), model.path
        for alert in here.store.alerts(CAMERA):
            for file in here.store.evidence(alert.alert_id):
                assert file.removed_utc is not None or (folder / file.path).exists(), file.path
        clips = here.store.query("SELECT sum(clips) FROM score_hours")[1][0][0]
        assert clips == 6 * 4
    finally:
        here.site.close()


@pytest.fixture(scope="module")
def calm(full: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Any]:
    """The steps of a run that nobody disturbed, and what it left."""
    folder = copied(full, tmp_path_factory.mktemp("retention") / "calm")
    steps = run_in_child(folder, None)
    return steps, left_behind(folder)


def test_an_undisturbed_run_removes_of_every_kind_and_keeps_what_is_held(
    calm: tuple[list[str], Any],
) -> None:
    steps, (content, files) = calm
    assert {row["kind"] for row in content["removals"]} == {
        "footage",
        "evidence",
        "reports",
        "deliveries",
        "models",
        "scores",
    }
    assert {row["why"] for row in content["removals"]} == {"policy", "budget"}
    assert all(row["finished_utc"] is not None for row in content["removals"])
    assert sum(name.startswith("evidence/") for name in files) == 8
    assert steps.count("before unlink") >= 10
    assert steps.count("before commit") >= 10


@pytest.mark.parametrize("stride", [17, pytest.param(1, marks=pytest.mark.full)])
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(
    stride: int, full: Path, calm: tuple[list[str], Any], tmp_path: Path
) -> None:
    steps, expected = calm
    for at in range(0, len(steps), stride):
        folder = copied(full, tmp_path / f"at{at}")
        run_in_child(folder, at)
        check_rows(folder)
        # The lease of the dead is free at once: its process runs no more.
        run_in_child(folder, None)
        check_rows(folder)
        assert left_behind(folder) == expected, f"killed at {at}: {steps[at]}"
        shutil.rmtree(folder)


@pytest.mark.full
def test_a_run_that_is_killed_again_while_it_finishes_is_finished_too(
    full: Path, calm: tuple[list[str], Any], tmp_path: Path
) -> None:
    steps, expected = calm
    killed_again = 0
    for at in range(5, len(steps), max(1, len(steps) // 6)):
        folder = copied(full, tmp_path / f"twice{at}")
        run_in_child(folder, at)
        killed_again += run_in_child(folder, 5 + at // 4, may_end=True) == [""]
        check_rows(folder)
        run_in_child(folder, None)
        assert left_behind(folder) == expected, f"killed at {at}: {steps[at]}"
        shutil.rmtree(folder)
    assert killed_again >= 3
