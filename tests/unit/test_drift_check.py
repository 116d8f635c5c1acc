"""A camera's footage is sampled and compared with what its model knows, by the command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.assembly import Site
from pipeline.cli import main
from pipeline.cycles.cycle import Cycle
from pipeline.drift.check import DriftCheck
from pipeline.drift.judge import Severity
from pipeline.drift.reference import DriftReference
from pipeline.evaluation.slow_shifts import SlowShift, shifted
from pipeline.footage.segments import Segment
from pipeline.scoring.anomaly import Place
from tests.footage_maker import encode, scene
from tests.footage_site import CAMERA, footage_site
from tests.store_samples import METRICS, MORNING, model
from tests.synthesis_makers import camera_model

SECONDS = 28


def checked_by_command(site: Site, reference: DriftReference) -> tuple[DriftCheck, Segment]:
    """Return what `kizashi drift` keeps of the only segment of a site, with a model that knows this
    reference, and the segment."""
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
    return check, segment


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
        check, segment = checked_by_command(opened.site, reference)
    (brightness,) = check.findings
    assert (brightness.name, brightness.samples) == ("brightness", SECONDS // 2)
    assert brightness.since_utc is not None
    assert (brightness.since_utc - segment.start_utc).total_seconds() <= 8.0
    said = capsys.readouterr().out
    assert f"drift of brightness in {SECONDS // 2} samples" in said
    assert f"kizashi retrain {CAMERA}" in said


@pytest.mark.full
def test_a_machine_that_has_become_slower_is_found_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each cycle takes a little longer than the one before, 2.0 s and at last 2.2: wear."""
    cycle = Cycle(
        seconds=2.0,
        strength=0.9,
        cells=tuple(range(24 * 16)),
        share=1.0,
        place=Place(x=0.0, y=0.0, width=1.0, height=1.0),
    )
    reference = DriftReference(
        sample_seconds=6.6,
        values={cycle.name: tuple(np.linspace(1.99, 2.01, 96).tolist())},
        cycles=(cycle,),
        cycle_sample_seconds=6.6,
    )
    turn = scene(1, 120)  # six frames of it are one of the footage, or a little less
    lengths = np.linspace(20.0, 22.0, 80)
    shown = [turn[int(at * 120 / n)] for n in lengths for at in range(int(n))]
    with footage_site(tmp_path) as opened:
        encode(opened.source / "later.mp4", np.stack(shown))
        opened.ingest()
        check, segment = checked_by_command(opened.site, reference)
    (slower,) = check.findings
    assert slower.name == "cycle of 2.00 s"
    assert slower.recent == pytest.approx(2.15, abs=0.06)
    assert slower.severity is Severity.SLIGHT  # nothing is said of the scores
    assert slower.since_utc is not None
    assert (slower.since_utc - segment.start_utc).total_seconds() < 100.0
    assert "drift of cycle of 2.00 s" in capsys.readouterr().out
