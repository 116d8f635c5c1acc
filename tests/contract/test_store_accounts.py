"""Users and sessions, verdicts that two people give at once, and what pages ask for."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.accounts.accounts import Role, User, UserSession
from pipeline.errors import ReviewConflict, StoreError
from pipeline.store.contract import AlertFilter, Store
from tests.store_samples import MORNING, fill, review

pytest_plugins = ("tests.store_fixtures",)

HOUR = timedelta(hours=1)


def user(name: str = "rei") -> User:
    return User(
        name=name,
        role=Role.REVIEWER,
        cameras=("press-1",),
        password_hash="scrypt$x",
        created_utc=MORNING,
    )


def session(token: str = "a" * 64, name: str = "rei") -> UserSession:
    return UserSession(
        token_sha256=token,
        user=name,
        csrf="c",
        created_utc=MORNING,
        expires_utc=MORNING + HOUR,
    )


def test_a_user_is_changed_under_one_name_and_goes_with_the_sessions(store: Store) -> None:
    assert store.user("rei") is None
    store.put_user(user())
    changed = replace(user(), role=Role.ADMIN, failed_logins=3, locked_until_utc=MORNING + HOUR)
    store.put_user(changed)
    store.put_user(user("ada"))
    assert store.users() == [user("ada"), changed]
    store.add_session(session())
    assert store.session("a" * 64) == (session(), changed)
    assert store.remove_user("rei") == 1
    assert store.remove_user("rei") == 0
    assert store.session("a" * 64) is None


def test_sessions_end_one_by_one_and_all_at_once_and_old_ones_go(store: Store) -> None:
    store.put_user(user())
    for token in "abc":
        store.add_session(session(token * 64))
    store.remove_session("a" * 64)
    assert store.session("a" * 64) is None
    assert store.session("b" * 64) is not None
    later = replace(
        session("d" * 64), created_utc=MORNING + 2 * HOUR, expires_utc=MORNING + 3 * HOUR
    )
    store.add_session(later)
    assert store.session("b" * 64) is None
    store.end_sessions("rei")
    assert store.session("d" * 64) is None


def test_a_session_needs_a_user(store: Store) -> None:
    with pytest.raises(StoreError):
        store.add_session(session(name="nobody"))


def test_two_reviewers_do_not_overwrite_each_other(store: Store) -> None:
    one = fill(store, reviewed=False)
    first = review(one.alert, reviewer="rei")
    second = review(one.alert, reviewer="ken", verdict="false_alarm", at_utc=first.at_utc + HOUR)
    assert store.add_review(first, after="") == 1
    with pytest.raises(ReviewConflict, match="rei has said"):
        store.add_review(second, after="")
    assert store.add_review(second, after=first.review_id) == 1
    with pytest.raises(ReviewConflict, match="ken has said 'false_alarm'"):
        store.add_review(
            review(one.alert, reviewer="ada", at_utc=MORNING + 9 * HOUR), after=first.review_id
        )


def test_of_reviewers_who_press_at_the_same_moment_one_is_told(store: Store) -> None:
    one = fill(store, reviewed=False)
    outcomes: list[str] = []
    start = threading.Barrier(6)

    def press(number: int) -> None:
        start.wait()
        try:
            store.add_review(review(one.alert, reviewer=f"r{number}"), after="")
            outcomes.append("kept")
        except ReviewConflict:
            outcomes.append("told")

    threads = [threading.Thread(target=press, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["kept", *["told"] * 5]
    assert len(store.reviews(one.alert.alert_id)) == 1


def test_a_verdict_taken_back_no_longer_counts_anywhere(store: Store) -> None:
    one = fill(store, reviewed=False)
    alert_id = one.alert.alert_id
    first = review(one.alert, verdict="false_alarm")
    later = review(one.alert, verdict="anomaly", at_utc=first.at_utc + HOUR)
    store.add_review(first)
    store.add_review(later)
    assert store.withdraw_review(later.review_id, "rei", MORNING) == 1
    assert store.withdraw_review(later.review_id, "rei", MORNING) == 0
    assert store.reviews(alert_id) == [first]
    _, rows = store.query("SELECT verdict FROM flagged_clips")
    assert rows == [("false_alarm",)]
    store.withdraw_review(first.review_id, "rei", MORNING)
    assert store.query("SELECT count(*) FROM open_alerts")[1] == [(1,)]
    with pytest.raises(StoreError, match="cannot be taken back"):
        store.withdraw_review("unknown", "rei", MORNING)


def test_alerts_are_browsed_newest_first_with_the_verdict_that_counts(store: Store) -> None:
    first, second = fill(store, "press-1", reviewed=False), fill(store, "press-2", reviewed=False)
    said = review(second.alert, verdict="anomaly")
    store.add_review(said)
    found = store.browse_alerts(AlertFilter())
    assert {item.alert.alert_id for item in found} == {first.alert.alert_id, second.alert.alert_id}
    assert [item.alert.start_utc for item in found] == sorted(
        (item.alert.start_utc for item in found), reverse=True
    )
    by_verdict = {
        verdict: [item.alert for item in store.browse_alerts(AlertFilter(verdict=verdict))]
        for verdict in ("none", "anomaly", "false_alarm")
    }
    assert by_verdict == {"none": [first.alert], "anomaly": [second.alert], "false_alarm": []}
    only = store.browse_alerts(AlertFilter(cameras=["press-2"]))
    assert [(item.alert, item.review) for item in only] == [(second.alert, said)]
    assert store.browse_alerts(AlertFilter(cameras=[])) == []
    assert len(store.browse_alerts(AlertFilter(), limit=1)) == 1
    assert store.browse_alerts(AlertFilter(), limit=1, offset=1) == [found[1]]
    assert store.browse_alerts(AlertFilter(until=first.alert.start_utc)) == []


@pytest.mark.parametrize("step", [1, 7, 3600])
def test_peaks_are_the_largest_scores_of_their_steps(store: Store, step: int) -> None:
    one = fill(store)
    since, until = MORNING - HOUR, MORNING + 9 * HOUR
    expected: dict[tuple[int, str], float] = {}
    for anomaly in one.anomalies:
        key = (int(anomaly.clip.end_utc.timestamp()) // step * step, anomaly.model_id)
        expected[key] = max(expected.get(key, 0.0), anomaly.score)
    peaks = store.score_peaks("press-1", since, until, step)
    found = {(int(peak.from_utc.timestamp()), peak.model_id): peak.score for peak in peaks}
    assert found == pytest.approx(expected)
    assert [peak.from_utc for peak in peaks] == sorted(peak.from_utc for peak in peaks)
    last = max(anomaly.clip.end_utc for anomaly in one.anomalies)
    assert store.score_peaks("press-1", last + HOUR, until + HOUR, step) == []


def test_the_last_clip_of_each_segment_is_that_of_the_range(store: Store) -> None:
    one = fill(store)
    since, until = MORNING - HOUR, MORNING + 9 * HOUR
    ends = [(item.clip.segment_id, item.clip.end_utc) for item in one.anomalies]
    expected = {segment: max(end for s, end in ends if s == segment) for segment, _ in ends}
    assert store.last_clips("press-1", since, until) == expected
    last = max(end for _, end in ends)
    assert all(end < last for end in store.last_clips("press-1", since, last).values())
    assert store.last_clips("press-1", last + HOUR, until + HOUR) == {}
    assert store.last_clips("press-2", since, until) == {}


def test_the_newest_segment_and_since_when_models_are_active(store: Store) -> None:
    assert store.newest_segment("press-1") is None
    fill(store)
    newest = store.newest_segment("press-1")
    segments = store.segments("press-1")
    assert newest in segments
    assert newest is not None
    assert newest.end_utc == max(segment.end_utc for segment in segments)
    active = store.active_model("press-1")
    assert active is not None
    assert set(store.activations("press-1")) >= {active.model_id}
