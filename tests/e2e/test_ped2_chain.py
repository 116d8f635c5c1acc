"""The chain on a little real footage, by the functions that commands and flows call."""

import json
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.alerts.reviews import review_alert
from pipeline.assembly import Site, open_site
from pipeline.footage.ingest import ingest_camera
from pipeline.learning.presets import preset_named
from pipeline.learning.train_camera import train_camera
from pipeline.notification.deliver import deliver_pending
from pipeline.reports.camera_report import write_camera_report
from pipeline.reports.span import report_span
from pipeline.scoring.score_camera import score_camera
from pipeline.trial.trial import Trial
from pipeline.trial.trial_file import add_noticed, load_trial, start_trial
from pipeline.trial.trial_report import write_trial_report
from tests.ped2 import CAMERA, drop, end_of_footage, register, wrong_evidence

pytestmark = [pytest.mark.data, pytest.mark.timeout(240)]

EFFORT = 0.005
"""12 steps of the networks: enough for every part to do its work, and for none to be good."""
BUDGET_PER_DAY = 2_000.0
"""A minute of normal footage and such networks allow no alert a day to be promised; this many a day
is one in 43 s."""


def whole_round(site: Site, until: datetime) -> tuple[str, list[Path]]:
    """Do everything once; return the model and the reports."""
    ingest_camera(site, CAMERA)
    model = train_camera(site, CAMERA, effort=EFFORT, until=until)
    assert score_camera(site, CAMERA, since=until).unreadable == 1
    deliver_pending(site)
    since, end = report_span(site, CAMERA)
    reports = [
        write_camera_report(site, CAMERA, since=since, until=end, language=language)
        for language in ("en", "ja")
    ]
    return model.model_id, reports


@pytest.mark.full
def test_footage_goes_in_and_alerts_and_reports_come_out_once(
    data_folder: Path, tmp_path: Path
) -> None:
    footage = data_folder / "ucsd_ped2"
    (tmp_path / "kizashi.toml").write_text("stable_seconds = 0\n", encoding="utf-8")
    site = open_site(tmp_path)
    camera = register(site, budget_per_day=BUDGET_PER_DAY)
    source = site.source_of(camera)
    drop(source, [footage / "train" / name for name in ("04.mp4", "05.mp4")])
    ingest_camera(site, CAMERA)
    until = end_of_footage(site) + timedelta(seconds=1)
    # A cart comes after three seconds. The other one is removed before it is scored.
    drop(source, [footage / "test" / "04.mp4", footage / "test" / "03.mp4"])
    ingest_camera(site, CAMERA)
    (source / "test-03.mp4").unlink()

    model, reports = whole_round(site, until)
    first = dict(site.store.row_counts())
    alerts = list(site.store.alerts(CAMERA))
    assert (first["footage"], first["segments"], first["models"]) == (4, 4, 1)
    chosen = preset_named("compact")
    windows = 1 + (180 - chosen.tgan.geometry.frames) // chosen.clip_stride
    assert first["anomalies"] == windows
    assert alerts
    assert {alert.model_id for alert in alerts} == {model}
    assert all(before.end_utc < after.start_utc for before, after in pairwise(alerts))
    assert [wrong for alert in alerts for wrong in wrong_evidence(site, alert)] == []
    for path in reports:
        text = path.read_text(encoding="utf-8")
        assert all(f'id="alert-{alert.alert_id}"' in text for alert in alerts)
    delivered = {
        json.loads(path.read_text(encoding="utf-8"))["alert_id"]
        for path in (tmp_path / "deliveries").iterdir()
    }
    assert delivered == {alert.alert_id for alert in alerts}

    again, _ = whole_round(site, until)
    assert again == model
    assert dict(site.store.row_counts()) == first
    assert list(site.store.alerts(CAMERA)) == alerts
    the_trial_says_what_sql_says(site, until)
    site.close()


def the_trial_says_what_sql_says(site: Site, until: datetime) -> None:
    """Judge the same footage as a trial, and hold its figures against the public views."""
    learn_start = site.store.segments(CAMERA)[0].start_utc
    trial = Trial(
        name="ped2",
        camera=CAMERA,
        start_utc=learn_start,
        learn_days=(until - learn_start) / timedelta(days=1),
        watch_days=(end_of_footage(site) - until) / timedelta(days=1),
    )
    start_trial(site, trial)
    for number, alert in enumerate(site.store.alerts(CAMERA)):
        review_alert(site, alert.alert_id, "false_alarm" if number else "anomaly", "tests")
    first = site.store.alerts(CAMERA)[0]
    add_noticed(site, trial, first.alert_id, first.start_utc + timedelta(minutes=5))
    done = write_trial_report(site, load_trial(site, "ped2"), language="en")
    said = json.loads(done.figures.read_text(encoding="utf-8"))

    _, rows = site.store.query(
        "SELECT count(*), count(verdict), sum(CASE WHEN verdict = 'anomaly' THEN 1 ELSE 0 END)"  # noqa: S608
        f" FROM flagged_clips WHERE start_utc >= '{trial.watch_start_utc:%Y-%m-%d %H:%M:%S}'"
    )
    verdicts = said["verdicts"]
    assert (said["alarms"], sum(verdicts.values()), verdicts["anomaly"]) == rows[0]
    _, ((hours, precision, per_day),) = site.store.query(
        "SELECT hours_scored, precision, alerts_per_day FROM model_performance"
    )
    assert said["watched_seconds"] == pytest.approx(hours * 3600)
    assert said["precision"]["value"] == pytest.approx(precision)
    assert said["alarms_per_day"]["value"] == pytest.approx(per_day)
    _, ((learnt,),) = site.store.query("SELECT footage_seconds FROM runs")
    assert said["learnt_seconds"] == pytest.approx(learnt)
    assert said["median_minutes_earlier"] == pytest.approx(5.0)
    # A minute of watching with the other video unread is no basis for anything, and that is said.
    assert not done.go
    assert {"alarms", "days", "unwatched"} <= set(done.unmet)
    assert "learnt_apart" not in done.unmet
    page = done.page.read_text(encoding="utf-8")
    assert page.count('src="data:image/') == 2
    assert f"{said['alarms']} in 18 s watched" in page


@pytest.mark.full
def test_training_the_same_in_another_place_gives_the_same_model(
    data_folder: Path, tmp_path: Path
) -> None:
    # So a kill between the model's files and its record leaves one model behind, and not two.
    footage = data_folder / "ucsd_ped2" / "train"
    models = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "kizashi.toml").write_text("stable_seconds = 0\n", encoding="utf-8")
        site = open_site(folder)
        drop(site.source_of(register(site)), [footage / "04.mp4", footage / "05.mp4"])
        ingest_camera(site, CAMERA)
        models.append(train_camera(site, CAMERA, effort=EFFORT).model_id)
        site.close()
    assert models[0] == models[1]
