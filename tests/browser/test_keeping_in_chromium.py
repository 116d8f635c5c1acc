"""Holding and releasing an alert in a real browser, and the page of what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from dashboards.access import Rules
from pipeline.accounts.login import log_in
from pipeline.assembly import Site
from pipeline.retention.holds import hold_alert
from pipeline.retention.run import run_retention
from tests.dashboard_site import PASSWORD, filled_site
from tests.fakes import FakeClock

pytestmark = pytest.mark.browser

SHOTS = Path(__file__).parents[2] / "test-output"
LARGE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
Visit = Callable[..., Page]
VIEWS = [
    ("en", LARGE),
    ("ja", PHONE),
    pytest.param("en", PHONE, marks=pytest.mark.full),
    pytest.param("ja", LARGE, marks=pytest.mark.full),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with filled_site(tmp_path_factory.mktemp("site")) as filled:
        yield filled


@pytest.fixture
def visit(browser: Browser, site: Site, address: str) -> Iterator[Visit]:
    """A function that opens a page as somebody; the browser must not complain."""
    complaints: list[str] = []
    contexts = []

    def go(path: str, name: str, language: str = "en", viewport: object = None) -> Page:
        context = browser.new_context(base_url=address, viewport=viewport or LARGE)  # type: ignore[arg-type]
        context.set_default_timeout(20_000)
        token = log_in(site, name, PASSWORD).token
        context.add_cookies(
            [
                {"name": Rules(secure=False).cookie, "value": token, "url": address},
                {"name": "kizashi-language", "value": language, "url": address},
            ]
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    yield go
    for context in contexts:
        context.close()
    assert complaints == []


def test_a_reviewer_holds_an_alert_and_releases_it(site: Site, visit: Visit) -> None:
    alert = site.store.alerts("line-1")[0]
    page = visit(f"/alerts/{alert.alert_id}", "rei")
    page.get_by_text("Keep this beyond its time").click()
    # Digits give verdicts, but not while somebody writes.
    page.get_by_label("Reason").press_sequentially("accident 1, the insurer asks")
    page.get_by_role("button", name="Hold").click()
    expect(page.locator(".held")).to_contain_text("accident 1, the insurer asks")
    (hold,) = site.store.holds("line-1")
    assert (hold.alert_id, hold.who) == (alert.alert_id, "rei")
    assert site.store.reviews(alert.alert_id) == []
    page.get_by_role("button", name="Release").click()
    expect(page.get_by_text("Keep this beyond its time")).to_be_visible()
    assert site.store.holds("line-1") == []


def test_the_form_works_on_an_alert_that_the_queue_brings(site: Site, visit: Visit) -> None:
    page = visit("/review", "rei")
    first = page.locator("article.case").get_attribute("data-alert")
    page.keyboard.press("n")
    expect(page.locator(f'article.case[data-alert="{first}"]')).to_have_count(0)
    second = page.locator("article.case").get_attribute("data-alert")
    page.get_by_text("Keep this beyond its time").click()
    page.get_by_label("Reason").fill("works council")
    page.get_by_role("button", name="Hold").click()
    expect(page.locator(".held")).to_contain_text("works council")
    (hold,) = site.store.holds("line-1")
    assert hold.alert_id == second
    kept = visit("/cameras/line-1/kept", "rei")
    kept.get_by_role("button", name="Release").click()
    expect(kept.get_by_text("Nothing is held.")).to_be_visible()
    assert site.store.holds("line-1") == []


def test_a_viewer_sees_a_hold_and_has_no_button(site: Site, visit: Visit) -> None:
    alert = site.store.alerts("line-1")[0]
    hold = hold_alert(site, alert.alert_id, reason="insurer", who="rei").hold
    page = visit(f"/alerts/{alert.alert_id}", "vic")
    expect(page.locator(".held")).to_contain_text("insurer")
    assert page.get_by_role("button", name="Release").count() == 0
    site.store.release_hold(hold.hold_id, "rei", site.clock.now_utc())


@pytest.mark.parametrize(("language", "viewport"), VIEWS)
def test_an_alert_whose_evidence_is_gone_says_so_and_the_page_shows_what_is_kept(
    site: Site,
    visit: Visit,
    language: str,
    viewport: dict[str, int],
) -> None:
    newest, *older = reversed(site.store.alerts("line-1"))
    if not site.store.holds("line-1"):
        hold_alert(site, newest.alert_id, reason="accident, the insurer asks", who="rei")
    later = replace(site, clock=FakeClock(newest.end_utc + timedelta(days=31)))
    run_retention(later, "line-1")
    said = "by policy" if language == "en" else "保存期間の規定により"
    pages = {
        "gone": f"/alerts/{older[-1].alert_id}",
        "held": f"/alerts/{newest.alert_id}",
        "kept": "/cameras/line-1/kept",
    }
    for name, path in pages.items():
        page = visit(path, "rei", language, viewport)
        SHOTS.mkdir(exist_ok=True)
        shot = SHOTS / f"keeping_{name}_{language}_{viewport['width']}.png"
        page.screenshot(path=str(shot), full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        if name == "gone":
            expect(page.locator(".stage .problem")).to_contain_text(said)
        if name == "held":
            assert page.locator("video").count() == 1
