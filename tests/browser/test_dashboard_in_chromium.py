"""The dashboard as people use it, in a real browser: look, judge, undo, in two languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dashboards import cases
from dashboards.routes import alerts
from pipeline.alerts.reviews import review_alert
from pipeline.assembly import Site
from pipeline.trial.trial_file import load_trial, trial_path
from tests.dashboard_site import PASSWORD, filled_site

pytestmark = pytest.mark.browser

SHOTS = Path(__file__).parents[2] / "test-output"
PAGES = {
    "overview": "/",
    "camera": "/cameras/line-1?hours=4&until=2026-03-02T06:30:00Z",
    "alerts": "/alerts",
    "review": "/review",
    "trials": "/trials",
    "trial": "/trials/small",
    "reports": "/reports",
    "models": "/models",
    "model": "/models/" + "f" * 32,
    "runs": "/runs",
    "sql": "/sql?query=SELECT%20camera,%20severity,%20score%20FROM%20flagged_clips",
    "settings": "/cameras/line-1/settings",
    "login": "/login",
    "error": "/nothing-here",
}
ON_PHONES = ("overview", "camera", "alerts", "review", "trial", "settings")
"""What is looked at on a phone first; the others in the slow tier."""
PLAYS = """video => new Promise(done => {
    const from = video.currentTime;
    setTimeout(() => done(video.currentTime !== from && !video.error), 700);
})"""
CENTRE = """canvas => {
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let [x, y, all] = [0, 0, 0];
    for (let at = 0; at < data.length; at += 4) {
        const weight = data[at + 3], pixel = at / 4;
        x += weight * (pixel % canvas.width); y += weight * Math.floor(pixel / canvas.width);
        all += weight;
    }
    return [x / all / canvas.width, y / all / canvas.height, all];
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with filled_site(tmp_path_factory.mktemp("site")) as filled:
        yield filled


@pytest.fixture(scope="module")
def logins(browser: Browser, address: str) -> dict[str, list[dict[str, object]]]:
    """The cookies of each of the people, got by the form."""
    found = {}
    for name in ("ada", "rei", "vic", "oto"):
        page = browser.new_context().new_page()
        page.goto(f"{address}/login")
        log_in_with(page, name, PASSWORD)
        found[name] = page.context.cookies()
        page.context.close()
    return found  # type: ignore[return-value]


@pytest.fixture
def visit(
    browser: Browser, address: str, logins: dict[str, list[dict[str, object]]]
) -> Iterator[object]:
    """A function that opens a page as somebody; nothing that the browser complains of is let by."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def go(path: str, name: str = "ada", **view: object) -> Page:
        context = browser.new_context(
            **{"base_url": address, "viewport": {"width": 1280, "height": 900}, **view}  # type: ignore[arg-type]
        )
        context.set_default_timeout(20_000)
        context.add_cookies(logins[name])  # type: ignore[arg-type]
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    go.complaints = complaints  # type: ignore[attr-defined]
    yield go
    for context in opened:
        context.close()
    assert complaints == []


@pytest.fixture(autouse=True)
def no_verdicts(site: Site) -> Iterator[None]:
    """Every test begins with alerts that nobody has judged."""
    yield
    for alert in site.store.alerts():
        for review in site.store.reviews(alert.alert_id):
            site.store.withdraw_review(review.review_id, "test", review.at_utc)


def log_in_with(page: Page, name: str, password: str) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def shown_alert(page: Page) -> str:
    found = page.locator("article.case").get_attribute("data-alert")
    assert found is not None
    return found


def test_a_wrong_password_is_told_and_the_right_one_leads_where_one_wanted(
    browser: Browser, address: str
) -> None:
    page = browser.new_context(base_url=address).new_page()
    page.goto("/alerts")
    assert "/login" in page.url
    log_in_with(page, "vic", "not-the-password")
    expect(page.get_by_role("alert")).to_contain_text("do not fit together")
    log_in_with(page, "vic", PASSWORD)
    assert page.url == f"{address}/alerts"
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    page.goto("/")
    assert "/login" in page.url
    page.context.close()


def test_a_camera_of_others_is_refused_in_words(visit) -> None:  # type: ignore[no-untyped-def]
    page = visit("/cameras/line-1", "oto")
    expect(page.locator("h1")).to_have_text("Not allowed")
    expect(page.locator("main")).to_contain_text("you may not see camera")
    assert "find jams" not in page.content()
    assert visit.complaints.pop().startswith("Failed to load resource")  # the 403 itself


def test_the_overview_says_who_is_not_watched_first_and_never_that_all_is_well(visit) -> None:  # type: ignore[no-untyped-def]
    page = visit("/")
    cards = page.locator("article.camera")
    assert cards.count() == 2
    first = cards.nth(0)
    expect(first).to_have_attribute("data-camera", "line-1")
    expect(first.locator(".state")).to_contain_text("Blind: no footage since")
    expect(first.locator(".finding")).to_have_text("3 alerts wait for a verdict")
    second = cards.nth(1)
    expect(second.locator(".state")).to_contain_text("no footage has ever come")
    expect(second.locator(".finding")).to_have_text("What happens now is not known")
    visit.complaints.clear()  # the newest footage of this site is a row without a file


def test_the_language_is_switched_and_stays(visit) -> None:  # type: ignore[no-untyped-def]
    page = visit("/alerts?camera=line-1", "vic")
    page.get_by_role("link", name="日本語").click()
    expect(page.locator("h1")).to_have_text("アラート")
    assert "camera=line-1" in page.url
    page.goto("/models")
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    page.get_by_role("link", name="English").click()
    expect(page.locator("h1")).to_have_text("Models")


def test_the_curve_is_drawn_zoomed_and_a_click_shows_the_frame(visit) -> None:  # type: ignore[no-untyped-def]
    page = visit("/cameras/line-1?hours=1&until=2026-03-02T04:00:00Z", "vic")
    curve = page.locator("#curve[data-drawn]")
    expect(curve).to_be_visible()
    assert int(curve.get_attribute("data-drawn") or 0) > 100
    over = page.locator("#curve .u-over").bounding_box()
    assert over is not None
    labels = "() => document.querySelector('#curve canvas').toDataURL()"
    whole = page.evaluate(labels)
    page.mouse.move(over["x"] + 100, over["y"] + 50)
    page.mouse.down()
    page.mouse.move(over["x"] + 300, over["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_timeout(200)
    assert page.evaluate(labels) != whole
    page.mouse.dblclick(over["x"] + 200, over["y"] + 60)
    # The film has twelve seconds of this hour: the click must lie in them.
    page.goto("/cameras/line-1?hours=0.003&until=2026-03-02T03:00:11Z")
    expect(page.locator("#curve[data-drawn]")).to_be_visible()
    box = page.locator("#curve .u-over").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 80)
    picture = page.locator("#frame img")
    expect(picture).to_be_visible()
    page.wait_for_function("() => document.querySelector('#frame img').naturalWidth > 0")
    expect(page.locator("#frame figcaption")).not_to_be_empty()


def test_the_keyboard_alone_finds_a_moment_of_the_curve(visit) -> None:  # type: ignore[no-untyped-def]
    page = visit("/cameras/line-1?hours=0.003&until=2026-03-02T03:00:11Z", "vic")
    curve = page.locator("#curve[data-drawn]")
    curve.focus()
    page.keyboard.press("Home")
    begin = curve.get_attribute("aria-valuetext")
    assert curve.get_attribute("aria-valuenow") == "0"
    for _ in range(5):
        page.keyboard.press("PageUp")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert curve.get_attribute("aria-valuenow") == "50"
    assert curve.get_attribute("aria-valuetext") != begin
    page.keyboard.press("Control+Home")  # the browser's own
    assert curve.get_attribute("aria-valuenow") == "50"
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#frame img').naturalWidth > 0")
    said = page.locator("#frame figcaption").inner_text()
    assert said
    assert (curve.get_attribute("aria-valuetext") or "").startswith(said)


def test_the_clip_plays_at_once_steps_and_slows(visit) -> None:  # type: ignore[no-untyped-def]
    page = visit("/review", "vic")
    film = page.locator("video")
    page.wait_for_function("() => document.querySelector('video').readyState >= 2")
    assert film.evaluate(PLAYS)
    page.keyboard.press("Space")
    assert film.evaluate("video => video.paused")
    before = film.evaluate("video => { video.currentTime = 1; return video.currentTime; }")
    page.keyboard.press(".")
    page.wait_for_function("() => !document.querySelector('video').seeking")
    assert film.evaluate("video => video.currentTime") == pytest.approx(before + 1 / 15, abs=0.01)
    page.get_by_role("button", name="One frame back").click()
    assert film.evaluate("video => video.currentTime") == pytest.approx(before, abs=0.01)
    page.keyboard.press("s")
    assert film.evaluate("video => video.playbackRate") == 0.25
    expect(page.get_by_role("button", name="Slow motion")).to_have_attribute("aria-pressed", "true")


def test_a_clip_is_sent_in_parts(visit, address: str) -> None:  # type: ignore[no-untyped-def]
    page = visit("/review", "vic")
    clip = f"/media/{shown_alert(page)}/clip"
    answer = page.request.get(clip, headers={"range": "bytes=10-19"})
    assert answer.status == 206
    assert len(answer.body()) == 10


def test_the_heat_map_lies_where_the_fault_is(visit, site: Site) -> None:  # type: ignore[no-untyped-def]
    for alert in site.store.alerts():
        page = visit(f"/alerts/{alert.alert_id}", "vic")
        page.keyboard.press("h")
        canvas = page.locator("canvas.heat[data-drawn]")
        expect(canvas).to_be_visible()
        x, y, weight = canvas.evaluate(CENTRE)
        assert weight > 0
        place = alert.place
        assert place.x <= x <= place.x + place.width
        assert place.y <= y <= place.y + place.height
        page.keyboard.press("h")
        expect(page.locator("canvas.heat")).to_be_hidden()


def test_verdicts_by_key_lead_to_the_next_alert_until_none_is_left(visit, site: Site) -> None:  # type: ignore[no-untyped-def]
    page = visit("/review", "rei")
    expect(page.locator("#left")).to_have_text("3 left")
    given = {}
    for key, verdict in (("1", "anomaly"), ("2", "known_harmless"), ("3", "false_alarm")):
        given[shown_alert(page)] = verdict
        left = 3 - len(given)
        page.keyboard.press(key)
        expect(page.locator("#left")).to_have_text(f"{left} left")
        page.wait_for_timeout(150)
    expect(page.locator("#told")).to_have_text("All alerts have a verdict.")
    found = {
        alert.alert_id: site.store.reviews(alert.alert_id)[-1] for alert in site.store.alerts()
    }
    assert {alert: review.verdict for alert, review in found.items()} == given
    assert {review.reviewer for review in found.values()} == {"rei"}
    page.goto("/review")
    expect(page.locator("h1")).to_have_text("No alert waits for a verdict")


def test_all_are_done_only_when_the_server_says_so(  # type: ignore[no-untyped-def]
    visit, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "LONGEST_QUEUE", 1)
    monkeypatch.setattr(alerts, "LONGEST_QUEUE", 1)
    page = visit("/review", "rei")
    assert page.locator("#left").inner_text() == "1+ left"
    first = shown_alert(page)
    page.keyboard.press("2")
    # The page held one of them; the others are asked for.
    expect(page.locator("article.case")).not_to_have_attribute("data-alert", first)
    expect(page.locator("#told")).to_be_hidden()


def test_the_next_alert_is_there_before_it_is_asked_for(visit) -> None:  # type: ignore[no-untyped-def]
    page = visit("/review", "rei")
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    first = shown_alert(page)
    page.keyboard.press("2")
    expect(page.locator("article.case")).not_to_have_attribute("data-alert", first)
    second = shown_alert(page)
    film = page.locator("video")
    assert film.evaluate("video => video.src").startswith("blob:")
    assert not any(f"/alerts/{second}?part" in url or f"{second}/clip" in url for url in asked)
    assert film.evaluate(PLAYS)


def test_a_verdict_is_taken_back(visit, site: Site) -> None:  # type: ignore[no-untyped-def]
    page = visit("/review", "rei")
    judged = shown_alert(page)
    page.get_by_label("Note").fill("box fell, 箱が落ちた")
    page.get_by_role("button", name="real anomaly").click()
    expect(page.locator("#left")).to_have_text("2 left")
    assert site.store.reviews(judged)[-1].note == "box fell, 箱が落ちた"
    page.keyboard.press("u")
    expect(page.locator("#told")).to_have_text("Taken back.")
    expect(page.locator("article.case")).to_have_attribute("data-alert", judged)
    expect(page.locator("#left")).to_have_text("3 left")
    assert site.store.reviews(judged) == []


def test_a_verdict_given_meanwhile_is_not_overwritten(visit, site: Site) -> None:  # type: ignore[no-untyped-def]
    page = visit("/review", "rei")
    alert = shown_alert(page)
    review_alert(site, alert, "false_alarm", "ken")
    page.keyboard.press("1")
    expect(page.locator("#told")).to_contain_text("ken has said 'false_alarm' meanwhile")
    assert [review.reviewer for review in site.store.reviews(alert)] == ["ken"]
    assert "409" in visit.complaints.pop()


def test_who_may_only_look_gives_no_verdict(visit, site: Site) -> None:  # type: ignore[no-untyped-def]
    page = visit("/review", "vic")
    expect(page.locator("form.verdict")).to_have_count(0)
    expect(page.locator("main")).to_contain_text("takes the role of a reviewer")
    page.keyboard.press("1")
    page.wait_for_timeout(300)
    assert site.store.reviews(shown_alert(page)) == []


def test_alerts_are_filtered_and_opened_by_keyboard_alone(visit) -> None:  # type: ignore[no-untyped-def]
    page = visit("/alerts", "vic")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("Verdict").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**verdict=none*")
    assert page.locator("table.alerts tbody tr").count() == 3
    link = page.locator("table.alerts a").first
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/alerts/*")
    expect(page.locator("article.case")).to_be_visible()


def test_sql_answers_and_says_why_it_does_not(visit) -> None:  # type: ignore[no-untyped-def]
    page = visit("/sql")
    page.get_by_label("Question").fill("SELECT camera, count(*) AS n FROM flagged_clips GROUP BY 1")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("tbody tr")).to_have_text("line-13")
    page.get_by_label("Question").fill("DELETE FROM alerts")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("alert")).to_contain_text("SELECT or WITH")


def test_an_administrator_changes_a_camera_and_others_only_look(visit, site: Site) -> None:  # type: ignore[no-untyped-def]
    before = site.store.camera("line-1")
    page = visit("/cameras/line-1/settings")
    page.get_by_label("Alarm budget").fill("2.5")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    assert site.store.camera("line-1").budget_per_day == 2.5
    site.store.put_camera(before)
    other = visit("/cameras/line-1/settings", "rei")
    expect(other.get_by_label("Alarm budget")).to_be_disabled()


def test_a_trial_is_begun_read_and_given_costs_in_the_page(visit, site: Site) -> None:  # type: ignore[no-untyped-def]
    alert = site.store.alerts("line-1")[0]
    review_alert(site, alert.alert_id, "anomaly", "sato")
    page = visit("/trials")
    page.get_by_label("Name (empty").fill("small")
    page.get_by_role("button", name="Begin a trial").click()
    expect(page.locator("#problem")).to_contain_text("is there already")
    assert all("422" in text for text in visit.complaints)
    visit.complaints.clear()
    page.get_by_label("Name (empty").fill("by-hand")
    page.get_by_role("button", name="Begin a trial").click()
    page.wait_for_url("**/trials/by-hand")
    page.goto("/trials/small")
    expect(page.locator("h2.decision")).to_have_text("Not yet, because")
    page.get_by_label("Cost of a person's hour").fill("62.5")
    page.get_by_label("Cost of a person's hour").press("Enter")
    page.wait_for_load_state("networkidle")
    expect(page.get_by_label("Cost of a person's hour")).to_have_value("62.5")
    assert load_trial(site, "small").assumptions.wage_per_hour == 62.5
    page.get_by_label("When they noticed it").fill("2026-03-02T12:31:50")
    page.get_by_role("button", name="Note it").click()
    page.wait_for_load_state("networkidle")
    expect(page.locator("main")).to_contain_text("10 min 0 s earlier")
    page.get_by_role("button", name="Write the report now").click()
    page.wait_for_url("**/reports/line-1/trial-small.en.html")
    trial_path(site, "by-hand").unlink()


def test_who_may_only_look_changes_nothing_of_a_trial(visit) -> None:  # type: ignore[no-untyped-def]
    page = visit("/trials/small", "vic")
    expect(page.get_by_label("Cost of a person's hour")).to_be_disabled()
    assert page.locator("main button").count() == 0
    page.goto("/trials")
    assert page.locator("main form").count() == 0


def test_a_model_shows_its_training_and_is_promoted(visit, site: Site) -> None:  # type: ignore[no-untyped-def]
    active = site.store.active_model("line-1")
    assert active is not None
    page = visit(PAGES["model"])
    expect(page.locator("#training[data-drawn] canvas")).to_have_count(1)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Make this the active model").click()
    page.wait_for_load_state("networkidle")
    expect(page.locator("main > p").nth(1)).to_contain_text("active")
    promoted = site.store.active_model("line-1")
    assert promoted is not None
    assert promoted.model_id == "f" * 32
    site.store.promote(active.model_id, replace(active).created_utc)


def test_a_model_plays_what_it_has_learnt(visit) -> None:  # type: ignore[no-untyped-def]
    page = visit(PAGES["model"], "vic")
    films = page.locator(".samples video")
    expect(films).to_have_count(2)
    for number in range(2):
        film = films.nth(number)
        film.evaluate("video => video.play()")
        assert film.evaluate(PLAYS)


def test_what_footage_calls_itself_is_shown_and_not_run(visit, site: Site) -> None:  # type: ignore[no-untyped-def]
    alert = site.store.alerts()[0]
    hostile = "<img src=x onerror=alert(1)><script>alert(1)</script>"
    review_alert(site, alert.alert_id, "anomaly", hostile, note=hostile)
    page = visit(f"/alerts/{alert.alert_id}", "vic")
    expect(page.locator("ol.said")).to_contain_text(hostile)
    assert page.locator("ol.said img, ol.said script").count() == 0


@pytest.mark.parametrize(
    "name",
    [
        name if name in ON_PHONES else pytest.param(name, marks=pytest.mark.full)
        for name in PAGES
        if name != "error"
    ],
)
def test_a_phone_shows_each_page_without_scrolling_sideways(visit, name: str) -> None:  # type: ignore[no-untyped-def]
    page = visit(PAGES[name], viewport={"width": 390, "height": 844}, locale="ja")
    page.wait_for_load_state("networkidle")
    wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"dashboard_{name}_ja_phone.png", full_page=True)
    visit.complaints.clear()


@pytest.mark.parametrize(
    ("language", "scheme"),
    [
        ("en", "light"),
        ("ja", "dark"),
        pytest.param("en", "dark", marks=pytest.mark.full),
        pytest.param("ja", "light", marks=pytest.mark.full),
    ],
)
def test_axe_finds_nothing_serious_on_any_page(visit, language: str, scheme: str) -> None:  # type: ignore[no-untyped-def]
    page = visit("/", locale=language, color_scheme=scheme)
    SHOTS.mkdir(exist_ok=True)
    found = {}
    for name, path in PAGES.items():
        page.goto(path)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=SHOTS / f"dashboard_{name}_{language}_{scheme}.png", full_page=True)
        results = Axe().run(page)
        serious = [
            (violation["id"], violation["nodes"][0]["target"])
            for violation in results.response["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        if serious:
            found[name] = serious
    visit.complaints.clear()
    assert found == {}
