"""E-mail: a message as text and HTML, with the picture of the peak in it."""

from __future__ import annotations

import html
import logging
import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

from pipeline.errors import NotificationError
from pipeline.masking import masked
from pipeline.named_secret import Secret, without_secrets
from pipeline.notification.configuration import EmailTable
from pipeline.notification.deadline import Deadline, deadline
from pipeline.notification.message import Message
from pipeline.notification.tls import trusting

__all__ = ["EmailSink", "mail_of"]

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_LONGEST_ANSWER = 120
_MOST_STEPS = 10
"""Answers that a conversation waits for, encryption and log-in among them, each for the time-out of
the table at most: a server that never ends one has as long as one that is slow with all."""
_PICTURE_ID = "peak@kizashi"


def mail_of(message: Message, sender: str, to: tuple[str, ...], language: str) -> EmailMessage:
    """Return a message as an e-mail. Its Message-ID comes from the key, so that mail programs see
    that one which comes again is the same."""
    mail = EmailMessage()
    # On one line: a line's end in a header would make the rest of the headers part of the text.
    mail["Subject"] = " ".join(_sendable(message.title).split())
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = f"<{message.key}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_text(message))
    picture = message.picture.read_bytes() if message.picture is not None else None
    mail.add_alternative(_html(message, language, with_picture=picture is not None), subtype="html")
    if picture is not None:
        page = mail.get_payload()[1]  # type: ignore[index]
        assert isinstance(page, EmailMessage)
        page.add_related(picture, "image", "jpeg", cid=f"<{_PICTURE_ID}>", filename="peak.jpg")
    return mail


class EmailSink:
    """Hands mails to one server; its acceptance is the receipt."""

    def __init__(
        self,
        table: EmailTable,
        *,
        password: Secret | None,
        ca_file: Path | None,
        language: str,
    ) -> None:
        self._table = table
        self._password = password
        self._ca_file = ca_file
        self._language = language

    def send(self, message: Message) -> None:
        """See `Sink`."""
        table = self._table
        password = self._password.read() if self._password is not None else ""
        with deadline(_MOST_STEPS * table.timeout_seconds) as limit:
            try:
                mail = mail_of(message, table.sender, table.to, self._language)
                with self._connected(limit) as server:
                    if table.user is not None:
                        server.login(table.user, password)
                    refused = server.send_message(mail, table.sender, list(table.to))
            except (smtplib.SMTPException, OSError, ValueError) as error:
                said = without_secrets(_why(TimeoutError() if limit.overdue else error), password)
                # `from None`: the server's answer may repeat what it was told.
                raise NotificationError(f"mail server {table.host}: {said}") from None
        if refused:
            # The others have it: to send again would give it to them again, for ever.
            logging.getLogger(__name__).warning(
                "mail server %s took %s, but not for %s",
                table.host,
                message.key,
                ", ".join(sorted(refused)),
            )

    def _connected(self, limit: Deadline) -> smtplib.SMTP:
        table = self._table
        port = table.port or _PORTS[table.security]
        trusted = trusting(self._ca_file)
        if table.security == "tls":
            return _EncryptedServer(
                limit, table.host, port, timeout=table.timeout_seconds, context=trusted
            )
        server = _Server(limit, table.host, port, timeout=table.timeout_seconds)
        if table.security == "starttls":
            try:
                server.starttls(context=trusted)
            except BaseException:
                server.close()
                raise
        return server


class _Server(smtplib.SMTP):
    """A conversation that a deadline ends."""

    def __init__(self, limit: Deadline, host: str, port: int, *, timeout: float) -> None:
        self._limit = limit
        super().__init__(host, port, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        # The library's own step, before which there is nothing to end and after which the server
        # has spoken already.
        connection: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self._limit.watch(connection)
        return connection


class _EncryptedServer(smtplib.SMTP_SSL, _Server):
    """The same, encrypted from the beginning: SMTP_SSL wraps what `_Server` connects."""

    def __init__(
        self, limit: Deadline, host: str, port: int, *, timeout: float, context: ssl.SSLContext
    ) -> None:
        self._limit = limit
        smtplib.SMTP_SSL.__init__(self, host, port, timeout=timeout, context=context)


def _why(error: Exception) -> str:
    """Return what went wrong without what was said while a password was given."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"refuses user and password ({error.smtp_code}); check both"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "offers no STARTTLS or no log-in that we know; check port and security"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, answer = next(iter(error.recipients.values()))
        return f"refuses every recipient ({code} {_shown(answer)}); check `to`"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"answered {error.smtp_code} {_shown(error.smtp_error)}; ask who runs it"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); ca_file names more"
    if isinstance(error, TimeoutError):
        return "no answer in time; check host and port"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "ended the conversation; is `security` what it speaks on this port?"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}; check host and port"
    return f"{type(error).__name__}; check host and port"


def _shown(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return masked(text)[:_LONGEST_ANSWER]


def _sendable(text: str) -> str:
    """Return `text` with the bytes of names that are not UTF-8 written out; no mail holds them."""
    return text.encode("utf-8", "backslashreplace").decode()


def _text(message: Message) -> str:
    rows = [f"{name}: {value}" for name, value in message.rows]
    return _sendable("\n".join([message.title, "", *rows, "", *message.lines, ""]))


def _html(message: Message, language: str, *, with_picture: bool) -> str:
    rows = "".join(
        f"<tr><th align='left' valign='top'>{html.escape(name)}</th><td>{html.escape(value)}</td>"
        "</tr>"
        for name, value in message.rows
    )
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in message.lines)
    picture = (
        f"<p><img src='cid:{_PICTURE_ID}' alt='{html.escape(message.picture_text)}'"
        " style='max-width:100%'></p>"
        if with_picture
        else ""
    )
    return _sendable(
        f"<!DOCTYPE html><html lang='{language}'><head><meta charset='utf-8'></head>"
        "<body style='font-family:sans-serif'>"
        f"<h2>{html.escape(message.title)}</h2>{picture}<table>{rows}</table>{lines}</body></html>"
    )
