"""MQTT through a real broker: acknowledged, in order, across a broker that is killed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from pipeline.alerts.alerts import Severity
from pipeline.assembly import Site
from pipeline.errors import NotificationError
from pipeline.notification.compose import compose_test
from pipeline.notification.deliver import DeliverySummary, deliver_pending
from pipeline.notification.sinks import channels_of
from tests.certificates import make_certificate
from tests.mqtt_broker import Broker
from tests.notification_makers import clock_of, open_notified_site, raise_alerts

USER, PASSWORD = "kizashi", "cAnArY7"
PATIENCE_SECONDS = 60.0


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    started = Broker(tmp_path_factory.mktemp("broker"), user=USER, password=PASSWORD)
    yield started
    started.kill()


@pytest.fixture
def site(tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("MQTT_PASSWORD", PASSWORD)
    opened = open_notified_site(tmp_path, table(broker))
    yield opened
    opened.store.close()


def table(broker: Broker, **more: Any) -> dict[str, Any]:
    return {
        "kind": "mqtt",
        "host": "127.0.0.1",
        "port": broker.port,
        "tls": False,
        "user": USER,
        "password_env": "MQTT_PASSWORD",
        "timeout_seconds": 20,
        **more,
    }


class Subscriber:
    """Keeps what is published below kizashi/."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any], int]] = []
        self._more = threading.Condition()

    def take(self, client: Any, data: Any, message: Any) -> None:
        with self._more:
            self.got.append((message.topic, json.loads(message.payload), message.qos))
            self._more.notify_all()

    def wait_for(self, count: int) -> list[tuple[str, dict[str, Any], int]]:
        with self._more:
            assert self._more.wait_for(lambda: len(self.got) >= count, PATIENCE_SECONDS), self.got
            return list(self.got)

    def wait_for_alerts(self, count: int) -> list[str]:
        """Return the first `count` different alerts; a broker that died repeats what it sent."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.alerts) >= count, PATIENCE_SECONDS), (
                self.got
            )
            return self.alerts

    @property
    def alerts(self) -> list[str]:
        return list(dict.fromkeys(body["alert_id"] for _, body, _ in self.got))


@contextmanager
def subscribed(broker: Broker) -> Iterator[Subscriber]:
    """Yield a subscriber whose session the broker keeps, across its own death too."""
    subscriber, ready = Subscriber(), threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, client_id="plant", clean_session=False)
    client.username_pw_set(USER, PASSWORD)
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    client.on_connect = lambda c, *_: c.subscribe("kizashi/#", qos=1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = subscriber.take
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        assert ready.wait(PATIENCE_SECONDS)
        yield subscriber
    finally:
        client.disconnect()
        client.loop_stop()


def test_alerts_are_published_in_order_and_acknowledged(site: Site, broker: Broker) -> None:
    with subscribed(broker) as subscriber:
        alerts = raise_alerts(site, severities=[Severity.NOTICE, Severity.CRITICAL])
        assert deliver_pending(site) == DeliverySummary(delivered=2)
        got = subscriber.wait_for(2)
    assert [topic for topic, _, _ in got] == ["kizashi/press-1/alerts"] * 2
    assert [body["alert_id"] for _, body, _ in got] == [alert.alert_id for alert in alerts]
    assert {qos for _, _, qos in got} == {1}


def test_a_test_message_has_a_topic_of_its_own(site: Site, broker: Broker) -> None:
    with subscribed(broker) as subscriber:
        (only,) = channels_of(site)
        only.sink.send(compose_test(site, only.name))
        ((topic, body, _),) = subscriber.wait_for(1)
    assert topic == "kizashi/notify-test"
    assert body["message"] == "test"
    assert "TEST" in body["text"]


def test_a_broker_that_is_killed_in_the_middle_loses_nothing(site: Site, broker: Broker) -> None:
    with subscribed(broker) as subscriber:
        before = raise_alerts(site, severities=[Severity.NOTICE] * 3)
        assert deliver_pending(site).delivered == 3
        subscriber.wait_for(3)
        broker.kill()
        after = raise_alerts(site, severities=[Severity.NOTICE] * 3, first=3)
        assert deliver_pending(site) == DeliverySummary(failed=1)
        (state,) = site.store.sink_states()
        assert state.last_error == "broker 127.0.0.1: Connection refused; check host and port"
        broker.start()
        clock_of(site).advance(60)
        assert deliver_pending(site) == DeliverySummary(delivered=3)
        keys = subscriber.wait_for_alerts(6)
    assert keys == [alert.alert_id for alert in (*before, *after)]


def test_a_wrong_password_is_one_line_without_it(
    site: Site, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", "wrong-cAnArY8")
    raise_alerts(site)
    (only,) = channels_of(site)
    with pytest.raises(NotificationError, match=r"\A[^\n]+\Z") as caught:
        only.sink.send(compose_test(site, only.name))
    assert "check user and password" in str(caught.value)
    assert "cAnArY8" not in str(caught.value)


def test_a_broker_that_never_answers_is_given_up(site: Site, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        deaf = {"kind": "mqtt", "host": "127.0.0.1", "port": port, "tls": False}
        other = open_notified_site(tmp_path / "other", {**deaf, "timeout_seconds": 0.3})
        (only,) = channels_of(other)
        with pytest.raises(NotificationError, match="no answer in time"):
            only.sink.send(compose_test(other, only.name))
        other.store.close()


# paho leaves the socket to the garbage collector when a handshake fails.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)
def test_an_encrypted_line_is_trusted_by_its_certificate_only(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "both.pem")
    (tmp_path / "broker").mkdir()
    broker = Broker(tmp_path / "broker", certificate=certificate)
    secure = {"kind": "mqtt", "host": "localhost", "port": broker.port, "timeout_seconds": 20}
    site = open_notified_site(
        tmp_path / "site",
        {**secure, "name": "trusting", "ca_file": str(certificate)},
        {**secure, "name": "distrusting"},
        {**secure, "name": "plain", "tls": False},
    )
    try:
        trusting, distrusting, plain = channels_of(site)
        trusting.sink.send(compose_test(site, "trusting"))
        for other, why in ((distrusting, "not trusted"), (plain, "is `tls` what it speaks")):
            with pytest.raises(NotificationError, match=why):
                other.sink.send(compose_test(site, other.name))
    finally:
        broker.kill()
        site.store.close()
