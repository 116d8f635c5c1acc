"""Webhooks: signed, never redirected, in order through a receiver that fails half the time."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.alerts.alerts import Severity
from pipeline.errors import NotificationError
from pipeline.named_secret import Secret
from pipeline.notification.deliver import deliver_pending, pause_seconds
from pipeline.notification.message import Message, MessageKind
from pipeline.notification.sinks import channels_of
from pipeline.notification.webhook import SIGNATURE_HEADER, WebhookSink
from tests.certificates import make_certificate, server_context
from tests.dripping_server import ENDLESS_HANDSHAKE, dripping
from tests.notification_makers import clock_of, open_notified_site, raise_alerts, receiving
from tests.postgres_server import fast_place

CANARY = "cAnArY7"
MESSAGE = Message(
    key="0123456789abcdef0123456789abcdef",
    kind=MessageKind.ALERT,
    camera="press-1",
    title="プレス停止",
    fields={"alert_id": "0123456789abcdef0123456789abcdef"},
)


def said(sink: WebhookSink) -> str:
    """Return the one line that a message fails with."""
    with pytest.raises(NotificationError, match=r"\A[^\n]+\Z") as caught:
        sink.send(MESSAGE)
    return str(caught.value)


def test_a_message_is_posted_as_json_with_its_key_and_signature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOOK_SECRET", CANARY)
    with receiving() as receiver:
        WebhookSink(receiver.url, secret=Secret(env="HOOK_SECRET")).send(MESSAGE)
    ((headers, body),) = receiver.taken
    assert json.loads(body) == {**MESSAGE.fields, "message": "alert", "text": "プレス停止"}
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == MESSAGE.key
    signed = hmac.new(CANARY.encode(), body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE_HEADER] == f"sha256={signed}"


def test_an_address_from_a_file_may_hold_user_and_password(tmp_path: Path) -> None:
    with receiving() as receiver:
        (tmp_path / "url").write_text(
            receiver.url.replace("://", "://me:p%40ss@") + "\n", encoding="utf-8"
        )
        WebhookSink(Secret(file=tmp_path / "url")).send(MESSAGE)
    assert receiver.taken[0][0]["Authorization"] == "Basic bWU6cEBzcw=="  # me:p@ss


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_only_success_is_a_receipt(status: int) -> None:
    with receiving() as receiver:
        receiver.status = status
        line = said(WebhookSink(f"{receiver.url}/{CANARY}"))
    assert str(status) in line
    assert CANARY not in line
    assert receiver.asked == 1


def test_a_redirection_is_not_followed() -> None:
    with receiving() as other, receiving() as receiver:
        receiver.status = 307
        receiver.headers = {"Location": other.url}
        assert "redirects are not followed" in said(WebhookSink(receiver.url))
    assert other.asked == 0


def test_nobody_who_answers_is_one_line_without_the_address() -> None:
    line = said(WebhookSink(f"http://127.0.0.1:1/{CANARY}?token={CANARY}"))
    assert "127.0.0.1" in line
    assert CANARY not in line


@pytest.mark.parametrize(
    "address",
    ["ftp://127.0.0.1/x", "http://plant.example/x", "no address", "https://", "https://[x"],
)
def test_an_address_that_is_none_or_not_https_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_URL", f"{address}{CANARY}")
    assert CANARY not in said(WebhookSink(Secret(env="HOOK_URL")))


def test_a_receiver_that_sends_a_byte_now_and_then_is_given_up_in_time() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ") as port:
        begun = time.monotonic()
        line = said(WebhookSink(f"http://127.0.0.1:{port}/", timeout_seconds=0.4))
        assert "no answer in time" in line
        # The socket's own time-out would never come: a byte arrives every 0.1 s for a minute.
        assert time.monotonic() - begun < 30


def test_a_host_of_which_one_address_is_dead_gives_its_receipt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect = socket.create_connection

    def tries_a_dead_address_first(*place: Any, **how: Any) -> socket.socket:
        time.sleep(0.5)  # the whole of its time-out
        return connect(*place, **how)

    with receiving() as receiver:
        monkeypatch.setattr(socket, "create_connection", tries_a_dead_address_first)
        WebhookSink(receiver.url, timeout_seconds=0.4).send(MESSAGE)
    assert receiver.asked == 1


def test_a_handshake_that_goes_on_and_on_is_given_up_in_time() -> None:
    with dripping(ENDLESS_HANDSHAKE) as port:
        begun = time.monotonic()
        assert "no answer in time" in said(
            WebhookSink(f"https://127.0.0.1:{port}/", timeout_seconds=0.4)
        )
        assert time.monotonic() - begun < 30


def test_an_address_of_ipv6_without_a_port_is_that_of_its_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    def refusing(place: Any, *_: Any, **how: Any) -> socket.socket:
        asked.append(place)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refusing)
    assert "Connection refused" in said(WebhookSink("https://[2001:db8::5]/hook"))
    assert asked == [("2001:db8::5", 443)]


# HTTPS --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "both.pem")


def test_https_trusts_what_is_named_and_nobody_else(certificate: Path) -> None:
    with receiving(server_context(certificate)) as receiver:
        url = f"https://localhost:{receiver.port}/hook"
        WebhookSink(url, ca_file=certificate).send(MESSAGE)
        assert "not trusted" in said(WebhookSink(url))
        other_name = WebhookSink(url.replace("localhost", "127.0.0.1"), ca_file=certificate)
        assert "not trusted" in said(other_name)
    assert len(receiver.taken) == 1


def test_certificates_that_are_not_there_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "authority.pem"
    assert str(missing) in said(WebhookSink("https://localhost/", ca_file=missing))
    missing.write_text("none")
    assert str(missing) in said(WebhookSink("https://localhost/", ca_file=missing))


# many alerts -------------------------------------------------------------------------------


@pytest.mark.timeout(900)  # a thousand take 20 s of one core; others may want it too
@pytest.mark.parametrize("count", [10, pytest.param(50, marks=pytest.mark.full)])
def test_alerts_of_many_cameras_arrive_in_order_though_half_of_the_requests_fail(
    count: int,
) -> None:
    """Of fifty cameras they are a thousand."""
    cameras = [f"press-{number}" for number in range(count)]
    each = [Severity.NOTICE, Severity.WARNING, Severity.CRITICAL, Severity.NOTICE] * 5
    with (
        tempfile.TemporaryDirectory(prefix="kizashi-notify-", dir=fast_place()) as name,
        receiving() as receiver,
    ):
        receiver.chance = random.Random(7)
        table = {"kind": "webhook", "url": receiver.url, "timeout_seconds": 5}
        site = open_notified_site(Path(name), table)
        wanted = {camera: raise_alerts(site, camera, each) for camera in cameras}
        rounds = 0
        while sum(state.pending for state in site.store.sink_states()):
            rounds += 1
            assert rounds < 400, "it does not come to an end"
            deliver_pending(site, channels_of(site))
            clock_of(site).advance(pause_seconds(99))
        site.store.close()
    taken = [json.loads(body) for _, body in receiver.taken]
    assert all(
        headers["Idempotency-Key"] == one["alert_id"]
        for (headers, _), one in zip(receiver.taken, taken, strict=True)
    )
    for camera, alerts in wanted.items():
        # What came again under its key is dropped, as a receiver does; order is of first arrivals.
        first = list(dict.fromkeys(one["alert_id"] for one in taken if one["camera"] == camera))
        assert first == [alert.alert_id for alert in alerts]
    assert len({one["alert_id"] for one in taken}) == 20 * count
    assert len(taken) > 20 * count  # receipts were lost
    assert receiver.asked > len(taken)  # and requests too
