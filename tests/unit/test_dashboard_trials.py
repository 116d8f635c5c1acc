"""The pages of trials: the figures of the command, what people put in, and nothing lost."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from dashboards.trials import assumptions_seen
from pipeline.alerts.reviews import review_alert
from pipeline.assembly import Site
from pipeline.trial.trial import Trial
from pipeline.trial.trial_file import load_trial, trial_path
from pipeline.trial.trial_report import write_trial_report
from tests.alerts_makers import NOON
from tests.dashboard_site import client_of, filled_site, signed_in


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with filled_site(tmp_path, pictures=False) as filled:
        yield filled


def form_of(trial: Trial, **changes: object) -> dict[str, str]:
    given = {**trial.assumptions.model_dump(), **changes}
    return {**{k: str(v) for k, v in given.items()}, "seen": assumptions_seen(trial)}


def test_the_page_says_what_the_report_of_the_command_says(site: Site) -> None:
    first, second, _ = site.store.alerts("line-1")
    review_alert(site, first.alert_id, "anomaly", "sato", "a board")
    review_alert(site, second.alert_id, "false_alarm", "sato")
    done = write_trial_report(site, load_trial(site, "small"), language="en")
    figures = json.loads(done.figures.read_text(encoding="utf-8"))
    page = signed_in(site, "vic").get("/trials/small").text
    assert figures["alarms"] == 3
    assert figures["precision"]["value"] == 0.5
    assert "Not yet, because" in page
    assert "Waiting for verdicts: the watching time is over" in page
    assert "50 %" in page
    assert f"/alerts/{first.alert_id[:12]}" in page
    report = done.page.read_text(encoding="utf-8")
    for tile in page.split('<dd class="value">')[1:]:
        assert f"<dd>{tile.split('</dd>')[0]}</dd>" in report
    assert f"/reports/line-1/{done.page.name}" in page


def test_the_page_speaks_japanese(site: Site) -> None:
    page = signed_in(site, "vic").get("/trials/small", headers={"accept-language": "ja"}).text
    assert "まだ導入できません" in page
    assert "確認待ち：監視期間は終わりました" in page


def test_assumptions_are_written_where_the_command_keeps_them_and_comments_stay(
    site: Site,
) -> None:
    path = trial_path(site, "small")
    with path.open("a", encoding="utf-8") as opened:
        opened.write("# what the board cost us: ask Sato\n")
    before = path.read_text(encoding="utf-8")
    trial = load_trial(site, "small")
    client = signed_in(site, "rei")
    form = form_of(trial, stop_cost_per_hour=2500, currency="円")
    answer = client.post("/trials/small/assumptions", data=form)
    assert answer.status_code == 204
    assert answer.headers["hx-redirect"] == "/trials/small"
    now = load_trial(site, "small")
    assert now.assumptions.stop_cost_per_hour == 2500.0
    assert now.assumptions.currency == "円"
    assert now.bar == trial.bar
    changed = [
        (old, new)
        for old, new in zip(
            before.splitlines(), path.read_text(encoding="utf-8").splitlines(), strict=True
        )
        if old != new
    ]
    assert changed == [
        ('currency = "EUR"', 'currency = "円"'),
        ("stop_cost_per_hour = 1000.0", "stop_cost_per_hour = 2500.0"),
    ]
    assert 'value="2500"' in client.get("/trials/small").text


def test_assumptions_that_somebody_changed_meanwhile_are_not_overwritten(site: Site) -> None:
    seen = load_trial(site, "small")
    client = signed_in(site, "rei")
    assert (
        client.post("/trials/small/assumptions", data=form_of(seen, wage_per_hour=55)).status_code
        == 204
    )
    late = client.post("/trials/small/assumptions", data=form_of(seen, wage_per_hour=70))
    assert late.status_code == 409
    assert load_trial(site, "small").assumptions.wage_per_hour == 55.0


@pytest.mark.parametrize(
    "changes",
    [{"wage_per_hour": -1}, {"wage_per_hour": "nan"}, {"years": 0}, {"currency": "<b>"}],
    ids=str,
)
def test_a_value_out_of_range_is_told_beside_the_form_and_changes_nothing(
    site: Site, changes: dict[str, object]
) -> None:
    before = trial_path(site, "small").read_bytes()
    form = form_of(load_trial(site, "small"), **changes)
    answer = signed_in(site, "rei").post(
        "/trials/small/assumptions", data=form, headers={"hx-request": "true"}
    )
    assert answer.status_code == 422
    assert answer.headers["hx-retarget"] == "#problem"
    assert next(iter(changes)) in answer.text
    assert "<html" not in answer.text
    assert trial_path(site, "small").read_bytes() == before


def test_what_people_noticed_gives_the_minutes_earlier(site: Site) -> None:
    alert = site.store.alerts("line-1")[0]
    review_alert(site, alert.alert_id, "anomaly", "sato")
    client = signed_in(site, "rei")
    # The clock on the wall, which people read, is nine hours ahead of UTC.
    at = (alert.start_utc + timedelta(hours=9, minutes=10)).replace(tzinfo=None)
    form = {"alert": alert.alert_id, "at": at.isoformat()}
    assert client.post("/trials/small/noticed", data=form).status_code == 204
    assert load_trial(site, "small").noticed_utc(alert.alert_id) == (
        alert.start_utc + timedelta(minutes=10)
    )
    assert "10 min 0 s earlier" in client.get("/trials/small").text


def test_a_trial_begins_from_the_page_as_from_the_command(site: Site) -> None:
    client = signed_in(site, "ada")
    form = {
        "camera": "line-1",
        "name": "line-1-spring",
        "start": "2026-03-01T08:00",
        "learn_days": "2",
        "watch_days": "3",
        "least_precision": "0.7",
    }
    answer = client.post("/trials", data=form)
    assert answer.headers["hx-redirect"] == "/trials/line-1-spring"
    trial = load_trial(site, "line-1-spring")
    assert trial.learn_start_utc == (NOON - timedelta(days=1, hours=4))
    assert trial.bar.least_precision == 0.7
    assert trial.bar.most_alarms_a_day == site.store.camera("line-1").budget_per_day
    assert "Learning: day 2 of 2" in client.get("/trials").text
    assert client.post("/trials", data=form).status_code == 422  # there already
    for wrong in ({"name": "../up"}, {"start": "soon"}, {"most_alarms_a_day": "many"}):
        assert client.post("/trials", data={**form, "name": "b", **wrong}).status_code == 422
    assert client.post("/trials", data={"camera": "no-such"}).status_code == 404


def test_a_file_that_cannot_be_read_is_named_to_who_may_see_all_and_hides_no_other(
    site: Site,
) -> None:
    trial_path(site, "broken").write_text("learn_days = [", encoding="utf-8")
    everything = signed_in(site, "ada").get("/trials")
    assert everything.status_code == 200
    assert "not TOML" in everything.text
    assert "Waiting for verdicts" in everything.text
    some = signed_in(site, "vic").get("/trials").text
    assert "broken" not in some
    assert "Waiting for verdicts" in some
    assert signed_in(site, "vic").get("/trials/broken").status_code == 404


def test_trials_of_other_cameras_do_not_exist_for_a_viewer(site: Site) -> None:
    client = signed_in(site, "oto")
    assert "small" not in client.get("/trials").text
    hidden, unknown = client.get("/trials/small"), client.get("/trials/smalX")
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.text.replace("small", "") == unknown.text.replace("smalX", "")
    assert client_of(site).get("/trials/small").status_code == 303


def test_every_change_stands_in_the_audit_log(site: Site) -> None:
    client = signed_in(site, "rei")
    trial = load_trial(site, "small")
    client.post("/trials/small/assumptions", data=form_of(trial, years=4))
    client.get("/trials/small")
    client.post("/trials/small/report")
    with closing(sqlite3.connect(site.folder / "kizashi.db")) as connection:
        rows = connection.execute("SELECT who, what, subject FROM audit_log").fetchall()
    assert [row for row in rows if str(row[1]).endswith(("assumptions", "trial", "report"))] == [
        ("rei", "trial assumptions", "small"),
        ("rei", "saw trial", "small"),
        ("rei", "trial report", "small"),
    ]
