"""Canary secrets, given in every way a user can, never come out of the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import main

Run = Callable[[Path, tuple[str, ...]], str]

CANARY = "cAnArY7"
ENCODED = "cAnArY7%2F%40x"
NOBODY = "127.0.0.1:1"  # nothing listens on port 1

DATABASES = {
    "password": f"postgresql://kizashi:{CANARY}@{NOBODY}/kizashi",
    "dotted user": f"postgresql://first.last:{CANARY}@{NOBODY}/kizashi",
    "percent-encoded": f"postgresql://kizashi:{ENCODED}@{NOBODY}/kizashi",
    "unescaped signs": f"postgresql://kizashi:a/{CANARY}@{NOBODY}/kizashi",
    "in an option": f"postgresql://kizashi@{NOBODY}/kizashi?password={CANARY}",
    "unknown database": f"oracle://kizashi:{CANARY}@{NOBODY}/kizashi",
    "no URL at all": f"kizashi:{CANARY}",
}
SETTINGS = {
    "password": f'database_url = "{DATABASES["password"]}"\n',
    "wrong type": f'database_url = ["{CANARY}"]\n',
    "unknown setting": f'webhook_token = "{CANARY}"\n',
    "password of a sink": f'[[notify]]\nkind = "email"\npassword = "{CANARY}"\n',
    "address of a sink": f'[[notify]]\nkind = "webhook"\nurl = "https://u:{CANARY}@h.example/"\n',
    "wrong kind of sink": f'[[notify]]\nkind = ["{CANARY}"]\n',
    "broken TOML": f'database_url = "{CANARY}\n',
}
REGISTER = ("--purpose", "p", "--owner", "o", "--retention-days", "1")
COMMANDS = {
    "read": ("camera", "list"),
    "upgrade": ("store", "upgrade"),
    "write": ("camera", "add", "belt", "--source", f"rtsp://u:{CANARY}@{NOBODY}/s", *REGISTER),
}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command that must fail, with everything logged; return all it wrote."""

    def run_one(site: Path, command: tuple[str, ...]) -> str:
        code = main(["--debug", "--site", str(site), *command])
        out, err = capsys.readouterr()
        assert code in {2, 3, 6}
        assert "Traceback" in err
        assert err.splitlines()[-1].startswith("kizashi: ")
        return out + err

    return run_one


def written(site: Path) -> bytes:
    """Return every byte that lies in the site, its settings file apart."""
    return b"".join(
        path.read_bytes()
        for path in site.rglob("*")
        if path.is_file() and path.name != "kizashi.toml"
    )


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("database", DATABASES.values(), ids=DATABASES)
def test_a_database_that_cannot_be_used_keeps_its_password(
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    database: str,
    command: tuple[str, ...],
) -> None:
    monkeypatch.setenv("KIZASHI_DATABASE_URL", database)
    assert CANARY not in run(tmp_path, command)
    assert CANARY.encode() not in written(tmp_path)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_settings_file_that_cannot_be_used_keeps_its_secrets(
    tmp_path: Path, run: Run, settings: str
) -> None:
    (tmp_path / "kizashi.toml").write_text(settings, encoding="utf-8")
    assert CANARY not in run(tmp_path, COMMANDS["read"])
    assert CANARY.encode() not in written(tmp_path)


def test_a_stream_given_as_a_folder_keeps_its_password(tmp_path: Path, run: Run) -> None:
    (tmp_path / "kizashi.toml").touch()
    assert CANARY not in run(tmp_path, COMMANDS["write"])
    assert CANARY.encode() not in written(tmp_path)
