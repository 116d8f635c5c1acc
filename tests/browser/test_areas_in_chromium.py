"""Promise: masks and zones are drawn by mouse, by keys or as numbers, saved with a trace, burnt
into the next picture, and two people do not overwrite each other."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from pipeline.assembly import Site
from tests.alerts_makers import NOON, footage, segment
from tests.dashboard_site import PASSWORD, filled_site

pytestmark = pytest.mark.browser

SETTINGS = "/cameras/line-1/settings"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with filled_site(tmp_path_factory.mktemp("site")) as filled:
        source = filled.folder / "footage" / "line-1"
        shutil.copy(source / "1200.mp4", source / "late.mp4")
        start_utc = NOON + timedelta(hours=9)
        late = footage(
            footage_id="late",
            sha256="1" * 64,
            path="late.mp4",
            start_utc=start_utc,
            width_px=320,
            height_px=180,
        )
        whole = replace(segment(), segment_id="late", footage_id="late", start_utc=start_utc)
        filled.store.add_footage(late, [whole], [])
        yield filled


@pytest.fixture(scope="module")
def logins(browser: Browser, address: str) -> dict[str, list[dict[str, object]]]:
    found = {}
    for name in ("ada", "vic"):
        page = browser.new_context().new_page()
        page.goto(f"{address}/login")
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{address}/")
        found[name] = page.context.cookies()
        page.context.close()
    return found  # type: ignore[return-value]


@pytest.fixture(autouse=True)
def nothing_drawn(site: Site) -> Iterator[None]:
    yield
    camera = site.store.camera("line-1")
    site.store.put_camera(
        replace(camera, privacy_masks=(), mask_names=(), zones=(), closed_hours="")
    )


@pytest.fixture
def visit(
    browser: Browser, address: str, logins: dict[str, list[dict[str, object]]]
) -> Iterator[object]:
    opened = []
    complaints: list[str] = []

    def go(name: str = "ada", **view: object) -> Page:
        context = browser.new_context(
            **{"base_url": address, "viewport": {"width": 1280, "height": 900}, **view}  # type: ignore[arg-type]
        )
        context.set_default_timeout(30_000)
        context.add_cookies(logins[name])  # type: ignore[arg-type]
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(SETTINGS)
        assert page.locator(".drawing img").evaluate("picture => picture.naturalWidth") == 320
        return page

    go.complaints = complaints  # type: ignore[attr-defined]
    yield go
    for context in opened:
        context.close()
    # What a browser says of an answer with an error code is no fault of the page.
    assert [line for line in complaints if "the server responded with a status" not in line] == []


def press(page: Page, x: float, y: float) -> None:
    surface = page.locator(".drawing svg")
    surface.scroll_into_view_if_needed()
    box = surface.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def still(page: Page) -> np.ndarray:  # type: ignore[type-arg]
    return grey(page, "/cameras/line-1/still")


def grey(page: Page, address: str) -> np.ndarray:  # type: ignore[type-arg]
    jpeg = np.frombuffer(page.request.get(address).body(), np.uint8)
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE))


def test_a_mask_drawn_by_mouse_is_saved_and_burnt_into_the_next_picture(
    visit: object, site: Site
) -> None:
    page: Page = visit()  # type: ignore[operator]
    before = still(page)
    page.get_by_role("button", name="New mask").click()
    for corner in ((0.5, 0.5), (0.9, 0.5), (0.2, 0.2)):
        press(page, *corner)
    page.get_by_role("button", name="Undo last corner").first.click()
    for corner in ((0.9, 0.9), (0.5, 0.9)):
        press(page, *corner)
    page.locator(".area.mask").get_by_label("Name").fill("canteen door")
    page.get_by_role("button", name="Save masks and zones").click()
    expect(page.locator("#areas-told")).to_contain_text("kizashi camera mask line-1 --stored")
    ((name, corners),) = site.store.camera("line-1").named_masks
    assert name == "canteen door"
    wanted = np.array([(0.5, 0.5), (0.9, 0.5), (0.9, 0.9), (0.5, 0.9)])
    assert np.abs(np.array(corners) - wanted).max() < 0.01
    height, width = before.shape
    masked = tuple(slice(round(0.52 * side), round(0.88 * side)) for side in (height, width))
    assert before[masked].std() > 20
    assert still(page)[masked].max() < 16
    shown = page.locator(".drawing img").get_attribute("src")
    assert shown is not None
    assert "behind=" in shown
    assert grey(page, shown)[masked].max() < 16
    assert ("ada", "camera mask") in audit(site)


def audit(site: Site) -> list[tuple[str, str]]:
    from sqlalchemy import select

    from pipeline.store.schema import AuditRow

    return site.store._sessions.read(  # type: ignore[attr-defined,no-any-return]
        lambda session: list(session.execute(select(AuditRow.who, AuditRow.what)).tuples())
    )


def test_taking_a_mask_away_asks_first(visit: object, site: Site) -> None:
    corner = ((0.0, 0.0), (0.4, 0.0), (0.4, 0.4))
    camera = site.store.camera("line-1")
    site.store.put_camera(replace(camera, privacy_masks=(corner,), mask_names=("door",)))
    page: Page = visit()  # type: ignore[operator]
    page.locator(".area.mask").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Save masks and zones").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("nothing stored before is changed")
    dialog.get_by_role("button", name="No, keep it masked").click()
    assert site.store.camera("line-1").privacy_masks == (corner,)
    page.get_by_role("button", name="Save masks and zones").click()
    dialog.get_by_role("button", name="Yes, show it from now on").click()
    expect(page.locator("#areas-told")).to_contain_text("will show that place")
    assert site.store.camera("line-1").privacy_masks == ()


def test_a_zone_is_drawn_with_keys_alone_or_typed_as_numbers(visit: object, site: Site) -> None:
    page: Page = visit()  # type: ignore[operator]
    page.get_by_role("button", name="New zone").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".drawing svg")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.keyboard.press("Backspace")
    for _ in range(10):
        page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    page.keyboard.press("Escape")
    area = page.locator(".area.zone")
    expect(area.get_by_label("Corners")).to_have_value("50, 50\n70, 50\n70, 60")
    area.get_by_label("Corners").fill("50, 50\n70, 50\n70, 60\n50 60")
    area.get_by_label("What holds there").select_option("watch")
    area.get_by_label("False alarms a day").fill("3")
    area.get_by_label("When it holds").fill("Mon-Fri 06:00-22:00")
    page.get_by_role("button", name="Save masks and zones").click()
    expect(page.locator("#areas-told")).to_have_text("Saved.")
    (zone,) = site.store.camera("line-1").zones
    assert (zone.name, zone.kind.value, zone.budget_per_day) == ("zone 1", "watch", 3.0)
    assert zone.hours == "mon-fri 06:00-22:00"
    assert zone.corners == ((0.5, 0.5), (0.7, 0.5), (0.7, 0.6), (0.5, 0.6))


def test_what_is_no_good_is_said_and_two_people_do_not_overwrite_each_other(
    visit: object, site: Site
) -> None:
    page: Page = visit()  # type: ignore[operator]
    other: Page = visit()  # type: ignore[operator]
    for one in (page, other):
        one.get_by_role("button", name="New zone").click()
        one.get_by_label("Corners").fill("10 10\n20 10")
    page.get_by_role("button", name="Save masks and zones").click()
    expect(page.locator("#areas-told")).to_contain_text("give at least 3")
    for one in (page, other):
        one.get_by_label("Corners").fill("10 10\n20 10\n20 20")
    page.get_by_role("button", name="Save masks and zones").click()
    expect(page.locator("#areas-told")).to_have_text("Saved.")
    other.get_by_label("Name", exact=True).fill("mine")
    other.get_by_role("button", name="Save masks and zones").click()
    expect(other.locator("#areas-told")).to_contain_text("somebody else has changed")
    assert [zone.name for zone in site.store.camera("line-1").zones] == ["zone 1"]


def test_a_finger_draws_too(visit: object, site: Site) -> None:
    page: Page = visit(  # type: ignore[operator]
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page.get_by_role("button", name="New mask").tap()
    surface = page.locator(".drawing svg")
    surface.scroll_into_view_if_needed()
    box = surface.bounding_box()
    assert box is not None
    for x, y in ((0.1, 0.1), (0.6, 0.1), (0.6, 0.6)):
        page.touchscreen.tap(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.get_by_role("button", name="Save masks and zones").tap()
    expect(page.locator("#areas-told")).to_contain_text("Saved.")
    ((_, corners),) = site.store.camera("line-1").named_masks
    assert np.abs(np.array(corners) - [(0.1, 0.1), (0.6, 0.1), (0.6, 0.6)]).max() < 0.02
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_viewer_sees_what_is_drawn_and_changes_nothing(visit: object, site: Site) -> None:
    corner = ((0.0, 0.0), (0.4, 0.0), (0.4, 0.4))
    camera = site.store.camera("line-1")
    site.store.put_camera(replace(camera, privacy_masks=(corner,), mask_names=("door",)))
    page: Page = visit("vic")  # type: ignore[operator]
    expect(page.locator(".area.mask").get_by_label("Name")).to_be_disabled()
    expect(page.locator(".drawing polygon.mask")).to_have_count(1)
    assert page.get_by_role("button", name="Save masks and zones").count() == 0


@pytest.mark.parametrize("language", ["en", "ja"])
def test_everybody_can_read_and_use_it(
    visit: object, language: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    page: Page = visit(locale=language)  # type: ignore[operator]
    page.locator('[data-do="new-mask"]').click()
    page.locator('.area [data-field="corners"]').fill("10 10\n40 10\n40 50\n10 50")
    page.locator('[data-do="new-zone"]').click()
    page.locator('.area.zone [data-field="corners"]').fill("50 20\n90 20\n90 80")
    page.locator('.area.zone [data-field="kind"]').select_option("watch")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    shots = Path(__file__).parents[2] / "test-output"
    shots.mkdir(exist_ok=True)
    page.screenshot(path=shots / f"areas-{language}.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page.screenshot(path=shots / f"areas-{language}-390.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
