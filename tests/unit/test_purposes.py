"""Promise: a camera without a written purpose, owner and retention does not start, however its row
came about; changes of them are kept with who made them."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dashboards.routes.settings import _seen
from pipeline.assembly import Site
from pipeline.camera import check_camera
from pipeline.cli import main
from pipeline.doctor.findings import Level
from pipeline.doctor.footage import check_register
from pipeline.errors import CameraError
from pipeline.footage.ingest import ingest_camera
from pipeline.learning.train_camera import train_camera
from pipeline.recording.configuration import RecordTable
from pipeline.recording.record import live_cameras
from pipeline.scoring.score_camera import score_camera
from pipeline.watch import watch_camera
from tests.dashboard_site import add_people, signed_in
from tests.footage_site import CAMERA, FootageSite, footage_site

LIVE = RecordTable(camera=CAMERA, url="rtsp://127.0.0.1:1/live")
STARTS: dict[str, Callable[[Site], Any]] = {
    "ingest": lambda site: ingest_camera(site, CAMERA),
    "train": lambda site: train_camera(site, CAMERA),
    "score": lambda site: score_camera(site, CAMERA),
    "watch": lambda site: watch_camera(site, CAMERA),
    "record": lambda site: live_cameras(
        replace(site, settings=site.settings.model_copy(update={"record": (LIVE,)}))
    ),
}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[FootageSite]:
    with footage_site(tmp_path) as opened:
        yield opened


def set_column(site: Site, column: str, value: object) -> None:
    """Change a row past everything that checks it."""
    with sqlite3.connect(site.folder / "kizashi.db") as connection:
        connection.execute(f"UPDATE cameras SET {column} = ?", (value,))  # noqa: S608


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("purpose", "", "no purpose; give --purpose"),
        ("purpose", " \t\u3000", "no purpose; give --purpose"),
        ("owner", "  ", "no owner; give --owner"),
        ("retention_days", 0, "keep for 0 days? give >= 1"),
    ],
)
def test_a_row_with_blanks_starts_nothing(
    opened: FootageSite, start: str, column: str, value: object, said: str
) -> None:
    set_column(opened.site, column, value)
    with pytest.raises(CameraError, match=re.escape(f"camera {CAMERA}: {said}")):
        STARTS[start](opened.site)


def test_the_doctor_names_it(opened: FootageSite) -> None:
    set_column(opened.site, "owner", "")
    known = opened.site.store.camera(CAMERA)
    (finding,) = check_register(None, known, opened.source)  # type: ignore[arg-type]
    assert finding.level is Level.PROBLEM
    assert "no owner" in finding.found


@pytest.mark.parametrize(
    "arguments",
    [
        ("camera", "set", CAMERA, "--purpose", "  "),
        ("camera", "set", CAMERA, "--owner", ""),
        ("camera", "set", CAMERA, "--retention-days", "0"),
        ("camera", "add", "two", "--source", "in", "--purpose", " ", "--owner", "o",
         "--retention-days", "1"),
        ("camera", "add", "two", "--source", "in", "--purpose", "p", "--owner", "",
         "--retention-days", "1"),
    ],
)  # fmt: skip
def test_commands_refuse_blanks(
    opened: FootageSite, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    before = opened.site.store.cameras()
    assert main(["--site", str(opened.site.folder), *arguments]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "no purpose" in said or "no owner" in said or "keep for 0 days" in said
    assert opened.site.store.cameras() == before


def test_the_settings_refuse_blanks_and_note_who_changed_what(opened: FootageSite) -> None:
    site = opened.site
    add_people(site)
    known = site.store.camera(CAMERA)
    client = signed_in(site, "ada")
    page = client.get(f"/cameras/{CAMERA}/settings").text
    for value in (known.purpose, known.owner):
        assert f'value="{value}"' in page
    form = {"purpose": "see jams", "owner": "line 9", "retention_days": "9", "budget_per_day": "1"}
    seen = {"seen": _seen(known)}
    for field in ("purpose", "owner"):
        answer = client.post(f"/cameras/{CAMERA}/settings", data={**form, **seen, field: "  "})
        assert (answer.status_code, f"no {field}" in answer.text) == (422, True)
    assert site.store.camera(CAMERA) == known
    assert client.post(f"/cameras/{CAMERA}/settings", data={**form, **seen}).status_code == 200
    changed = site.store.camera(CAMERA)
    assert (changed.purpose, changed.owner, changed.retention_days) == ("see jams", "line 9", 9)
    # Somebody who still sees what was there before does not overwrite it.
    late = client.post(f"/cameras/{CAMERA}/settings", data={**form, **seen, "owner": "mine"})
    assert late.status_code == 409
    assert "somebody else" in late.text.lower()
    assert site.store.camera(CAMERA).owner == "line 9"
    with sqlite3.connect(site.folder / "kizashi.db") as connection:
        noted = connection.execute("SELECT who, what, subject FROM audit_log").fetchall()
        history = connection.execute("SELECT owner FROM purposes ORDER BY revision").fetchall()
    assert ("ada", "camera set", CAMERA) in noted
    assert [owner for (owner,) in history] == [known.owner, "line 9"]


def test_two_who_change_at_the_same_moment_do_not_overwrite_each_other(
    opened: FootageSite,
) -> None:
    site = opened.site
    told: list[int | None] = []
    known = site.store.camera(CAMERA)
    barrier = threading.Barrier(4)

    def change(number: int) -> None:
        barrier.wait()
        try:
            site.store.put_camera(replace(known, owner=f"line {number}"), instead_of=known)
            told.append(number)
        except CameraError:
            told.append(None)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [number for number in told if number is not None]
    assert check_camera(site.store.camera(CAMERA)).owner == f"line {winner}"
