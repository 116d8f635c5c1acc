"""A camera's footage is sampled and compared with what its model knows, by the command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.cli import main
from pipeline.drift.reference import DriftReference
from pipeline.evaluation.slow_shifts import SlowShift, shifted
from tests.footage_maker import encode, scene
from tests.footage_site import CAMERA, footage_site
from tests.store_samples import METRICS, MORNING, model
from tests.synthesis_makers import camera_model

SECONDS = 28


def test_light_that_grows_is_found_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = np.tile(scene(1, 20), (SECONDS // 2, 1, 1, 1))
    usual = np.random.default_rng(0).normal(float(frames.mean()), 1.0, 96)
    reference = DriftReference(sample_seconds=2.0, values={"brightness": tuple(usual.tolist())})
    brighter = [shifted(f, SlowShift.LIGHT, (i + 1) / len(frames)) for i, f in enumerate(frames)]
    with footage_site(tmp_path) as opened:
        encode(opened.source / "later.mp4", np.stack(brighter))
        opened.ingest()
        site = opened.site
        known = replace(camera_model(), drift=reference)
        folder = site.models_folder / CAMERA / "known"
        digest = known.save(folder)
        (segment,) = site.store.segments(CAMERA)
        record = model(
            CAMERA,
            digest=digest,
            model_id=digest[:32],
            path=folder.relative_to(site.folder).as_posix(),
            created_utc=segment.start_utc,
            manifest={"footage": []},
        )
        site.store.add_model(record, METRICS)
        site.store.promote(record.model_id, MORNING)
        assert main(["--site", str(site.folder), "drift", CAMERA]) == 0
        check = site.store.drift(CAMERA, record.model_id)
    assert check is not None
    (brightness,) = check.findings
    assert (brightness.name, brightness.samples) == ("brightness", SECONDS // 2)
    assert brightness.since_utc is not None
    assert (brightness.since_utc - segment.start_utc).total_seconds() <= 8.0
    said = capsys.readouterr().out
    assert f"drift of brightness in {SECONDS // 2} samples" in said
    assert f"kizashi retrain {CAMERA}" in said
