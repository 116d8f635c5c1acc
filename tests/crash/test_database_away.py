"""A database server that crashes under the line, and connections that are cut at COMMIT: the line
stops with one line of error, and ends where an undisturbed one does."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine.default import DefaultDialect

from pipeline.errors import StoreUnavailable
from tests.crash.small_line import CalmLine, line_of, line_work, register, what_is_left
from tests.postgres_proxy import CuttingProxy, cutting_proxy
from tests.postgres_server import PostgresServer, fast_place, postgres_server
from tests.promises import Promise

__all__ = ["postgres_server"]

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(1800)]

TEMPLATE = "kizashi_line"
COMMIT = DefaultDialect.do_commit
"""Taken before any of the outages stands in its place, or each would count through the last."""
RESUMES_SECONDS = 30.0


@pytest.fixture(scope="module")
def template(line: CalmLine, postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a database with the camera and the model of the line, to be copied."""
    postgres_server.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
    site = line_of(line.fresh, url=postgres_server.url(TEMPLATE))
    register(site)
    site.close()
    yield TEMPLATE
    postgres_server.execute(f"DROP DATABASE {TEMPLATE} WITH (FORCE)")


class Outages:
    """Stops the server at every so-many-th commit, in turn before and after it."""

    def __init__(self, server: PostgresServer, every: int, most: int) -> None:
        self._server, self._every, self._most = server, every, most
        self._commits = itertools.count(1)
        self.met = 0
        self.down = False

    def commit(self, dialect: DefaultDialect, connection: object) -> None:
        """Commit, or not."""
        due = next(self._commits) % self._every == 0 and self.met < self._most and not self.down
        if due and self.met % 2 == 0:
            self._stop()
        COMMIT(dialect, connection)  # type: ignore[arg-type]
        if due and not self.down:
            self._stop()

    def _stop(self) -> None:
        self._server.stop("immediate")
        self.met, self.down = self.met + 1, True

    def end(self) -> None:
        """Start the server again."""
        if self.down:
            self._server.start()
            self.down = False


@pytest.mark.parametrize("outages", [3, pytest.param(30, marks=pytest.mark.full)])
def test_a_server_that_crashes_under_the_line_takes_nothing(
    outages: int,
    line: CalmLine,
    template: str,
    postgres_server: PostgresServer,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    promise: Promise,
) -> None:
    met, longest = 0, 0.0
    told: list[str] = []
    while met < outages:
        faults = Outages(postgres_server, every=9 + met % 5, most=outages - met)
        monkeypatch.setattr(DefaultDialect, "do_commit", lambda *given, f=faults: f.commit(*given))
        folder = line.copy(place / f"site{met}")
        with postgres_server.database(template) as url:
            while True:
                begun = time.monotonic()
                try:
                    line_work(folder, url=url)
                    break
                except StoreUnavailable as error:
                    told.append(str(error))
                assert faults.down
                faults.end()
            longest = max(longest, time.monotonic() - begun)
            faults.end()
            assert what_is_left(folder, url=url) == line.left
        assert faults.met > 0
        met += faults.met
        shutil.rmtree(folder)
    assert longest < RESUMES_SECONDS
    assert not [line for line in told if "\n" in line]
    promise(
        "D1",
        f"{met} crashes of the server under a run: 0 lost, 0 doubled;"
        f" all done {longest:.1f} s after its return",
    )


@contextmanager
def proxy_before(server: PostgresServer) -> Iterator[CuttingProxy]:
    """Yield a proxy before the server; its folder's name is short, as a socket's must be."""
    with (
        tempfile.TemporaryDirectory(prefix="kzp-", dir=fast_place()) as name,
        cutting_proxy(Path(name), server.folder) as proxy,
    ):
        yield proxy


def through(proxy: CuttingProxy, url: str) -> str:
    """Return the URL of a database through the proxy."""
    return url.partition("?")[0] + f"?host={proxy.folder}"


@pytest.mark.parametrize("stride", [29, pytest.param(1, marks=pytest.mark.full)])
def test_a_commit_whose_outcome_nobody_heard_is_neither_lost_nor_done_twice(
    stride: int,
    line: CalmLine,
    template: str,
    postgres_server: PostgresServer,
    place: Path,
    promise: Promise,
) -> None:
    cuts = 0
    with proxy_before(postgres_server) as proxy:
        with postgres_server.database(template) as url:
            proxy.cut_at(-1, done=False)
            line_work(line.copy(place / "counted"), url=through(proxy, url))
            commits = proxy.commits
        assert commits >= 40
        for number in range(stride // 2, commits, stride):
            for done in (True, False):
                folder = line.copy(place / f"cut{number}{done}")
                with postgres_server.database(template) as url:
                    proxy.cut_at(number, done=done)
                    with pytest.raises(StoreUnavailable, match=r"\A[^\n]+\Z"):
                        line_work(folder, url=through(proxy, url))
                    line_work(folder, url=through(proxy, url))
                    assert what_is_left(folder, url=url) == line.left, (number, done)
                shutil.rmtree(folder)
        cuts = proxy.cuts
    assert cuts == 2 * len(range(stride // 2, commits, stride))
    promise("D2", f"{cuts} connections cut at COMMIT, half of them done: 0 lost, 0 doubled")
