"""Every figure of a trial is what SQL over the public views says, and too little data is said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binomtest

from pipeline.alerts.reviews import review_alert
from pipeline.assembly import Site
from pipeline.health.events import Trouble, health_event
from pipeline.trial.figures import precision_estimate, rate_estimate, trial_figures
from pipeline.trial.trial_file import add_noticed, load_trial
from tests.alerts_makers import NOON
from tests.reports_makers import model, open_small_site
from tests.trial_makers import at, morning_trial, site_of_a_morning

TRIAL = morning_trial()
RANGE = (
    f"camera = 'line-1' AND start_utc >= '{TRIAL.watch_start_utc:%Y-%m-%d %H:%M}'"
    f" AND start_utc < '{TRIAL.watch_end_utc:%Y-%m-%d %H:%M}'"
)


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site below, to be copied."""
    folder = tmp_path_factory.mktemp("morning")
    site_of_a_morning(folder, "anomaly", "false_alarm")[0].close()
    return folder


@pytest.fixture
def site(morning: Path, tmp_path: Path) -> Iterator[Site]:
    """Return a site with three alerts: a real one, a false one, one that nobody looked at."""
    shutil.copytree(morning, tmp_path, dirs_exist_ok=True)
    opened = open_small_site(tmp_path)
    yield opened
    opened.close()


def asked(site: Site, sql: str) -> Any:
    """Return the single value of a query."""
    (_, ((value,),)) = site.store.query(sql)
    return value


def test_counts_are_those_of_flagged_clips(site: Site) -> None:
    figures = trial_figures(site, load_trial(site, "small"))
    alerts = asked(site, f"SELECT count(*) FROM flagged_clips WHERE {RANGE}")  # noqa: S608
    assert len(figures.alarms) == alerts == 3
    unreviewed = asked(site, f"SELECT count(*) FROM open_alerts WHERE {RANGE}")  # noqa: S608
    assert len(figures.unreviewed) == unreviewed == 1
    for verdict, count in figures.verdicts.items():
        said = f"SELECT count(*) FROM flagged_clips WHERE {RANGE} AND verdict = '{verdict}'"  # noqa: S608
        assert asked(site, said) == count, verdict
    _, rows = site.store.query(
        f"SELECT alert_id FROM flagged_clips WHERE {RANGE} AND verdict = 'anomaly'"  # noqa: S608
        " ORDER BY score DESC"
    )
    strongest = figures.strongest_fault
    assert strongest is not None
    assert (strongest.alert.alert_id,) == rows[0]


def test_precision_and_time_are_those_of_the_views(site: Site) -> None:
    figures = trial_figures(site, load_trial(site, "small"))
    by_model = "SELECT precision FROM model_performance WHERE camera = 'line-1'"
    assert figures.precision is not None
    assert figures.precision.value == asked(site, by_model) == 0.5
    hours = f"FROM camera_hours WHERE camera = 'line-1' AND hour_utc >= '{NOON:%Y-%m-%d %H:%M}'"
    assert figures.watched_seconds == asked(site, f"SELECT sum(seen_seconds) {hours}") == 9_780.0
    blind = asked(site, f"SELECT sum(blind_seconds) {hours}")
    assert figures.range_seconds - figures.watched_seconds == pytest.approx(blind)
    assert figures.unwatched_share == pytest.approx(blind / 10_800.0)
    learnt = "SELECT footage_seconds FROM runs WHERE camera = 'line-1' AND state = 'active'"
    assert figures.learnt_seconds == asked(site, learnt) == 21_600.0
    rate = f"SELECT count(*) * 86400.0 / 9780 FROM flagged_clips WHERE {RANGE}"  # noqa: S608
    assert figures.alarms_per_day is not None
    assert figures.alarms_per_day.value == pytest.approx(asked(site, rate), rel=1e-12)


def test_time_in_which_the_camera_saw_nothing_was_not_watched(tmp_path: Path) -> None:
    site, _ = site_of_a_morning(tmp_path)
    before = trial_figures(site, load_trial(site, "small"))
    *_, newest = site.store.segments("line-1")
    start_us = newest.end_us - 60_000_000
    event = health_event(newest, Trouble.COVERED, start_us, newest.end_us, found_us=newest.end_us)
    site.store.put_health(newest.segment_id, [event])
    figures = trial_figures(site, load_trial(site, "small"))
    assert figures.watched_seconds == before.watched_seconds - 60.0
    hours = f"FROM camera_hours WHERE camera = 'line-1' AND hour_utc >= '{NOON:%Y-%m-%d %H:%M}'"
    assert figures.watched_seconds == asked(site, f"SELECT sum(seen_seconds) {hours}")
    site.close()


def test_intervals_are_the_exact_ones() -> None:
    # Garwood 1936 and Clopper and Pearson 1934, as tabulated.
    rate = rate_estimate(3, 1.0)
    assert rate is not None
    assert (rate.low, rate.high) == (pytest.approx(0.6187, abs=5e-5), pytest.approx(8.7673, 1e-5))
    none = rate_estimate(0, 2.0)
    assert none is not None
    assert (none.value, none.low, none.high) == (0.0, 0.0, pytest.approx(3.6889 / 2, abs=5e-5))
    share = precision_estimate(2, 3)
    assert share is not None
    assert (share.low, share.high) == (pytest.approx(0.0943, abs=5e-5), pytest.approx(0.9916, 1e-4))


def test_what_cannot_be_known_is_none_and_not_nought() -> None:
    assert rate_estimate(0, 0.0) is None
    assert precision_estimate(0, 0) is None


@pytest.mark.parametrize("reviewed", [1, 2, 7, 40, 1000])
def test_the_interval_of_a_precision_is_that_of_clopper_and_pearson(reviewed: int) -> None:
    for real in {0, 1, reviewed // 3, reviewed - 1, reviewed}:
        ours = precision_estimate(real, reviewed)
        theirs = binomtest(real, reviewed).proportion_ci(confidence_level=0.95, method="exact")
        assert ours is not None
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


def test_before_watching_there_is_no_figure(site: Site) -> None:
    figures = trial_figures(at(site, NOON - timedelta(hours=1)), load_trial(site, "small"))
    assert (figures.unwatched_share, figures.alarms_per_day, figures.precision) == (None,) * 3
    assert list(figures.alarms) == []
    assert not figures.finished


def test_an_alert_that_began_before_is_not_counted(tmp_path: Path) -> None:
    # Watching begins two seconds into the first alert.
    late = morning_trial(start_utc=NOON + timedelta(seconds=1312) - timedelta(days=2))
    site, _ = site_of_a_morning(tmp_path, trial=late)
    assert len(trial_figures(site, load_trial(site, "small")).alarms) == 2
    site.close()


def test_the_last_verdict_and_the_last_note_count(site: Site) -> None:
    trial = load_trial(site, "small")
    first, second = (item.alert for item in trial_figures(site, trial).alarms[:2])
    later = at(site, NOON + timedelta(hours=7))
    review_alert(later, second.alert_id, "anomaly", "mori")
    for minutes in (3.0, 12.5):
        add_noticed(site, trial, first.alert_id, first.start_utc + timedelta(minutes=minutes))
    add_noticed(site, trial, second.alert_id, second.start_utc - timedelta(minutes=2))
    figures = trial_figures(later, load_trial(site, "small"))
    assert [figures.minutes_earlier(item) for item in figures.faults] == [12.5, -2.0]
    assert figures.median_minutes_earlier == 5.25
    # People saw the second one before the alert did, so that one is not early.
    assert (len(figures.faults), figures.early_faults) == (2, 1)


def test_faults_without_a_note_are_early_only_by_assumption(tmp_path: Path) -> None:
    site, _ = site_of_a_morning(tmp_path, "anomaly", "anomaly")
    trial = load_trial(site, "small")
    assert trial_figures(site, trial).early_faults == 2
    strict = trial.assumptions.model_copy(update={"faults_without_note_are_early": False})
    assert trial_figures(site, trial.model_copy(update={"assumptions": strict})).early_faults == 0
    site.close()


def test_a_model_that_learnt_from_the_watched_time_is_seen(site: Site) -> None:
    figures = trial_figures(site, load_trial(site, "small"))
    assert figures.footage_learnt_from_watch == 0
    assert figures.model is not None
    watched = site.store.footage_of("line-1", NOON, NOON + timedelta(hours=1))[0].footage_id
    manifest = {**figures.model.manifest, "footage": ["a", watched]}
    cheat = model(model_id="f" * 32, digest="f" * 64, manifest=manifest, path="models/x")
    site.store.add_model(cheat, [])
    site.store.promote(cheat.model_id, NOON + timedelta(hours=5))
    assert trial_figures(site, load_trial(site, "small")).footage_learnt_from_watch == 1
