"""Webhook: a message as an HTTPS POST of JSON, signed, never redirected."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pipeline.errors import NotificationError
from pipeline.named_secret import Secret
from pipeline.notification.deadline import deadline
from pipeline.notification.message import Message, json_of
from pipeline.notification.tls import trusting
from pipeline.urls import check_https_url

__all__ = ["SIGNATURE_HEADER", "WebhookSink", "signature"]

SIGNATURE_HEADER = "X-Kizashi-Signature"
"""sha256=HEX: HMAC-SHA256 of the body's bytes with the shared secret."""


def signature(secret: str, body: bytes) -> str:
    """Return the value of the signature header."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class WebhookSink:
    """Posts to one address; only an answer of 200 to 299 is a receipt.

    The address may hold a secret (many services put a token in its path), so no error names more
    of it than host and port.
    """

    def __init__(
        self,
        url: str | Secret,
        *,
        secret: Secret | None = None,
        ca_file: Path | None = None,
        timeout_seconds: float = 10.0,
    ) -> None:
        self._url = url
        self._secret = secret
        self._ca_file = ca_file
        self._timeout_seconds = timeout_seconds

    def send(self, message: Message) -> None:
        """See `Sink`."""
        url = self._url if isinstance(self._url, str) else self._url.read()
        try:
            check_https_url(url)
        except ValueError as error:
            raise NotificationError(f"webhook: {error}") from None
        parts = urlsplit(url)
        body = json_of(message)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message.key,
            "User-Agent": "kizashi",
            **_credentials(parts),
        }
        if self._secret is not None:
            headers[SIGNATURE_HEADER] = signature(self._secret.read(), body)
        status = self._post(parts, body, headers)
        place = f"webhook at {parts.hostname}"
        if 300 <= status < 400:
            raise NotificationError(
                f"{place} answered {status}; redirects are not followed, give the final address"
            )
        if not 200 <= status < 300:
            raise NotificationError(f"{place} answered {status}; ask who runs it")

    def _post(self, parts: SplitResult, body: bytes, headers: dict[str, str]) -> int:
        trusted = trusting(self._ca_file) if parts.scheme == "https" else None
        connection = self._connection(parts, trusted)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        problem: str | None
        try:
            plain = self._connected(connection)
            connection.sock = plain
            with deadline(self._timeout_seconds) as limit:
                limit.watch(plain)
                try:
                    if trusted is not None:
                        connection.sock = trusted.wrap_socket(
                            plain, server_hostname=connection.host
                        )
                    connection.request("POST", target, body, headers)
                    status = connection.getresponse().status
                    # A header that was cut off by us reads like a short one.
                    problem = None if not limit.overdue else "no answer in time"
                except (OSError, http.client.HTTPException, ValueError) as error:
                    problem = "no answer in time" if limit.overdue else _why(error)
            if problem is None:
                return status
            # `from None`: what the library raised may repeat the address.
            raise _unreached(parts.hostname, problem) from None
        finally:
            connection.close()

    def _connection(
        self, parts: SplitResult, trusted: ssl.SSLContext | None
    ) -> http.client.HTTPConnection:
        assert parts.hostname is not None, "the address was checked"
        # Named always: of an address of IPv6 http.client would take the end for one.
        port = parts.port or (80 if trusted is None else 443)
        seconds = self._timeout_seconds
        if trusted is None:
            return http.client.HTTPConnection(parts.hostname, port, timeout=seconds)
        return http.client.HTTPSConnection(parts.hostname, port, timeout=seconds, context=trusted)

    def _connected(self, connection: http.client.HTTPConnection) -> socket.socket:
        """Return a connection to the host, each of whose addresses has its time.

        Before the time of the conversation begins: where one of two addresses is dead, all of it
        would be gone, and a message that is received and never has a receipt be sent for ever.
        """
        place = connection.host, connection.port
        try:
            return socket.create_connection(place, self._timeout_seconds)
        except OSError as error:
            raise _unreached(connection.host, _why(error)) from None


def _unreached(host: str | None, problem: str) -> NotificationError:
    return NotificationError(
        f"webhook at {host}: {problem}; is it running, and reachable from here?"
    )


def _credentials(parts: SplitResult) -> dict[str, str]:
    """Return the header of user and password of an address; http.client knows none."""
    if parts.username is None:
        return {}
    from base64 import b64encode
    from urllib.parse import unquote

    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": "Basic " + b64encode(pair.encode()).decode("ascii")}


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); ca_file names more"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
