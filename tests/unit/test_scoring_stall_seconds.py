"""Promise: the setting `stall_seconds` of a site holds for every decoder of its footage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboards.stills import still_of
from pipeline.alerts.evidence import PeakPicture
from pipeline.assembly import Site
from pipeline.footage import decoding
from pipeline.footage.segments import Segment
from pipeline.learning.train_camera import stretches_of
from pipeline.scoring import score_camera as scoring
from tests import alerts_makers
from tests.footage_maker import healthy
from tests.footage_site import CAMERA, footage_site
from tests.store_samples import PLACE, anomaly, event, model
from tests.synthesis_makers import camera_model

SECONDS = 7.5


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list that holds after how many seconds each decoder was to be stopped."""
    found: list[float] = []
    start = decoding.start_child

    def noting(job: dict[str, Any], *given: Any) -> Any:
        found.append(job["stall_seconds"])
        return start(job, *given)

    monkeypatch.setattr(decoding, "start_child", noting)
    return found


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with footage_site(tmp_path) as camera:
        settings = camera.site.settings.model_copy(update={"stall_seconds": SECONDS})
        camera.site = replace(camera.site, settings=settings)
        healthy(camera.source / "belt.mp4", seconds=4.0, width_px=96, height_px=64)
        camera.ingest()
        yield camera.site


def test_training_and_pages_wait_for_as_long_as_the_site_says(
    site: Site, asked: list[float]
) -> None:
    reader = camera_model().reader()
    assert list(reader.clips(stretches_of(site, CAMERA)[0].part(0, 2_000_000), stride=8))
    assert still_of(site, site.store.camera(CAMERA), None)
    assert asked == [SECONDS, SECONDS]


def test_scoring_and_evidence_wait_for_as_long_as_the_site_says(
    site: Site, asked: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = replace(model(CAMERA), camera=CAMERA)
    run = scoring._ScoringRun(site, site.store.camera(CAMERA), record, camera_model())
    (segment,) = site.store.segments(CAMERA)
    assert list(run.stretch(segment).frames(run.reader.view))
    peak = anomaly(segment, record)
    monkeypatch.setattr(run, "_peak_of", lambda _: peak)
    monkeypatch.setattr(scoring, "picture_of", lambda *_, **__: picture())
    assert run._evidence(alert_in(segment), event(peak, peak))
    assert asked == [SECONDS, SECONDS]


def picture() -> PeakPicture:
    grey = np.zeros((48, 64), np.uint8)
    return PeakPicture(
        frame_HWC=np.zeros((64, 96, 3), np.uint8),
        heat_HW=np.zeros((8, 8), np.float32),
        input_HW=grey,
        usual_HW=grey,
        difference_HW=grey,
        place=PLACE,
    )


def alert_in(segment: Segment) -> Any:
    at = {
        "start_utc": segment.start_utc + timedelta(seconds=1),
        "peak_utc": segment.start_utc + timedelta(seconds=1),
        "end_utc": segment.start_utc + timedelta(seconds=2),
    }
    return alerts_makers.alert(camera=CAMERA, **at)
