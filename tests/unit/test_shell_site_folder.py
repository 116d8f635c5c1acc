"""--site where no site can be: one line that names what is in the way, and nothing is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.site_folder import check_site_folder

FIRST = ("--camera", "press-1", "--source", "in", "--purpose", "see jams", "--owner", "line 1")
COMMANDS = [
    pytest.param(("init",), id="init"),
    pytest.param(("init", *FIRST), id="init with a camera"),
    pytest.param(("camera", "list"), id="camera list"),
    pytest.param(("store", "upgrade"), id="store upgrade"),
]


def said_by(capsys: pytest.CaptureFixture[str], site: Path, *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(["--site", str(site), *arguments])
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "unexpected" not in err
    return code, err


@pytest.mark.parametrize("arguments", COMMANDS)
@pytest.mark.parametrize("below", ["", "plant", "a/b"])
def test_a_file_is_no_site_and_holds_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], below: str
) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    code, err = said_by(capsys, film / below, *arguments)
    assert (code, err) == (2, f"kizashi: {film} is not a folder; choose another --site\n")
    assert film.read_bytes() == b"film"


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_folder_without_permission_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    may = os.access

    def without(path: object, mode: int) -> bool:
        return not (path == tmp_path and mode & os.X_OK) and may(str(path), mode)

    monkeypatch.setattr(os, "access", without)
    code, err = said_by(capsys, tmp_path, *arguments)
    assert code == 2
    assert err.startswith(f"kizashi: this user may not look into {tmp_path}; give it the right")


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: object, *_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pipeline.files.os.open", refused)
    code, err = said_by(capsys, tmp_path, "init", *FIRST)
    assert code == 2
    assert err.startswith(f"kizashi: {tmp_path / 'kizashi.toml'} cannot be written (Permission den")
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_cannot_be_made_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").touch()
    code, err = said_by(capsys, tmp_path, "init", *FIRST)
    assert code == 3
    assert f"{tmp_path / 'in'} cannot be made" in err
    assert "kizashi camera add press-1" in err


def test_a_place_that_cannot_be_looked_at_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    look = Path.stat

    def stat(path: Path, **how: bool) -> os.stat_result:
        if path.parent == tmp_path:
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, **how)

    check_site_folder(tmp_path / "not" / "there" / "yet")
    monkeypatch.setattr(Path, "stat", stat)
    code, err = said_by(capsys, tmp_path / "plant", "alerts")
    assert code == 2
    assert err.startswith(f"kizashi: {tmp_path / 'plant'} cannot be looked at (Permission denied)")
