"""The command line on a site that has footage, a model and an alert."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.assembly import Site, open_site
from pipeline.errors import ModelError, SettingsError
from pipeline.learning.promotion import find_model
from pipeline.reports.span import report_span
from tests.command_line import Run, command_line
from tests.store_samples import MORNING, Line, fill, model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kizashi.toml").touch()
    return tmp_path


@pytest.fixture
def line(folder: Path) -> Line:
    site = open_site(folder)
    filled = fill(site.store)
    site.close()
    return filled


@pytest.fixture
def site(folder: Path, line: Line) -> Site:
    return open_site(folder)


@pytest.fixture
def kizashi(folder: Path, line: Line, capsys: pytest.CaptureFixture[str]) -> Run:
    return command_line(folder, capsys)


def test_alerts_show_both_times_the_verdict_and_the_clip(kizashi: Run, line: Line) -> None:
    code, out, _ = kizashi("alerts", "--format", "json")
    assert code == 0
    assert json.loads(out) == [
        {
            "alert": line.alert.alert_id,
            "camera": "press-1",
            "severity": "warning",
            "start_local": "2026-01-31 17:00:07+09:00",
            "start_utc": "2026-01-31T08:00:07Z",
            "seconds": 3.5,
            "score": 1.9,
            "expected_per_day": 0.05,
            "expert": "critic",
            "zone": "",
            "verdict": "anomaly",
            "evidence": f"evidence/press-1/{line.alert.alert_id}/clip",
        }
    ]


def test_the_table_of_alerts_names_them_short_enough_to_type(kizashi: Run, line: Line) -> None:
    _, out, _ = kizashi("alerts")
    assert line.alert.alert_id[:12] in out
    assert f" {line.alert.alert_id} " not in out


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("--camera", "press-1"), 1),
        (("--since", "2026-01-31T08:00Z"), 1),
        (("--since", "2026-01-31T08:30Z"), 0),
        # Without an offset a time is the plant's, whether or not its only camera is named.
        (("--since", "2026-01-31T17:00"), 1),
        (("--since", "2026-01-31T17:30"), 0),
        (("--since", "2026-01-31T17:00", "--camera", "press-1"), 1),
    ],
)
def test_alerts_are_chosen_by_camera_and_time(
    kizashi: Run, arguments: tuple[str, ...], count: int
) -> None:
    _, out, _ = kizashi("alerts", "--format", "csv", *arguments)
    assert len(list(csv.DictReader(io.StringIO(out)))) == count


def test_a_verdict_is_recorded_by_the_beginning_of_an_alert(
    kizashi: Run, line: Line, site: Site
) -> None:
    short = line.alert.alert_id[:8]
    code, out, _ = kizashi("review", short, "known_harmless", "--note", "cleaning")
    said, why_alone = out.splitlines()
    assert (code, said) == (0, f"alert {line.alert.alert_id[:12]} is reviewed: known_harmless")
    assert "will alert again" in why_alone
    last = site.store.reviews(line.alert.alert_id)[-1]
    assert (last.verdict, last.note) == ("known_harmless", "cleaning")


def test_sql_sees_the_alert(kizashi: Run) -> None:
    code, out, _ = kizashi("sql", "select camera, verdict from flagged_clips", "--format", "json")
    assert code == 0
    assert json.loads(out) == [{"camera": "press-1", "verdict": "anomaly"}]


def test_models_are_listed_and_shown(kizashi: Run, line: Line) -> None:
    _, out, _ = kizashi("model", "list", "--format", "json")
    assert json.loads(out) == [
        {
            "model": line.model.model_id[:12],
            "camera": "press-1",
            "state": "active",
            "preset": "compact",
            "created_utc": "2026-01-31T08:00:00Z",
            "from": None,
            "files_removed_utc": None,
        }
    ]
    code, out, _ = kizashi("model", "show", line.model.model_id[:6])
    shown = json.loads(out)
    assert code == 0
    assert shown["manifest"]["名"] == "プレス"
    assert shown["calibration"]["budget_per_day"] == 2.0


def test_a_model_without_its_files_is_not_promoted(kizashi: Run, line: Line, site: Site) -> None:
    before = site.store.row_counts()["audit_log"]
    code, _, err = kizashi("model", "promote", line.model.model_id[:12])
    assert code == 5
    assert err.count("\n") == 1
    assert site.store.row_counts()["audit_log"] == before


def test_what_another_budget_would_raise_is_a_table(kizashi: Run, line: Line, site: Site) -> None:
    tail = {"threshold": 1.0, "events_per_day": 10.0, "scale": 0.1, "shape": 0.0}
    newer = replace(line.model, model_id="f" * 32, digest="f" * 64, calibration_id="tail")
    newer = replace(newer, calibration={**newer.calibration, "tail": tail})
    site.store.add_model(newer, [])
    site.store.promote(newer.model_id, MORNING)
    scored = (
        replace(a, model_id="f" * 32, anomaly_id=f"{a.anomaly_id[1:]}x") for a in line.anomalies
    )
    site.store.add_anomalies(scored)
    code, out, _ = kizashi("what-if", "press-1", "--budget", "5", "--format", "json")
    assert code == 0
    (shown,) = json.loads(out)
    assert (shown["budget_per_day"], shown["model"]) == (5.0, "f" * 12)
    assert shown["kept"] + shown["silent_anomalies"] == 1
    assert 0.0 < shown["scored_hours"] <= shown["asked_hours"]
    assert len(json.loads(kizashi("what-if", "press-1", "--format", "json")[1])) == 4


def test_of_time_that_was_not_scored_what_if_does_not_say_no_alerts(
    kizashi: Run, line: Line, site: Site
) -> None:
    tail = {"threshold": 1.0, "events_per_day": 10.0, "scale": 0.1, "shape": 0.0}
    newer = replace(line.model, model_id="f" * 32, digest="f" * 64, calibration_id="tail")
    newer = replace(newer, calibration={**newer.calibration, "tail": tail})
    site.store.add_model(newer, [])
    site.store.promote(newer.model_id, MORNING)
    code, out, said = kizashi("what-if", "press-1", "--budget", "5", "--format", "json")
    (shown,) = json.loads(out)
    assert (code, shown["alerts"], shown["kept"], shown["alerts_unscored"]) == (0, "", "", 1)
    assert shown["scored_hours"] == 0.0
    assert "of the rest nothing is said" in said


def test_rolling_back_an_unknown_camera_names_the_known_ones(kizashi: Run) -> None:
    code, _, err = kizashi("model", "rollback", "press-9")
    assert code == 3
    assert "press-1" in err


def test_a_model_is_found_by_six_characters_or_more(site: Site, line: Line) -> None:
    assert find_model(site, line.model.model_id[:6]).model_id == line.model.model_id
    for beginning in ("", line.model.model_id[:5], "zzzzzz"):
        with pytest.raises(ModelError, match="kizashi model list"):
            find_model(site, beginning)


def test_the_score_of_a_known_model_that_is_damaged_says_so(kizashi: Run) -> None:
    code, _, err = kizashi("score", "press-1")
    assert code == 5
    assert "press-1" in err or "model" in err


class At:
    """A clock that stands."""

    def __init__(self, now_utc: datetime) -> None:
        self._now = now_utc

    def now_utc(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return 0.0


def test_a_report_is_of_the_last_day_when_it_has_footage(folder: Path, line: Line) -> None:
    now = MORNING + timedelta(hours=2)
    site = open_site(folder, clock=At(now))
    assert report_span(site, "press-1") == (now - timedelta(days=1), now)


def test_a_report_of_an_archive_ends_with_its_footage(folder: Path, line: Line) -> None:
    site = open_site(folder, clock=At(MORNING + timedelta(days=400)))
    end = line.blind.end_utc  # its last file is blind at its end
    assert report_span(site, "press-1") == (end - timedelta(days=1), end)


def test_a_named_range_is_kept_and_half_a_range_is_filled_in(site: Site) -> None:
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 9, tzinfo=UTC)
    assert report_span(site, "press-1", since=since, until=until) == (since, until)
    assert report_span(site, "press-1", until=until) == (until - timedelta(days=1), until)
    with pytest.raises(SettingsError, match="is not before"):
        report_span(site, "press-1", since=until, until=since)


def test_places_are_said_to_be_unscored_only_while_the_model_has_learnt_other_masks(
    site: Site, kizashi: Run
) -> None:
    masks = [
        [list(corner) for corner in mask] for mask in site.store.camera("press-1").privacy_masks
    ]
    site.source_of(site.store.camera("press-1")).mkdir(parents=True)
    learnt = model(number=1, manifest={"privacy_masks": masks})
    site.store.add_model(learnt, [])
    site.store.promote(learnt.model_id, MORNING)
    site.close()
    unscored = "places there are not scored until the next kizashi train press-1"
    corner = ("--polygon", "0.8,0.8 1,0.8 1,1", "--name", "door")
    code, out, _ = kizashi("camera", "mask", "press-1", *corner)
    assert (code, unscored in out) == (0, True)
    code, out, _ = kizashi("camera", "mask", "press-1", "--remove", "door", "--confirm")
    assert (code, unscored in out) == (0, False)
    assert "footage from now on will show what was masked" in out
    code, out, _ = kizashi("camera", "mask", "press-1", "--clear", "--confirm")
    assert (code, unscored in out) == (0, True)


def test_a_new_zone_says_that_what_is_taken_in_keeps_its_times(site: Site, kizashi: Run) -> None:
    site.source_of(site.store.camera("press-1")).mkdir(parents=True)
    before = site.store.footage_of("press-1")
    code, out, _ = kizashi("camera", "set", "press-1", "--timezone", "Europe/Berlin")
    said = "what is taken in already (1 files) keeps the times that it has"
    assert (code, said in out) == (0, True)
    assert "kizashi camera add NAME --source footage/press-1 --timezone Europe/Berlin" in out
    assert site.store.footage_of("press-1") == before
    # What is set so already, and what no time hangs on, says nothing.
    for option in (("--timezone", "Europe/Berlin"), ("--budget", "3")):
        assert said not in kizashi("camera", "set", "press-1", *option)[1]
    assert said in kizashi("camera", "set", "press-1", "--clock", "mtime")[1]
    site.close()


def test_a_new_zone_of_a_camera_without_footage_is_only_changed(folder: Path, kizashi: Run) -> None:
    (folder / "belt").mkdir()
    register = ("--purpose", "jams", "--owner", "line 1", "--retention-days", "30")
    assert kizashi("camera", "add", "belt", "--source", "belt", *register)[0] == 0
    out = kizashi("camera", "set", "belt", "--timezone", "Asia/Tokyo")[1]
    assert out == "camera belt: changed timezone\n"
