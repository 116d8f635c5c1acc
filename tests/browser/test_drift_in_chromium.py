"""Drift and candidates on pages in a real browser: read in two languages, promoted, rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from dashboards.access import Rules
from pipeline.accounts.login import log_in
from pipeline.assembly import Site
from pipeline.learning.registry import ModelState
from tests.alerts_makers import NOON
from tests.dashboard_site import LATER, PASSWORD, filled_site
from tests.reports_makers import model
from tests.store_samples import comparison, drift_check, statistic
from tests.synthesis_makers import camera_model

pytestmark = pytest.mark.browser

SHOTS = Path(__file__).parents[2] / "test-output"
RULES = Rules(secure=False)
ACTIVE = "a" * 32
CAMERA = "/cameras/line-1?hours=4&until=2026-03-02T06:30:00Z"
VIEWS = {
    "en": {"viewport": {"width": 1280, "height": 900}},
    "ja_phone": {"viewport": {"width": 390, "height": 844}},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose camera drifts, and whose candidate was refused, and then was not."""
    with filled_site(tmp_path_factory.mktemp("site"), pictures=False) as filled:
        drawing = camera_model(7)
        digest = drawing.save(filled.folder / "models" / "line-1" / ACTIVE)
        active = model(model_id=ACTIVE, digest=digest, path=f"models/line-1/{ACTIVE}")
        filled.store.add_model(active, [])
        filled.store.promote(ACTIVE, NOON + timedelta(hours=5))
        (candidate,) = filled.store.models("line-1", ModelState.CANDIDATE)
        filled.store.put_drift(
            drift_check(active, statistic(), statistic("brightness", usual=131.0, recent=148.2))
        )
        filled.store.add_comparison(comparison(candidate, active, not_worse=False))
        yield filled


def opened(browser: Browser, site: Site, address: str, path: str, view: str = "en") -> Page:
    """Open a page as the administrator."""
    context = browser.new_context(base_url=address, **VIEWS[view])  # type: ignore[arg-type]
    context.set_default_timeout(90_000)
    token = log_in(site, "ada", PASSWORD).token
    cookies = {RULES.cookie: token, "kizashi-language": view[:2]}
    context.add_cookies([{"name": n, "value": v, "url": address} for n, v in cookies.items()])
    page = context.new_page()
    page.goto(path)
    return page


@pytest.mark.parametrize(
    ("name", "path", "view"),
    [
        ("camera", CAMERA, "en"),
        ("models", "/models", "ja_phone"),
        pytest.param("camera", CAMERA, "ja_phone", marks=pytest.mark.full),
        pytest.param("models", "/models", "en", marks=pytest.mark.full),
    ],
)
def test_the_pages_are_read_by_everybody_on_every_screen(
    browser: Browser, site: Site, address: str, name: str, path: str, view: str
) -> None:
    page = opened(browser, site, address, path, view)
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"drift-{name}-{view}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.context.close()


def test_a_refused_candidate_becomes_active_after_a_better_comparison_and_back(
    browser: Browser, site: Site, address: str
) -> None:
    page = opened(browser, site, address, "/models")
    offer = page.get_by_role("button", name=f"Make candidate {LATER[:12]} the active model")
    expect(page.get_by_text("Refused, because:")).to_be_visible()
    expect(offer).to_have_count(0)

    records = {record.model_id: record for record in site.store.models("line-1")}
    site.store.add_comparison(comparison(records[LATER], records[ACTIVE], minutes=5))
    page.reload()
    expect(page.get_by_text("Not worse")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    offer.click()
    page.wait_for_url(f"**/models/{LATER}")
    active = site.store.active_model("line-1")
    assert active is not None
    assert active.model_id == LATER

    page.goto("/models")
    page.get_by_role("button", name="Go back to the model before").click()
    page.wait_for_url(f"**/models/{ACTIVE}")
    active = site.store.active_model("line-1")
    assert active is not None
    assert active.model_id == ACTIVE
    page.context.close()
