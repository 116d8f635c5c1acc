"""Sites with alerts that wait, and sinks and servers of our own for tests of notifications."""

from __future__ import annotations

import random
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipeline.alerts.alerts import Alert, Severity
from pipeline.assembly import Site
from pipeline.errors import NotificationError
from pipeline.notification.message import Message
from pipeline.notification.rules import Rules, sinks_for
from pipeline.notification.sinks import Channel
from pipeline.settings import Settings
from pipeline.store.sql import open_store
from tests import store_samples as samples
from tests.fakes import FakeClock

NOON = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
"""Monday, twelve o'clock in Tokyo, where the cameras are."""


def open_notified_site(folder: Path, *tables: dict[str, Any], language: str = "en") -> Site:
    """Return a site in `folder` with these tables [[notify]] and a clock that stands at NOON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kizashi.db").write_bytes(_empty_database())
    return Site(
        folder=folder,
        settings=Settings(notify=list(tables), language=language),
        store=open_store(f"sqlite:///{folder / 'kizashi.db'}"),
        clock=FakeClock(NOON),
    )


@cache
def _empty_database() -> bytes:
    """Return an SQLite file with the newest schema: copying it is quicker than migrating."""
    with tempfile.TemporaryDirectory(prefix="kizashi-notify-") as name:
        open_store(f"sqlite:///{name}/kizashi.db").close()
        return (Path(name) / "kizashi.db").read_bytes()


def clock_of(site: Site) -> FakeClock:
    assert isinstance(site.clock, FakeClock)
    return site.clock


def raise_alerts(
    site: Site,
    camera: str = "press-1",
    severities: Sequence[Severity] = (Severity.WARNING,),
    *,
    first: int = 0,
    rules: Sequence[Rules] | None = None,
    timezone: str = "Asia/Tokyo",
) -> list[Alert]:
    """Record one alert for each severity, half a second apart, as scoring does; `first` counts on
    from the ones before. Return them, oldest first."""
    store = site.store
    line = samples.line(camera)
    store.put_camera(replace(line.camera, timezone=timezone))
    store.add_footage(line.footage, [line.segment], [])
    store.add_model(line.model, [])
    numbers = range(first, first + len(severities))
    anomalies = [samples.anomaly(line.segment, line.model, number) for number in numbers]
    store.add_anomalies(anomalies)
    events = [samples.event(one, one) for one in anomalies]
    store.put_events(events)
    alerts = [samples.alert(*pair) for pair in zip(events, severities, strict=True)]
    for alert in alerts:
        told = sinks_for(rules or site.settings.notify_rules(), camera, alert.severity)
        store.add_alert(alert, [], told)
    return alerts


@dataclass
class Recorder:
    """A sink that keeps what it is given; it loses what `lost` names by key or by camera."""

    lost: set[str] = field(default_factory=set)
    got: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if message.key in self.lost or message.camera in self.lost:
            raise NotificationError("the line is dead")
        self.got.append(message)

    def keys(self, camera: str | None = None) -> list[str]:
        return [one.key for one in self.got if camera in (None, one.camera)]


def channel(sink: Any, **rules: Any) -> Channel:
    """Return a channel called "test"."""
    return Channel(sink=sink, kind="test", rules=Rules(**{"name": "test", **rules}))


class Receiver:
    """An HTTP server on the loopback interface that keeps what it answered with 200."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.asked = 0
        self.status = 200
        self.chance: random.Random | None = None
        """With one, half of the requests fail: some before they are kept, some after."""
        self.headers: dict[str, str] = {}
        self.before_answer: Callable[[], None] = lambda: None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def receiving(context: Any = None) -> Iterator[Receiver]:
    """Yield a receiver that serves until the block ends; with a TLS `context` it speaks HTTPS."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.asked += 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fate = receiver.chance.random() if receiver.chance else 1.0
            if fate < 0.25:
                self._answer(503)
                return
            if receiver.status == 200:
                receiver.taken.append((dict(self.headers), body))
            receiver.before_answer()
            if fate < 0.5:
                self.close_connection = True  # taken, and the receipt is lost
                return
            self._answer(receiver.status)

        def _answer(self, status: int) -> None:
            with suppress(OSError):  # who asked may be gone
                self._write(status)

        def _write(self, status: int) -> None:
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
