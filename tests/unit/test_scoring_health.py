"""From footage with trouble in it to the store: no clip, no alert, blind with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.alerts.budget import EventTail
from pipeline.clips.reader import Stretch
from pipeline.evaluation.camera_troubles import trouble_paint
from pipeline.footage.ingest import probe_footage
from pipeline.health.events import Trouble
from pipeline.learning.health import HealthyFootage, health_warnings, healthy_footage
from pipeline.reports.facts import gather_facts
from pipeline.scoring import score_camera as scoring
from tests import footage_maker as make
from tests.alerts_makers import policy
from tests.footage_site import CAMERA, footage_site
from tests.health_makers import READER, AfraidOfStrangePictures, Image, frames
from tests.store_samples import MORNING, model

FIRST, COUNT = 150, 600
LONG, SHORT = 270, 195
"""Where trouble ends: a tenth of what is learnt may be trouble, not more."""
NAME = "20260302T080000Z.mp4"
Change = Callable[[int, Image], Image | None]


def covered_until(end: int) -> Change:
    rng = np.random.default_rng(5)
    paint = trouble_paint(Trouble.COVERED, width_px=128, height_px=96, rng=rng)
    return lambda index, image: paint(index - FIRST, image) if FIRST <= index < end else image


def film(path: Path, paint: Change) -> Path:
    video = np.stack([frame.image for frame in frames(COUNT, paint=paint)])
    return make.encode(path, np.repeat(video[..., None], 3, axis=3))


def stretch_of(path: Path) -> Stretch:
    footage, (segment,), _ = probe_footage(path, camera=CAMERA, root=path.parent, start_utc=MORNING)
    return Stretch(source=path, footage=footage, segment=segment)


def test_training_leaves_trouble_out_and_says_when_it_was(tmp_path: Path) -> None:
    whole = stretch_of(film(tmp_path / NAME, covered_until(SHORT)))
    found = healthy_footage([whole], READER)
    assert [one.spell.trouble for one in found.left_out] == [Trouble.COVERED]
    before, after = found.stretches
    assert before.segment.start_us == 0
    assert 14_000_000 <= before.segment.end_us <= 15_000_000
    assert 19_500_000 <= after.segment.start_us <= 20_500_000
    assert after.segment.end_us == whole.segment.end_us
    (line,) = health_warnings(found)
    assert "seems covered" in line
    assert "left out" in line
    (kept,) = health_warnings(replace(found, kept=True))
    assert "look at it" in kept


def test_trouble_in_most_of_the_footage_is_kept_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = stretch_of(film(tmp_path / NAME, covered_until(SHORT)))
    monkeypatch.setattr("pipeline.learning.health._MOST_LEFT_OUT", 0.01)
    found = healthy_footage([whole], READER)
    assert (found.stretches, found.reference, found.kept) == ((whole,), None, True)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> HealthyFootage:
    """Return what is learnt of footage without trouble."""
    folder = tmp_path_factory.mktemp("healthy")
    return healthy_footage([stretch_of(film(folder / "normal.mp4", lambda _, i: i))], READER)


@pytest.mark.parametrize("knows", [True, False])
def test_a_covered_camera_is_blind_and_raises_no_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, healthy: HealthyFootage, knows: bool
) -> None:
    assert healthy.reference is not None
    fake = AfraidOfStrangePictures(
        health=healthy.reference if knows else None,
        policy=policy(),
        tail=EventTail(threshold=3.0, events_per_day=1.0, scale=1.0, shape=0.0),
    )
    (tmp_path / "site").mkdir()
    with footage_site(tmp_path / "site") as line:
        film(line.source / NAME, covered_until(LONG))
        line.ingest()
        store = line.site.store
        record = replace(model(CAMERA), camera=CAMERA)
        store.add_model(record, [])
        monkeypatch.setattr(scoring, "_model_for", lambda *_: (record, fake))
        done = scoring.score_camera(line.site, CAMERA, progress=line.lines.append)
        alerts = store.alerts(CAMERA)
        if not knows:
            # Without the reference the same footage alarms: the filter is what keeps it away.
            assert len(alerts) == done.alerts == 1
            assert store.health(CAMERA) == []
            return
        assert (alerts, done.alerts, done.health_events) == ([], 0, 1)
        (event,) = store.health(CAMERA)
        assert event.trouble is Trouble.COVERED
        assert any("covered from" in said for said in line.lines)
        (segment,) = store.segments(CAMERA)
        clips = [one.clip for one in store.anomalies(CAMERA)]
        assert clips
        assert not [c for c in clips if c.end_us >= event.start_us and c.start_us < event.end_us]
        facts = gather_facts(line.site, CAMERA, segment.start_utc, segment.end_utc)
        length = (event.end_utc - event.start_utc).total_seconds()
        assert facts.seconds_of("covered") == pytest.approx(length)
        assert facts.blind_seconds == pytest.approx(length)
        assert timedelta(seconds=12) <= event.end_utc - event.start_utc <= timedelta(seconds=15)
        # Again adds nothing.
        counts = store.row_counts()
        assert scoring.score_camera(line.site, CAMERA).segments == 0
        assert store.row_counts() == counts
