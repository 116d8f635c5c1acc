"""A suppressed alert in a real browser: found by its filter, explained, and opened by a button."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from dashboards.access import Rules
from pipeline.accounts.login import log_in
from pipeline.alerts.reviews import review_alert
from pipeline.assembly import Site
from tests.alerts_makers import MODEL
from tests.dashboard_server import serving
from tests.dashboard_site import PASSWORD, filled_site
from tests.feedback_makers import event_looks, suppression

pytestmark = pytest.mark.browser

SHOTS = Path(__file__).parents[2] / "test-output"
HIDDEN = "a" * 32


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site in which rei called the first alert harmless, and a like one was suppressed."""
    with filled_site(tmp_path) as filled:
        store = filled.store
        first = store.alerts("line-1")[0]
        evidence = store.evidence(first.alert_id)
        store.add_alert(first, [], looks=event_looks(MODEL))
        review_alert(filled, first.alert_id, "known_harmless", "rei", "the lift, リフト")
        (pattern,) = store.patterns("line-1")
        (joined,) = [e for e in store.events("line-1") if e.event_id == first.event_id]
        later = timedelta(minutes=3)
        moved = {"start_utc": joined.start_utc + later, "end_utc": joined.end_utc + later}
        store.put_events([replace(joined, event_id="e" * 32, **moved)])  # type: ignore[arg-type]
        again = replace(first, alert_id=HIDDEN, event_id="e" * 32, **moved)  # type: ignore[arg-type]
        files = [replace(f, evidence_id=f"{f.kind}-2", alert_id=HIDDEN) for f in evidence]
        quiet = suppression(HIDDEN, pattern.pattern_id)
        store.add_alert(again, files, looks=event_looks(MODEL), suppression=quiet)
        yield filled


@pytest.fixture
def pages(site: Site, browser: Browser) -> Iterator[object]:
    """A function that opens a page as somebody; nothing that the browser complains of is let by."""
    complaints: list[str] = []
    contexts = []
    with serving(site) as address:

        def go(path: str, name: str, width: int = 1280, language: str = "en") -> Page:
            context = browser.new_context(
                base_url=address, viewport={"width": width, "height": 900}, locale=language
            )
            contexts.append(context)
            context.set_default_timeout(20_000)
            token = log_in(site, name, PASSWORD).token
            cookie = Rules(secure=False).cookie
            context.add_cookies([{"name": cookie, "value": token, "url": address}])
            page = context.new_page()
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(path)
            return page

        yield go
        for context in contexts:
            context.close()
    assert complaints == []


def test_a_suppressed_alert_is_found_explained_and_opened(pages, site: Site) -> None:  # type: ignore[no-untyped-def]
    page = pages("/alerts", "rei")
    page.get_by_label("Verdict").select_option("suppressed")
    page.get_by_role("button", name="Show").click()
    rows = page.locator("table.alerts tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("suppressed as known and harmless")
    rows.get_by_role("link").click()
    note = page.locator(".quieted")
    expect(note).to_contain_text("which rei called known and harmless")
    expect(note).to_contain_text("the lift, リフト")
    assert HIDDEN not in waiting(site)
    note.get_by_role("button", name="Do not suppress such alerts any more").click()
    expect(page.locator("#told")).to_contain_text("is open again")
    expect(page.locator(".quieted")).to_have_count(0)
    expect(page.locator("article.case")).to_contain_text("until rei ended that")
    assert site.store.suppressions("line-1") == []
    assert HIDDEN in waiting(site)
    page.goto("/review")
    assert HIDDEN in (page.locator("#review").get_attribute("data-waiting") or "").split()


def waiting(site: Site) -> list[str]:
    return [item.alert.alert_id for item in site.store.fresh_deliveries("file", "line-1", 100)]


def test_an_anomaly_said_of_a_suppressed_alert_ends_the_pattern(pages, site: Site) -> None:  # type: ignore[no-untyped-def]
    page = pages(f"/alerts/{HIDDEN}", "rei")
    page.get_by_role("button", name="real anomaly").click()
    expect(page.locator("article.case")).to_contain_text("was an anomaly")
    assert site.store.patterns("line-1") == []
    assert HIDDEN in waiting(site)


def test_who_may_only_look_sees_why_and_has_no_button(pages) -> None:  # type: ignore[no-untyped-def]
    page = pages(f"/alerts/{HIDDEN}", "vic")
    expect(page.locator(".quieted")).to_contain_text("known and harmless")
    expect(page.get_by_role("button", name="Do not suppress")).to_have_count(0)
    page.goto("/cameras/line-1?hours=4&until=2026-03-02T06:30:00Z")
    expect(page.locator("#patterns li")).to_contain_text("suppresses; so far: 1")


@pytest.mark.parametrize(("width", "language"), [(390, "ja"), (1280, "en")])
def test_the_pages_fit_and_can_be_read_by_everybody(pages, width: int, language: str) -> None:  # type: ignore[no-untyped-def]
    SHOTS.mkdir(exist_ok=True)
    page = pages("/alerts", "rei", width, language)
    for name, path in (
        ("suppressed", f"/alerts/{HIDDEN}"),
        ("patterns", "/cameras/line-1?hours=4&until=2026-03-02T06:30:00Z"),
    ):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page)
        serious = [
            (violation["id"], violation["nodes"][0]["target"])
            for violation in found.response["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        assert serious == []
        page.screenshot(path=SHOTS / f"{name}-{language}-{width}.png", full_page=True)
