"""E-mails, handed to a real mail server: what they say, how they are encrypted, how they fail."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.alerts.evidence import Evidence, EvidenceKind
from pipeline.assembly import Site
from pipeline.errors import NotificationError
from pipeline.files import sha256_of_file
from pipeline.identity import content_id
from pipeline.notification.compose import compose_alert, compose_test
from pipeline.notification.deliver import deliver_pending
from pipeline.notification.sinks import channels_of
from tests.certificates import make_certificate, server_context
from tests.dripping_server import ENDLESS_HANDSHAKE, dripping
from tests.notification_makers import open_notified_site, raise_alerts
from tests.smtp_server import Mailbox, mail_server

CANARY = "cAnArY7"
JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "both.pem")


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as opened:
        yield opened


def table(mailbox: Mailbox, **more: Any) -> dict[str, Any]:
    return {
        "kind": "email",
        "host": "localhost",
        "port": mailbox.port,
        "security": "none",
        "sender": "kizashi@plant.example",
        "to": ["line3@plant.example", "shift@plant.example"],
        "timeout_seconds": 20,
        **more,
    }


def send_test(site: Site) -> None:
    (only,) = channels_of(site)
    only.sink.send(compose_test(site, only.name))


def said(site: Site) -> str:
    with pytest.raises(NotificationError, match=r"\A[^\n]+\Z") as caught:
        send_test(site)
    return str(caught.value)


def with_picture(site: Site) -> str:
    """Record an alert with the picture of its peak; return its id."""
    (alert,) = raise_alerts(site)
    path = f"evidence/press-1/{alert.alert_id}/peak_frame.jpg"
    file = site.folder / path
    file.parent.mkdir(parents=True)
    file.write_bytes(JPEG)
    picture = Evidence(
        evidence_id=content_id("evidence", alert.alert_id, EvidenceKind.PEAK_FRAME),
        alert_id=alert.alert_id,
        kind=EvidenceKind.PEAK_FRAME,
        path=path,
        sha256=sha256_of_file(file),
        size_bytes=len(JPEG),
    )
    site.store.add_alert(alert, [picture], ())
    return alert.alert_id


@pytest.mark.parametrize(
    ("language", "title", "where"),
    [
        ("en", "[Kizashi] press-1: Warning, 2026-01-31 17:00:01", "Where: middle left"),
        ("ja", "【Kizashi】press-1：警告、2026年1月31日 17:00:01", "場所: 左"),
    ],
)
def test_an_alert_is_a_mail_in_text_and_html_with_its_picture(
    tmp_path: Path, mailbox: Mailbox, language: str, title: str, where: str
) -> None:
    site = open_notified_site(tmp_path, table(mailbox), language=language)
    alert_id = with_picture(site)
    assert deliver_pending(site).delivered == 1
    site.store.close()
    (mail,) = mailbox.mails
    assert mail["Subject"] == title
    assert mail["Message-ID"] == f"<{alert_id}@plant.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mailbox.envelopes == [
        ("kizashi@plant.example", ("line3@plant.example", "shift@plant.example"))
    ]
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    assert where in text.get_content()
    assert alert_id[:12] in text.get_content()
    assert f"<html lang='{language}'>" in page.get_content()
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/jpeg"]
    assert picture.get_content() == JPEG
    assert f"src='cid:{picture['Content-ID'].strip('<>')}'" in page.get_content()


def test_what_a_person_wrote_does_not_become_html(tmp_path: Path, mailbox: Mailbox) -> None:
    from dataclasses import replace

    site = open_notified_site(tmp_path, table(mailbox))
    raise_alerts(site)
    camera = replace(site.store.camera("press-1"), purpose="<script>alert(1)</script>")
    site.store.put_camera(camera)
    deliver_pending(site)
    site.store.close()
    page = mailbox.mails[0].get_body(("html",))
    assert page is not None
    assert "<script>" not in page.get_content()
    assert "&lt;script&gt;" in page.get_content()


def test_a_picture_that_was_changed_is_not_sent(tmp_path: Path, mailbox: Mailbox) -> None:
    site = open_notified_site(tmp_path, table(mailbox))
    alert_id = with_picture(site)
    (evidence,) = site.store.evidence(alert_id)
    (site.folder / evidence.path).write_bytes(JPEG + b"without masks")
    message = compose_alert(site, site.store.camera("press-1"), site.store.alert(alert_id))
    site.store.close()
    assert message.picture is None
    assert "The picture of the peak is missing or was changed." in message.lines


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_goes_over_an_encrypted_line_only(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", CANARY)
    context = server_context(certificate)
    with mail_server(context, at_once=security == "tls") as mailbox:
        mailbox.user = ("kizashi", CANARY)
        more = {"security": security, "user": "kizashi", "password_env": "MAIL_PASSWORD"}
        site = open_notified_site(tmp_path, table(mailbox, **more, ca_file=str(certificate)))
        send_test(site)
        assert mailbox.encrypted == [True]
        assert mailbox.logins == [("kizashi", CANARY)]
        (mail,) = mailbox.mails
        assert mail["Subject"] == "[Kizashi] TEST: this is only a test"
        mailbox.user = ("kizashi", "another")
        line = said(site)
        assert "refuses user and password" in line
        assert CANARY not in line
        distrusting = open_notified_site(tmp_path / "b", table(mailbox, **more))
        assert "not trusted" in said(distrusting)
        assert len(mailbox.logins) == 2
        for opened in (site, distrusting):
            opened.store.close()


def test_a_server_without_encryption_gets_no_password(
    tmp_path: Path, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", CANARY)
    more = {"security": "starttls", "user": "kizashi", "password_env": "MAIL_PASSWORD"}
    site = open_notified_site(tmp_path, table(mailbox, **more))
    assert "offers no STARTTLS" in said(site)
    assert mailbox.logins == []
    site.store.close()


def test_a_server_that_refuses_a_mail_is_asked_again(tmp_path: Path, mailbox: Mailbox) -> None:
    site = open_notified_site(tmp_path, table(mailbox))
    raise_alerts(site)
    mailbox.fail_data = b"452 mailbox full"
    assert deliver_pending(site).failed == 1
    (state,) = site.store.sink_states()
    assert state.last_error == "mail server localhost: answered 452 mailbox full; ask who runs it"
    mailbox.fail_data = None
    site.clock.advance(60)  # type: ignore[attr-defined]
    assert deliver_pending(site).delivered == 1
    assert len(mailbox.mails) == 1
    site.store.close()


def test_one_recipient_who_is_refused_does_not_flood_the_others(
    tmp_path: Path, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    site = open_notified_site(tmp_path, table(mailbox))
    raise_alerts(site)
    mailbox.refused = {"shift@plant.example"}
    with caplog.at_level(logging.WARNING):
        assert deliver_pending(site).delivered == 1
    assert "shift@plant.example" in caplog.text
    assert mailbox.envelopes == [("kizashi@plant.example", ("line3@plant.example",))]
    mailbox.refused |= {"line3@plant.example"}
    assert "refuses every recipient (550" in said(site)
    site.store.close()


@pytest.mark.parametrize(
    ("security", "begin", "asked", "answer"),
    [
        ("none", b"220-mail", b"", b""),
        ("tls", ENDLESS_HANDSHAKE, b"", b""),
        ("starttls", b"220 a\r\n250-b\r\n250 STARTTLS\r\n220 c\r\n", b"TLS", ENDLESS_HANDSHAKE),
    ],
)
def test_a_server_that_says_a_byte_now_and_then_is_given_up(
    security: str, begin: bytes, asked: bytes, answer: bytes, tmp_path: Path, mailbox: Mailbox
) -> None:
    with dripping(begin, asked, answer) as port:
        more = {"port": port, "security": security, "timeout_seconds": 0.2}
        site = open_notified_site(tmp_path, table(mailbox, **more))
        begun = time.monotonic()
        assert said(site) == "mail server localhost: no answer in time; check host and port"
        # A byte arrives every tenth of a second for a minute; ten times .2 s is the end.
        assert time.monotonic() - begun < 30
        site.store.close()


def test_nobody_who_answers_is_one_line(tmp_path: Path, mailbox: Mailbox) -> None:
    site = open_notified_site(tmp_path, table(mailbox, port=1))
    assert said(site) == "mail server localhost: Connection refused; check host and port"
    site.store.close()
