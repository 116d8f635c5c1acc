"""A small mail server on the loopback interface: takes what it is told to, refuses the rest."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

__all__ = ["Mailbox", "mail_server"]


@dataclass
class Mailbox:
    """What the server took, and how it behaves."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    user: tuple[str, str] | None = None
    """User and password that are asked for."""
    refused: set[str] = field(default_factory=set)
    fail_data: bytes | None = None
    """The answer to a mail, instead of taking it."""
    before_answer: Callable[[], None] = lambda: None
    """Called when a mail is taken, before its receipt."""


class _Conversation(socketserver.StreamRequestHandler):
    mailbox: Mailbox
    context: ssl.SSLContext | None
    secure = False

    def handle(self) -> None:
        self._known = self.mailbox.user is None
        self._start()
        self._say(b"220 mail.plant.example")
        while line := self.rfile.readline():
            word, _, rest = line.strip().decode().partition(" ")
            if word.upper() == "QUIT":
                self._say(b"221 bye")
                return
            answer = getattr(self, f"_{word.lower()}", None)
            if answer is None:
                self._say(b"502 not known")
            else:
                answer(rest)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.request.close()  # STARTTLS made it another one than the server knows of

    def _start(self) -> None:
        self._sender, self._to = "", list[str]()

    def _say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")
        self.wfile.flush()

    def _ehlo(self, rest: str) -> None:
        offers = [b"mail.plant.example", b"8BITMIME", b"SMTPUTF8"]
        offers += [b"STARTTLS"] if self.context and not self.secure else []
        offers += [b"AUTH PLAIN"] if self.mailbox.user and self.secure else []
        for offer in offers[:-1]:
            self._say(b"250-" + offer)
        self._say(b"250 " + offers[-1])

    def _starttls(self, rest: str) -> None:
        assert self.context is not None
        self._say(b"220 go on")
        self.request = self.context.wrap_socket(self.request, server_side=True)
        self.rfile = self.request.makefile("rb", self.rbufsize)
        self.wfile = self.request.makefile("wb", self.wbufsize)
        self.secure = True

    def _auth(self, rest: str) -> None:
        _, _, given = rest.partition(" ")
        _, user, password = base64.b64decode(given).decode().split("\0")
        self.mailbox.logins.append((user, password))
        self._known = (user, password) == self.mailbox.user
        # As some servers do, it repeats what it was told.
        self._say(b"235 welcome" if self._known else b"535 no " + password.encode())

    def _mail(self, rest: str) -> None:
        self._start()
        self._sender = rest.partition("<")[2].partition(">")[0]
        self._say(b"250 ok" if self._known else b"530 log in first")

    def _rcpt(self, rest: str) -> None:
        name = rest.partition("<")[2].partition(">")[0]
        if name in self.mailbox.refused:
            self._say(b"550 no such mailbox")
            return
        self._to.append(name)
        self._say(b"250 ok")

    def _data(self, rest: str) -> None:
        self._say(b"354 send it")
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        if self.mailbox.fail_data is not None:
            self._say(self.mailbox.fail_data)
            return
        mail = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mailbox.mails.append(mail)
        self.mailbox.envelopes.append((self._sender, tuple(self._to)))
        self.mailbox.encrypted.append(self.secure)
        self.mailbox.before_answer()
        self._say(b"250 taken")

    def _rset(self, rest: str) -> None:
        self._start()
        self._say(b"250 ok")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        return  # a client that does not trust the certificate hangs up in the middle


@contextmanager
def mail_server(
    context: ssl.SSLContext | None = None, *, at_once: bool = False
) -> Iterator[Mailbox]:
    """Yield the mailbox of a server; with a TLS `context` it offers STARTTLS, or speaks TLS from
    the beginning (`at_once`)."""
    mailbox = Mailbox()
    handler = type(
        "Conversation",
        (_Conversation,),
        {"mailbox": mailbox, "context": None if at_once else context, "secure": at_once},
    )
    server = _Server(("127.0.0.1", 0), handler)
    mailbox.port = server.server_address[1]
    if at_once:
        assert context is not None
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield mailbox
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
