"""Learning by lighting state, with real networks that are tiny: what it changes, and what not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.alerts.events import join_anomalies
from pipeline.learning.camera_model import CameraModel, load_camera_model
from pipeline.learning.learn import learn
from pipeline.learning.presets import Preset, preset_named
from pipeline.lighting.events import UNKNOWN
from pipeline.scoring.anomaly import Anomaly
from pipeline.scoring.calibration import PlaceStatistics, shrunk_places
from pipeline.scoring.scorer import score_stretch
from pipeline.scoring.tail import fit_tail
from tests.core_recipes import logistic_recipe
from tests.lighting_makers import Video, lit, stretch_of


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Let sums come in one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def preset(**changes: object) -> Preset:
    """Return the compact preset with networks of a few channels and with few steps."""
    tiny = replace(
        preset_named("compact"),
        working_width_px=96,
        generator_steps=4,
        encoder_steps=2,
        clip_stride=2,
        place_windows=60,
        experts=("critic", "motion"),
        tgan=logistic_recipe(),
    )
    return replace(tiny, **changes)  # type: ignore[arg-type]


@pytest.mark.full
def test_a_camera_of_one_light_has_the_model_it_always_had(tmp_path: Path) -> None:
    stretch = stretch_of(tmp_path / "room.mp4", lit(16.0, ["lamps"]))
    few = preset(clip_stride=1, place_windows=20, experts=("motion", "continuity"))
    digests = set()
    for index, one_light in enumerate((False, True)):
        model = learn([stretch], preset=few, seed=1, device="cpu", one_light=one_light)
        digests.add(model.save(tmp_path / str(index)))
        assert "lighting" not in (tmp_path / str(index) / "manifest.json").read_text()
        assert "lighting" not in model.calibration_summary()
        assert model.reader().lighting is None
    assert len(digests) == 1


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> CameraModel:
    """Return what was learnt of a room under lamps and under infrared, stored and loaded."""
    folder = tmp_path_factory.mktemp("normal")
    stretches = [
        stretch_of(folder / f"{name}.mp4", lit(46.0, [name], seed=seed))
        for seed, name in enumerate(("lamps", "infrared"))
    ]
    learnt = learn(stretches, preset=preset(), seed=1, budget_per_day=24.0, device="cpu")
    learnt.save(folder / "model")
    return load_camera_model(folder / "model", device="cpu")


def scored(model: CameraModel, path: Path, video: Video) -> tuple[list[Anomaly], list[str]]:
    """Return the anomalies of a video and the lights that were found in it."""
    stretch = stretch_of(path, video)
    reader = model.reader()
    anomalies = [one.anomaly for one in score_stretch(model, stretch, model_id="m", reader=reader)]
    assert reader.lighting is not None
    return anomalies, [spell.state for spell in reader.lighting.take()[0]]


def test_each_light_has_its_background_and_calibration(model: CameraModel) -> None:
    lighting = model.sight.lighting
    assert lighting is not None
    assert {state.name for state in lighting.states.states} == {"bright", "infrared"}
    assert set(lighting.backgrounds) == set(model.by_lighting) == {"bright", "infrared"}
    assert {one["name"]: one["own_calibration"] for one in model.calibration_summary()["lighting"]}
    assert model.calibration_in(UNKNOWN) is model.calibration_in("") is model.calibration
    held_out = {one["name"]: one["held_out_seconds"] for one in _summary(model)}
    assert all(8.0 <= length <= 10.0 for length in held_out.values())


def _summary(model: CameraModel) -> list[dict[str, float]]:
    found: list[dict[str, float]] = model.calibration_summary()["lighting"]
    return found


def test_a_switch_alerts_nobody_and_an_anomaly_in_each_light_does(
    model: CameraModel, tmp_path: Path
) -> None:
    quiet, lights = scored(model, tmp_path / "a.mp4", lit(12.0, ["lamps", "infrared"], seed=5))
    assert lights == ["bright", "infrared"]
    peaks = [event.peak_score for event in join_anomalies(quiet, model.policy)]
    assert not [peak for peak in peaks if peak >= model.policy.alert_score]
    first = quiet[0].clip.start_utc
    # Nothing is scored across the switch, and everything a few seconds away from it is.
    assert not [
        one
        for one in quiet
        if one.clip.start_utc < first + timedelta(seconds=12) <= one.clip.end_utc
    ]
    strange, _ = scored(
        model, tmp_path / "b.mp4", lit(12.0, ["lamps", "infrared"], seed=6, strange=True)
    )
    alerts = [
        event
        for event in join_anomalies(strange, model.policy)
        if event.peak_score >= model.policy.alert_score
    ]
    assert [round((event.peak_utc - first).total_seconds() / 12.0 - 0.5) for event in alerts] == [
        0,
        1,
    ]


def test_few_windows_of_a_state_move_its_places_little() -> None:
    def places(level: float) -> PlaceStatistics:
        whole = np.full((2, 2), level, np.float32)
        return PlaceStatistics(middle_GW=whole, range_GW=whole + 1.0, two_sided=False)

    between = shrunk_places(places(10.0), places(0.0), weight=0.25)
    assert between.middle_GW.tolist() == [[2.5, 2.5], [2.5, 2.5]]
    assert between.range_GW.tolist() == [[3.5, 3.5], [3.5, 3.5]]


def test_a_sample_of_a_tail_has_its_distribution() -> None:
    values = np.random.default_rng(0).normal(2.0, 1.0, 5_000)
    sample = fit_tail(values).sample(1_000)
    shares = (0.05, 0.5, 0.95)
    assert np.quantile(sample, shares) == pytest.approx(np.quantile(values, shares), abs=0.02)
