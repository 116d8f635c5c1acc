"""kizashi init: a site and its first camera, from four questions or from options."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.assembly import open_site
from pipeline.cli import main
from pipeline.local_zone import machine_zone

ROOT = Path(__file__).parents[2]
FIRST = ("--camera", "press-1", "--source", "in", "--purpose", "see jams", "--owner", "line 1")


def init(folder: Path, *arguments: str) -> int:
    return main(["--site", str(folder), "init", *arguments])


def test_without_a_terminal_nothing_is_asked_and_no_camera_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path) == 0
    assert capsys.readouterr().out.endswith(f"next: kizashi --site {tmp_path} camera add --help\n")
    assert not (tmp_path / "kizashi.db").exists()


def test_options_make_the_first_camera_and_the_folder_of_its_footage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "plant"
    assert init(folder, *FIRST, "--timezone", "Asia/Tokyo") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith("kizashi.toml is written, camera press-1 is registered")
    assert out[1] == (
        f"next: put footage into {folder / 'in'}, then: kizashi --site {folder} ingest press-1"
    )
    assert (folder / "in").is_dir()
    site = open_site(folder)
    camera = site.store.camera("press-1")
    site.close()
    assert (camera.timezone, camera.purpose, camera.retention_days) == (
        "Asia/Tokyo",
        "see jams",
        30,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(("--camera", "a"), 2, "--source --purpose --owner", id="half"),
        pytest.param((*FIRST, "--timezone", "Mars/Base"), 3, "Mars/Base", id="zone"),
        pytest.param(
            (*FIRST[:2], "--source", "/nowhere/at/all", *FIRST[4:]), 3, "no folder", id="folder"
        ),
        pytest.param(("--camera", "A!", *FIRST[2:]), 3, "'A!'", id="name"),
    ],
)
def test_what_is_no_good_leaves_nothing_behind(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    folder = tmp_path / "plant"
    assert init(folder, *arguments) == code
    assert said in capsys.readouterr().err
    assert not folder.exists()


def on_a_terminal(arguments: list[str], answers: list[str]) -> tuple[int, str]:
    """Run kizashi on a terminal of its own, typing each answer when a question waits."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        cwd=ROOT,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TZ": "Asia/Tokyo"},
        start_new_session=True,
    )
    os.close(slave)
    said, waiting = b"", list(answers)
    deadline = time.monotonic() + 100
    asked_to = 0
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], 0.2)
        if ready:
            try:
                got = os.read(master, 4096)
            except OSError:  # Linux says so when the last holder of the terminal is gone
                break
            if not got:
                break
            said += got
        elif waiting and said[asked_to:].rstrip(b" ").endswith(b":"):
            asked_to = len(said)
            os.write(master, waiting.pop(0).encode() + b"\n")
    os.close(master)
    if process.poll() is None and time.monotonic() >= deadline:
        process.kill()
    return process.wait(timeout=20), said.decode()


def test_on_a_terminal_it_asks_and_an_empty_answer_takes_the_default(tmp_path: Path) -> None:
    folder = tmp_path / "plant"
    code, said = on_a_terminal(
        ["--site", str(folder), "init"], ["press-1", "", "", "see jams", "line 1"]
    )
    assert code == 0, said
    assert "[footage/press-1]" in said
    assert "[Asia/Tokyo]" in said
    site = open_site(folder)
    camera = site.store.camera("press-1")
    site.close()
    assert (camera.source, camera.timezone) == (Path("footage/press-1"), "Asia/Tokyo")
    assert (camera.purpose, camera.owner) == ("see jams", "line 1")


def test_a_script_on_a_terminal_can_forbid_questions(tmp_path: Path) -> None:
    code, said = on_a_terminal(["--site", str(tmp_path), "init", "--no-questions"], [])
    assert code == 0
    assert "?" not in said
    assert (tmp_path / "kizashi.toml").exists()


@pytest.mark.parametrize(
    ("environment", "link", "text", "zone"),
    [
        ({"TZ": "Asia/Tokyo"}, "Europe/Berlin", "", "Asia/Tokyo"),
        ({"TZ": ":Asia/Tokyo"}, None, "", "Asia/Tokyo"),
        ({"TZ": "Mars/Base"}, "Europe/Berlin", "", "Europe/Berlin"),
        ({}, None, "Europe/Berlin\n", "Europe/Berlin"),
        ({}, "Factory", "", "UTC"),
        ({}, None, "", "UTC"),
    ],
)
def test_the_zone_of_the_machine(
    tmp_path: Path, environment: dict[str, str], link: str | None, text: str, zone: str
) -> None:
    (tmp_path / "etc").mkdir()
    if link:
        (tmp_path / "etc/localtime").symlink_to(f"/usr/share/zoneinfo/{link}")
    if text:
        (tmp_path / "etc/timezone").write_text(text, encoding="ascii")
    assert machine_zone(tmp_path, environment) == zone
