"""What is said of removed things: reports, curves, the API, the doctor and the command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dashboards.facts import score_series
from pipeline.assembly import Site
from pipeline.cli import main
from pipeline.commands.retention import bytes_of
from pipeline.doctor.examine import this_machine
from pipeline.doctor.findings import Level, Machine
from pipeline.doctor.models import check_evidence
from pipeline.doctor.retention import check_disk_budget, check_holds, check_retention
from pipeline.errors import SettingsError
from pipeline.recording.films import recorded_span
from pipeline.reports.camera_report import write_camera_report
from pipeline.reports.coverage import REMOVED, WATCHED
from pipeline.reports.facts import gather_facts, watched_spans
from pipeline.reports.words import Words
from pipeline.retention.change import set_retention
from pipeline.retention.holds import hold_alert, hold_span
from pipeline.retention.run import run_retention
from pipeline.store.sql import open_store
from tests.dashboard_site import client_of, filled_site, signed_in
from tests.fakes import FakeClock
from tests.retention_makers import FIRST_DAY, RetentionSite, retention_site

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def machine_of(site: Site, now: datetime) -> Machine:
    """Return this machine at a moment, with the site open."""
    return replace(this_machine(site.folder, lambda: None, clock=FakeClock(now)), site=site)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[RetentionSite]:
    """A site with press-1, which keeps for 30 days."""
    folder = tmp_path / "plant"
    folder.mkdir()
    opened = retention_site(folder, open_store(f"sqlite:///{folder / 'kizashi.db'}"))
    opened.add_camera()
    yield opened
    opened.site.close()


def after(here: RetentionSite, days: float) -> None:
    wanted = FIRST_DAY + timedelta(days=days)
    here.clock.advance((wanted - here.clock.now_utc()).total_seconds())


def page_of(here: RetentionSite, language: str, hours: float = 3.0) -> str:
    """Return the page of a report of the first hours."""
    until = FIRST_DAY + timedelta(hours=hours)
    path = write_camera_report(
        here.site, "press-1", since=FIRST_DAY, until=until, language=language
    )
    return path.read_text(encoding="utf-8")


def test_old_time_stays_watched_and_its_curve_is_that_of_the_hours(here: RetentionSite) -> None:
    for minute in (5, 20, 70):
        here.record(FIRST_DAY + timedelta(minutes=minute), scores=(0.5, minute / 10, 1.0))
    until = FIRST_DAY + 3 * HOUR
    before = watched_spans(here.site, "press-1", FIRST_DAY, until)
    assert gather_facts(here.site, "press-1", FIRST_DAY, until).summarised_until is None
    after(here, 31)
    run_retention(here.site, "press-1")
    assert list(here.store.anomalies("press-1")) == []
    assert watched_spans(here.site, "press-1", FIRST_DAY, until) == before
    facts = gather_facts(here.site, "press-1", FIRST_DAY, until)
    assert list(facts.spans) == before
    assert facts.watched_seconds == 180.0
    assert {point.score for run in facts.curve for point in run} == {2.0, 7.0}
    assert facts.summarised_until is not None
    assert "of each hour its largest is drawn" in page_of(here, "en")


def test_the_curve_of_the_dashboard_says_the_same(here: RetentionSite) -> None:
    film = here.record(FIRST_DAY + timedelta(minutes=5), scores=(0.5, 2.5, 1.0))
    words = Words("en", "Asia/Tokyo", "dashboards.text")
    camera, until = here.store.camera("press-1"), FIRST_DAY + HOUR
    live = score_series(here.site, camera, words, FIRST_DAY, until)
    after(here, 31)
    run_retention(here.site, "press-1")
    old = score_series(here.site, camera, words, FIRST_DAY, until)
    assert max(score for score in live["scores"] if score is not None) == 2.5
    assert {score for score in old["scores"] if score is not None} == {2.5}
    assert old["times"][0] <= film.anomalies[0].clip.end_utc.timestamp() < old["times"][0] + 5
    assert old["blind"] == live["blind"]


def test_time_whose_footage_went_unscored_is_not_watched_and_says_why(here: RetentionSite) -> None:
    here.record(FIRST_DAY + timedelta(minutes=5), scores=(), scored=False)
    after(here, 31)
    run_retention(here.site, "press-1")
    states = {
        span.state for span in watched_spans(here.site, "press-1", FIRST_DAY, FIRST_DAY + HOUR)
    }
    assert REMOVED in states
    assert WATCHED not in states
    assert "footage was removed before it was scored" in page_of(here, "en")
    assert "採点前に映像が削除された" in page_of(here, "ja")


@pytest.mark.parametrize(
    ("budget", "language", "said"),
    [
        (None, "en", "was removed on 2026-02-01 09:00 by policy"),
        (None, "ja", "証拠は保存期間の規定により 2026年2月1日 09:00 に削除されました"),
        (1, "en", "the disk budget of the camera was exceeded"),
    ],
)
def test_a_report_says_that_evidence_was_removed_when_and_why(
    here: RetentionSite, budget: int | None, language: str, said: str
) -> None:
    here.raise_alert(here.record(FIRST_DAY + timedelta(minutes=5), scores=(1.0, 5.0, 6.0)))
    if budget:
        set_retention(here.site, "press-1", {"budget_bytes": budget}, who="ada")
        after(here, 2)
    else:
        after(here, 31)
    run_retention(here.site, "press-1")
    page = page_of(here, language)
    assert said in page
    assert "missing or was changed" not in page


def test_the_api_and_the_media_say_that_evidence_is_gone(tmp_path: Path) -> None:
    with filled_site(tmp_path) as site:
        alert = site.store.alerts("line-1")[0]
        client = signed_in(site, "vic")
        assert client.get(f"/media/{alert.alert_id}/peak_frame").status_code == 200
        later = replace(site, clock=FakeClock(alert.end_utc + 32 * DAY))
        run_retention(later, "line-1")
        told = client.get(f"/api/v1/alerts/{alert.alert_id}").json()
        assert told["evidence"] == {}
        assert told["evidence_removed_utc"].startswith("2026-04-03")
        gone = client.get(f"/media/{alert.alert_id}/peak_frame")
        assert gone.status_code == 410
        assert "by policy" in gone.text
        assert client_of(site).get(f"/media/{alert.alert_id}/peak_frame").status_code == 303


def test_a_hold_of_another_camera_is_not_released_through_this_one(tmp_path: Path) -> None:
    with filled_site(tmp_path, pictures=False) as site:
        noon = site.clock.now_utc()
        other = hold_span(site, "press-9", noon - DAY, noon, reason="why", who="ada").hold
        answer = signed_in(site, "rei").post(f"/cameras/line-1/holds/{other.hold_id}/release")
        assert answer.status_code == 403
        assert site.store.holds("press-9") == [other]


# the doctor ----------------------------------------------------------------------------------


def findings(here: RetentionSite, check: object) -> list[tuple[Level, str]]:
    """Return what a check of press-1 finds now."""
    machine = machine_of(here.site, here.clock.now_utc())
    camera = here.store.camera("press-1")
    source = here.site.source_of(camera)
    return [(one.level, one.found) for one in check(machine, camera, source)]  # type: ignore[operator]


def test_the_doctor_misses_a_retention_that_does_not_run(here: RetentionSite) -> None:
    here.record(FIRST_DAY)
    after(here, 31)
    assert findings(here, check_retention)[0][0] is Level.OK
    after(here, 33)
    ((level, found),) = findings(here, check_retention)
    assert (level, found) == (
        Level.WARNING,
        "3 scores are older than 30 days, the oldest of 2026-01-01",
    )
    run_retention(here.site, "press-1")
    assert findings(here, check_retention)[0][0] is Level.OK


def test_holds_alone_over_the_budget_are_a_problem(here: RetentionSite) -> None:
    raised = here.raise_alert(here.record(FIRST_DAY))
    assert findings(here, check_disk_budget) == []
    set_retention(here.site, "press-1", {"budget_bytes": 500}, who="ada")
    assert findings(here, check_disk_budget)[0][0] is Level.WARNING
    hold_alert(here.site, raised.alert_id, reason="insurer", who="rei")
    ((level, found),) = findings(here, check_disk_budget)
    assert level is Level.PROBLEM
    assert "held alone is more than the budget" in found


def test_a_hold_of_more_than_a_year_is_asked_about(here: RetentionSite) -> None:
    hold_span(here.site, "press-1", FIRST_DAY, FIRST_DAY + HOUR, reason="why", who="rei")
    for days, level in ((364, Level.OK), (366, Level.WARNING)):
        after(here, days)
        (found,) = check_holds(machine_of(here.site, here.clock.now_utc()))
        assert found.level is level


def test_evidence_that_was_removed_is_not_missing(here: RetentionSite) -> None:
    old = here.raise_alert(here.record(FIRST_DAY))
    new = here.raise_alert(here.record(FIRST_DAY + 20 * DAY))
    after(here, 31)
    run_retention(here.site, "press-1")
    machine = machine_of(here.site, here.clock.now_utc())
    assert [one.found for one in check_evidence(machine)] == ["all 4 files are there"]
    (here.site.folder / here.store.evidence(new.alert_id)[0].path).unlink()
    assert [one.level for one in check_evidence(machine)] == [Level.PROBLEM]
    assert here.store.evidence(old.alert_id)[0].removed_utc is not None


# the command line ----------------------------------------------------------------------------


def kizashi(site: Site, *arguments: str) -> int:
    return main(["--site", str(site.folder), "retention", *arguments])


def test_the_command_line_holds_shows_and_removes(
    here: RetentionSite, capsys: pytest.CaptureFixture[str]
) -> None:
    # The command looks at the real clock, which is long after these days.
    held = here.raise_alert(here.record(FIRST_DAY - 4_000 * DAY))
    here.raise_alert(here.record(FIRST_DAY - 3_000 * DAY))
    assert kizashi(here.site, "hold", held.alert_id[:12]) == 2
    assert kizashi(here.site, "hold", held.alert_id[:12], "--reason", "insurer") == 0
    assert kizashi(here.site, "set", "press-1", "--disk-budget", "1GiB") == 0
    assert "changed budget_bytes" in capsys.readouterr().out
    assert kizashi(here.site, "run", "--dry-run") == 0
    out = capsys.readouterr().out
    assert out.startswith("press-1: would remove 1 footage, 4 evidence")
    assert len(here.films()) == 2
    assert kizashi(here.site, "run", "press-1") == 0
    assert capsys.readouterr().out.startswith("press-1: removed 1 footage, 4 evidence")
    assert len(here.films()) == 1
    (hold,) = here.store.holds()
    assert kizashi(here.site, "holds", "--format", "csv") == 0
    assert hold.hold_id in capsys.readouterr().out
    assert kizashi(here.site, "release", hold.hold_id[:12]) == 0
    assert kizashi(here.site, "show", "--format", "csv") == 0
    assert '"press-1","evidence",30,' in capsys.readouterr().out
    assert kizashi(here.site, "hold", "--camera", "press-1", "--reason", "why") == 2


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("500GiB", 500 * 2**30), ("1.5TB", 1_500_000_000_000), ("2 MiB", 2**21), ("none", None)],
)
def test_a_size_is_read_as_it_is_written(text: str, size_bytes: int | None) -> None:
    assert bytes_of(text) == size_bytes


@pytest.mark.parametrize("text", ["500", "GiB", "-1GiB", "1 EiB", ""])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is no size"):
        bytes_of(text)


# whose footage -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sidecar"),
    [
        ("2026-01-01T00-00-00.000Z.mkv", None),
        ("2026-01-01T00-00-00.000Z.mkv", '{"start_utc": "2026-01-01T00:00:00Z"}'),
        ("2026-01-01T00-00-00.000Z.mkv", "[]"),
        ("2026-01-01T00-00-00.000Z.mkv", '{"clock": "mine", "start_utc": 1, "end_utc": 2}'),
        ("shift.mkv", "true"),
    ],
)
def test_a_file_that_the_recorder_did_not_write_is_none_of_its_own(
    tmp_path: Path, name: str, sidecar: str | None
) -> None:
    (tmp_path / name).write_bytes(b"film")
    if sidecar is not None:
        (tmp_path / f"{name}.start.json").write_text(sidecar)
    assert recorded_span(tmp_path / name) is None


def test_a_renamed_film_of_the_recorder_is_the_users_own(here: RetentionSite) -> None:
    film = here.record(FIRST_DAY)
    assert recorded_span(film.path) == (FIRST_DAY, FIRST_DAY + timedelta(seconds=60))
    mine = film.path.with_name("keep-this.mkv")
    film.path.rename(mine)
    sidecar = film.path.with_name(film.path.name + ".start.json")
    sidecar.rename(mine.with_name(mine.name + ".start.json"))
    assert recorded_span(mine) is None
