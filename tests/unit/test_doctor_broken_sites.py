"""kizashi doctor on sites that are broken: the fix is that of the fault, and nothing stops it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import exc

from pipeline.assembly import open_site
from pipeline.doctor import place
from pipeline.doctor.examine import _OF_A_CAMERA, _guarded, examine, this_machine
from pipeline.doctor.findings import Finding, Level, Machine
from pipeline.settings import Settings
from pipeline.store.address import parse_address
from pipeline.store.failures import explain
from tests.nobody import as_nobody
from tests.store_samples import MORNING, camera, footage, segment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a site with one camera, closed."""
    plant = tmp_path / "plant"
    (plant / "footage" / "press-1").mkdir(parents=True)
    (plant / "kizashi.toml").touch(mode=0o640)
    site = open_site(plant)
    site.store.put_camera(camera())
    site.close()
    return plant


def machine_of(folder: Path) -> Machine:
    whole = this_machine(folder, lambda: None)
    return replace(whole, gpu_names=list, torch_sees_gpu=lambda: False)


def looked_at(folder: Path) -> dict[str, Finding]:
    found = list(examine(machine_of(folder)))
    assert all((item.level is Level.OK) == (item.fix == "") for item in found)
    assert len({item.check for item in found}) == len(found)
    return {item.check: item for item in found}


def not_a_database(path: Path) -> None:
    path.write_bytes(b"no database at all " * 300)


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


@pytest.mark.parametrize("break_it", [not_a_database, damaged])
def test_a_damaged_database_is_to_be_restored_not_started(
    folder: Path, break_it: Callable[[Path], None]
) -> None:
    break_it(folder / "kizashi.db")
    found = looked_at(folder)["database"]
    assert found.level is Level.PROBLEM
    assert found.fix == "restore it from a backup: docs/backup.md"
    assert "restore" not in found.found


def test_damage_behind_the_schema_is_a_problem_too_and_stops_no_check(folder: Path) -> None:
    with sqlite3.connect(folder / "kizashi.db") as opened:
        (page,) = opened.execute("SELECT rootpage FROM sqlite_master WHERE name = 'cameras'")
        (size,) = opened.execute("PRAGMA page_size").fetchone()
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    opened.close()
    content = bytearray((folder / "kizashi.db").read_bytes())
    content[(page[0] - 1) * size : page[0] * size] = b"\xff" * size
    (folder / "kizashi.db").write_bytes(content)
    found = list(examine(machine_of(folder)))
    assert "recorder" in {item.check for item in found}
    assert found[-1].check == "database"
    assert found[-1].fix == "restore it from a backup: docs/backup.md"


def test_a_database_that_cannot_be_written_needs_rights(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: mode != os.W_OK and may(path, mode), raising=True
    )
    found = looked_at(folder)["database"]
    assert (found.level, found.found) == (
        Level.PROBLEM,
        f"{folder / 'kizashi.db'} cannot be written",
    )
    assert found.fix == "give this user the right to write to it and to its folder"


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        (sqlite3.SQLITE_READONLY, "give this user the right to write"),
        (sqlite3.SQLITE_CANTOPEN, "see whether it is a file that this user may read and write"),
        (sqlite3.SQLITE_FULL, "free space on its disk"),
        (sqlite3.SQLITE_CORRUPT, "restore it from a backup"),
    ],
)
def test_what_sqlite_says_comes_with_what_to_do(code: int, fix: str) -> None:
    origin = sqlite3.OperationalError("it failed")
    origin.sqlite_errorcode = code | (3 << 8)
    error = exc.OperationalError("SELECT 1", {}, origin)
    said = explain(error, parse_address("sqlite:////plant/kizashi.db"))
    assert str(said).startswith(f"sqlite:////plant/kizashi.db: it failed; {fix}")


def test_a_server_that_does_not_answer_may_be_the_wrong_one(folder: Path) -> None:
    settings = Settings(database_url="postgresql://me:cAnArY@127.0.0.1:1/kizashi")
    (found,) = place.check_database(replace(machine_of(folder), settings=settings))
    assert found.level is Level.PROBLEM
    assert found.fix.startswith("start it")
    assert found.fix.endswith("; or correct database_url")
    assert list(place.check_database_file(replace(machine_of(folder), settings=settings))) == []


@pytest.mark.parametrize("name", ["kizashi.db", "kizashi.db-wal"])
def test_a_database_that_everybody_can_read_is_a_problem(folder: Path, name: str) -> None:
    assert looked_at(folder)["database file"].level is Level.OK
    path = folder / name
    path.touch()
    path.chmod(0o644)
    settings = Settings()
    (found,) = place.check_database_file(replace(machine_of(folder), settings=settings))
    assert (found.level, found.fix) == (Level.PROBLEM, f"chmod o= {path}")
    path.chmod(0o640)
    (found,) = place.check_database_file(replace(machine_of(folder), settings=settings))
    assert found.level is Level.OK


def no_utf8(path: Path) -> None:
    path.write_bytes(b"preset = '\xff'\n")


def no_toml(path: Path) -> None:
    path.write_text("preset = [\n", encoding="utf-8")


def no_file(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("break_it", "fix"),
    [
        pytest.param(no_utf8, "save it as UTF-8", id="not UTF-8"),
        pytest.param(no_toml, "correct it", id="not TOML"),
        pytest.param(no_file, "make it a file that this user may read", id="a folder"),
    ],
)
def test_settings_that_cannot_be_read_are_one_line_with_the_fix(
    folder: Path, break_it: Callable[[Path], None], fix: str
) -> None:
    break_it(folder / "kizashi.toml")
    found = looked_at(folder)
    assert (found["settings"].level, found["settings"].fix) == (Level.PROBLEM, fix)
    assert found["settings"].found.startswith(str(folder / "kizashi.toml"))
    assert "secrets" not in found  # nobody knows
    assert "disk" in found


def test_settings_without_permission_are_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, *_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refused)
    found = looked_at(folder)["settings"]
    assert found.level is Level.PROBLEM
    assert found.found == f"{folder / 'kizashi.toml'} cannot be read (Permission denied)"


def test_a_site_that_is_no_folder_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").touch()
    found = looked_at(tmp_path / "film.mp4")["settings"]
    assert (found.found, found.fix) == (
        f"{tmp_path / 'film.mp4'} is not a folder",
        "choose another --site",
    )


def test_where_there_is_no_site_that_is_said_once(tmp_path: Path) -> None:
    found = looked_at(tmp_path / "plant")
    assert list(found) == ["python", "libraries", "site"]
    assert found["site"].found == f"there is no folder {tmp_path / 'plant'}, and so no site in it"
    assert f"kizashi --site {tmp_path / 'plant'} init" in found["site"].fix
    (tmp_path / "film.mp4").touch()
    below = looked_at(tmp_path / "film.mp4" / "plant")
    assert list(below) == ["python", "libraries", "settings"]
    assert below["settings"].found == f"{tmp_path / 'film.mp4'} is not a folder"
    assert not (tmp_path / "plant").exists()


@pytest.mark.parametrize("closed", ["press-1", "."])
def test_a_folder_that_may_not_be_read_is_said_once(folder: Path, closed: str) -> None:
    site = open_site(folder)
    late = footage(number=1, path="2026-01-31T18-00-00.mp4")
    site.store.add_footage(late, [segment(late)], [])
    source = site.source_of(camera())
    (source / late.path).touch()
    now = MORNING + timedelta(days=1)
    machine = replace(machine_of(folder), site=site, settings=site.settings, now_utc=now)

    def looks() -> list[Finding]:
        about = (machine, camera(), source)
        return [
            *_guarded(place.check_disk, machine),
            *(finding for check in _OF_A_CAMERA for finding in _guarded(check, *about)),
        ]

    assert not [item for item in looks() if "cannot be read" in item.found]
    for above in folder.parents:
        if above != Path("/") and above.stat().st_uid == os.geteuid():
            above.chmod(above.stat().st_mode | 0o111)
    shut = source.parent / closed
    shut.chmod(0)
    try:
        with as_nobody():
            found = looks()
    finally:
        shut.chmod(0o755)
    site.close()
    assert not [item for item in found if "not looked at" in item.found]
    (said,) = [item for item in found if str(source) in item.found]
    assert (said.check, said.found) == ("folder of press-1", f"{source} cannot be read")
    assert said.fix == "give the user who runs Kizashi the right"
