"""Every alert reaches its sink at least once, and verdicts on alerts are kept with their audit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pipeline.alerts.alerts import Alert
from pipeline.alerts.delivery import DeliverySummary, FileSink, deliver_pending
from pipeline.alerts.evidence import Evidence, EvidenceKind
from pipeline.alerts.reviews import VERDICTS, review_alert
from pipeline.assembly import Site
from pipeline.errors import KizashiError, SettingsError, StoreError
from pipeline.identity import content_id
from pipeline.store.schema import REVIEW_VERDICTS
from tests.alerts_makers import alert
from tests.reports_makers import add_alerts, fill_morning, open_small_site


class DeadSink:
    """Loses the alerts of a set of ids, keeps the others."""

    name = "dead"

    def __init__(self, lost: set[str]) -> None:
        self.lost = lost
        self.kept: list[str] = []

    def deliver(self, alert: Alert, evidence: Sequence[Evidence]) -> None:
        if alert.alert_id in self.lost:
            raise KizashiError("the line is dead")
        self.kept.append(alert.alert_id)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return a site with three alerts, none delivered."""
    opened = open_small_site(tmp_path)
    add_alerts(opened, fill_morning(opened))
    yield opened
    opened.close()


def ids(site: Site) -> list[str]:
    return [one.alert_id for one in site.store.alerts()]


def test_every_pending_alert_becomes_one_file(site: Site) -> None:
    assert deliver_pending(site) == DeliverySummary(delivered=3, failed=0)
    files = sorted((site.folder / "deliveries").iterdir())
    assert [path.name for path in files] == sorted(f"{name}.json" for name in ids(site))
    assert site.store.pending_deliveries(10) == []


def test_delivering_again_does_nothing(site: Site) -> None:
    deliver_pending(site)
    times = [path.stat().st_mtime_ns for path in (site.folder / "deliveries").iterdir()]
    assert deliver_pending(site) == DeliverySummary(delivered=0, failed=0)
    assert [p.stat().st_mtime_ns for p in (site.folder / "deliveries").iterdir()] == times


def test_a_file_says_everything_about_an_alert(tmp_path: Path) -> None:
    one = alert()
    clip = Evidence(
        evidence_id=content_id("evidence", one.alert_id, EvidenceKind.CLIP),
        alert_id=one.alert_id,
        kind=EvidenceKind.CLIP,
        path=f"evidence/line-1/{one.alert_id}/clip.webm",
        sha256="0" * 64,
        size_bytes=3,
    )
    FileSink(tmp_path).deliver(one, [clip])
    message = json.loads((tmp_path / f"{one.alert_id}.json").read_text(encoding="utf-8"))
    assert message == {
        "alert_id": one.alert_id,
        "event_id": one.event_id,
        "camera": "line-1",
        "model_id": one.model_id,
        "severity": "warning",
        "start_utc": "2026-03-02T03:00:00Z",
        "end_utc": "2026-03-02T03:00:04Z",
        "peak_utc": "2026-03-02T03:00:02Z",
        "score": 6.0,
        "p_value": 1e-06,
        "expected_per_day": 0.05,
        "expert": "critic",
        "place": {"x": 0.5, "y": 0.25, "width": 0.25, "height": 0.25},
        "evidence": {"clip": clip.path},
    }


def test_one_alert_that_fails_does_not_hold_up_the_others(site: Site) -> None:
    first = ids(site)[0]
    sink = DeadSink({first})
    assert deliver_pending(site, sink) == DeliverySummary(delivered=2, failed=1)
    assert sink.kept == ids(site)[1:]
    assert [one.alert_id for one in site.store.pending_deliveries(10)] == [first]


def test_what_failed_is_delivered_next_time(site: Site) -> None:
    sink = DeadSink(set(ids(site)))
    assert deliver_pending(site, sink) == DeliverySummary(delivered=0, failed=3)
    sink.lost.clear()
    assert deliver_pending(site, sink) == DeliverySummary(delivered=3, failed=0)


def test_an_attempt_without_a_receipt_is_delivered_again(site: Site) -> None:
    class Killed:
        name = "killed"

        def deliver(self, alert: Alert, evidence: Sequence[Evidence]) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver_pending(site, Killed())
    assert len(site.store.pending_deliveries(10)) == 3
    assert deliver_pending(site) == DeliverySummary(delivered=3, failed=0)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "deliveries").write_text("a file where the folder should be")
    with pytest.raises(KizashiError, match="not written"):
        FileSink(tmp_path / "deliveries").deliver(alert(), [])


def test_a_verdict_is_recorded_with_its_audit(site: Site) -> None:
    name = ids(site)[0]
    given = review_alert(site, name[:8], "known_harmless", " Tanaka ", " test run ")
    assert (given.alert_id, given.reviewer, given.note) == (name, "Tanaka", "test run")
    assert list(site.store.reviews(name)) == [given]
    assert site.store.row_counts()["audit_log"] >= 1


def test_verdicts_are_those_of_the_store() -> None:
    assert VERDICTS == REVIEW_VERDICTS


@pytest.mark.parametrize(
    ("verdict", "reviewer", "error"),
    [("maybe", "Tanaka", "known_harmless"), ("anomaly", "  ", "name of its reviewer")],
)
def test_a_senseless_verdict_is_refused(
    site: Site, verdict: str, reviewer: str, error: str
) -> None:
    with pytest.raises(SettingsError, match=error):
        review_alert(site, ids(site)[0], verdict, reviewer)
    assert site.store.row_counts()["reviews"] == 0


def test_a_verdict_on_an_unknown_alert_is_refused(site: Site) -> None:
    with pytest.raises(StoreError):
        review_alert(site, "f" * 32, "anomaly", "Tanaka")
