"""Models and messages under retention, on both databases: what goes, what stays, what is said."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ModelError, SettingsError, StoreError
from pipeline.learning.promotion import promote_model, roll_back
from pipeline.learning.registry import ModelRecord
from pipeline.notification.compose import compose_alert, compose_test
from pipeline.notification.outbox import Digest
from pipeline.notification.sinks import FileSink
from pipeline.retention.change import set_retention
from pipeline.retention.holds import hold_alert
from pipeline.retention.policy import Kind
from pipeline.retention.run import plan_retention, run_retention, run_scheduled
from pipeline.store.leases import lease_kept
from pipeline.store.sql import SqlStore
from tests import store_samples as make
from tests.retention_makers import RetentionSite, retention_site

pytest_plugins = ("tests.store_fixtures",)

DAY = timedelta(days=1)
START = make.MORNING
"""When the first model of the site, number 0, was made and became active."""
WEIGHTS = b"weights" * 100


@pytest.fixture
def here(store: SqlStore, tmp_path: Path) -> RetentionSite:
    """A site with press-1, which keeps for 30 days, at the hour of its first model."""
    opened = retention_site(tmp_path / "site", store, START)
    opened.add_camera()
    return opened


def after(here: RetentionSite, days: float) -> None:
    """Set the clock to so many days after the first day."""
    wanted = START + timedelta(days=days)
    here.clock.advance((wanted - here.clock.now_utc()).total_seconds())


def stored(
    here: RetentionSite, number: int, *, on_day: int = 0, active: bool = False, **manifest: Any
) -> ModelRecord:
    """Store a model with files, made and perhaps promoted on a day."""
    plain = make.model(number=number)
    record = replace(
        plain,
        created_utc=START + on_day * DAY,
        manifest={**plain.manifest, **manifest},
    )
    samples = here.site.folder / record.path / "samples"
    samples.mkdir(parents=True, exist_ok=True)
    (samples / "drawn.webm").write_bytes(b"film")
    (samples.parent / "weights.safetensors").write_bytes(WEIGHTS)
    here.store.add_model(record, [])
    if active:
        here.store.promote(record.model_id, START + on_day * DAY)
    return record


def stored_and_replaced(here: RetentionSite) -> ModelRecord:
    """Store a model and, on the two days after it, two that became the active one; return the
    first: nobody would go back to it."""
    old = stored(here, 0)
    for number in (1, 2):
        stored(here, number, on_day=number, active=True)
    return old


def there(here: RetentionSite, *records: ModelRecord) -> list[bool]:
    """Return which models have files, and hold that their rows say the same."""
    rows = {row.model_id: row for row in here.store.models("press-1")}
    found = [(here.site.folder / record.path).exists() for record in records]
    assert [rows[r.model_id].files_removed_utc is None for r in records] == found
    return found


def test_a_model_goes_its_days_after_it_was_retired_and_its_row_says_so(
    here: RetentionSite,
) -> None:
    old, before, now = (
        stored(here, number, on_day=day, active=True) for number, day in ((0, 0), (1, 7), (2, 14))
    )
    after(here, 7 + 180)
    assert run_retention(here.site, "press-1").items(Kind.MODELS) == 0
    after(here, 7 + 181)
    assert plan_retention(here.site, "press-1").items(Kind.MODELS) == 1
    assert there(here, old) == [True]
    summary = run_retention(here.site, "press-1")
    assert there(here, old, before, now) == [False, True, True]
    (gone,) = here.store.removals("press-1", kind=Kind.MODELS)
    assert (gone.items, gone.size_bytes) == (1, len(WEIGHTS) + 4)
    assert gone.finished_utc is not None
    assert summary.size_bytes == gone.size_bytes
    assert ("retention", "removed models", "press-1") in here.audit()
    assert here.store.query("SELECT kind, items FROM deletions")[1] == [("models", 1)]
    assert run_retention(here.site, "press-1").removals == []


def test_the_active_one_and_that_of_a_roll_back_stay_for_ever(here: RetentionSite) -> None:
    before = stored(here, 0)
    now = stored(here, 1, on_day=1, active=True)
    after(here, 5_000)
    run_retention(here.site, "press-1")
    assert there(here, before, now) == [True, True]


def test_a_candidate_stays_until_it_is_refused_or_overtaken(here: RetentionSite) -> None:
    trial = {"trial_since_utc": START.isoformat()}
    active = stored(here, 0)
    untried = stored(here, 2, on_day=1)
    refused, good, overtaken, newest = (
        stored(here, number, on_day=number, **trial) for number in (3, 4, 5, 6)
    )
    for day, tried, not_worse in ((3, refused, False), (6, newest, True)):
        compared = make.comparison(tried, active, not_worse=not_worse)
        here.store.add_comparison(replace(compared, at_utc=START + day * DAY))
    here.store.add_comparison(
        replace(make.comparison(good, active, minutes=1), at_utc=START + 4 * DAY)
    )
    everything = (active, untried, refused, good, overtaken, newest)
    after(here, 3 + 181)
    run_retention(here.site, "press-1")
    # The refused one was overtaken by the next, a day after it was refused.
    assert there(here, *everything) == [True, True, False, True, True, True]
    after(here, 5_000)
    run_retention(here.site, "press-1")
    assert there(here, *everything) == [True, True, False, False, False, True]


def test_what_a_student_in_use_learnt_from_stays_as_long_as_the_student(
    here: RetentionSite,
) -> None:
    teacher = stored(here, 0)
    student = stored(here, 2, on_day=1, active=True, teacher=teacher.model_id)
    between = stored(here, 3, on_day=2, active=True)
    here.store.promote(student.model_id, START + 3 * DAY)
    after(here, 5_000)
    run_retention(here.site, "press-1")
    assert there(here, teacher, student, between) == [True, True, True]
    for number in (4, 5):
        stored(here, number, on_day=5_000, active=True)
    after(here, 5_179)
    run_retention(here.site, "press-1")
    assert there(here, teacher, student, between) == [True, True, False]
    after(here, 5_182)
    run_retention(here.site, "press-1")
    assert there(here, teacher, student) == [False, False]


def test_the_model_of_a_held_alert_stays(here: RetentionSite) -> None:
    first = stored(here, 0)  # which the films of this site are scored by
    raised = here.raise_alert(here.record(START))
    held = hold_alert(here.site, raised.alert_id, reason="insurer", who="rei").hold
    for number in (1, 2):
        stored(here, number, on_day=number, active=True)
    after(here, 400)
    run_retention(here.site, "press-1")
    assert there(here, first) == [True]
    here.store.release_hold(held.hold_id, "rei", here.clock.now_utc())
    run_retention(here.site, "press-1")
    assert there(here, first) == [False]


def test_a_model_is_kept_as_long_as_its_scores(here: RetentionSite) -> None:
    old = stored_and_replaced(here)
    set_retention(here.site, "press-1", {"score_days": 300}, who="ada")
    with pytest.raises(SettingsError, match="--model-days 300"):
        set_retention(here.site, "press-1", {"model_days": 200}, who="ada")
    after(here, 250)
    run_retention(here.site, "press-1")
    assert there(here, old) == [True]
    set_retention(here.site, "press-1", {"score_days": 20, "model_days": 60}, who="ada")
    run_retention(here.site, "press-1")
    assert there(here, old) == [False]
    assert here.store.retention_policy("press-1").model_days == 60


def test_models_are_left_alone_while_their_camera_trains(here: RetentionSite) -> None:
    old = stored_and_replaced(here)
    after(here, 400)
    lines: list[str] = []
    with lease_kept(here.store, "train/press-1", 60.0):
        run_retention(here.site, "press-1", progress=lines.append)
    assert there(here, old) == [True]
    assert any("being trained" in line for line in lines)
    run_retention(here.site, "press-1")
    assert there(here, old) == [False]


def test_a_model_that_is_promoted_after_the_plan_stays(here: RetentionSite) -> None:
    old = stored_and_replaced(here)
    after(here, 400)
    (planned,) = plan_retention(here.site, "press-1").removals
    file = make.old_file(f"press-1/{old.model_id}", model_id=old.model_id, end_utc=START + DAY)
    here.store.promote(old.model_id, here.clock.now_utc())
    assert here.store.begin_removal(planned, [file]) is None
    assert there(here, old) == [True]


def gone_model(here: RetentionSite) -> ModelRecord:
    """Return a model whose files retention has removed."""
    old = stored_and_replaced(here)
    after(here, 400)
    run_retention(here.site, "press-1")
    (row,) = [row for row in here.store.models("press-1") if row.model_id == old.model_id]
    return row


def test_what_needs_the_files_says_that_they_are_gone(here: RetentionSite) -> None:
    old = gone_model(here)
    said = f"files of model {old.model_id[:12]} of camera press-1 were removed by retention on 2027"
    for use in (
        lambda: old.place(here.site.folder),
        lambda: promote_model(here.site, old.model_id, who="ada"),
    ):
        with pytest.raises(ModelError, match=said):
            use()
    with pytest.raises(StoreError, match="removed by retention"):
        here.store.promote(old.model_id, here.clock.now_utc())
    active = here.store.active_model("press-1")
    assert active is not None
    assert active.model_id != old.model_id
    # A roll-back looks for files: those of the one before are there, and are not what they were.
    with pytest.raises(ModelError) as caught:
        roll_back(here.site, "press-1", who="ada")
    assert "removed by retention" not in str(caught.value)


def test_files_that_a_backup_puts_back_go_again(here: RetentionSite) -> None:
    old = gone_model(here)
    (here.site.folder / old.path).mkdir()
    here.clock.advance(60)
    assert run_retention(here.site, "press-1").items(Kind.MODELS) == 1
    assert not (here.site.folder / old.path).exists()
    (row,) = [row for row in here.store.models("press-1") if row.model_id == old.model_id]
    assert row.files_removed_utc == old.files_removed_utc


def test_a_model_that_is_made_once_more_is_there_again(here: RetentionSite) -> None:
    old = stored_and_replaced(here)
    after(here, 400)
    (planned,) = plan_retention(here.site, "press-1").removals
    file = make.old_file(f"press-1/{old.model_id}", model_id=old.model_id, end_utc=START + DAY)
    assert here.store.begin_removal(planned, [file]) is not None  # and killed here
    stored(here, 0)
    here.store.promote(old.model_id, here.clock.now_utc())
    run_retention(here.site, "press-1")
    assert there(here, old) == [True]
    assert here.store.open_removals() == []


def test_a_row_that_leads_out_of_the_models_removes_nothing(here: RetentionSite) -> None:
    precious = here.site.folder.parent / "precious"
    precious.mkdir()
    plain = make.model(number=1)
    for number, path in enumerate(("../precious", "models", "models/../evidence")):
        odd = replace(plain, model_id=f"{number}" * 32, path=path, calibration_id=path)
        here.store.add_model(odd, [])
        here.store.promote(odd.model_id, START)
    (here.site.folder / "evidence").mkdir()
    stored(here, 5, on_day=1, active=True)
    stored(here, 6, on_day=2, active=True)
    after(here, 400)
    run_retention(here.site, "press-1")
    assert precious.is_dir()
    assert (here.site.folder / "evidence").is_dir()
    assert (here.site.folder / "models").is_dir()


def test_the_schedule_tells_of_models_before_it_removes_them(here: RetentionSite) -> None:
    old = stored_and_replaced(here)
    after(here, 400)
    assert run_scheduled(here.site, "press-1").announced
    assert there(here, old) == [True]
    after(here, 401)
    run_scheduled(here.site, "press-1")
    assert there(here, old) == [False]


# messages ------------------------------------------------------------------------------------


def told_of(here: RetentionSite, day: int, *, received: bool = True) -> Path:
    """Write the message of an alert of a day into deliveries/, as the file sink does."""
    raised = here.raise_alert(here.record(START + day * DAY))
    folder = here.site.folder / "deliveries"
    FileSink(folder).send(compose_alert(here.site, here.store.camera("press-1"), raised))
    path = folder / f"{raised.alert_id}.json"
    written = (raised.end_utc.timestamp(),) * 2
    os.utime(path, written)
    if received:
        for sink in {state.sink for state in here.store.sink_states()}:
            here.store.record_delivery(raised.alert_id, sink, raised.end_utc, None)
    return path


def test_messages_go_as_evidence_does_and_those_that_wait_stay(here: RetentionSite) -> None:
    old, waiting, young = told_of(here, 0), told_of(here, 1, received=False), told_of(here, 20)
    folder = old.parent
    test = compose_test(here.site, "file")
    FileSink(folder).send(test)
    foreign = folder / "orders.json"
    foreign.write_text(json.dumps({"camera": "press-1", "message": "alert"}))
    renamed = folder / "mine.json"
    renamed.write_bytes(old.read_bytes())
    for path in (folder / f"{test.key}.json", foreign, renamed):
        os.utime(path, (START.timestamp(),) * 2)
    after(here, 29)
    assert run_retention(here.site, "press-1").items(Kind.DELIVERIES) == 0
    after(here, 40)
    run_retention(here.site, "press-1")
    kept = [waiting, young, folder / f"{test.key}.json", foreign, renamed]
    assert sorted(folder.glob("*.json")) == sorted(kept)
    (gone,) = here.store.removals("press-1", kind=Kind.DELIVERIES)
    assert (gone.items, gone.why.value) == (1, "policy")
    assert ("retention", "removed deliveries", "press-1") in here.audit()
    waits = waiting.stem
    assert here.store.waiting_messages("press-1") == {waits}
    planned = make.removal(kind=Kind.DELIVERIES)
    file = make.old_file(f"deliveries/{waiting.name}")
    assert here.store.begin_removal(planned, [file]) is None


def test_a_digest_goes_once_it_was_received_and_a_held_message_stays(here: RetentionSite) -> None:
    path = told_of(here, 0)
    hold_alert(here.site, path.stem, reason="insurer", who="rei")
    digest = Digest.of_day("file", "press-1", "2026-02-02", START + DAY, START + 2 * DAY)
    here.store.add_digest(digest, [])
    body = {
        "message": "daily_digest",
        "camera": "press-1",
        "digest_id": digest.digest_id,
        "since_utc": "2026-02-01T12:00:00Z",
        "until_utc": "2026-02-02T12:00:00Z",
    }
    told = path.with_name(f"{digest.digest_id}.json")
    told.write_text(json.dumps(body))
    os.utime(told, ((START + 2 * DAY).timestamp(),) * 2)
    after(here, 40)
    run_retention(here.site, "press-1")
    assert told.exists()
    here.store.record_digest(digest.digest_id, here.clock.now_utc(), None)
    run_retention(here.site, "press-1")
    assert (told.exists(), path.exists()) == (False, True)


def test_a_folder_of_messages_outside_the_site_is_not_touched(here: RetentionSite) -> None:
    path = told_of(here, 0)
    outside = here.site.folder.parent / "elsewhere"
    path.parent.rename(outside)
    path.parent.symlink_to(outside)
    after(here, 400)
    assert run_retention(here.site, "press-1").items(Kind.DELIVERIES) == 0
    assert (outside / path.name).exists()
