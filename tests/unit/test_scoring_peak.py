"""The pictures behind an alert show the maps that made its score, whatever went before the clip."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.reader import Stretch
from pipeline.errors import FootageError
from pipeline.footage.examine import probe_footage
from pipeline.learning.camera_model import CameraModel
from pipeline.learning.learn import learn
from pipeline.learning.presets import preset_named
from pipeline.scoring.peak import picture_of
from pipeline.scoring.scorer import ScoredClip, score_stretch
from tests.footage_maker import encode, scene

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Stretch:
    """Return half a minute of squares that come round every two seconds."""
    folder = tmp_path_factory.mktemp("line")
    video = encode(folder / "line.mp4", np.tile(scene(1, 20), (15, 1, 1, 1)))
    footage, (segment,), _ = probe_footage(
        video, camera="line", root=folder, start_utc=datetime(2026, 1, 5, tzinfo=UTC)
    )
    return Stretch(source=video, footage=footage, segment=segment)


@pytest.fixture(scope="module")
def model(line: Stretch) -> CameraModel:
    compact = replace(preset_named("compact"), working_width_px=96).with_effort(0.003)
    return learn([line], preset=compact, seed=0)


@pytest.fixture(scope="module")
def scored(line: Stretch, model: CameraModel) -> list[ScoredClip]:
    return list(score_stretch(model, line, model_id="m"))


@pytest.mark.parametrize("number", [0, 40, -1])
def test_the_heat_is_the_map_of_the_expert_that_led(
    line: Stretch, model: CameraModel, scored: list[ScoredClip], number: int
) -> None:
    clip = scored[number]
    for expert in ("rhythm", "critic", "motion"):
        picture = picture_of(model, line, replace(clip.anomaly, expert=expert), ())
        # Distances next to nothing are rounded by how many clips are compared at once.
        np.testing.assert_allclose(picture.heat_HW, clip.maps[expert], rtol=0.01, atol=0.05)
        assert picture.input_HW.shape == picture.difference_HW.shape == (64, 96)


def test_the_rhythm_has_a_map_once_the_stream_has_run_for_its_seconds(
    model: CameraModel, scored: list[ScoredClip]
) -> None:
    assert model.sight.rhythm_bank is not None
    assert (model.sight.rhythm_bank.regularity_K > 0.5).all()
    begins = [bool(clip.maps["rhythm"].any()) for clip in scored]
    first = begins.index(True)
    assert scored[first].anomaly.clip.end_us == pytest.approx(4_000_000, abs=200_000)
    assert all(begins[first:])


def test_footage_that_was_replaced_meanwhile_is_said(
    line: Stretch, model: CameraModel, scored: list[ScoredClip], tmp_path: Path
) -> None:
    short = encode(tmp_path / "line.mp4", scene(1, 60))
    with pytest.raises(FootageError, match=r"line\.mp4"):
        picture_of(model, replace(line, source=short), scored[100].anomaly, ())
