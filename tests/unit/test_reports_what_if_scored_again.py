"""Promise: what another model would have raised is told of footage as it is: files that overlap,
files too short for a clip, light that is switched. No time and no incident counts twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.alerts.budget import EventTail
from pipeline.camera import ClockSource
from pipeline.footage.segments import Segment
from pipeline.reports.what_if import WhatIf, what_if
from tests import footage_maker as make
from tests.footage_site import CAMERA, FootageSite, footage_site
from tests.health_makers import AfraidOfStrangePictures, Image, frames
from tests.lighting_makers import RATE, lit
from tests.store_samples import MORNING, model
from tests.unit.test_scoring_evidence import HOW, AfraidOfTheBar

TAIL = EventTail(threshold=3.0, events_per_day=10.0, scale=0.5, shape=0.0)
BUDGET = 5.0


@pytest.fixture
def line(tmp_path: Path) -> Iterator[FootageSite]:
    """Return a site whose active model has scored nothing, with another model beside it."""
    with footage_site(tmp_path, clock=ClockSource.NAME) as line:
        for number in (0, 1):
            record = replace(model(CAMERA, number), camera=CAMERA)
            known = {**record.calibration, "tail": TAIL.to_dict()}
            line.site.store.add_model(replace(record, calibration=known), [])
        line.site.store.promote(model(CAMERA).model_id, MORNING)
        yield line


def asked(line: FootageSite, fake: AfraidOfStrangePictures, patch: pytest.MonkeyPatch) -> WhatIf:
    """Return what the other model would have raised."""
    patch.setattr("pipeline.distillation.stored_models.load_model", lambda *_, **__: fake)
    other = model(CAMERA, 1).model_id
    (found,) = what_if(line.site, CAMERA, [BUDGET], model=other, progress=line.lines.append)
    return found


def strange_at(first: int) -> np.ndarray:
    """Return 20 seconds of the scene of the health tests in which one second flickers."""

    def paint(index: int, image: Image) -> Image:
        if first <= index < first + 10:
            image[20:60, 40:90] = 255 * (index % 2)
        return image

    video = np.stack([frame.image for frame in frames(200, paint=paint)])[..., None]
    return np.repeat(video, 3, axis=3)


def lengths(segments: list[Segment]) -> list[float]:
    return [round((one.end_utc - one.start_utc).total_seconds(), 1) for one in segments]


def test_an_incident_in_two_files_that_overlap_is_one_alert_and_their_time_counts_once(
    line: FootageSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same second of the flicker: 12 seconds into the first file, 2 into the second.
    make.encode(line.source / "20260302T080000Z.mp4", strange_at(120))
    make.encode(line.source / "20260302T080010Z.mp4", strange_at(20))
    line.ingest()
    assert lengths(list(line.site.store.segments(CAMERA))) == [20.0, 20.0]
    found = asked(line, AfraidOfStrangePictures(**HOW), monkeypatch)
    assert found.watched_seconds == pytest.approx(30.0, abs=0.2)
    (alert,) = found.alerts
    began = datetime(2026, 3, 2, 8, 0, 12, tzinfo=UTC)
    assert began <= alert.start_utc <= alert.end_utc <= began + timedelta(seconds=2)
    assert found.new == (alert,)


def test_a_file_too_short_for_a_clip_is_not_watched(
    line: FootageSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.encode(line.source / "20260302T080000Z.mp4", strange_at(120))
    line.ingest()
    store = line.site.store
    film = line.footage()["20260302T080000Z.mp4"]
    (whole,) = store.segments(CAMERA)
    # Half a second behind a hole has five frames; a clip has eight.
    short = replace(
        whole, segment_id="f" * 32, start_us=whole.end_us, end_us=whole.end_us + 500_000
    )
    short = replace(short, start_utc=whole.end_utc, frames=5)
    other = replace(film, footage_id="e" * 32, sha256="e" * 64, path="short.mp4")
    make.encode(line.source / "short.mp4", strange_at(120)[:6])
    store.add_footage(other, [replace(short, footage_id=other.footage_id)], [])
    found = asked(line, AfraidOfStrangePictures(**HOW), monkeypatch)
    assert found.watched_seconds == pytest.approx(20.0, abs=0.1)
    assert len(found.alerts) == 1


def test_a_switch_of_light_is_not_watched_when_another_model_is_asked_either(
    line: FootageSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.encode(line.source / "20260302T080000Z.mp4", lit(8.0, ["lamps", "infrared"]), rate=RATE)
    line.ingest()
    fake = AfraidOfTheBar(**HOW)
    found = asked(line, fake, monkeypatch)
    assert found.asked_seconds == pytest.approx(16.0, abs=0.1)
    # Until the light was steady again nothing is scored.
    assert found.watched_seconds <= 15.1
    # What was found is told once, and is not left to the next who reads.
    assert fake.watches.lighting is not None
    assert fake.watches.lighting.take() == ([], [])
