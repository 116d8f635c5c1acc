"""A real PostgreSQL for tests: own cluster in a temporary folder, loopback socket, stopped at exit.

`from tests.postgres_server import postgres_server` makes the fixture known to a test module. All
modules of one test process share one server; each test asks for a database of its own.
"""

from __future__ import annotations

import atexit
import ctypes
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import pytest

_PR_SET_PDEATHSIG = 1
_PATIENCE_SECONDS = 60.0


class PostgresServer:
    """A running server; `start` and `stop` make an outage of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._account = _account()
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        arguments = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        self._run("initdb", f"--pgdata={folder / 'data'}", *arguments)
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers; fsync is on, as PostgreSQL has it."""
        options = [f"--unix_socket_directories={self._folder}", "--listen_addresses="]
        log = (self._folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [program("postgres"), "-D", str(self._folder / "data"), *options],
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,
                **self._identity(),
            )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                psycopg.connect(self._conninfo("postgres")).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.02)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: "fast" rolls back and writes everything, "immediate" is a crash."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT if mode == "fast" else signal.SIGQUIT)
        self._process.wait(timeout=_PATIENCE_SECONDS)
        self._process = None

    @property
    def folder(self) -> Path:
        """Where its socket lies."""
        return self._folder

    def url(self, database: str, user: str = "postgres") -> str:
        """Return the URL of a database for `open_store`."""
        return f"postgresql://{user}@/{database}?host={self._folder}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one administrative statement, outside of a transaction."""
        with psycopg.connect(self._conninfo(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """Yield the URL of a new database, a copy of `template`; drop it afterwards."""
        name = f"kizashi_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self.stop()
        shutil.rmtree(self._folder)

    def _conninfo(self, database: str) -> str:
        return f"host={self._folder} user=postgres dbname={database} connect_timeout=10"

    def _identity(self) -> dict[str, object]:
        account = self._account
        if account is None:
            return {}
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def _run(self, name: str, *arguments: str) -> None:
        finished = subprocess.run(
            [program(name), *arguments],
            capture_output=True,
            text=True,
            cwd=self._folder,
            check=False,
            **self._identity(),
        )
        assert finished.returncode == 0, finished.stderr


@pytest.fixture(scope="session")
def postgres_server() -> PostgresServer:
    """Return the server of this test process."""
    return shared_server()


@cache
def shared_server() -> PostgresServer:
    """Return the one server of this process, started at the first call, stopped at exit."""
    # Not pytest's folder: the account postgres may not pass through it.
    server = PostgresServer(Path(tempfile.mkdtemp(prefix="kizashi-postgres-", dir=fast_place())))
    atexit.register(server.close)
    return server


def fast_place() -> Path | None:
    """Return a folder in memory, where fsync costs nothing; None when there is none."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < 2 << 30:
        return None
    return memory


def _account() -> pwd.struct_passwd | None:
    """Return the account the server runs as; None for our own. It refuses to run as root."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


def program(name: str) -> str:
    """Return where a program of the server is; fails when it is missing."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: int(f.parent.name))
    found = shutil.which(name, path=os.pathsep.join([str(f) for f in reversed(folders)]))
    found = found or shutil.which(name)
    assert found, f"{name} is missing: apt-get install postgresql"
    return found


def _end_with_parent() -> None:
    # When the test process is killed, its server goes too (SIGINT: fast shutdown).
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
