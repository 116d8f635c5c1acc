"""Passwords are kept as hashes, poor ones are refused; commands make and change accounts."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pipeline.accounts.passwords import hash_password, password_fits
from pipeline.assembly import open_site
from pipeline.cli import main
from pipeline.errors import SettingsError


def test_a_hash_fits_its_password_alone_and_never_shows_it() -> None:
    kept = hash_password("fits-nobody-else", user="rei")
    assert password_fits("fits-nobody-else", kept)
    assert not password_fits("fits-nobody-elsE", kept)
    assert "fits" not in kept
    assert hash_password("fits-nobody-else") != kept  # its own salt


@pytest.mark.parametrize("kept", ["", "plain", "scrypt$1$2", "md5$1$2$3$4$5"])
def test_a_hash_that_cannot_be_read_fits_nothing(kept: str) -> None:
    assert not password_fits("", kept)
    assert not password_fits("plain", kept)


@pytest.mark.parametrize(
    "poor", ["short", "", "password123", "Kizashi2026!", "1234567890", "line-chief99", "x" * 1025]
)
def test_poor_passwords_are_refused(poor: str) -> None:
    with pytest.raises(SettingsError, match="password"):
        hash_password(poor, user="line-chief")


def run(folder: Path, *arguments: str, password: str = "") -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO(password))
        return main(["--site", str(folder), *arguments])


def test_accounts_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "init") == 0
    (tmp_path / "in").mkdir()
    register = ("--source", "in", "--purpose", "p", "--owner", "o", "--retention-days", "9")
    assert run(tmp_path, "camera", "add", "line-1", *register) == 0
    secret = "fits-nobody-else"
    add = ("user", "add", "rei", "--role", "reviewer")
    assert run(tmp_path, *add, password=f"{secret}\n") == 2  # which cameras?
    assert run(tmp_path, *add, "--camera", "line-2", password=f"{secret}\n") == 3
    assert run(tmp_path, *add, "--camera", "line-1", password="\n") == 2
    assert run(tmp_path, *add, "--camera", "line-1", password=f"{secret}\n") == 0
    assert run(tmp_path, *add, "--camera", "line-1", password=f"{secret}\n") == 2  # taken
    assert run(tmp_path, "user", "set", "rei", "--role", "viewer", "--off") == 0
    assert run(tmp_path, "user", "list", "--format", "csv") == 0
    told = capsys.readouterr()
    assert '"rei","viewer","line-1","off"' in told.out
    assert secret not in told.out + told.err
    site = open_site(tmp_path)
    try:
        user = site.store.user("rei")
        assert user is not None
        assert password_fits(secret, user.password_hash)
    finally:
        site.close()
    assert run(tmp_path, "user", "remove", "rei") == 0
    assert run(tmp_path, "user", "remove", "rei") == 2
    assert run(tmp_path, "dashboard") == 2
    assert "nobody could log in" in capsys.readouterr().err
