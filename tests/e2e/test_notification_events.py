"""Alerts as events on a real Prefect server: they are there, once, under the alert's id."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from pipeline.alerts.alerts import Severity
from pipeline.assembly import open_site
from pipeline.errors import NotificationError
from tests.notification_makers import open_notified_site, raise_alerts
from tests.prefect_server import environment, server

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(240)]

__all__ = ["environment", "server"]


def events_on(server: str, count: int) -> list[dict[str, Any]]:
    """Return the events of alerts, once there are so many: the server stores them in batches."""
    end = time.monotonic() + 60
    wanted = {"filter": {"event": {"name": ["kizashi.alert"]}, "order": "ASC"}, "limit": 50}
    while True:
        answer = httpx.post(f"{server}/events/filter", json=wanted, timeout=10).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["events"]
        if len(found) >= count:
            return found
        assert time.monotonic() < end, found
        time.sleep(0.25)


@pytest.mark.full
def test_the_flow_of_watching_sends_alerts_as_events(server: str, tmp_path: Path) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.score import watch

    (tmp_path / "kizashi.toml").write_text(
        'stable_seconds = 0\n[[notify]]\nkind = "prefect"\n[[notify]]\nkind = "file"\n'
    )
    open_notified_site(tmp_path).store.close()
    site = open_site(tmp_path)
    alerts = raise_alerts(site, severities=[Severity.NOTICE, Severity.CRITICAL])
    (tmp_path / "footage" / "press-1").mkdir(parents=True)
    with temporary_settings({PREFECT_API_URL: server}):
        watch(str(tmp_path), ["press-1"])
        found = events_on(server, 2)
        watch(str(tmp_path), ["press-1"])
    states = {state.sink: state for state in site.store.sink_states()}
    site.close()
    assert {one["id"] for one in found} == {str(UUID(hex=one.alert_id)) for one in alerts}
    assert {one["payload"]["severity"] for one in found} == {"notice", "critical"}
    assert found[0]["resource"]["prefect.resource.id"] == "kizashi.camera.press-1"
    assert (states["prefect"].pending, states["file"].pending) == (0, 0)


def test_a_server_that_is_gone_is_one_line(tmp_path: Path) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.events import PrefectEventSink
    from pipeline.notification.compose import compose_test

    site = open_notified_site(tmp_path)
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}),
        pytest.raises(NotificationError, match=r"\APrefect server: [^\n]+\Z"),
    ):
        PrefectEventSink().send(compose_test(site, "prefect"))
    site.store.close()
