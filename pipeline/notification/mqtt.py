"""MQTT: a message published with quality of service 1, done when the broker acknowledged it."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import NotificationError
from pipeline.named_secret import Secret
from pipeline.notification.configuration import MqttTable
from pipeline.notification.message import Message, MessageKind, json_of
from pipeline.notification.tls import trusting

if TYPE_CHECKING:
    from paho.mqtt.client import Client

__all__ = ["MqttSink"]

_QOS = 1
_PORTS = {True: 8883, False: 1883}


class MqttSink:
    """Publishes to one broker: TOPIC/CAMERA/alerts, TOPIC/CAMERA/digests, TOPIC/notify-test."""

    def __init__(self, table: MqttTable, *, password: Secret | None, ca_file: Path | None) -> None:
        self._table = table
        self._password = password
        self._ca_file = ca_file

    def send(self, message: Message) -> None:
        """See `Sink`."""
        table = self._table
        answer = _Answer()
        client = self._client(answer)
        try:
            client.connect(table.host, table.port or _PORTS[table.tls], keepalive=30)
            client.loop_start()
            answer.wait(table.timeout_seconds)
            receipt = client.publish(self._topic(message), json_of(message), qos=_QOS)
            receipt.wait_for_publish(table.timeout_seconds)
            if not receipt.is_published():
                raise NotificationError(
                    f"broker {table.host}: no acknowledgement in time; is it overloaded?"
                )
        except (OSError, ValueError, RuntimeError) as error:
            raise NotificationError(f"broker {table.host}: {_why(error)}") from None
        finally:
            client.disconnect()
            client.loop_stop()

    def _topic(self, message: Message) -> str:
        if message.kind is MessageKind.TEST:
            return f"{self._table.topic}/notify-test"
        branch = "alerts" if message.kind is MessageKind.ALERT else "digests"
        return f"{self._table.topic}/{message.camera}/{branch}"

    def _client(self, answer: _Answer) -> Client:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ModuleNotFoundError:
            raise NotificationError(
                "MQTT needs paho-mqtt; install it with: pip install 'kizashi[mqtt]'"
            ) from None
        client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        client.connect_timeout = self._table.timeout_seconds
        client.on_connect = answer.connected
        client.on_disconnect = answer.disconnected
        if self._table.tls:
            client.tls_set_context(trusting(self._ca_file))
        if self._password is not None:
            client.username_pw_set(self._table.user, self._password.read())
        return client


class _Answer:
    """What the broker said to us."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self._problem: str | None = None

    def connected(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._problem = f"refuses the connection ({reason}); check user and password"
        self._known.set()

    def disconnected(
        self, client: Any, data: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if not self._known.is_set():
            self._problem = "ended the conversation; is `tls` what it speaks on this port?"
        self._known.set()

    def wait(self, seconds: float) -> None:
        """Return when the broker took us in; OSError when it did not."""
        if not self._known.wait(seconds):
            raise TimeoutError
        if self._problem is not None:
            raise OSError(0, self._problem)


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); ca_file names more"
    if isinstance(error, TimeoutError):
        return "no answer in time; check host and port"
    if isinstance(error, OSError) and error.errno == 0 and error.strerror:
        return error.strerror
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}; check host and port"
    return f"{type(error).__name__}; check host, port and topic"
