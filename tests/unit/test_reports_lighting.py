"""In which light a scene was is told on the camera's page, the model's page and in the report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipeline.assembly import Site
from pipeline.lighting.events import UNKNOWN, LightingSpell, lighting_event
from pipeline.reports.camera_report import write_camera_report
from pipeline.reports.lighting import light_now
from pipeline.reports.words import Words
from tests.alerts_makers import NOON
from tests.dashboard_site import filled_site, signed_in
from tests.reports_makers import model

TOLD = "fedcba98" * 4
STATES = [
    {
        "name": name,
        "share": share,
        "dark": 20.0,
        "level": level,
        "bright": 220.0,
        "contrast": 50.0,
        "colour": colour,
        "held_out_seconds": 600.0,
        "own_calibration": share > 0.1,
    }
    for name, share, level, colour in (("bright", 0.95, 141.0, 38.0), ("infrared", 0.05, 97.0, 0.0))
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a site whose line-1 was under infrared, then in the light, then in unknown light."""
    with filled_site(tmp_path_factory.mktemp("site"), pictures=False) as filled:
        calibration = {**model().calibration, "lighting": STATES}
        filled.store.add_model(
            model(model_id=TOLD, digest=TOLD * 2, calibration_id="c" * 32, calibration=calibration),
            [],
        )
        filled.store.promote(TOLD, NOON, who="ada", by="test")
        newest = filled.store.newest_segment("line-1")
        assert newest is not None
        third = (newest.end_us - newest.start_us) // 3
        filled.store.put_lighting(
            newest.segment_id,
            [
                lighting_event(
                    newest,
                    LightingSpell(
                        state=state,
                        start_us=newest.start_us + index * third,
                        end_us=newest.start_us + (index + 1) * third,
                    ),
                )
                for index, state in enumerate(("infrared", "dim_2", UNKNOWN))
            ],
        )
        yield filled


EN = ("infrared (grey)", "dim 2", "unknown light")
JA = ("赤外線（白黒）", "薄暗い（その 2）", "未知の照明")


@pytest.mark.parametrize(("language", "names"), [("en", EN), ("ja", JA)])
def test_the_report_names_light_and_states(
    site: Site, language: str, names: tuple[str, ...]
) -> None:
    until = NOON + timedelta(hours=3)
    path = write_camera_report(site, "line-1", since=NOON, until=until, language=language)
    html = path.read_text(encoding="utf-8")
    for name in names:
        assert name in html
    assert Words(language, "UTC")("light.pooled") in html


@pytest.mark.parametrize(("language", "names"), [("en", EN), ("ja", JA)])
def test_the_page_of_a_camera_says_which_light_it_is_in(
    site: Site, language: str, names: tuple[str, ...]
) -> None:
    client = signed_in(site, "ada")
    page = client.get("/cameras/line-1", headers={"accept-language": language}).text
    for name in names:
        assert name in page
    now = light_now(site.store, "line-1", Words(language, "UTC"))
    assert names[-1] in now


def test_the_page_of_a_model_lists_its_states(site: Site) -> None:
    page = signed_in(site, "ada").get(f"/models/{TOLD}", headers={"accept-language": "en"}).text
    assert "Lighting states" in page
    assert "infrared (grey)" in page
    assert "5.0 %" in page
    assert "that of all states together" in page


def test_a_camera_of_one_light_has_no_word_of_it(site: Site) -> None:
    page = signed_in(site, "ada").get("/cameras/press-9", headers={"accept-language": "en"}).text
    assert "Light" not in page.split("<main", 1)[1]
    assert light_now(site.store, "press-9", Words("en", "UTC")) == ""
