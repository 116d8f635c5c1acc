"""The page of a trial in a real browser: drawn without complaint, and on a few sheets of paper."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser

from pipeline.alerts.evidence import Evidence, EvidenceKind
from pipeline.assembly import Site
from pipeline.files import sha256_of_file
from pipeline.trial.trial import QualityBar
from pipeline.trial.trial_file import add_noticed, load_trial
from pipeline.trial.trial_report import write_trial_report
from tests.alerts_makers import NOON
from tests.trial_makers import at, morning_trial, site_of_a_morning

pytestmark = pytest.mark.browser

SHOTS = Path(__file__).parents[2] / "test-output"
LARGE = {"width": 1200, "height": 900}
VIEWS = {
    "en_light": {"viewport": LARGE, "color_scheme": "light"},
    "ja_dark": {"viewport": LARGE, "color_scheme": "dark"},
    "ja_phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}
GENEROUS = QualityBar(most_alarms_a_day=40.0, longest_payback_years=1.0, least_watched_days=0.1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a site where the trial is over, with a picture of its strongest fault."""
    opened, alerts = site_of_a_morning(
        tmp_path_factory.mktemp("site"),
        *("anomaly", "anomaly", "known_harmless"),
        trial=morning_trial(bar=GENEROUS),
    )
    strongest = alerts[0]
    opened.store.add_alert(strongest, [_picture(opened, strongest.alert_id, kind) for kind in SEEN])
    add_noticed(
        opened,
        load_trial(opened, "small"),
        strongest.alert_id,
        strongest.start_utc + timedelta(minutes=25),
    )
    yield opened
    opened.close()


SEEN = (EvidenceKind.PEAK_FRAME, EvidenceKind.HEAT_MAP)


def _picture(site: Site, alert_id: str, kind: EvidenceKind) -> Evidence:
    """Return a picture as evidence: stripes, with a patch that says which of the two it is."""
    picture_HWC = np.zeros((270, 480, 3), np.uint8)
    picture_HWC[:, ::24] = 180
    picture_HWC[90:180, 200:330] = (40, 90, 220) if kind is EvidenceKind.PEAK_FRAME else 255
    path = site.evidence_folder / f"{kind.value}.png"
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), picture_HWC)
    return Evidence(
        evidence_id=f"{kind.value:0<32}",
        alert_id=alert_id,
        kind=kind,
        path=path.relative_to(site.folder).as_posix(),
        sha256=sha256_of_file(path),
        size_bytes=path.stat().st_size,
    )


def page_of(site: Site, language: str) -> Path:
    return write_trial_report(site, load_trial(site, "small"), language=language).page


@pytest.mark.parametrize(
    ("moment", "view"),
    [
        ("over", "en_light"),
        ("in_the_middle", "ja_dark"),
        ("over", "ja_phone"),
        pytest.param("over", "ja_dark", marks=pytest.mark.full),
        pytest.param("in_the_middle", "en_light", marks=pytest.mark.full),
        pytest.param("in_the_middle", "ja_phone", marks=pytest.mark.full),
    ],
)
def test_the_page_is_drawn_without_complaint(
    browser: Browser, site: Site, view: str, moment: str
) -> None:
    looked_at = site if moment == "over" else at(site, NOON + timedelta(minutes=20))
    path = page_of(looked_at, view[:2])
    page = browser.new_context(offline=True, **VIEWS[view]).new_page()  # type: ignore[arg-type]
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=str(SHOTS / f"trial_{moment}_{view}.png"), full_page=True)
    assert complaints == []
    # Nothing sticks out sideways, on a phone either.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    widths = page.eval_on_selector_all("img", "images => images.map(i => i.naturalWidth)")
    assert widths == ([480, 480] if moment == "over" else [])
    assert page.locator(".not_yet").count() == (0 if moment == "over" else 1)
    page.context.close()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_it_prints_on_two_sheets(browser: Browser, site: Site, language: str) -> None:
    path = page_of(site, language)
    page = browser.new_context(offline=True).new_page()
    page.goto(path.as_uri())
    printed = page.pdf(prefer_css_page_size=True)
    SHOTS.mkdir(exist_ok=True)
    (SHOTS / f"trial_{language}.pdf").write_bytes(printed)
    assert printed.count(b"/Type /Page\n") == 2
    page.context.close()
