"""Patterns follow from verdicts, suppressions from patterns; nothing is suppressed silently."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.errors import StoreError
from pipeline.feedback.patterns import EndReason, PatternState
from pipeline.store.contract import AlertFilter, Store
from pipeline.store.feedback_rows import SuppressionRow
from pipeline.store.sql import SqlStore
from tests.feedback_makers import event_looks, suppression
from tests.store_samples import MORNING, Line, alert, event, fill, model, review

pytest_plugins = ("tests.store_fixtures",)


def harmless(store: Store) -> tuple[Line, str]:
    """Return a line whose alert is a harmless pattern, and the name of that pattern."""
    one = fill(store, reviewed=False)
    store.add_alert(one.alert, [], looks=event_looks(one.model.model_id))
    store.add_review(review(one.alert, "known_harmless"))
    (pattern,) = store.patterns("press-1")
    return one, pattern.pattern_id


def second(one: Line, store: Store, number: int = 3) -> str:
    """Record an event of the same line and return the id of its alert, which is not recorded."""
    joined = event(one.anomalies[number], one.anomalies[number + 1])
    store.put_events([joined])
    return joined.event_id


def suppressed_alert(one: Line, store: Store, pattern_id: str, number: int = 3) -> str:
    """Record a second alert that the pattern suppresses, and return its id."""
    second(one, store, number)
    raised = alert(event(one.anomalies[number], one.anomalies[number + 1]))
    looks = event_looks(one.model.model_id)
    quiet = suppression(raised.alert_id, pattern_id)
    assert store.add_alert(raised, [], ("file", "mail"), looks=looks, suppression=quiet) == 1
    return raised.alert_id


def waiting(store: Store, sink: str = "file") -> list[str]:
    return [item.alert.alert_id for item in store.fresh_deliveries(sink, "press-1", 100)]


def test_looks_come_back_as_they_were_and_grow_with_the_alert(store: Store) -> None:
    one = fill(store)
    assert store.looks(one.alert.alert_id) is None
    looks = event_looks(one.model.model_id)
    store.add_alert(one.alert, [], looks=looks)
    assert store.looks(one.alert.alert_id) == looks
    longer = replace(looks, seconds=9.0)
    store.add_alert(one.alert, [], looks=longer)
    store.add_alert(one.alert, [])
    assert store.looks(one.alert.alert_id) == longer


def test_a_harmless_verdict_makes_a_pattern_and_another_verdict_ends_it(store: Store) -> None:
    one, pattern_id = harmless(store)
    pattern = store.pattern(pattern_id[:8])
    assert pattern.state is PatternState.ACTIVE
    assert (pattern.alert_id, pattern.camera) == (one.alert.alert_id, "press-1")
    assert (pattern.reviewer, pattern.looks) == ("sato", event_looks(one.model.model_id))
    assert store.add_review(review(one.alert, "false_alarm", minutes=9)) == 1
    assert store.patterns() == []
    (ended,) = store.patterns(ended=True)
    assert (ended.state, ended.ended_why) == (PatternState.ENDED, EndReason.VERDICT)
    assert ended.ended_by == "sato"


def test_a_verdict_without_looks_makes_no_pattern(store: Store) -> None:
    one = fill(store, reviewed=False)
    store.add_review(review(one.alert, "known_harmless"))
    assert store.patterns(ended=True) == []


def test_a_verdict_that_is_taken_back_takes_its_pattern_with_it_and_back(store: Store) -> None:
    one, pattern_id = harmless(store)
    quiet = suppressed_alert(one, store, pattern_id)
    later = review(one.alert, "false_alarm", minutes=9)
    store.add_review(later)
    assert waiting(store) == [quiet]
    # What was said before counts again, and so does its pattern; what was opened stays open.
    store.withdraw_review(later.review_id, "sato", MORNING)
    (again,) = store.patterns("press-1")
    assert (again.pattern_id, again.suppresses) == (pattern_id, 0)
    first = store.reviews(one.alert.alert_id)[0]
    store.withdraw_review(first.review_id, "sato", MORNING)
    assert store.patterns() == []


def test_a_suppressed_alert_is_kept_shown_and_not_delivered(store: Store) -> None:
    one, pattern_id = harmless(store)
    quiet = suppressed_alert(one, store, pattern_id)
    assert (waiting(store), waiting(store, "mail")) == ([], [])
    (shown,) = store.browse_alerts(AlertFilter(verdict="suppressed"))
    assert shown.alert.alert_id == quiet
    assert shown.suppression is not None
    assert shown.suppression.pattern_id == pattern_id
    assert store.browse_alerts(AlertFilter(verdict="none")) == []
    assert len(store.browse_alerts(AlertFilter())) == 2
    assert store.suppressions("press-1") == [suppression(quiet, pattern_id)]
    assert store.pattern(pattern_id).suppresses == 1


def test_doing_it_again_changes_nothing(store: Store) -> None:
    one, pattern_id = harmless(store)
    quiet = suppressed_alert(one, store, pattern_id)
    counts = store.row_counts()
    again = alert(event(one.anomalies[3], one.anomalies[4]))
    known = suppression(quiet, pattern_id)
    assert store.add_alert(again, [], ("file", "mail"), suppression=known) == 0
    assert store.row_counts() == counts
    assert store.suppressions("press-1") == [known]


def test_removing_a_pattern_opens_its_alerts_and_tells_of_them(store: Store) -> None:
    one, pattern_id = harmless(store)
    names = sorted(suppressed_alert(one, store, pattern_id, number) for number in (3, 6))
    assert store.end_pattern(pattern_id, "rei", MORNING) == names
    assert sorted(waiting(store)) == sorted(waiting(store, "mail")) == names
    assert store.suppressions("press-1") == []
    ended = store.suppression(names[0])
    assert ended is not None
    assert (ended.ended_by, ended.ended_why) == ("rei", EndReason.REMOVED)
    assert len(store.browse_alerts(AlertFilter(verdict="none"))) == 2
    # Again, or by another scoring of the same event, nothing happens: opened is opened.
    assert store.end_pattern(pattern_id, "rei", MORNING) == []
    known = suppression(names[0], pattern_id)
    store.add_alert(alert(event(one.anomalies[3], one.anomalies[4])), [], suppression=known)
    assert store.suppressions("press-1") == []
    with pytest.raises(StoreError, match="kizashi feedback list"):
        store.end_pattern("nothing", "rei", MORNING)


def test_an_anomaly_that_was_suppressed_ends_the_pattern(store: Store) -> None:
    one, pattern_id = harmless(store)
    first, other = (suppressed_alert(one, store, pattern_id, number) for number in (3, 6))
    raised = store.alert(first)
    store.add_review(review(raised, "anomaly", minutes=30))
    (ended,) = store.patterns(ended=True)
    assert (ended.ended_why, ended.ended_by) == (EndReason.ANOMALY, "sato")
    assert sorted(waiting(store)) == sorted([first, other])
    # The verdict that made it still counts, and does not bring it back.
    last = store.reviews(first)[-1]
    store.withdraw_review(last.review_id, "sato", MORNING)
    assert store.patterns() == []


def test_other_verdicts_on_a_suppressed_alert_leave_the_pattern_alone(store: Store) -> None:
    one, pattern_id = harmless(store)
    quiet = suppressed_alert(one, store, pattern_id)
    store.add_review(review(store.alert(quiet), "false_alarm", minutes=30))
    assert store.pattern(pattern_id).state is PatternState.ACTIVE
    store.add_review(review(store.alert(quiet), "known_harmless", minutes=31))
    assert len(store.patterns()) == 2


def test_an_event_that_becomes_something_else_opens(store: Store) -> None:
    one, pattern_id = harmless(store)
    quiet = suppressed_alert(one, store, pattern_id)
    store.add_alert(alert(event(one.anomalies[3], one.anomalies[4])), [], ("file",))
    assert waiting(store) == [quiet]
    assert waiting(store, "mail") == [quiet]
    ended = store.suppression(quiet)
    assert ended is not None
    assert ended.ended_why is EndReason.CHANGED


def test_what_people_were_told_of_is_not_suppressed_later(store: Store) -> None:
    one, pattern_id = harmless(store)
    second(one, store)
    raised = alert(event(one.anomalies[3], one.anomalies[4]))
    store.add_alert(raised, [])
    store.add_alert(raised, [], suppression=suppression(raised.alert_id, pattern_id))
    assert store.suppression(raised.alert_id) is None


def test_a_pattern_that_was_removed_meanwhile_suppresses_nothing(store: Store) -> None:
    one, pattern_id = harmless(store)
    store.end_pattern(pattern_id, "rei", MORNING)
    quiet = suppressed_alert(one, store, pattern_id)
    assert store.suppression(quiet) is None
    assert waiting(store) == [quiet]


def test_a_pattern_sleeps_while_another_model_is_active(store: Store) -> None:
    one, pattern_id = harmless(store)
    other = model(number=1)
    store.add_model(other, [])
    store.promote(other.model_id, MORNING)
    assert store.pattern(pattern_id).state is PatternState.ASLEEP
    review_id = store.pattern(pattern_id).review_id
    seen_by_other = event_looks(other.model_id)
    assert store.add_pattern(review_id, seen_by_other, MORNING) == 1
    assert store.add_pattern(review_id, seen_by_other, MORNING) == 0
    states = {pattern.model_id: pattern.state for pattern in store.patterns("press-1")}
    assert states == {
        one.model.model_id: PatternState.ASLEEP,
        other.model_id: PatternState.ACTIVE,
    }
    # Removed is removed, whichever model sees it.
    store.end_pattern(pattern_id, "rei", MORNING)
    assert store.patterns() == []
    assert store.add_pattern(review_id, seen_by_other, MORNING) == 0


def test_the_database_refuses_a_suppression_without_a_cause(store: SqlStore) -> None:
    one, _ = harmless(store)
    row = SuppressionRow(
        alert_id=one.alert.alert_id,
        pattern_id="nothing",
        at_utc=MORNING,
        nearness=0.5,
        sinks=[],
    )
    with pytest.raises(StoreError):
        store._sessions.write(lambda session: session.add(row))
    assert store.suppression(one.alert.alert_id) is None


def test_the_views_show_what_is_suppressed_and_why(store: SqlStore) -> None:
    one, pattern_id = harmless(store)
    quiet = suppressed_alert(one, store, pattern_id)
    flagged = "SELECT alert_id, suppressed_by FROM flagged_clips WHERE suppressed_by IS NOT NULL"
    assert store.query(flagged)[1] == [(quiet, pattern_id)]
    assert store.query("SELECT count(*) FROM open_alerts")[1] == [(0,)]
    rows = store.query(
        "SELECT alert_id, pattern_id, pattern_alert_id, reviewer, ended_why FROM suppressions"
    )[1]
    assert rows == [(quiet, pattern_id, one.alert.alert_id, "sato", None)]
    store.end_pattern(pattern_id, "rei", MORNING)
    assert store.query("SELECT ended_by, ended_why FROM suppressions")[1] == [("rei", "removed")]
    assert store.query("SELECT alert_id FROM open_alerts")[1] == [(quiet,)]
