"""kizashi notify: tests the sinks, lists what waits, hands over what is due; no secrets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.alerts.alerts import Severity
from pipeline.assembly import open_site
from pipeline.cli import main
from tests.notification_makers import Receiver, open_notified_site, raise_alerts, receiving

CANARY = "cAnArY7"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as serving:
        yield serving


@pytest.fixture
def folder(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with a webhook that has a secret, a webhook whose address is one, and files."""
    monkeypatch.setenv("HOOK_SECRET", CANARY)
    (tmp_path / "kizashi.toml").write_text(
        f'[[notify]]\nkind = "webhook"\nname = "good"\nurl = "{receiver.url}"\n'
        'secret_env = "HOOK_SECRET"\n'
        '[[notify]]\nkind = "webhook"\nname = "dead"\nurl_file = "address"\n'
        '[[notify]]\nkind = "file"\nleast_severity = "critical"\n',
        encoding="utf-8",
    )
    (tmp_path / "address").write_text(f"http://127.0.0.1:1/{CANARY}?token={CANARY}\n")
    open_notified_site(tmp_path).store.close()
    return tmp_path


@pytest.fixture
def kizashi(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["--debug", "--site", str(folder), "notify", *arguments])
        out, err = capsys.readouterr()
        assert CANARY not in out + err
        return code, out, err

    return run


def alerts_in(folder: Path) -> None:
    site = open_site(folder)
    raise_alerts(site, severities=[Severity.WARNING, Severity.CRITICAL])
    site.close()


def test_a_test_goes_through_every_sink_and_says_how_each_did(
    kizashi: Run, folder: Path, receiver: Receiver
) -> None:
    code, out, err = kizashi("test")
    good, dead, file = out.splitlines()
    assert (code, good, file) == (9, "good (webhook): delivered", "file (file): delivered")
    assert dead.startswith(
        "dead (webhook): not delivered: webhook at 127.0.0.1: Connection refused"
    )
    assert err.splitlines()[-1].startswith("kizashi: 1 of 3 sinks received no test")
    ((headers, body),) = receiver.taken
    assert json.loads(body)["message"] == "test"
    assert "X-Kizashi-Signature" in headers
    site = open_site(folder)
    assert site.store.sink_states() == []  # a test leaves nothing in the outbox
    site.close()


def test_one_sink_is_tested_by_its_name(kizashi: Run) -> None:
    assert kizashi("test", "--sink", "good")[:2] == (0, "good (webhook): delivered\n")
    code, _, err = kizashi("test", "--sink", "fax")
    assert code == 2
    assert err.splitlines()[-1] == "kizashi: no sink 'fax'; there are: good, dead, file"


def test_a_secret_that_is_not_there_is_named_by_its_place(
    kizashi: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK_SECRET")
    (folder / "address").unlink()
    _, out, _ = kizashi("test")
    good, dead, _ = out.splitlines()
    assert "environment variable HOOK_SECRET holds no secret" in good
    assert str(folder / "address") in dead


def test_what_is_due_is_sent_and_what_waits_is_listed(
    kizashi: Run, folder: Path, receiver: Receiver
) -> None:
    alerts_in(folder)
    code, out, err = kizashi("send")
    assert (code, out) == (9, "3 alerts delivered, 0 daily digests, 0 held back, 1 failed\n")
    assert "kizashi notify list" in err.splitlines()[-1]
    assert len(receiver.taken) == 2
    code, out, _ = kizashi("list", "--format", "json")
    rows = {row["sink"]: row for row in json.loads(out)}
    assert code == 0
    assert list(rows) == ["good", "dead", "file"]
    assert [rows[name]["pending"] for name in rows] == [0, 2, 0]
    assert rows["dead"]["oldest_utc"] == "2026-01-31T08:00:01Z"
    assert rows["dead"]["last_error"].startswith("webhook at 127.0.0.1: Connection refused")
    assert rows["good"]["last_error"] == ""
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "address":
            assert CANARY.encode() not in path.read_bytes(), path


def test_a_sink_that_is_taken_out_keeps_what_waits_and_is_shown(kizashi: Run, folder: Path) -> None:
    alerts_in(folder)
    (folder / "kizashi.toml").write_text("")
    rows = json.loads(kizashi("list", "--format", "json")[1])
    assert [(row["sink"], row["kind"], row["pending"]) for row in rows] == [
        ("file", "file", 1),
        ("dead", "not configured", 2),
        ("good", "not configured", 2),
    ]
