"""Simulated days: after every one nothing is older than its policy and a day, nothing that is
held is lost, and what scores came to adds up to what they said."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.alerts.alerts import Alert
from pipeline.retention.change import set_retention
from pipeline.retention.holds import hold_alert, hold_span
from pipeline.retention.nouns import Hold
from pipeline.retention.policy import Kind
from pipeline.retention.run import run_retention
from pipeline.store.sql import SqlStore
from tests.retention_makers import FIRST_DAY, Recorded, RetentionSite, retention_site

pytest_plugins = ("tests.store_fixtures",)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
CAMERA = "press-1"


class Plant:
    """A camera that records two films a day, with people who hold, release and change their
    mind."""

    def __init__(self, here: RetentionSite, seed: int, days: int) -> None:
        self.here = here
        # Of 100 days too, every kind is to grow older than it may.
        self.every_days, self.summary_days = (90, 120) if days > 120 else (30, 45)
        self.chance = random.Random(seed)
        self.films: list[Recorded] = []
        self.alerts: list[tuple[Alert, Recorded]] = []
        self.holds: list[Hold] = []
        self.said: dict[datetime, list[float]] = defaultdict(list)
        """Every score that was ever given, by hour."""

    def live(self, day: int) -> None:
        """Let a day pass, in which things happen at random."""
        now = FIRST_DAY + day * DAY
        for hour in self.chance.sample(range(24), 2):
            self._film(now + hour * HOUR + timedelta(minutes=self.chance.randrange(58)))
        self.here.clock.advance(DAY.total_seconds())
        if self.holds and self.chance.random() < 0.03:
            gone = self.holds.pop(self.chance.randrange(len(self.holds)))
            self.here.store.release_hold(gone.hold_id, "rei", self.here.clock.now_utc())
        if self.chance.random() < 0.05:
            self._hold(now)
        if day % self.every_days == self.every_days - 1:
            days = {f"{kind}_days": self.chance.randint(5, 40) for kind in ("footage", "evidence")}
            scores = self.chance.randint(5, 40)
            changes = {**days, "score_days": scores, "summary_days": self.summary_days}
            set_retention(self.here.site, CAMERA, changes, who="ada")

    def _film(self, at_utc: datetime) -> None:
        scores = [round(self.chance.expovariate(1.0), 3) for _ in range(4)]
        film = self.here.record(at_utc, scores=scores, size_bytes=200)
        self.films.append(film)
        for one in film.anomalies:
            hour = one.clip.end_utc.replace(minute=0, second=0, microsecond=0)
            self.said[hour].append(one.score)
        if self.chance.random() < 0.15:
            self.alerts.append((self.here.raise_alert(film), film))

    def _hold(self, now: datetime) -> None:
        recent = [item for item in self.alerts if now - item[0].end_utc < 4 * DAY]
        if recent and self.chance.random() < 0.7:
            alert, _ = self.chance.choice(recent)
            held = hold_alert(self.here.site, alert.alert_id, reason="insurer", who="rei")
        else:
            since = now - self.chance.randint(1, 4) * DAY
            held = hold_span(
                self.here.site, CAMERA, since, since + 30 * HOUR, reason="why", who="rei"
            )
        assert (held.footage_gone, held.evidence_gone) == (0, 0)
        self.holds.append(held.hold)

    def is_held(self, start: datetime, end: datetime) -> bool:
        """Tell whether somebody holds any of it, by plain comparison."""
        minute = timedelta(minutes=1)
        return any(
            start <= hold.until_utc + minute and end >= hold.since_utc - minute
            for hold in self.holds
        )

    def look(self) -> None:
        """Check files, rows and sums against the policy of today."""
        now, store = self.here.clock.now_utc(), self.here.store
        policy, camera = store.retention_policy(CAMERA), store.camera(CAMERA)
        limit = {kind: now - policy.days(kind, camera) * DAY - DAY for kind in Kind}
        oldest = min(film.segment.start_utc for film in self.films)
        rows = {row.footage_id: row for row in store.footage_of(CAMERA, oldest)}
        for film in self.films:
            row, there = rows[film.footage.footage_id], film.path.exists()
            assert there == (row.removed_utc is None), "a row that does not say what is so"
            start, end = film.segment.start_utc, film.segment.end_utc
            assert not (there and end < limit[Kind.FOOTAGE] and not self.is_held(start, end))
            if self.is_held(start, end):
                assert there, "held footage is gone"
        kept = {one.alert_id: len(one.files) for one in store.evidence_kept(CAMERA)}
        for alert, _ in self.alerts:
            held = self.is_held(alert.start_utc, alert.end_utc)
            files = kept.get(alert.alert_id, 0)
            folder = self.here.site.evidence_folder / CAMERA / alert.alert_id
            there = len(list(folder.iterdir())) if folder.exists() else 0
            assert there == files, "a row that does not say what is so"
            assert not (there and alert.end_utc < limit[Kind.EVIDENCE] and not held)
            assert there == 4 or not held, "held evidence is gone"
        self._look_at_scores(limit)
        assert store.open_removals() == []

    def _look_at_scores(self, limit: dict[Kind, datetime]) -> None:
        store = self.here.store
        anchors = {
            anchor
            for event in store.events(CAMERA)
            for anchor in (event.first_anomaly_id, event.peak_anomaly_id)
        }
        left = {one.anomaly_id: one for one in store.anomalies(CAMERA)}
        for one in left.values():
            held = self.is_held(one.clip.start_utc, one.clip.end_utc)
            assert one.clip.end_utc >= limit[Kind.SCORES] or held or one.anomaly_id in anchors
        for film in self.films:
            for one in film.anomalies:
                if one.anomaly_id in anchors or self.is_held(one.clip.start_utc, one.clip.end_utc):
                    assert one.anomaly_id in left, "a held score is gone"
        # What is gone with all its scores stays gone: it need not be looked at again.
        self.films = [
            film
            for film in self.films
            if film.path.exists() or any(one.anomaly_id in left for one in film.anomalies)
        ]
        _, rows = store.query(
            "SELECT hour_utc, clips, mean_score, largest_score FROM score_hours", row_limit=100_000
        )
        told = {_moment(hour): (clips, mean, most) for hour, clips, mean, most in rows}
        for hour, scores in self.said.items():
            if hour < limit[Kind.SUMMARIES] + DAY:
                continue  # its own time is over
            clips, mean, most = told[hour]
            assert (clips, most) == (len(scores), max(scores))
            assert abs(mean - sum(scores) / len(scores)) < 1e-9
        for hour in store.score_hours(CAMERA, FIRST_DAY, limit[Kind.SUMMARIES] - 2 * HOUR):
            assert self.is_held(hour.first_utc, hour.last_utc)


def _moment(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value + "+00:00")
    return moment.astimezone(FIRST_DAY.tzinfo)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "store_url",
    ["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.full])],
    indirect=True,
)
@pytest.mark.parametrize(
    ("days", "seed"),
    [(100, 1), *(pytest.param(400, seed, marks=pytest.mark.full) for seed in (1, 2))],
)
def test_days_forget_what_must_go_and_keep_what_is_held(
    store: SqlStore, fast_folder: Path, days: int, seed: int
) -> None:
    here = retention_site(fast_folder / "site", store)
    here.add_camera(CAMERA, retention_days=14)
    plant = Plant(here, seed, days)
    for day in range(days):
        plant.live(day)
        run_retention(here.site, CAMERA)
        plant.look()
    kinds = {one.kind for one in store.removals(CAMERA, limit=10_000)}
    assert kinds == {Kind.FOOTAGE, Kind.EVIDENCE, Kind.SCORES, Kind.SUMMARIES}
    assert plant.holds, "the days held nothing to the end"
