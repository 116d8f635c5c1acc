"""kill -9 between a message and its receipt: it comes again under its key, and none is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.alerts.alerts import Severity
from pipeline.assembly import Site, open_site
from tests.notification_makers import open_notified_site, raise_alerts, receiving
from tests.promises import Promise
from tests.smtp_server import mail_server

ROOT = Path(__file__).parents[2]


def begun(folder: Path) -> subprocess.Popen[bytes]:
    arguments = ["-m", "pipeline.cli", "--site", str(folder), "notify", "send"]
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


FEW_AND_MANY = [2, pytest.param(50, marks=pytest.mark.full)]
ONE_AND_MANY = [1, pytest.param(50, marks=pytest.mark.full)]


class Killer:
    """Kills the sender when a message arrives for the first time: no receipt is left of it."""

    def __init__(self) -> None:
        self.sender: subprocess.Popen[bytes] | None = None
        self._seen: set[str] = set()

    def at(self, key: str) -> None:
        if key not in self._seen:
            self._seen.add(key)
            assert self.sender is not None
            os.kill(self.sender.pid, signal.SIGKILL)

    def run(self, folder: Path, kills: int) -> None:
        """Send until nothing waits, with a kill after each message."""
        codes, said = [], b""
        for _ in range(kills + 1):
            self.sender = begun(folder)
            _, said = self.sender.communicate()
            codes.append(self.sender.returncode)
        assert codes == [-signal.SIGKILL] * kills + [0], said


def site_with_alerts(folder: Path, table: str, count: int) -> tuple[Site, list[str]]:
    """Return a site with so many alerts that wait for one sink, and their ids."""
    (folder / "kizashi.toml").write_text(f"[[notify]]\n{table}\ntimeout_seconds = 60\n")
    open_notified_site(folder).store.close()
    site = open_site(folder)
    alerts = raise_alerts(site, severities=[Severity.NOTICE] * count)
    return site, [alert.alert_id for alert in alerts]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("alerts", FEW_AND_MANY)
def test_a_sender_that_is_killed_after_each_message_sends_it_again_and_goes_on(
    alerts: int, tmp_path: Path, promise: Promise
) -> None:
    killer = Killer()
    with receiving() as receiver:
        table = f'kind = "webhook"\nurl = "{receiver.url}"'
        site, ids = site_with_alerts(tmp_path, table, alerts)
        receiver.before_answer = lambda: killer.at(receiver.taken[-1][0]["Idempotency-Key"])
        killer.run(tmp_path, alerts)
    keys = [json.loads(body)["alert_id"] for _, body in receiver.taken]
    # Each one twice: when it was killed, and again under the same key.
    assert keys == [key for key in ids for _ in range(2)]
    (state,) = site.store.sink_states()
    assert state.pending == 0
    site.close()
    promise("K4", f"webhook: {alerts} kills before the receipt: 0 lost, 0 doubled by key")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("alerts", ONE_AND_MANY)
def test_a_mail_whose_receipt_was_lost_comes_once_more_under_its_message_id(
    alerts: int, tmp_path: Path, promise: Promise
) -> None:
    killer = Killer()
    with mail_server() as mailbox:
        table = (
            f'kind = "email"\nhost = "localhost"\nport = {mailbox.port}\nsecurity = "none"\n'
            'sender = "kizashi@plant.example"\nto = ["line3@plant.example"]'
        )
        site, ids = site_with_alerts(tmp_path, table, alerts)
        mailbox.before_answer = lambda: killer.at(str(mailbox.mails[-1]["Message-ID"]))
        killer.run(tmp_path, alerts)
    named = [str(mail["Message-ID"]) for mail in mailbox.mails]
    assert named == [name for name in dict.fromkeys(named) for _ in range(2)]
    assert [name.partition("@")[0].strip("<") for name in dict.fromkeys(named)] == ids
    (state,) = site.store.sink_states()
    assert state.pending == 0
    site.close()
    promise("K4", f"mail: {alerts} kills before the receipt: each came twice, one Message-ID")
