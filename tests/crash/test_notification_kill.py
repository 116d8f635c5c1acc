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
from pipeline.assembly import open_site
from tests.notification_makers import open_notified_site, raise_alerts, receiving

ROOT = Path(__file__).parents[2]
ALERTS = 4


def begun(folder: Path) -> subprocess.Popen[bytes]:
    arguments = ["-m", "pipeline.cli", "--site", str(folder), "notify", "send"]
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


@pytest.mark.timeout(900)
def test_a_sender_that_is_killed_after_each_message_sends_it_again_and_goes_on(
    tmp_path: Path,
) -> None:
    with receiving() as receiver:
        (tmp_path / "kizashi.toml").write_text(
            f'[[notify]]\nkind = "webhook"\nurl = "{receiver.url}"\ntimeout_seconds = 60\n'
        )
        open_notified_site(tmp_path).store.close()
        site = open_site(tmp_path)
        alerts = raise_alerts(site, severities=[Severity.NOTICE] * ALERTS)
        sender: list[subprocess.Popen[bytes]] = []
        first_of: dict[str, int] = {}

        def kill_at_a_new_one() -> None:
            """Kill the sender when a message has arrived for the first time: no receipt is left."""
            key = receiver.taken[-1][0]["Idempotency-Key"]
            first_of.setdefault(key, len(receiver.taken))
            if first_of[key] == len(receiver.taken):
                os.kill(sender[-1].pid, signal.SIGKILL)

        receiver.before_answer = kill_at_a_new_one
        codes = []
        for _ in range(ALERTS + 1):
            sender.append(begun(tmp_path))
            _, said = sender[-1].communicate()
            codes.append(sender[-1].returncode)
        assert codes == [-signal.SIGKILL] * ALERTS + [0], said
    keys = [json.loads(body)["alert_id"] for _, body in receiver.taken]
    ids = [alert.alert_id for alert in alerts]
    # Each one twice: when it was killed, and again under the same key.
    assert keys == [key for key in ids for _ in range(2)]
    (state,) = site.store.sink_states()
    assert state.pending == 0
    site.close()
