"""Eight canary secrets through the commands of a whole plant, with everything logged: none is found
afterwards in what was printed, in any file of the plant, or in the arguments of any process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from pipeline.accounts.accounts import Role
from pipeline.accounts.login import add_user, log_in
from pipeline.assembly import open_site
from pipeline.cli import main
from tests import footage_maker as make
from tests.store_samples import camera

Promise = Callable[[str, str], None]

ROOT = Path(__file__).parents[2]
NOBODY = "127.0.0.1:1"
SECRETS = {
    "password of a stream": "cAnArY1x",
    "password beside a dotted user": "cAnArY2x",
    "percent-encoded password": "cAnArY3/@x",
    "token in an address": "cAnArY4x",
    "password of the database": "cAnArY5x",
    "token of a webhook": "cAnArY6x",
    "password of the mail server": "cAnArY7x",
    "password of a user": "cAnArY8x-long-enough",
}
TABLES = f"""
[[record]]
camera = "one"
url = "rtsp://{NOBODY}/s"
user = "u"
password_env = "SECRET_1"
[[record]]
camera = "two"
url_env = "SECRET_2"
[[record]]
camera = "three"
url_env = "SECRET_3"
[[record]]
camera = "four"
url_file = "secret-4"
[[notify]]
kind = "webhook"
url = "https://{NOBODY}/alerts"
secret_env = "SECRET_6"
timeout_seconds = 2
[[notify]]
kind = "email"
host = "127.0.0.1"
port = 1
user = "mailer"
password_env = "SECRET_7"
sender = "a@plant.example"
to = ["b@plant.example"]
timeout_seconds = 2
"""
WORKING = (("ingest", "one"), ("score", "one"), ("notify", "test"), ("doctor",), ("user", "list"))
BROKEN = (("camera", "list"), ("doctor",), ("ingest", "one"))
"""Commands that find a database, and some that do not."""


def environment() -> dict[str, str]:
    values = list(SECRETS.values())
    return {
        **os.environ,
        "SECRET_1": values[0],
        "SECRET_2": f"rtsp://first.last:{values[1]}@{NOBODY}/s",
        "SECRET_3": f"rtsp://u%40er:{quote(values[2], safe='')}@{NOBODY}/s",
        "SECRET_6": values[5],
        "SECRET_7": values[6],
        "OMP_NUM_THREADS": "1",
        "KIZASHI_STABLE_SECONDS": "0",
    }


class Arguments:
    """Looks at the arguments of every process of this machine, again and again."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self.looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Arguments:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        wanted = [text.encode() for text in needles()]
        while not self._stop.wait(0.1):
            self.looks += 1
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    said = (process / "cmdline").read_bytes()
                except OSError:
                    continue
                if any(secret in said for secret in wanted):
                    self.found.add(said.decode("utf-8", "replace"))


def needles() -> Iterator[str]:
    """Yield every form in which a secret could lie somewhere."""
    for secret in SECRETS.values():
        yield secret
        if quote(secret, safe="") != secret:
            yield quote(secret, safe="")


def record_for_a_moment(site: Path, env: dict[str, str]) -> str:
    """Record four cameras that nobody answers for, until each has failed; then stop."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "--debug", "--site", str(site), "record"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 60.0
    states = site / "recording"
    while time.monotonic() < deadline and process.poll() is None:
        if len(list(states.glob("*/state.json"))) >= 4:
            break
        time.sleep(0.05)
    time.sleep(0.5)
    process.terminate()
    said, _ = process.communicate(timeout=60)
    return said


def plant(folder: Path) -> Path:
    site = folder / "plant"
    site.mkdir()
    (site / "kizashi.toml").write_text(TABLES, encoding="utf-8")
    address = f"rtsp://{NOBODY}/s?token={SECRETS['token in an address']}"
    (site / "secret-4").write_text(address, encoding="utf-8")
    return site


def check_nothing_is_left(said: str, folder: Path) -> int:
    """Fail when a secret lies anywhere but in the file that holds it; return the files read."""
    read = 0
    for text in needles():
        assert text not in said, text
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "secret-4":
            content = path.read_bytes()
            read += 1
            for text in needles():
                assert text.encode() not in content, (text, path)
    return read


@pytest.mark.timeout(900)
def test_no_secret_is_left_by_a_whole_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error_logs: list[str],
    promise: Promise,
) -> None:
    site, env = plant(tmp_path), environment()
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    opened = open_site(site)
    for name in ("one", "two", "three", "four"):
        (site / "in" / name).mkdir(parents=True)
        opened.store.put_camera(camera(name, source=Path("in") / name))
    password = SECRETS["password of a user"]
    add_user(opened, "ada", role=Role.ADMIN, cameras=("*",), password=password, who="setup")
    token = log_in(opened, "ada", password).token
    opened.close()
    make.healthy(site / "in" / "one" / "20260302T080000Z.mp4", seconds=2.0)
    (site / "in" / "one" / "bad.mp4").write_text("no video", encoding="utf-8")
    address = f"postgresql://u:{SECRETS['password of the database']}@{NOBODY}/k"
    with Arguments() as arguments:
        said = [record_for_a_moment(site, env)]
        for database, commands in ((None, WORKING), (address, BROKEN)):
            if database is not None:
                monkeypatch.setenv("KIZASHI_DATABASE_URL", database)
            for command in commands:
                main(["--debug", "--site", str(site), *command])
                said += capsys.readouterr()
    error_logs.clear()  # what went wrong was meant to
    everything = "\n".join(said)
    assert "Traceback" in everything
    assert everything.count("refused") >= 4, everything[-3000:]
    read = check_nothing_is_left(everything, tmp_path)
    assert token.encode() not in b"".join(p.read_bytes() for p in site.glob("kizashi.db*"))
    assert arguments.looks > 10
    assert arguments.found == set()
    promise("L1", f"{len(SECRETS)} canaries: 0 in {len(everything)} characters and {read} files")
