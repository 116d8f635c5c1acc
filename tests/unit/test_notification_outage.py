"""A sink that does not answer takes no camera's time, and nothing that breaks stops the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.assembly import Site
from pipeline.errors import NotificationError
from pipeline.notification import deliver
from pipeline.notification.deliver import deliver_pending
from pipeline.notification.message import Message
from pipeline.notification.rules import Rules
from tests.notification_makers import (
    Recorder,
    channel,
    clock_of,
    open_notified_site,
    raise_alerts,
)

TEST = (Rules(name="test"),)
CAMERAS = [f"press-{number:02d}" for number in range(15)]
TIMEOUT_SECONDS = 10.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = open_notified_site(tmp_path)
    yield opened
    opened.store.close()


class BlackHole:
    """A sink that nobody answers for: every message lasts until its time-out."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.tried: list[str] = []

    def send(self, message: Message) -> None:
        assert len(self.tried) < 500, "it does not come to an end"
        self.tried.append(message.camera)
        clock_of(self.site).advance(TIMEOUT_SECONDS)
        raise NotificationError("no answer in time")


def test_a_sink_that_does_not_answer_lets_watching_go_on_and_is_tried_seldom(site: Site) -> None:
    alerts = [raise_alerts(site, name, rules=TEST)[0] for name in CAMERAS]
    hole = BlackHole(site)
    for _ in CAMERAS:  # one turn of watching: each camera's task delivers
        deliver_pending(site, [channel(hole)])
    assert len(hole.tried) <= 4, "cameras waited for it, one after the other"
    begun = site.clock.monotonic()
    while site.clock.monotonic() - begun < 3600:
        deliver_pending(site, [channel(hole)])
        clock_of(site).advance(20)
    assert len(hole.tried) < 30  # of an hour it took five minutes at most
    assert len(set(hole.tried)) > 10, "always the same ones are tried"
    sink = Recorder()
    clock_of(site).advance(300)
    assert deliver_pending(site, [channel(sink)]).delivered == len(CAMERAS)
    assert sorted(sink.keys()) == sorted(alert.alert_id for alert in alerts)


def test_some_that_are_at_fault_themselves_hold_back_no_other_for_longer_than_a_round(
    site: Site,
) -> None:
    for name in CAMERAS[:3]:
        raise_alerts(site, name, rules=TEST)
    sink = Recorder(lost=set(CAMERAS[:3]))
    for _ in range(20):
        deliver_pending(site, [channel(sink)])
        clock_of(site).advance(300)
    (alert,) = raise_alerts(site, CAMERAS[5], rules=TEST)
    deliver_pending(site, [channel(sink)])
    clock_of(site).advance(300)
    deliver_pending(site, [channel(sink)])
    assert sink.keys() == [alert.alert_id]


def test_a_message_that_cannot_be_written_holds_up_neither_cameras_nor_sinks(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [Rules(name="one"), Rules(name="two")]
    (broken,) = raise_alerts(site, "a", rules=rules)
    (sound,) = raise_alerts(site, "b", rules=rules)
    compose = deliver.compose_alert

    def breaking(site: Site, camera: object, alert: object) -> Message:
        if alert == broken:
            raise LookupError("cAnArY7")
        return compose(site, camera, alert)  # type: ignore[arg-type]

    monkeypatch.setattr(deliver, "compose_alert", breaking)
    sinks = [Recorder(), Recorder()]
    channels = [replace(channel(sink), rules=rule) for sink, rule in zip(sinks, rules, strict=True)]
    summary = deliver_pending(site, channels)
    assert (summary.delivered, summary.failed) == (2, 2)
    assert [sink.keys() for sink in sinks] == [[sound.alert_id]] * 2
    (said,) = {state.last_error for state in site.store.sink_states() if state.last_error}
    assert said == "unexpected LookupError; see kizashi --debug notify test"
