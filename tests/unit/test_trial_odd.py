"""Trials of odd and legal data: footage that overlaps, amounts that are a slip, far moments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.assembly import Site
from pipeline.identity import content_id
from pipeline.trial.status import seen_days
from pipeline.trial.trial_file import load_trial
from tests.alerts_makers import NOON
from tests.dashboard_site import filled_site, signed_in
from tests.reports_makers import fill_morning, footage_at, open_small_site, segment_of
from tests.trial_makers import morning_trial


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Site]:
    with filled_site(tmp_path, pictures=False) as own:
        yield own


def test_footage_that_overlaps_is_seen_once(tmp_path: Path) -> None:
    site = open_small_site(tmp_path)
    fill_morning(site)
    trial = morning_trial(start_utc=NOON, learn_days=0.5)
    before = seen_days(site, trial)
    assert before == pytest.approx((3600 + 1500 + 1980 + 2700) / 86_400)
    again = replace(footage_at(600, 1800, "again.mp4"), footage_id=content_id("footage", "again"))
    site.store.add_footage(again, [segment_of(again, 0, 1800)], [])
    assert seen_days(site, trial) == before
    site.close()


def test_an_amount_that_is_a_slip_is_refused_and_no_page_fails_for_it(filled: Site) -> None:
    client = signed_in(filled, "rei")
    trial = load_trial(filled, "small")
    seen = client.get("/trials/small").text.split('name="seen" value="')[1].split('"')[0]
    form = {**trial.assumptions.model_dump(), "seen": seen}
    form |= {"stop_cost_per_hour": "1e308", "wage_per_hour": "1e308"}
    assert client.post("/trials/small/assumptions", data=form).status_code == 422
    form |= {"stop_cost_per_hour": "1e12", "wage_per_hour": "1e12"}
    assert client.post("/trials/small/assumptions", data=form).status_code == 204
    assert client.get("/trials/small").status_code == 200
    assert client.get("/trials").status_code == 200


@pytest.mark.parametrize("start", ["9999-06-01T00:00", "0001-01-01T00:00"])
def test_a_trial_beyond_the_calendar_is_not_begun(filled: Site, start: str) -> None:
    client = signed_in(filled, "ada")
    form = {"camera": "line-1", "name": "far", "start": start, "learn_days": "3650"}
    assert client.post("/trials", data=form).status_code == 422
    assert client.get("/trials").status_code == 200
