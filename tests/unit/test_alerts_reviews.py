"""Verdicts on alerts are kept with their audit, and senseless ones are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.alerts.reviews import VERDICTS, review_alert
from pipeline.assembly import Site
from pipeline.errors import SettingsError, StoreError
from pipeline.store.schema import REVIEW_VERDICTS
from tests.reports_makers import add_alerts, fill_morning, open_small_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return a site with three alerts."""
    opened = open_small_site(tmp_path)
    add_alerts(opened, fill_morning(opened))
    yield opened
    opened.close()


def ids(site: Site) -> list[str]:
    return [one.alert_id for one in site.store.alerts()]


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
