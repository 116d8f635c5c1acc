"""A real mosquitto on a free port of the loopback interface, that can be killed and started."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

__all__ = ["Broker"]

_PATIENCE_SECONDS = 60.0


class Broker:
    """A broker that keeps what it has on disk; with a certificate it speaks TLS only."""

    def __init__(
        self,
        folder: Path,
        *,
        user: str = "",
        password: str = "",
        certificate: Path | None = None,
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._folder = folder
        lines = [f"listener {self.port} 127.0.0.1", "log_dest stdout"]
        lines += ["persistence true", f"persistence_location {folder}/", "autosave_interval 1"]
        lines += ["autosave_on_changes true"]
        if certificate is not None:
            lines += [f"certfile {certificate}", f"keyfile {certificate}"]
        if user:
            made = folder / "users"
            program = _program("mosquitto_passwd")
            subprocess.run([program, "-b", "-c", str(made), user, password], check=True)
            made.chmod(0o644)
            lines += ["allow_anonymous false", f"password_file {made}"]
        else:
            lines += ["allow_anonymous true"]
        # Started as root it would become another user, who may not write here.
        lines += ["user root"]
        (folder / "broker.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the broker and wait until it answers."""
        log = (self._folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [_program("mosquitto"), "-c", str(self._folder / "broker.conf")],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, (self._folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def kill(self) -> None:
        """End the broker at once, as a power cut does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(timeout=_PATIENCE_SECONDS)
            self._process = None


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    assert found, f"{name} is missing: apt-get install mosquitto"
    return found
