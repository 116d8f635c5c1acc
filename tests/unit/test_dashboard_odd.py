"""What is odd and legal: no page fails for it, and none says more than is known."""

from __future__ import annotations

import html
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dashboards import cases, facts, stills
from dashboards.routes import alerts, queries
from pipeline.accounts.login import log_in
from pipeline.alerts.alerts import Severity
from pipeline.alerts.evidence import Evidence, EvidenceKind
from pipeline.assembly import Site
from pipeline.errors import CameraError
from pipeline.reports.camera_report import write_camera_report
from tests.dashboard_site import PASSWORD, client_of, filled_site, signed_in


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with filled_site(tmp_path_factory.mktemp("site"), pictures=False) as filled:
        yield filled


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Site]:
    with filled_site(tmp_path, pictures=False) as own:
        yield own


SCORES = "/api/v1/cameras/line-1/scores"


@pytest.mark.parametrize(
    "address",
    [
        "/cameras/line-1?until=2026-03-02T06:00:00",
        "/cameras/line-1?until=0001-01-01T00:00:00Z",
        "/cameras/line-1?until=9999-12-31T23:59:59Z",
        "/cameras/line-1/still?at=2026-03-02T06:00:00",
        f"{SCORES}?since=0001-01-01T00:00:00%2B14:00&until=0001-01-01T01:00:00%2B14:00",
        "/api/v1/alerts?since=0001-01-01T00:00:00%2B14:00",
    ],
)
def test_a_moment_without_offset_or_of_no_calendar_is_refused_in_a_sentence(
    site: Site, address: str
) -> None:
    answer = signed_in(site, "ada").get(address)
    assert answer.status_code == 422
    assert "has no offset" in answer.text or "give a year from 1900" in answer.text
    assert str(site.folder) not in answer.text


def test_a_refusal_does_not_name_the_camera_of_an_alert_or_pattern(site: Site) -> None:
    alert = site.store.alerts("line-1")[0].alert_id
    client = signed_in(site, "oto")
    for address in (f"/alerts/{alert}", f"/media/{alert}/clip", f"/api/v1/alerts/{alert}"):
        answer = client.get(address)
        assert answer.status_code == 403
        assert "line-1" not in answer.text, address


def test_who_sees_one_camera_is_told_no_names_of_others_that_share_its_footage(site: Site) -> None:
    own = site.store.camera("line-1")
    site.store.put_camera(replace(own, name="secret-line"))
    try:
        seen = signed_in(site, "ada").get("/cameras/line-1/kept").text
        assert "is also that of secret-line" in seen
        shown = signed_in(site, "vic").get("/cameras/line-1/kept").text
        assert "is also that of cameras that you may not see" in shown
        assert "secret-line" not in shown
    finally:
        site.store.put_camera(replace(own, name="secret-line", source=Path("elsewhere")))


def test_whoever_asks_the_api_for_an_alert_stands_in_the_audit_log(site: Site) -> None:
    alert = site.store.alerts("line-1")[1].alert_id
    assert signed_in(site, "vic").get(f"/api/v1/alerts/{alert}").status_code == 200
    asked = "SELECT who FROM audit_log WHERE what = 'saw alert' AND subject = ?"
    with closing(sqlite3.connect(site.folder / "kizashi.db")) as opened:
        assert opened.execute(asked, (alert,)).fetchall() == [("vic",)]


def test_the_login_leads_back_to_the_page_as_it_was_asked(site: Site) -> None:
    asked = "/cameras/line-1?hours=168.0&until=2026-03-02T06%3A00%3A00%2B00%3A00"
    client = client_of(site)
    form = client.get(client.get(asked).headers["location"]).text
    target = html.unescape(form.split('name="next" value="')[1].split('"')[0])
    assert target == asked
    given = {"name": "vic", "password": PASSWORD, "next": target}
    assert client.post("/login", data=given).headers["location"] == asked


def test_an_address_too_long_for_the_form_leads_back_to_its_page(site: Site) -> None:
    location = client_of(site).get("/sql", params={"query": "x" * 5000}).headers["location"]
    assert location == "/login?next=/sql"


def test_a_page_that_refreshes_itself_goes_to_the_login_when_the_session_has_ended(
    site: Site,
) -> None:
    here = {"hx-request": "true", "hx-current-url": "http://127.0.0.1/alerts?camera=line-1"}
    client = client_of(site)
    for answer in (client.get("/", headers=here), client.post("/logout", headers=here)):
        # Followed by the script, the page to log in would take the place of the cameras.
        assert answer.status_code == 401
        assert answer.headers["hx-redirect"] == "/login?next=/alerts%3Fcamera%3Dline-1"


def test_a_form_keeps_what_was_typed_when_the_session_has_ended(site: Site) -> None:
    answer = client_of(site).post(
        "/cameras/line-1/settings", data={"purpose": "x"}, headers={"hx-request": "true"}
    )
    assert answer.status_code == 401
    assert answer.headers["hx-retarget"] == "#problem"
    assert "logged in no longer" in answer.text
    assert "<html" not in answer.text


def test_what_is_critical_comes_first_however_many_newer_notices_wait(
    filled: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "LONGEST_QUEUE", 3)
    monkeypatch.setattr(alerts, "LONGEST_QUEUE", 3)
    known = filled.store.alerts("line-1")
    severe = [one for one in known if one.severity is Severity.CRITICAL]
    first = severe[0]
    for number in range(4):
        later = first.end_utc + timedelta(hours=1, minutes=number)
        notice = replace(
            first,
            alert_id=f"{number:032d}",
            severity=Severity.NOTICE,
            start_utc=later,
            peak_utc=later,
            end_utc=later,
        )
        filled.store.add_alert(notice, [])
    client = signed_in(filled, "rei")
    waiting = client.get("/api/v1/queue").json()
    assert len(waiting) == 3
    assert {*waiting[: len(severe)]} == {one.alert_id for one in severe}
    # More wait than the page holds: it must not say how many, nor that all is done after these.
    assert 'data-cut="yes"' in client.get("/review").text


@pytest.mark.parametrize(
    ("until", "says"),
    [
        ("2026-02-01T00:00:00Z", "Nothing was watched in this time"),
        # An hour before the morning and its first minutes.
        (
            "2026-03-02T03:10:00Z",
            "in the 10 min 0 s that were watched. 1 h 50 min (91.7 %",
        ),
        ("2026-03-02T05:10:00Z", "alert"),
    ],
)
def test_no_alert_is_said_only_of_time_that_was_watched(site: Site, until: str, says: str) -> None:
    shown = signed_in(site, "vic").get("/cameras/line-1", params={"hours": 2, "until": until}).text
    assert says in shown
    assert "No alert in this time" not in shown


def test_a_page_of_more_alerts_than_it_lists_says_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "_NEWEST_ALERTS", 2)
    shown = signed_in(site, "vic").get("/cameras/line-1?until=2026-03-02T09:00:00Z").text
    assert "The newest 2 of this time; there are more." in shown
    monkeypatch.setattr(facts, "_NEWEST_ALERTS", 3)
    shown = signed_in(site, "vic").get("/cameras/line-1?until=2026-03-02T09:00:00Z").text
    assert "there are more" not in shown


def test_settings_that_are_refused_keep_what_was_typed(filled: Site) -> None:
    client = signed_in(filled, "ada")
    page = client.get("/cameras/line-1/settings").text
    seen = page.split('name="seen" value="')[1].split('"')[0]
    wanted = {"purpose": "Watch the gate", "owner": "night shift", "retention_days": "21"}
    form = {**wanted, "budget_per_day": "2.5", "seen": seen}
    filled.store.put_camera(replace(filled.store.camera("line-1"), owner="day shift"))
    refused = client.post("/cameras/line-1/settings", data=form)
    assert refused.status_code == 409
    for value in (*wanted.values(), "2.5"):
        assert f'value="{value}"' in refused.text, value
    assert "now: day shift" in refused.text
    # Whoever has read what is there now may have theirs.
    form["seen"] = refused.text.split('name="seen" value="')[1].split('"')[0]
    assert client.post("/cameras/line-1/settings", data=form).status_code == 200
    assert filled.store.camera("line-1").owner == "night shift"

    empty = client.post("/cameras/line-1/settings", data={**form, "purpose": " ", "seen": ""})
    assert empty.status_code == 422
    assert 'value="21"' in empty.text


def test_the_frame_of_a_moment_is_of_the_footage_that_holds_it(filled: Site) -> None:
    camera = filled.store.camera("line-1")
    first, second, *_ = filled.store.segments("line-1")
    assert first.end_utc == second.start_utc
    last_half = first.end_utc - timedelta(seconds=0.5)
    assert stills._segment_at(filled, camera, last_half) == first
    assert stills._segment_at(filled, camera, second.start_utc) == second
    hole = second.end_utc + timedelta(seconds=60)
    with pytest.raises(CameraError, match="nothing was seen"):
        stills._segment_at(filled, camera, hole)


def test_an_answer_of_exactly_as_many_rows_as_are_shown_is_whole(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(site, "ada")
    asked = {"query": "SELECT camera FROM camera_health"}
    count = client.get("/sql", params=asked).text.count("<tr><td>")
    monkeypatch.setattr(queries, "_ROWS", count)
    whole = client.get("/sql", params=asked).text
    assert f"{count} rows" in whole
    assert "The first" not in whole
    monkeypatch.setattr(queries, "_ROWS", count - 1)
    cut = client.get("/sql", params=asked).text
    assert f"The first {count - 1} rows;" in cut
    assert cut.count("<tr><td>") == count - 1


def test_a_program_that_logs_out_ends_its_session(site: Site) -> None:
    begun = log_in(site, "vic", PASSWORD)
    client = client_of(site)
    sent = {"authorization": f"Bearer {begun.token}"}
    assert client.get("/api/v1/queue", headers=sent).status_code == 200
    assert client.post("/logout", headers=sent).status_code == 204
    assert client.get("/api/v1/queue", headers=sent).status_code == 401


def test_an_alert_without_pictures_is_shown_and_nobody_is_said_to_have_taken_them(
    filled: Site,
) -> None:
    alert = filled.store.alerts("line-1")[0]
    never = signed_in(filled, "vic").get(f"/alerts/{alert.alert_id}")
    assert never.status_code == 200
    assert "No pictures were made of this alert" in never.text
    assert "was changed" not in never.text
    span = {"since": alert.start_utc, "until": alert.end_utc + timedelta(seconds=1)}
    written = write_camera_report(filled, "line-1", **span, language="en").read_text("utf-8")
    assert "No pictures were made of this alert" in written
    assert "was changed" not in written


def test_evidence_whose_file_is_gone_from_the_disk_is_said_and_not_played(
    filled: Site,
) -> None:
    alert = filled.store.alerts("line-1")[0]
    again = replace(alert, alert_id="e" * 32)
    path = filled.evidence_folder / "line-1" / "gone.webm"
    lost = Evidence(
        evidence_id="d" * 32,
        alert_id=again.alert_id,
        kind=EvidenceKind.CLIP,
        path=path.relative_to(filled.folder).as_posix(),
        sha256="0" * 64,
        size_bytes=1,
    )
    filled.store.add_alert(again, [lost])
    shown = signed_in(filled, "vic").get(f"/alerts/{again.alert_id}").text
    assert "<video" not in shown
    assert "Evidence is missing or was changed: clip." in shown


@pytest.mark.parametrize(
    ("address", "form", "says"),
    [
        ("/cameras/line-1/settings", {"purpose": " "}, "カメラ line-1：目的がありません"),
        ("/cameras/line-1/settings", {"retention_days": "0"}, "retention_days：1 以上に"),
        ("/cameras/line-1/rollback", {}, "line-1：ほかに使用したモデルがありません"),
        ("/trials", {"camera": "line-1", "start": "soon"}, "は日時ではありません"),
    ],
)
def test_a_refusal_is_in_the_language_of_the_page(
    site: Site, address: str, form: dict[str, str], says: str
) -> None:
    client = signed_in(site, "ada")
    client.cookies.set("kizashi-language", "ja")
    stands = {"purpose": "x", "owner": "x", "retention_days": "21", "budget_per_day": "1"}
    answer = client.post(address, data={**stands, **form})
    assert answer.status_code >= 400
    assert says in html.unescape(answer.text)


def test_a_query_that_is_refused_is_so_in_the_language_of_the_page(site: Site) -> None:
    client = signed_in(site, "ada")
    client.cookies.set("kizashi-language", "ja")
    refused = client.get("/sql?query=SELECT+*+FROM+cameras").text
    assert "は公開ビューではありません。使えるもの" in html.unescape(refused)


@pytest.mark.parametrize(
    ("method", "address", "status", "english", "japanese"),
    [
        (
            *("GET", "/no-such-page", 404),
            *("there is nothing at this address", "このアドレスには何もありません"),
        ),
        (
            *("GET", "/static/no-such.js", 404),
            *("there is nothing at this address", "このアドレスには何もありません"),
        ),
        (
            *("PUT", "/reports", 405),
            *("this address cannot be asked in that way", "このアドレスではその操作はできません"),
        ),
    ],
)
def test_an_unknown_address_is_answered_in_words_of_ours(
    site: Site, method: str, address: str, status: int, english: str, japanese: str
) -> None:
    for language, said in (("en", english), ("ja", japanese)):
        client = signed_in(site, "vic")
        answer = client.request(method, address, headers={"accept-language": language})
        assert (answer.status_code, said in answer.text) == (status, True)
        assert "Not Found" not in answer.text
        assert "Not Allowed" not in answer.text
        asked = {"accept-language": language, "accept": "application/json"}
        assert client.request(method, address, headers=asked).json() == {"error": said}
