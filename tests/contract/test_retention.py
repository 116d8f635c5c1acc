"""Retention on both databases: what goes, what stays, what is said of it."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.camera import ClockSource
from pipeline.errors import RetentionError, SettingsError, StoreError
from pipeline.retention.change import set_retention
from pipeline.retention.files import files_of, sharers_of
from pipeline.retention.holds import hold_alert, hold_span
from pipeline.retention.policy import Kind, Why
from pipeline.retention.run import plan_retention, run_retention, run_scheduled
from pipeline.store.sql import SqlStore
from tests.retention_makers import FIRST_DAY, RetentionSite, retention_site
from tests.store_dump import dump

pytest_plugins = ("tests.store_fixtures",)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def here(store: SqlStore, tmp_path: Path) -> RetentionSite:
    """A site with press-1, which keeps for 30 days, on the first day of the year."""
    opened = retention_site(tmp_path / "site", store)
    opened.add_camera()
    return opened


def after(here: RetentionSite, days: float) -> None:
    """Set the clock to so many days after the first day."""
    wanted = FIRST_DAY + timedelta(days=days)
    here.clock.advance((wanted - here.clock.now_utc()).total_seconds())


def removed(here: RetentionSite, kind: Kind) -> list[tuple[str, int]]:
    """Return why and how many of every removal of a kind."""
    return [(r.why.value, r.items) for r in here.store.removals("press-1", kind=kind)]


def test_a_film_goes_with_its_sidecar_after_its_days_and_its_row_says_so(
    here: RetentionSite,
) -> None:
    old, new = here.record(FIRST_DAY), here.record(FIRST_DAY + 2 * DAY)
    after(here, 31)
    summary = run_retention(here.site, "press-1")
    source = old.path.parent
    assert sorted(p.name for p in source.iterdir() if p.is_file()) == [
        new.path.name,
        new.path.name + ".start.json",
    ]
    assert here.store.footage(old.footage.footage_id).removed_utc == FIRST_DAY + 31 * DAY
    assert here.store.footage(new.footage.footage_id).removed_utc is None
    assert (summary.items(Kind.FOOTAGE), summary.size_bytes) == (1, 1000)
    assert removed(here, Kind.FOOTAGE) == [("policy", 1)]
    assert ("retention", "removed footage", "press-1") in here.audit()


def test_again_at_the_same_moment_removes_nothing_more(here: RetentionSite) -> None:
    here.raise_alert(here.record(FIRST_DAY, scores=(1.0, 5.0, 6.0)))
    after(here, 40)
    assert run_retention(here.site, "press-1").removals
    content = dump(here.store)
    assert run_retention(here.site, "press-1").removals == []
    assert dump(here.store) == content


def test_a_plan_names_everything_and_changes_nothing(here: RetentionSite) -> None:
    here.raise_alert(here.record(FIRST_DAY, scores=(1.0, 5.0, 6.0)))
    after(here, 40)
    content = dump(here.store)
    planned = plan_retention(here.site, "press-1")
    assert dump(here.store) == content
    assert here.films()
    done = run_retention(here.site, "press-1")
    for kind in Kind:
        assert planned.items(kind) == done.items(kind), kind
    assert planned.size_bytes == done.size_bytes


def test_evidence_goes_and_the_alert_says_since_when(here: RetentionSite) -> None:
    raised = here.raise_alert(here.record(FIRST_DAY, scores=(1.0, 5.0, 6.0)))
    after(here, 31)
    run_retention(here.site, "press-1")
    assert not (here.site.evidence_folder / "press-1" / raised.alert_id).exists()
    files = here.store.evidence(raised.alert_id)
    assert [file.removed_utc for file in files] == [FIRST_DAY + 31 * DAY] * 4
    columns, rows = here.store.query(
        "SELECT clip_path, evidence_removed_utc, footage_removed_utc FROM flagged_clips"
    )
    assert columns[0] == "clip_path"
    assert rows[0][0] is None
    assert all(rows[0][1:])


def test_scores_become_hours_that_add_up_and_those_of_events_stay(here: RetentionSite) -> None:
    calm = here.record(FIRST_DAY + timedelta(minutes=30), scores=(0.5, 1.5, 0.25))
    loud = here.record(FIRST_DAY + timedelta(minutes=45), scores=(1.0, 2.0, 6.0))
    here.raise_alert(loud)
    before = here.store.query("SELECT * FROM score_hours")[1]
    hours = here.store.query("SELECT clips FROM camera_hours")[1]
    after(here, 31)
    run_retention(here.site, "press-1")
    # The first clip and the peak of the event: the alert is walked back to its frames by them.
    assert [one.score for one in here.store.anomalies("press-1")] == [1.0, 6.0]
    (hour,) = here.store.score_hours("press-1", FIRST_DAY, FIRST_DAY + DAY)
    assert (hour.clips, hour.score_sum, hour.score_max) == (4, 4.25, 2.0)
    assert hour.p_value_min == pytest.approx(0.01)
    (row,) = here.store.query("SELECT * FROM score_hours")[1]
    assert row[:4] == before[0][:4]  # whose, when, and how many
    assert row[4:7] == pytest.approx(before[0][4:7])
    assert (before[0][-1], row[-1]) == (0, 4)
    assert here.store.query("SELECT clips FROM camera_hours")[1] == hours
    last = here.store.last_clips("press-1", FIRST_DAY, FIRST_DAY + DAY)
    assert last[calm.segment.segment_id] == calm.anomalies[-1].clip.end_utc
    # Two clips that are left of a segment are not what a model said of it.
    (model,) = here.store.models("press-1")
    when = FIRST_DAY, FIRST_DAY + DAY
    assert here.store.last_clips("press-1", *when, model.model_id) == {}
    fresh = here.record(FIRST_DAY + timedelta(hours=1))
    assert here.store.last_clips("press-1", *when, model.model_id) == {
        fresh.segment.segment_id: fresh.anomalies[-1].clip.end_utc
    }


def test_scores_of_one_hour_that_go_at_different_times_add_up(here: RetentionSite) -> None:
    for minute in (0, 20, 40):
        here.record(FIRST_DAY + timedelta(minutes=minute), scores=(1.0, minute / 10))
    for minute in (10, 30, 50):
        after(here, 30 + minute / 1440)
        run_retention(here.site, "press-1")
    (hour,) = here.store.score_hours("press-1", FIRST_DAY, FIRST_DAY + DAY)
    assert (hour.clips, hour.score_sum, hour.score_max) == (6, 9.0, 4.0)
    assert list(here.store.anomalies("press-1")) == []


def test_a_segment_whose_scores_went_is_never_scored_again(here: RetentionSite) -> None:
    killed = here.record(FIRST_DAY, scored=False)
    set_retention(here.site, "press-1", {"footage_days": 300}, who="ada")
    (model,) = here.store.models("press-1")
    assert here.store.unscored_segments("press-1", model.model_id) == [killed.segment]
    after(here, 31)
    run_retention(here.site, "press-1")
    assert here.films()
    assert here.store.unscored_segments("press-1", model.model_id) == []


def test_footage_that_goes_unscored_is_counted_and_no_longer_waits(here: RetentionSite) -> None:
    here.record(FIRST_DAY, scores=(), scored=False)
    after(here, 31)
    lines: list[str] = []
    summary = run_retention(here.site, "press-1", progress=lines.append)
    assert summary.unscored_segments == 1
    assert any("never scored" in line for line in lines)
    (model,) = here.store.models("press-1")
    assert here.store.unscored_segments("press-1", model.model_id) == []


def test_what_is_held_stays_whole_and_goes_when_it_is_released(here: RetentionSite) -> None:
    film = here.record(FIRST_DAY, scores=(1.0, 5.0, 6.0))
    neighbour = here.record(FIRST_DAY + timedelta(seconds=90))
    far = here.record(FIRST_DAY + timedelta(hours=3))
    raised = here.raise_alert(film)
    held = hold_alert(here.site, raised.alert_id, reason="insurer", who="rei").hold
    after(here, 300)
    run_retention(here.site, "press-1")
    # The film of the alert; the next begins within the minute that is held after it or not at all.
    kept = {film.path.name}
    assert held.until_utc + timedelta(seconds=60) < neighbour.footage.start_utc  # type: ignore[operator]
    assert set(here.films()) == kept
    assert far.path.name not in here.films()
    assert [one.score for one in here.store.anomalies("press-1")] == [1.0, 5.0, 6.0]
    assert all(file.removed_utc is None for file in here.store.evidence(raised.alert_id))
    here.store.release_hold(held.hold_id[:8], "rei", here.clock.now_utc())
    run_retention(here.site, "press-1")
    assert here.films() == []
    assert [what for _, what, _ in here.audit() if "hold" in what] == ["hold", "release hold"]


def test_a_hold_on_an_alert_reaches_as_far_as_the_alert_grows(here: RetentionSite) -> None:
    raised = here.raise_alert(here.record(FIRST_DAY))
    hold_alert(here.site, raised.alert_id, reason="insurer", who="rei")
    here.store.add_alert(replace(raised, end_utc=raised.end_utc + HOUR), [])
    (held,) = here.store.holds("press-1")
    assert held.until_utc == raised.end_utc + HOUR


def test_a_hold_in_the_last_moment_wins_over_a_plan(here: RetentionSite) -> None:
    film = here.record(FIRST_DAY)
    after(here, 40)
    (planned,) = [r for r in plan_retention(here.site, "press-1").removals if r.size_bytes]
    hold_span(here.site, "press-1", FIRST_DAY, FIRST_DAY + HOUR, reason="why", who="rei")
    policy = here.store.retention_policy("press-1")
    stock = files_of(here.site, here.store.camera("press-1"), policy, Kind.FOOTAGE)
    assert here.store.begin_removal(planned, stock.files) is None
    assert here.store.footage(film.footage.footage_id).removed_utc is None


def test_a_hold_that_comes_too_late_says_what_is_gone(here: RetentionSite) -> None:
    raised = here.raise_alert(here.record(FIRST_DAY))
    after(here, 40)
    run_retention(here.site, "press-1")
    late = hold_alert(here.site, raised.alert_id, reason="insurer", who="rei")
    assert (late.footage_gone, late.evidence_gone) == (1, 4)


def test_a_users_own_file_never_goes_unless_the_camera_says_so(
    here: RetentionSite, tmp_path: Path
) -> None:
    source = here.site.source_of(here.store.camera("press-1"))
    own = source / "2026-01-01T00-00-00.000Z.mkv"  # named as the recorder names, and not by it
    own.write_bytes(b"mine")
    (source / f"{own.name}.start.json").write_text('{"start_utc": "2026-01-01T00:00:00Z"}')
    here.take_in(own, FIRST_DAY, "press-1")
    after(here, 400)
    run_retention(here.site, "press-1")
    assert own.exists()
    set_retention(here.site, "press-1", {"remove_source": True}, who="ada")
    run_retention(here.site, "press-1")
    assert not own.exists()


def test_a_folder_outside_of_the_site_is_never_touched_unless_the_camera_says_so(
    here: RetentionSite, tmp_path: Path
) -> None:
    here.add_camera("press-2", source=tmp_path / "elsewhere")
    outside = here.record(FIRST_DAY, "press-2")
    linked = here.site.folder / "footage" / "press-3"
    linked.symlink_to(tmp_path / "elsewhere3")
    (tmp_path / "elsewhere3").mkdir()
    here.add_camera("press-3", source=Path("footage/press-3"))
    through_a_link = here.record(FIRST_DAY, "press-3")
    after(here, 400)
    for name in ("press-2", "press-3"):
        run_retention(here.site, name)
    assert outside.path.exists()
    assert through_a_link.path.exists()
    set_retention(here.site, "press-2", {"remove_source": True}, who="ada")
    run_retention(here.site, "press-2")
    assert not outside.path.exists()


def test_footage_that_another_camera_reads_too_is_not_removed(here: RetentionSite) -> None:
    film = here.record(FIRST_DAY)
    here.add_camera("press-2", source=Path("footage/press-1"), retention_days=3_000)
    after(here, 400)
    lines: list[str] = []
    run_retention(here.site, "press-1", progress=lines.append)
    assert film.path.exists()
    assert sharers_of(here.site, here.store.camera("press-1")) == ["press-2"]
    assert any("press-2" in line for line in lines)


def test_a_camera_without_a_clock_loses_nothing_by_its_age(here: RetentionSite) -> None:
    here.store.put_camera(replace(here.store.camera("press-1"), clock=ClockSource.SEQUENCE))
    here.raise_alert(here.record(FIRST_DAY))
    after(here, 4_000)
    assert run_retention(here.site, "press-1").removals == []


def test_the_disk_budget_takes_the_oldest_footage_then_evidence_and_says_why(
    here: RetentionSite,
) -> None:
    alerts = []
    for day in range(4):
        film = here.record(FIRST_DAY + day * DAY, scores=(1.0, 5.0, 6.0))
        alerts.append(here.raise_alert(film))
    after(here, 5)
    # Four films of 1000 bytes, 4 x 4 x 21 bytes of evidence.
    set_retention(here.site, "press-1", {"budget_bytes": 2_400}, who="ada")
    run_retention(here.site, "press-1")
    assert len(here.films()) == 2
    assert removed(here, Kind.EVIDENCE) == []
    set_retention(here.site, "press-1", {"budget_bytes": 200}, who="ada")
    run_retention(here.site, "press-1")
    assert here.films() == []
    left = [a for a in alerts if here.store.evidence(a.alert_id)[0].removed_utc is None]
    assert left == alerts[2:]
    assert {why for why, _ in removed(here, Kind.FOOTAGE)} == {"budget"}
    assert removed(here, Kind.EVIDENCE) == [("budget", 4), ("budget", 4)]


def test_what_is_held_counts_for_the_budget_and_stays(here: RetentionSite) -> None:
    old, new = here.record(FIRST_DAY), here.record(FIRST_DAY + DAY)
    hold_span(here.site, "press-1", FIRST_DAY, FIRST_DAY + HOUR, reason="why", who="rei")
    after(here, 2)
    set_retention(here.site, "press-1", {"budget_bytes": 1_500}, who="ada")
    run_retention(here.site, "press-1")
    assert here.films() == [old.path.name]
    assert not new.path.exists()


def test_evidence_that_a_backup_puts_back_goes_again(here: RetentionSite) -> None:
    raised = here.raise_alert(here.record(FIRST_DAY))
    after(here, 31)
    run_retention(here.site, "press-1")
    back = here.site.evidence_folder / "press-1" / raised.alert_id / "clip.bin"
    back.parent.mkdir()
    back.write_bytes(b"restored")
    here.clock.advance(3600)
    run_retention(here.site, "press-1")
    assert not back.exists()


def test_pages_of_reports_go_with_the_evidence_in_them(here: RetentionSite) -> None:
    folder = here.site.reports_folder / "press-1"
    folder.mkdir(parents=True)
    for name, at in (("old", FIRST_DAY), ("new", FIRST_DAY + 20 * DAY)):
        (folder / f"{name}.html").write_text("with pictures")
        os.utime(folder / f"{name}.html", (at.timestamp(),) * 2)
    after(here, 31)
    run_retention(here.site, "press-1")
    assert [path.name for path in folder.iterdir()] == ["new.html"]
    assert removed(here, Kind.REPORTS) == [("policy", 1)]


def test_what_a_killed_recorder_left_open_goes_too(here: RetentionSite) -> None:
    source = here.site.source_of(here.store.camera("press-1"))
    left = source / ".recording" / "x-000001.mkv"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half a film")
    os.utime(left, (FIRST_DAY.timestamp(),) * 2)
    after(here, 29)
    run_retention(here.site, "press-1")
    assert left.exists()
    after(here, 31)
    run_retention(here.site, "press-1")
    assert not left.exists()


def test_a_file_that_cannot_be_removed_is_loud_and_tried_again(
    here: RetentionSite, tmp_path: Path
) -> None:
    source = here.site.source_of(here.store.camera("press-1"))
    folder, outside = source / "shift", tmp_path / "outside"
    folder.mkdir()
    own = folder / "own.mp4"
    own.write_bytes(b"film")
    here.take_in(own, FIRST_DAY, "press-1")
    set_retention(here.site, "press-1", {"remove_source": True}, who="ada")
    other = here.record(FIRST_DAY)
    after(here, 31)
    (planned,) = (
        r for r in plan_retention(here.site, "press-1").removals if r.kind is Kind.FOOTAGE
    )
    stock = files_of(
        here.site,
        here.store.camera("press-1"),
        here.store.retention_policy("press-1"),
        Kind.FOOTAGE,
    )
    assert here.store.begin_removal(planned, stock.files) is not None
    # Killed here; and now the folder leads out of the camera's own.
    folder.rename(outside)
    folder.symlink_to(outside)
    with pytest.raises(RetentionError, match="1 files cannot be removed"):
        run_retention(here.site, "press-1")
    assert (outside / "own.mp4").exists()
    assert not other.path.exists()
    assert len(here.store.open_removals("press-1")) == 1
    folder.unlink()
    outside.rename(folder)
    run_retention(here.site, "press-1")
    assert not own.exists()
    assert here.store.open_removals("press-1") == []


def test_the_schedule_announces_first_and_removes_after_a_day(here: RetentionSite) -> None:
    here.record(FIRST_DAY)
    after(here, 40)
    first = run_scheduled(here.site, "press-1")
    assert first.announced
    assert first.items(Kind.FOOTAGE) == 1
    assert here.films()
    after(here, 40.5)
    assert run_scheduled(here.site, "press-1").announced
    after(here, 41)
    assert not run_scheduled(here.site, "press-1").announced
    assert here.films() == []
    here.record(FIRST_DAY + 20 * DAY)
    set_retention(here.site, "press-1", {"footage_days": 2}, who="ada")
    assert run_scheduled(here.site, "press-1").announced
    assert here.films()


def test_a_policy_that_cannot_be_is_refused(here: RetentionSite) -> None:
    for changes in (
        {"footage_days": 0},
        {"budget_bytes": 0},
        {"score_days": 50, "summary_days": 9},
    ):
        with pytest.raises(SettingsError, match="press-1"):
            set_retention(here.site, "press-1", changes, who="ada")
    with pytest.raises(SettingsError, match="nothing to change"):
        set_retention(here.site, "press-1", {}, who="ada")


def test_a_hold_needs_a_reason_and_a_span_an_end(here: RetentionSite) -> None:
    raised = here.raise_alert(here.record(FIRST_DAY))
    with pytest.raises(SettingsError, match="reason"):
        hold_alert(here.site, raised.alert_id, reason="  ", who="rei")
    with pytest.raises(SettingsError, match="end"):
        hold_span(here.site, "press-1", FIRST_DAY, FIRST_DAY, reason="why", who="rei")
    with pytest.raises(StoreError, match="no hold"):
        here.store.release_hold("0123456789", "rei", here.clock.now_utc())


def test_summaries_go_after_their_own_days(here: RetentionSite) -> None:
    set_retention(here.site, "press-1", {"summary_days": 60}, who="ada")
    here.record(FIRST_DAY)
    after(here, 31)
    run_retention(here.site, "press-1")
    assert here.store.kept_since("press-1")[Kind.SUMMARIES] >= FIRST_DAY
    after(here, 61)
    run_retention(here.site, "press-1")
    assert Kind.SUMMARIES not in here.store.kept_since("press-1")
    (gone,) = here.store.removals("press-1", kind=Kind.SUMMARIES)
    assert (gone.items, gone.why) == (1, Why.POLICY)


def test_deletions_and_holds_can_be_asked_for_in_sql(here: RetentionSite) -> None:
    raised = here.raise_alert(here.record(FIRST_DAY + 35 * DAY))
    here.record(FIRST_DAY)
    after(here, 40)
    hold_alert(here.site, raised.alert_id, reason="insurer", who="rei")
    run_retention(here.site, "press-1")
    _, rows = here.store.query("SELECT kind, why, items FROM deletions ORDER BY kind")
    assert rows == [("footage", "policy", 1), ("scores", "policy", 3)]
    _, rows = here.store.query("SELECT alert_id, reason, who, released_utc FROM holds")
    assert rows == [(raised.alert_id, "insurer", "rei", None)]
