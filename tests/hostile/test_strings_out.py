"""Hostile strings on their way out: into tables, pages, logs, mails and arguments, as text only."""

from __future__ import annotations

import csv
import email
import email.policy
import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from pipeline.accounts.accounts import Role
from pipeline.accounts.login import add_user
from pipeline.alerts.reviews import review_alert
from pipeline.assembly import Site
from pipeline.csv_text import csv_text
from pipeline.errors import KizashiError
from pipeline.logs import configure_logs
from pipeline.notification.mail import mail_of
from pipeline.notification.message import Message, MessageKind, json_of
from pipeline.reports.camera_report import write_camera_report
from tests.alerts_makers import NOON
from tests.dashboard_site import filled_site, signed_in
from tests.hostile_strings import STRINGS

Promise = Callable[[str, str], None]

VALID = [text for text in STRINGS if text.encode("utf-8", "ignore").decode() == text]
"""Those that are text; the rest are names of files with broken bytes."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def test_no_cell_begins_a_formula_and_every_row_is_one_row(promise: Promise) -> None:
    written = csv_text(["text", "number"], [(text, 1) for text in STRINGS])
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert len(rows) == len(STRINGS) + 1
    for text, (cell, number) in zip(STRINGS, rows[1:], strict=True):
        assert number == "1"
        assert not cell.startswith(FORMULA), text
        shown = text.encode("utf-8", "backslashreplace").decode()
        assert cell in (shown, f"'{shown}")
    promise("I2", f"{len(STRINGS)} strings in CSV: no formula, one row each")


def test_a_log_line_is_one_line_of_json_with_nothing_lost_between_lines() -> None:
    out = io.StringIO()
    configure_logs(stream=out)
    log = logging.getLogger("kizashi.tests")
    for number, text in enumerate(STRINGS):
        log.warning("seen %s of %d", text, number)
    lines = out.getvalue().splitlines()
    plain = out.getvalue().split("\n")
    assert len(plain) == len(STRINGS) + 1  # the last one is what follows the last line's end
    told = [json.loads(line) for line in plain[:-1]]
    assert [one["event"].rpartition(" of ")[2] for one in told] == list(map(str, range(len(told))))
    assert len(lines) >= len(STRINGS)


def test_messages_are_ascii_json_and_mails_keep_their_headers(promise: Promise) -> None:
    headers: set[tuple[str, ...]] = set()
    for text in STRINGS:
        message = Message(
            key="a" * 64,
            kind=MessageKind.ALERT,
            camera="line-1",
            title=f"alert {text}",
            rows=[(text, text)],
            lines=[text],
            fields={"note": text},
        )
        assert json.loads(json_of(message))["note"] == text
        mail = mail_of(message, "kizashi@plant.example", ("shift@plant.example",), "en")
        raw = mail.as_bytes(policy=email.policy.SMTP)
        parsed = email.message_from_bytes(raw, policy=email.policy.SMTP)
        headers.add(tuple(parsed.keys()))
        assert parsed["To"] == "shift@plant.example"
    assert len(headers) == 1
    promise("I2", f"{len(STRINGS)} strings in mails: headers as they were")


class _Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.handlers: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [v or "" for name, v in attrs if name in ("href", "src", "action")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    return page


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with filled_site(tmp_path_factory.mktemp("site"), pictures=False) as filled:
        yield filled


def test_notes_on_alerts_are_text_on_every_page(site: Site, promise: Promise) -> None:
    client = signed_in(site, "ada")
    alert = site.store.alerts("line-1")[0].alert_id
    review_alert(site, alert, "anomaly", "ada", "plain")
    calm = read(client.get(f"/alerts/{alert}").text)
    texts = [text for text in VALID if text.strip()]
    for text in texts:
        review_alert(site, alert, "anomaly", "ada", text)
    page = read(client.get(f"/alerts/{alert}").text)
    assert page.handlers == []
    links = set(page.links) - set(calm.links)
    assert not any(link.startswith(("javascript:", "data:", "file:")) for link in links), links
    assert set(page.tags) <= set(calm.tags) | {"details", "summary"}
    assert not {"script", "iframe", "svg", "img"} & (set(page.tags) - set(calm.tags))
    assert page.tags.count("script") == calm.tags.count("script")
    said = client.get(f"/api/v1/alerts/{alert}").json()
    assert json.dumps(said)
    report = write_camera_report(
        site, "line-1", since=NOON, until=NOON + timedelta(hours=3), language="en"
    ).read_text(encoding="utf-8")
    assert read(report).handlers == []
    assert "script" not in read(report).tags
    promise("I2", f"{len(texts)} notes on a page and in a report: no tag, no handler of theirs")


def test_names_of_users_are_data_or_refused(site: Site, promise: Promise) -> None:
    tables = site.store.row_counts()
    accepted = refused = 0
    for text in STRINGS[::6]:  # each takes the time that hashing a password does
        try:
            add_user(
                site,
                text,
                role=Role.VIEWER,
                cameras=("line-1",),
                password="fits-nobody-else",
                who="ada",
            )
        except KizashiError:
            refused += 1
        else:
            accepted += 1
    after = site.store.row_counts()
    assert {k for k in tables if after[k] != tables[k]} <= {"users", "audit_log"}
    promise("I1", f"{accepted + refused} strings as a user: {accepted} stored, {refused} refused")
