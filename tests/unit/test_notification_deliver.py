"""Every alert reaches every sink at least once, in order; what is held back comes in one digest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from pipeline.alerts.alerts import Severity
from pipeline.assembly import Site
from pipeline.errors import NotificationError
from pipeline.notification.deliver import DeliverySummary, deliver_pending, pause_seconds
from pipeline.notification.message import Message, MessageKind
from pipeline.notification.quiet import parse_quiet
from pipeline.notification.rules import Rules
from pipeline.notification.sinks import Channel, FileSink
from tests.notification_makers import (
    NOON,
    Recorder,
    channel,
    clock_of,
    open_notified_site,
    raise_alerts,
)

NOTICE, WARNING, CRITICAL = Severity
NIGHT = (parse_quiet("22:00-06:00"),)
TEST = (Rules(name="test"),)
LONG = 3600.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = open_notified_site(tmp_path)
    yield opened
    opened.store.close()


def at(site: Site, hour: int, minute: int = 0, *, day: int = 2) -> None:
    """Let it be this time in Tokyo; time only goes on."""
    wanted = datetime(2026, 3, day, hour, minute, tzinfo=UTC) - timedelta(hours=9)
    seconds = (wanted - site.clock.now_utc()).total_seconds()
    assert seconds >= 0
    clock_of(site).advance(seconds)


def ids(alerts: list) -> list[str]:  # type: ignore[type-arg]
    return [one.alert_id for one in alerts]


def told_of(message: Message) -> list[str]:
    return [one["alert_id"] for one in message.fields["alerts"]]


# files, where nothing is configured ---------------------------------------------------------


def test_without_a_sink_every_alert_becomes_one_file_and_again_none(site: Site) -> None:
    alerts = raise_alerts(site, severities=[NOTICE, WARNING, CRITICAL])
    assert deliver_pending(site) == DeliverySummary(delivered=3)
    files = sorted((site.folder / "deliveries").iterdir())
    assert [path.stem for path in files] == sorted(ids(alerts))
    times = [path.stat().st_mtime_ns for path in files]
    assert deliver_pending(site) == DeliverySummary()
    assert [path.stat().st_mtime_ns for path in files] == times


def test_a_file_says_everything_about_an_alert(site: Site) -> None:
    (one,) = raise_alerts(site)
    deliver_pending(site)
    path = site.folder / "deliveries" / f"{one.alert_id}.json"
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "alert_id": one.alert_id,
        "event_id": one.event_id,
        "camera": "press-1",
        "model_id": one.model_id,
        "severity": "warning",
        "start_utc": "2026-01-31T08:00:01.723456Z",
        "end_utc": "2026-01-31T08:00:01.723456Z",
        "peak_utc": "2026-01-31T08:00:01.723456Z",
        "score": one.score,
        "p_value": one.p_value,
        "expected_per_day": 0.05,
        "expert": "critic",
        "zone": "",
        "place": {"x": 0.1, "y": 0.25, "width": 1 / 3, "height": 0.5},
        "evidence": {},
        "message": "alert",
        "text": "[Kizashi] press-1: Warning, 2026-01-31 17:00:01",
    }


def test_a_folder_that_cannot_be_written_is_one_line(site: Site) -> None:
    raise_alerts(site)
    (site.folder / "deliveries").write_text("a file where the folder should be")
    assert deliver_pending(site) == DeliverySummary(failed=1)
    (state,) = site.store.sink_states()
    assert state.last_error is not None
    assert "not written" in state.last_error
    assert "\n" not in state.last_error


# order, attempts, pauses --------------------------------------------------------------------


def test_one_that_fails_holds_back_its_camera_and_no_other(site: Site) -> None:
    first = raise_alerts(site, "a", [NOTICE, CRITICAL, NOTICE], rules=TEST)
    second = raise_alerts(site, "b", [NOTICE, NOTICE], rules=TEST)
    sink = Recorder(lost={first[0].alert_id})
    assert deliver_pending(site, [channel(sink)]) == DeliverySummary(delivered=2, failed=1)
    assert sink.keys() == ids(second)
    sink.lost.clear()
    clock_of(site).advance(pause_seconds(1) - 1)
    assert deliver_pending(site, [channel(sink)]) == DeliverySummary()
    clock_of(site).advance(1)
    assert deliver_pending(site, [channel(sink)]) == DeliverySummary(delivered=3)
    assert sink.keys("a") == ids(first)


def test_pauses_grow_to_one_round_of_watching() -> None:
    assert [pause_seconds(n) for n in (1, 2, 3, 4, 5, 6, 60)] == [15, 30, 60, 120, 240, 300, 300]


def test_a_sink_that_fails_or_breaks_does_not_hold_up_another(site: Site) -> None:
    rules = [Rules(name="dead"), Rules(name="broken"), Rules(name="good")]
    (one,) = raise_alerts(site, rules=rules)

    class Broken:
        def send(self, message: Message) -> None:
            raise LookupError("cAnArY7")

    good = Recorder()
    sinks = (Recorder(lost={"press-1"}), Broken(), good)
    channels = [
        Channel(sink=sink, kind="test", rules=rule) for sink, rule in zip(sinks, rules, strict=True)
    ]
    assert deliver_pending(site, channels) == DeliverySummary(delivered=1, failed=2)
    assert good.keys() == [one.alert_id]
    errors = {state.sink: state.last_error for state in site.store.sink_states()}
    assert errors["dead"] == "the line is dead"
    assert errors["broken"] == "unexpected LookupError; see kizashi --debug notify test"


def test_a_kill_between_sending_and_receipt_sends_again_under_the_same_key(site: Site) -> None:
    alerts = raise_alerts(site, severities=[NOTICE, NOTICE], rules=TEST)
    sink = Recorder()

    class Killed:
        def send(self, message: Message) -> None:
            sink.send(message)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver_pending(site, [channel(Killed())])
    assert deliver_pending(site, [channel(sink)]) == DeliverySummary(delivered=2)
    assert sink.keys() == [alerts[0].alert_id, *ids(alerts)]


def test_a_sink_that_another_process_serves_is_left_to_it(site: Site) -> None:
    raise_alerts(site, rules=TEST)
    lease = site.store.acquire_lease("notify/test", "somebody else", 60.0)
    sink = Recorder()
    assert deliver_pending(site, [channel(sink)]) == DeliverySummary()
    site.store.release_lease(lease)
    assert deliver_pending(site, [channel(sink)]) == DeliverySummary(delivered=1)


def test_what_another_round_left_to_this_one_is_taken_before_it_ends(site: Site) -> None:
    (first,) = raise_alerts(site, rules=TEST)
    sink = Recorder()
    left: list[DeliverySummary] = []

    class Slow:
        def send(self, message: Message) -> None:
            if not left:  # the round of another camera begins and ends while this one sends
                raise_alerts(site, "another", rules=TEST)
                left.append(deliver_pending(site, [channel(Recorder())]))
            sink.send(message)

    assert deliver_pending(site, [channel(Slow())]) == DeliverySummary(delivered=2)
    assert left == [DeliverySummary()]
    assert [one.camera for one in sink.got] == ["press-1", "another"]
    assert sink.keys()[0] == first.alert_id


def test_a_camera_whose_model_is_damaged_does_not_hold_up_what_waits(site: Site) -> None:
    from pipeline.errors import ModelDamaged
    from pipeline.watch import watch_camera

    (one,) = raise_alerts(site)
    (site.folder / "footage" / "press-1").mkdir(parents=True)
    site.store.promote(one.model_id, NOON)  # its files are not there
    with pytest.raises(ModelDamaged):
        watch_camera(site, "press-1")
    assert (site.folder / "deliveries" / f"{one.alert_id}.json").exists()


# which alerts -------------------------------------------------------------------------------


def test_a_sink_hears_of_its_cameras_and_severities_only(site: Site) -> None:
    rules = [
        Rules(name="test", cameras=("press-*",), least_severity=WARNING),
        Rules(name="all"),
    ]
    loud = raise_alerts(site, "press-1", [NOTICE, WARNING, CRITICAL], rules=rules)
    raise_alerts(site, "belt", [CRITICAL], rules=rules)
    sink = Recorder()
    deliver_pending(site, [Channel(sink=sink, kind="test", rules=rules[0])])
    assert sink.keys() == ids(loud[1:])


def test_an_alert_that_grows_severe_reaches_a_sink_that_did_not_want_it_before(site: Site) -> None:
    rules = [Rules(name="test", least_severity=CRITICAL)]
    (one,) = raise_alerts(site, severities=[NOTICE], rules=rules)
    sink = Recorder()
    deliver_pending(site, [Channel(sink=sink, kind="test", rules=rules[0])])
    assert sink.got == []
    raise_alerts(site, severities=[CRITICAL], rules=rules)
    deliver_pending(site, [Channel(sink=sink, kind="test", rules=rules[0])])
    assert sink.keys() == [one.alert_id]


# quiet hours --------------------------------------------------------------------------------


def test_quiet_hours_hold_back_all_but_critical_ones_and_tell_of_them_afterwards(
    site: Site,
) -> None:
    quiet = channel(sink := Recorder(), quiet=NIGHT)
    at(site, 23)
    alerts = raise_alerts(site, severities=[NOTICE, WARNING, CRITICAL, NOTICE], rules=TEST)
    assert deliver_pending(site, [quiet]) == DeliverySummary(delivered=1, held=3)
    assert sink.keys() == [alerts[2].alert_id]
    at(site, 5, 59, day=3)
    assert deliver_pending(site, [quiet]) == DeliverySummary()
    at(site, 6, day=3)
    later = raise_alerts(site, severities=[NOTICE], first=4, rules=TEST)
    assert deliver_pending(site, [quiet]) == DeliverySummary(delivered=4)
    digest, single = sink.got[1:]
    assert digest.kind is MessageKind.HELD_DIGEST
    assert digest.title == "[Kizashi] press-1: 3 alerts were held back"
    assert told_of(digest) == ids([alerts[0], alerts[1], alerts[3]])
    assert single.key == later[0].alert_id
    assert deliver_pending(site, [quiet]) == DeliverySummary()


def test_an_alert_that_grows_critical_while_it_is_held_waits_no_longer(site: Site) -> None:
    quiet = channel(sink := Recorder(), quiet=NIGHT)
    at(site, 23)
    one, other = raise_alerts(site, severities=[NOTICE, NOTICE], rules=TEST)
    deliver_pending(site, [quiet])
    site.store.add_alert(replace(one, severity=CRITICAL), [], ("test",))
    assert deliver_pending(site, [quiet]) == DeliverySummary(delivered=1)
    assert sink.keys() == [one.alert_id]
    at(site, 7, day=3)
    deliver_pending(site, [quiet])
    assert told_of(sink.got[-1]) == [other.alert_id]


def test_a_digest_that_fails_keeps_its_key_and_content_and_critical_ones_overtake(
    site: Site,
) -> None:
    quiet = channel(sink := Recorder(), quiet=NIGHT)
    at(site, 23)
    held = raise_alerts(site, severities=[NOTICE, NOTICE], rules=TEST)
    deliver_pending(site, [quiet])
    at(site, 6, day=3)
    tried: list[Message] = []

    class Losing:
        def send(self, message: Message) -> None:
            tried.append(message)
            if message.kind is MessageKind.HELD_DIGEST:
                raise NotificationError("full")
            sink.send(message)

    losing = channel(Losing(), quiet=NIGHT)
    worse, later = raise_alerts(site, severities=[CRITICAL, NOTICE], first=2, rules=TEST)
    assert deliver_pending(site, [losing]) == DeliverySummary(delivered=1, failed=1, held=1)
    assert sink.keys() == [worse.alert_id]
    clock_of(site).advance(LONG)
    assert deliver_pending(site, [quiet]) == DeliverySummary(delivered=3)
    again, next_one = sink.got[1:]
    assert again.key == tried[0].key
    assert told_of(again) == ids(held)
    assert told_of(next_one) == [later.alert_id]


def test_quiet_hours_are_those_of_each_camera(site: Site) -> None:
    quiet = channel(sink := Recorder(), quiet=NIGHT)
    at(site, 23)  # 15:00 in Berlin
    raise_alerts(site, "tokyo", [NOTICE], rules=TEST)
    (there,) = raise_alerts(site, "berlin", [NOTICE], rules=TEST, timezone="Europe/Berlin")
    deliver_pending(site, [quiet])
    assert sink.keys() == [there.alert_id]


# limit --------------------------------------------------------------------------------------


def test_a_limit_never_hides_the_most_severe_and_loses_nothing(site: Site) -> None:
    limited = channel(sink := Recorder(), at_most=2, per_seconds=3600)
    alerts = raise_alerts(
        site, severities=[NOTICE, NOTICE, NOTICE, CRITICAL, WARNING, CRITICAL], rules=TEST
    )
    assert deliver_pending(site, [limited]) == DeliverySummary(delivered=4, held=2)
    assert sink.keys() == ids([alerts[0], alerts[1], alerts[3], alerts[5]])
    clock_of(site).advance(3599)
    assert deliver_pending(site, [limited]) == DeliverySummary()
    clock_of(site).advance(1)
    assert deliver_pending(site, [limited]) == DeliverySummary(delivered=2)
    assert told_of(sink.got[-1]) == ids([alerts[2], alerts[4]])
    more = raise_alerts(site, severities=[NOTICE, NOTICE], first=6, rules=TEST)
    assert deliver_pending(site, [limited]) == DeliverySummary(delivered=1, held=1)
    assert sink.keys()[-1] == more[0].alert_id


def test_a_limit_is_of_the_sink_whatever_the_camera(site: Site) -> None:
    limited = channel(sink := Recorder(), at_most=3, per_seconds=60)
    for name in ("a", "b", "c", "d", "e"):
        raise_alerts(site, name, [WARNING], rules=TEST)
    assert deliver_pending(site, [limited]) == DeliverySummary(delivered=3, held=2)
    clock_of(site).advance(60)
    assert deliver_pending(site, [limited]) == DeliverySummary(delivered=2)
    assert {one.camera for one in sink.got} == {"a", "b", "c", "d", "e"}


# daily digests ------------------------------------------------------------------------------


def test_a_daily_digest_comes_once_a_day_and_leaves_no_time_out(site: Site) -> None:
    daily = channel(sink := Recorder(), digest_at=time(7), least_severity=CRITICAL)
    raise_alerts(site, "press-1", [], rules=TEST)
    at(site, 6, 59, day=3)
    assert deliver_pending(site, [daily]).digests == 1  # the one that was due yesterday
    at(site, 7, day=3)
    assert deliver_pending(site, [daily]) == DeliverySummary(digests=1)
    assert deliver_pending(site, [daily]) == DeliverySummary()
    at(site, 9, day=6)  # two mornings without a round
    assert deliver_pending(site, [daily]) == DeliverySummary(digests=1)
    spans = [(one.fields["since_utc"], one.fields["until_utc"]) for one in sink.got]
    assert spans == [
        ("2026-02-28T22:00:00Z", "2026-03-01T22:00:00Z"),
        ("2026-03-01T22:00:00Z", "2026-03-02T22:00:00Z"),
        ("2026-03-02T22:00:00Z", "2026-03-05T22:00:00Z"),
    ]
    assert len(set(sink.keys())) == 3


def test_a_daily_digest_that_fails_is_tried_again_under_its_key(site: Site) -> None:
    sink = Recorder(lost={"press-1"})
    daily = channel(sink, digest_at=time(7))
    raise_alerts(site, "press-1", [], rules=TEST)
    assert deliver_pending(site, [daily]) == DeliverySummary(failed=1)
    sink.lost.clear()
    clock_of(site).advance(pause_seconds(1))
    assert deliver_pending(site, [daily]) == DeliverySummary(digests=1)
    assert site.store.row_counts()["digests"] == 1


def test_a_digest_in_the_night_of_the_change_of_clocks_is_due_once(site: Site) -> None:
    daily = channel(sink := Recorder(), digest_at=time(2, 30))
    raise_alerts(site, "berlin", [], rules=TEST, timezone="Europe/Berlin")
    # 02:30 does not exist in Berlin on 29 March 2026; 24 hours in steps of one.
    clock_of(site).advance((datetime(2026, 3, 28, 23, tzinfo=UTC) - NOON).total_seconds())
    deliver_pending(site, [daily])
    sink.got.clear()
    for _ in range(24):
        clock_of(site).advance(3600)
        deliver_pending(site, [daily])
    untils = [one.fields["until_utc"] for one in sink.got]
    assert untils == ["2026-03-29T01:30:00Z"]


def test_files_of_digests_lie_beside_those_of_alerts(site: Site, tmp_path: Path) -> None:
    raise_alerts(site, "press-1", [], rules=TEST)
    deliver_pending(site, [channel(FileSink(tmp_path / "out"), digest_at=time(7))])
    (path,) = (tmp_path / "out").iterdir()
    assert json.loads(path.read_text())["message"] == "daily_digest"
