"""The file of a trial: what is written is read back, what a person wrote stays, errors name it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.assembly import Site
from pipeline.errors import CameraError, SettingsError
from pipeline.trial.trial import Assumptions, QualityBar
from pipeline.trial.trial_file import (
    add_noticed,
    change_assumptions,
    load_trial,
    start_trial,
    trial_names,
    trial_of_alert,
    trial_path,
)
from tests.alerts_makers import NOON, camera
from tests.reports_makers import open_small_site
from tests.trial_makers import morning_trial


@pytest.fixture(scope="module")
def only_camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a site with one camera."""
    opened = open_small_site(tmp_path_factory.mktemp("site"))
    opened.store.put_camera(camera())
    yield opened
    opened.close()


@pytest.fixture
def site(only_camera: Site, tmp_path: Path) -> Site:
    """Return a site with one camera and no trial; trials lie in a folder of their own."""
    return replace(only_camera, folder=tmp_path)


def test_what_is_written_is_read_back(site: Site) -> None:
    trial = morning_trial(
        bar=QualityBar(most_alarms_a_day=0.1, by_interval=True),
        assumptions=Assumptions(currency="円", hardware_price=123_456.75),
    )
    path = start_trial(site, trial)
    assert path == site.folder / "trials" / "small.toml"
    assert load_trial(site, "small") == trial
    assert trial_names(site) == ["small"]


def test_every_value_is_there_to_be_edited_and_explained(site: Site) -> None:
    text = start_trial(site, morning_trial()).read_text(encoding="utf-8")
    values = tomllib.loads(text)
    assert set(values["bar"]) == set(QualityBar.model_fields)
    assert set(values["assumptions"]) == set(Assumptions.model_fields)
    lines = text.splitlines()
    for name in (*QualityBar.model_fields, *Assumptions.model_fields):
        (number,) = [i for i, line in enumerate(lines) if line.startswith(f"{name} = ")]
        assert lines[number - 1].startswith("# "), name
    assert max(map(len, lines)) <= 100


def test_a_note_leaves_what_a_person_wrote(site: Site) -> None:
    path = start_trial(site, morning_trial())
    mine = path.read_text(encoding="utf-8").replace(
        "stop_cost_per_hour = 1000.0", "stop_cost_per_hour = 750  # from accounting"
    )
    path.write_text(mine, encoding="utf-8")
    add_noticed(site, load_trial(site, "small"), "a" * 32, NOON)
    trial = add_noticed(site, load_trial(site, "small"), "a" * 32, NOON + timedelta(minutes=1))
    assert path.read_text(encoding="utf-8").startswith(mine.rstrip("\n"))
    assert trial.assumptions.stop_cost_per_hour == 750
    assert trial.noticed_utc("a" * 32) == NOON + timedelta(minutes=1)
    assert trial.noticed_utc("b" * 32) is None


def test_a_second_trial_of_the_name_is_refused_and_the_first_stays(site: Site) -> None:
    path = start_trial(site, morning_trial())
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="there already"):
        start_trial(site, morning_trial(watch_days=3.0))
    assert path.read_bytes() == before


def test_an_unknown_camera_gets_no_file(site: Site) -> None:
    with pytest.raises(CameraError):
        start_trial(site, morning_trial(camera="line-9"))
    assert trial_names(site) == []


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("least_precision = 0.5", "least_precision = 1.5", "bar.least_precision"),
        ("least_precision = 0.5", "least_precison = 0.5", "bar.least_precison"),
        ("years = 3.0", "years = 0", "assumptions.years"),
        ("years = 3.0", "years = nan", "assumptions.years"),
        ('currency = "EUR"', 'currency = "<b>"', "assumptions.currency"),
        ("watch_days = 0.125", "watch_days = -1", "watch_days"),
        ("start_utc = 2026-02-28T03:00:00Z", "start_utc = 2026-02-28T03:00:00", "start_utc"),
        ("[bar]", "[bar", "not TOML"),
    ],
)
def test_a_wrong_value_names_the_file_and_itself(
    site: Site, old: str, new: str, named: str
) -> None:
    path = start_trial(site, morning_trial())
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_trial(site, "small")
    assert str(path) in str(caught.value)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "../kizashi", "a/b", "A", "a\0b", "trial.toml", "名"])
def test_no_name_leads_elsewhere(site: Site, name: str) -> None:
    with pytest.raises(SettingsError, match="a name has"):
        trial_path(site, name)


def test_an_unknown_trial_names_those_there_are(site: Site) -> None:
    start_trial(site, morning_trial())
    with pytest.raises(SettingsError, match="there is: small"):
        load_trial(site, "large")


def test_the_trial_of_an_alert_is_the_one_that_watched_then(site: Site) -> None:
    start_trial(site, morning_trial())
    start_trial(site, morning_trial(name="later", start_utc=datetime(2026, 4, 1, tzinfo=UTC)))
    assert trial_of_alert(site, "line-1", NOON, None).name == "small"
    with pytest.raises(SettingsError, match="no trial watched line-1"):
        trial_of_alert(site, "line-1", NOON - timedelta(seconds=1), None)
    with pytest.raises(SettingsError, match="no trial later watched"):
        trial_of_alert(site, "line-1", NOON, "later")
    start_trial(site, morning_trial(name="twin"))
    with pytest.raises(SettingsError, match="small, twin"):
        trial_of_alert(site, "line-1", NOON, None)
    assert trial_of_alert(site, "line-1", NOON, "twin").name == "twin"


def test_assumptions_are_changed_in_a_file_that_a_person_has_cut_down(site: Site) -> None:
    trial = morning_trial()
    path = start_trial(site, trial)
    text = path.read_text(encoding="utf-8").split("\n# The quality bar")[0]
    path.write_text(
        text + '\n[[noticed]] # by Sato\nalert_id = "abcdef"\nnoticed_utc = 2026-03-02T03:31:50Z\n',
        encoding="utf-8",
    )
    changed = change_assumptions(site, trial, {"years": 5.0, "currency": "円"})
    assert changed == load_trial(site, "small")
    assert changed.assumptions == Assumptions(years=5.0, currency="円")
    assert len(changed.noticed) == 1
    assert "[[noticed]] # by Sato" in path.read_text(encoding="utf-8")


def test_a_wrong_assumption_leaves_the_file_as_it_was(site: Site) -> None:
    path = start_trial(site, morning_trial())
    before = path.read_bytes()
    with pytest.raises(SettingsError, match=r"small\.toml: assumptions\.wage_per_hour"):
        change_assumptions(site, morning_trial(), {"wage_per_hour": -1.0})
    assert path.read_bytes() == before


def test_notes_and_costs_written_at_once_are_all_there(site: Site) -> None:
    start_trial(site, morning_trial())

    def note(number: int) -> None:
        add_noticed(site, morning_trial(), f"alert-{number:02}", NOON)
        change_assumptions(site, morning_trial(), {"setup_hours": float(number)})

    with ThreadPoolExecutor(8) as people:
        list(people.map(note, range(24)))
    found = load_trial(site, "small")
    assert {item.alert_id for item in found.noticed} == {f"alert-{n:02}" for n in range(24)}
