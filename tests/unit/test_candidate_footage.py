"""What a candidate and the active model are tried on: about an hour, whatever its files are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.assembly import Site, open_site
from pipeline.clips.reader import Stretch
from pipeline.evaluation.model_trial import TrialFootage
from pipeline.learning import candidate
from pipeline.learning.candidate import compare_candidate
from pipeline.learning.learn import length_seconds
from pipeline.learning.rolling_window import NormalWindow
from tests.fakes import FakeClock
from tests.short_files import files
from tests.store_samples import METRICS, MORNING, fill, model


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "kizashi.toml").touch()
    opened = open_site(tmp_path, clock=FakeClock(MORNING + timedelta(hours=1)))
    yield opened
    opened.close()


class _Tried(Exception):
    """Models were about to be tried."""


def tried_on(site: Site, monkeypatch: pytest.MonkeyPatch, held_out: list[Stretch]) -> list[Stretch]:
    """Return the normal footage that two models would be tried on."""
    fill(site.store)
    moment = MORNING.isoformat()
    manifest = {"trial_since_utc": moment, "trial_until_utc": moment}
    site.store.add_model(model("press-1", 8, manifest=manifest), METRICS)
    window = NormalWindow(
        stretches=tuple(held_out),
        since_utc=MORNING,
        until_utc=MORNING,
        left_out_seconds=0.0,
        left_out_alerts=0,
    )
    found: list[Stretch] = []

    def keep(_models: object, footage: TrialFootage, *_: object) -> None:
        found.extend(footage.normal)
        raise _Tried

    monkeypatch.setattr(candidate, "normal_window", lambda *_, **__: window)
    monkeypatch.setattr(candidate, "_loaded", lambda *_: None)
    monkeypatch.setattr(candidate, "try_models", keep)
    with pytest.raises(_Tried):
        compare_candidate(site, model("press-1", 8).model_id, who="ada")
    return found


@pytest.mark.parametrize("length", [10.0, 60.0, 59.999645, 119.0, 600.0])
def test_of_33_hours_in_short_files_an_hour_is_tried(
    length: float, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = files(*[length] * round(33 * 3_600 / length))
    found = tried_on(site, monkeypatch, held_out)
    assert length_seconds(found) == pytest.approx(3_600, rel=0.05)
    assert len({one.source for one in found}) == min(len(found), len(held_out))
    numbers = [int(one.source.name) for one in found]
    assert numbers[0] == 0
    assert numbers[-1] == len(held_out) - 1


def test_an_hour_and_less_is_tried_as_it_is(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    held_out = files(*[60.0] * 60)
    assert tried_on(site, monkeypatch, held_out) == held_out


def test_two_minutes_of_long_files_are_a_piece(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    found = tried_on(site, monkeypatch, files(4 * 3_600.0))
    assert [length_seconds([one]) for one in found] == [120.0] * 30
