"""kizashi trial on the command line: start, status, noticed, report."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.alerts.reviews import review_alert
from pipeline.trial.status import Stage, trial_status
from pipeline.trial.trial_file import load_trial, trial_path
from tests.alerts_makers import NOON, camera
from tests.command_line import Run, command_line
from tests.reports_makers import (
    add_alerts,
    fill_morning,
    footage_at,
    model,
    open_small_site,
    segment_of,
)
from tests.trial_makers import at, morning_trial, site_of_a_morning


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a site with the morning of line-1 and no trial, to be copied."""
    folder = tmp_path_factory.mktemp("morning")
    site = open_small_site(folder)
    add_alerts(site, fill_morning(site))
    site.close()
    return folder


@pytest.fixture
def kizashi(morning: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command on a site with the morning of line-1."""
    shutil.copytree(morning, tmp_path, dirs_exist_ok=True)

    return command_line(tmp_path, capsys, "trial")


def test_from_start_to_report(kizashi: Run, tmp_path: Path) -> None:
    code, out, err = kizashi(
        *("start", "line-1", "--name", "small", "--start", "2026-02-28T12:00"),
        *("--learn-days", "2", "--watch-days", "0.125", "--most-alarms-a-day", "40"),
        *("--least-precision", "0.9"),
    )
    assert (code, err) == (0, "")
    assert f"{tmp_path / 'trials' / 'small.toml'} is written" in out
    assert "watches until 2026-03-02 06:00 UTC" in out
    _, out, _ = kizashi("status")
    stands, following = out.splitlines()
    assert stands.startswith("small: waiting for verdicts; 0.11 of 0.125 days watched, 3 alarms")
    command = following.removeprefix("small: next: kizashi review ").split()
    assert command[1] == "anomaly|known_harmless|false_alarm"
    _, out, _ = kizashi("noticed", command[0], "2026-03-02T12:31:50")
    assert out == f"alert {command[0]}: people noticed it 10.0 min after the alert began\n"
    code, out, _ = kizashi("report", "small", "--language", "ja")
    assert code == 0
    assert out.startswith(
        "small: not yet: precision, faults, payback, verdicts, unreviewed, days; "
    )
    page = Path(out.rsplit("; ", 1)[1].strip())
    assert '<html lang="ja">' in page.read_text(encoding="utf-8")
    figures = json.loads((page.parent / "trial-small.json").read_text(encoding="utf-8"))
    assert figures["quality_bar"]["most_alarms_a_day"] == 40.0
    assert figures["quality_bar"]["least_precision"] == 0.9


def test_start_takes_the_cameras_own_budget_and_the_footage_there_is(
    kizashi: Run, tmp_path: Path
) -> None:
    assert kizashi("start", "line-1")[0] == 0
    site = open_small_site(tmp_path)
    trial = load_trial(site, "line-1")
    site.close()
    assert trial.start_utc == NOON
    assert (trial.learn_days, trial.watch_days, trial.bar.most_alarms_a_day) == (7.0, 14.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("start", "line-9"), "line-9"),
        (("start", "line-1", "--name", "../x"), "name"),
        (("start", "line-1", "--learn-days", "0"), "learn_days"),
        (("start", "line-1", "--least-precision", "2"), "least_precision"),
        (("status",), "kizashi trial start"),
        (("report", "large"), "no trial 'large'"),
        (("noticed", "abc", "2026-03-02"), "'abc' is too short to name an alert"),
    ],
)
def test_what_is_wrong_is_one_line(kizashi: Run, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = kizashi(*arguments)
    assert code in (2, 3, 6)
    assert out == ""
    assert err.count("\n") == 1
    assert said in err


def test_the_stages_follow_each_other(tmp_path: Path) -> None:
    site, alerts = site_of_a_morning(tmp_path)
    trial = load_trial(site, "small")
    learning = trial_status(at(site, NOON - timedelta(hours=1)), trial)
    assert learning.stage is Stage.LEARNING
    assert learning.stands.endswith("0.00 of 2 days seen so far")
    watching = trial_status(at(site, NOON + timedelta(minutes=10)), trial)
    assert watching.stage is Stage.WATCHING
    assert watching.next.startswith("kizashi ingest line-1 && kizashi score line-1 --since 2026-")
    flagged = trial_status(at(site, NOON + timedelta(hours=2)), trial)
    assert flagged.stage is Stage.WATCHING
    assert flagged.next.startswith(f"kizashi review {alerts[0].alert_id[:12]} ")
    assert trial_status(site, trial).stage is Stage.WAITING_FOR_VERDICTS
    for alert in alerts:
        review_alert(site, alert.alert_id, "anomaly", "sato")
    done = trial_status(site, trial)
    assert (done.stage, done.next) == (Stage.COMPLETE, "kizashi trial report small")
    site.close()


def test_without_a_model_and_without_scores_it_says_what_is_missing(tmp_path: Path) -> None:
    site = open_small_site(tmp_path)
    site.store.put_camera(camera())
    for start, name in ((-7200, "1000.mp4"), (0, "1200.mp4")):
        film = footage_at(start, 3600, name)
        site.store.add_footage(film, [segment_of(film, 0, 3600)], [])
    trial = morning_trial()
    untrained = trial_status(site, trial)
    assert untrained.stage is Stage.TO_TRAIN
    assert untrained.next == (
        "kizashi train line-1 --since 2026-02-28T03:00:00Z --until 2026-03-02T03:00:00Z"
    )
    record = model()
    site.store.add_model(record, [])
    site.store.promote(record.model_id, NOON)
    unscored = trial_status(site, trial)
    assert unscored.stage is Stage.TO_SCORE
    assert unscored.next == "kizashi score line-1 --since 2026-03-02T03:00:00Z"
    assert not trial_path(site, "small").exists()
    site.close()


def test_without_footage_it_says_where_to_put_some_and_does_not_lead_in_circles(
    tmp_path: Path,
) -> None:
    site = open_small_site(tmp_path)
    site.store.put_camera(camera())
    trial = morning_trial()
    source = site.source_of(camera())
    early = trial_status(at(site, trial.learn_start_utc - timedelta(days=1)), trial)
    assert early.next == "nothing before 2026-02-28T03:00:00Z, when learning begins"
    learning = trial_status(at(site, trial.watch_start_utc - timedelta(hours=1)), trial)
    assert learning.next == (
        f"there is no footage yet; put some into {source}, then: kizashi ingest line-1 "
        "(kizashi doctor says why none comes)"
    )
    untrained = trial_status(site, trial)
    assert untrained.stage is Stage.TO_TRAIN
    assert "kizashi train" not in untrained.next
    assert untrained.next == (
        f"no footage is from 2026-02-28T03:00:00Z to 2026-03-02T03:00:00Z; put some into {source}, "
        f"then: kizashi ingest line-1, or set start_utc in {trial_path(site, 'small')} to when "
        "footage will begin"
    )
    film = footage_at(0, 3600, "1200.mp4")
    site.store.add_footage(film, [segment_of(film, 0, 3600)], [])
    elsewhere = trial_status(site, trial)
    assert "what there is from 2026-03-02T03:00:00Z to 2026-03-02T04:00:00Z" in elsewhere.next
    assert "set start_utc in" in elsewhere.next
    site.close()
