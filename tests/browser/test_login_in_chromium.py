"""A login at a provider on another site, in a real browser: there and back, into the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from dashboards.access import Rules
from dashboards.oidc import Provider
from pipeline.accounts.oidc_table import OidcTable
from pipeline.named_secret import Secret
from pipeline.timebase import SystemClock
from tests.alerts_makers import camera
from tests.chromium import chromium
from tests.dashboard_server import serving
from tests.oidc_provider import CLIENT, SECRET, FakeProvider, running_provider
from tests.reports_makers import open_small_site

pytestmark = pytest.mark.browser


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    # To a browser localhost and 127.0.0.1 are two sites, as a plant and its provider are.
    with running_provider("localhost") as started:
        yield started


@pytest.fixture
def page(tmp_path: Path, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A browser before a server whose logins the provider answers for."""
    monkeypatch.setenv("KIZASHI_TEST_CLIENT_SECRET", SECRET)
    site = replace(open_small_site(tmp_path), clock=SystemClock())
    site.store.put_camera(camera())
    table = OidcTable(
        issuer=provider.issuer,
        client_id=CLIENT,
        groups=({"name": "line-1-people", "role": "reviewer", "cameras": ("line-1",)},),
    )
    secret = Secret(env="KIZASHI_TEST_CLIENT_SECRET")
    rules = Rules(secure=False, provider=Provider(table, secret, site))
    with serving(site, rules) as address, chromium() as browser:
        yield browser.new_context(base_url=address).new_page()
    site.close()


def test_a_login_at_the_provider_ends_on_the_page_that_was_wanted(
    page: Page, provider: FakeProvider
) -> None:
    page.goto("/alerts")
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    page.get_by_role("link", name="account of the company").click()
    page.wait_for_url("**/alerts")
    expect(page.locator("header")).to_contain_text("rei@plant.example, reviewer")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    provider.claims = {"groups": ["everybody"]}
    page.get_by_role("link", name="account of the company").click()
    expect(page.get_by_role("alert")).to_have_text(
        "None of your groups may log in here. Ask an administrator."
    )
    page.goto("/")
    assert "/login" in page.url
