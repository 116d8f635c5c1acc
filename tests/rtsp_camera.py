"""A live camera for tests: a real RTSP server that drops, stalls, restarts and refuses; and a site
that records it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.assembly import Site, open_site
from pipeline.camera import Camera
from pipeline.recording.camera_recorder import CameraRecorder, Limits
from pipeline.recording.record import camera_recorder, live_cameras

__all__ = ["PASSWORD", "USER", "LiveCamera", "Recording", "live_site", "now", "open_files", "until"]

PYTHON = "/usr/bin/python3"
PROGRAM = Path(__file__).parent / "rtsp_server.py"
NEEDED = (
    "the system's Python has no GStreamer RTSP server: apt-get install gir1.2-gst-rtsp-server-1.0"
    " python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
    " gstreamer1.0-plugins-ugly"
)
USER = "first.last"
PASSWORD = "cAnArY7 @:/%'x"
_PATIENCE_SECONDS = 30.0


def until(true: Callable[[], object], what: str, seconds: float = _PATIENCE_SECONDS) -> float:
    """Wait until something holds; return how many seconds that took."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - begun


class LiveCamera:
    """A server on a free port."""

    def __init__(self, size: str = "160x120") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"rtsp://127.0.0.1:{self.port}/live"
        self.size, self.password, self.stream = size, PASSWORD, "live"
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """Start it, with the size, the password and the name of the stream that it has now."""
        self._process = subprocess.Popen(
            [PYTHON, str(PROGRAM), str(self.port), self.stream, self.size, USER, self.password],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", NEEDED

    def kill(self) -> None:
        """End it as a power cut does; nothing listens then."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
            self._process = None

    def drop(self) -> None:
        """Close all connections; new ones are welcome."""
        self._say("drop")

    def stall(self) -> None:
        """Keep all connections open, and send nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `stall`: send again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def change_size(self, size: str) -> None:
        """Change the size of the picture within the stream."""
        self.size = size
        self._say(f"size {size}")

    def pause(self, seconds: float) -> None:
        """Stop the time of the source; it counts on afterwards as if nothing had been."""
        self._say("pause")
        time.sleep(seconds)
        self._say("play")

    def _say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


@contextmanager
def live_site(
    folder: Path, urls: dict[str, str], *, password_file: Path | None = None
) -> Iterator[Site]:
    """Yield a site with a table [[record]] for each camera; the password lies in a file."""
    secret = password_file or folder / "password"
    if password_file is None:
        secret.write_text(PASSWORD + "\n", encoding="utf-8")
    site_folder = folder / "site"
    tables = [
        f'[[record]]\ncamera = "{name}"\nurl = "{url}"\nuser = "{USER}"\n'
        f'password_file = "{secret}"\n'
        for name, url in urls.items()
    ]
    site_folder.mkdir()
    (site_folder / "kizashi.toml").write_text(
        "stable_seconds = 0\n" + "\n".join(tables), encoding="utf-8"
    )
    site = open_site(site_folder)
    for name in urls:
        (site_folder / name).mkdir()
        site.store.put_camera(
            Camera(name=name, source=Path(name), purpose="test", owner="test", retention_days=1)
        )
    try:
        yield site
    finally:
        site.close()


class Recording:
    """A recorder that runs in a thread of its own."""

    def __init__(self, site: Site, name: str, limits: Limits) -> None:
        self.lines: list[str] = []
        self.name = name
        (camera,) = live_cameras(site, [name])
        self.recorder: CameraRecorder = camera_recorder(
            site, camera, limits=limits, progress=self._told
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.failed: BaseException | None = None

    def _told(self, line: str) -> None:
        print(f"{now():%H:%M:%S.%f} {line}")
        self.lines.append(line)

    def _run(self) -> None:
        try:
            self.recorder.run(self._stop)
        except BaseException as error:
            self.failed = error

    def __enter__(self) -> Recording:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=_PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        if self.failed is not None:
            raise self.failed

    def times_recording(self) -> int:
        """How often it began to record."""
        return sum(f"{self.name}: recording rtsp" in line for line in self.lines)

    def until_recording(self, times: int, seconds: float = _PATIENCE_SECONDS) -> float:
        """Wait until it has begun for the n-th time; return how many seconds that took."""
        return until(lambda: self.times_recording() >= times, str(self.lines), seconds)

    def until_blind(self, cause: str) -> float:
        """Wait until it has said that it is blind for this cause, or return at once if it has."""
        return until(
            lambda: any(f"blind, {cause}: " in line for line in self.lines), str(self.lines)
        )


def open_files() -> int:
    """Return how many file descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))


def now() -> datetime:
    """Return the wall time."""
    return datetime.now(UTC)
