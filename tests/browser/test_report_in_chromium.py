"""The report in a real browser: clips play, nothing complains, both languages and themes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from pipeline.alerts.evidence import PeakPicture, write_evidence
from pipeline.assembly import Site
from pipeline.reports.camera_report import write_camera_report
from tests.alerts_makers import NOON, camera, footage, segment
from tests.reports_makers import FAULTS, add_alerts, fill_morning, open_small_site

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
SHOTS = Path(__file__).parents[2] / "test-output"
LARGE = {"width": 1200, "height": 900}
VIEWS = {
    "en_light": {"viewport": LARGE, "color_scheme": "light"},
    "ja_dark": {"viewport": LARGE, "color_scheme": "dark"},
    "ja_phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}

# The page forbids scripts, so waiting is one promise and not a text evaluated again and again.
LOADED = """video => new Promise(done => {
    if (video.readyState >= 1) done(true);
    video.addEventListener('loadedmetadata', () => done(true));
    video.addEventListener('error', () => done(false));
})"""
PLAYED = """video => new Promise(done => {
    video.addEventListener('timeupdate', () => { if (video.currentTime > 0.3) done(true); });
    video.addEventListener('error', () => done(false));
    setTimeout(() => done(false), 10000);
    video.play();
})"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a site with a morning of line-1 and real evidence of its first alert."""
    folder = tmp_path_factory.mktemp("site")
    clip = folder / "clip.mp4"
    pattern = "testsrc2=duration=12:size=320x180:rate=10"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", pattern, "-pix_fmt", "yuv420p"]
    subprocess.run([*command, str(clip)], check=True)
    opened = open_small_site(folder)
    alerts = fill_morning(opened)
    first = alerts[0]
    evidence = write_evidence(
        first,
        camera=camera(),
        source=clip,
        segment=replace(segment(), start_utc=first.start_utc - timedelta(seconds=3)),
        footage=footage(width_px=320, height_px=180),
        picture=_picture(clip),
        evidence_folder=opened.evidence_folder,
        site_folder=opened.folder,
    )
    add_alerts(opened, alerts, evidence)
    yield opened
    opened.close()


def _picture(clip: Path) -> PeakPicture:
    ok, frame_BGR = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG).read()
    assert ok
    seen = cv2.resize(cv2.cvtColor(frame_BGR, cv2.COLOR_BGR2GRAY), (192, 108))
    drawn = cv2.GaussianBlur(seen, (0, 0), 4)
    heat = np.full((6, 11), 0.4, np.float32)
    heat[2:4, 5:7] = 9.0
    return PeakPicture(
        frame_HWC=np.ascontiguousarray(frame_BGR[:, :, ::-1]),
        heat_HW=heat,
        input_HW=seen,
        usual_HW=drawn,
        difference_HW=cv2.absdiff(seen, drawn),
        place=FAULTS[0].place,
    )


def report(site: Site, language: str) -> Path:
    since = NOON - timedelta(hours=1)
    return write_camera_report(
        site, "line-1", since=since, until=since + timedelta(hours=5), language=language
    )


def open_page(browser: Browser, path: Path, **view: object) -> tuple[Page, list[str]]:
    """Return the opened page and a list that every complaint of the browser is put into."""
    page = browser.new_context(offline=True, **view).new_page()  # type: ignore[arg-type]
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url[:80]))
    page.goto(path.as_uri())
    return page, complaints


@pytest.mark.parametrize("view", VIEWS)
def test_the_report_is_drawn_without_complaint(browser: Browser, site: Site, view: str) -> None:
    page, complaints = open_page(browser, report(site, view[:2]), **VIEWS[view])
    assert page.locator("video").evaluate(LOADED)
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=str(SHOTS / f"report_{view}.png"), full_page=True)
    assert complaints == []
    # Nothing sticks out sideways, on a phone either.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    widths = page.eval_on_selector_all("img", "images => images.map(i => i.naturalWidth)")
    assert len(widths) == 2
    assert min(widths) > 100
    page.context.close()


def test_the_clip_plays(browser: Browser, site: Site) -> None:
    page, complaints = open_page(browser, report(site, "en"))
    video = page.locator("video")
    assert video.evaluate(PLAYED)
    facts = video.evaluate("v => [v.error === null, v.duration, v.videoWidth, v.videoHeight]")
    assert facts[0]
    assert facts[1] == pytest.approx(
        9.0, abs=1.2
    )  # 5.5 s of event, 2 s before, what there is after
    assert facts[2:] == [320, 180]
    assert complaints == []
    page.context.close()


def test_a_mark_on_the_curve_leads_to_its_alert(browser: Browser, site: Site) -> None:
    page, _ = open_page(browser, report(site, "en"))
    page.locator("svg.curve a").first.click()
    assert page.locator("article:target h3").inner_text() == "2026-03-02 12:21:50 to 12:21:55"
    page.context.close()


def test_it_prints_on_a_few_pages(browser: Browser, site: Site) -> None:
    page, _ = open_page(browser, report(site, "ja"))
    printed = page.pdf(format="A4")
    SHOTS.mkdir(exist_ok=True)
    (SHOTS / "report_ja.pdf").write_bytes(printed)
    assert 2 <= printed.count(b"/Type /Page\n") <= 5
    page.context.close()
