"""What a learnt model says of its line: the pictures behind an alert show the maps that made its
score, whatever went before the clip; and the scores are the same with more threads and in other
batches."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.alerts.events import join_anomalies
from pipeline.clips.reader import Stretch
from pipeline.errors import FootageError
from pipeline.footage.examine import probe_footage
from pipeline.learning.camera_model import CameraModel
from pipeline.learning.learn import learn
from pipeline.learning.presets import preset_named
from pipeline.scoring import scorer
from pipeline.scoring.peak import picture_of
from pipeline.scoring.scorer import ScoredClip, score_stretch
from tests.footage_maker import encode, scene
from tests.promises import Promise

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Stretch:
    """Return half a minute of squares that come round every two seconds, and the noise of a
    camera."""
    folder = tmp_path_factory.mktemp("line")
    film = np.tile(scene(1, 20), (15, 1, 1, 1))
    noise = np.random.default_rng(1).normal(0.0, 1.5, film.shape)
    video = encode(folder / "line.mp4", np.clip(film + noise, 0, 255).astype(np.uint8))
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


@pytest.mark.parametrize("number", [0, pytest.param(40, marks=pytest.mark.full), -1])
def test_the_heat_is_the_map_of_the_expert_that_led(
    line: Stretch, model: CameraModel, scored: list[ScoredClip], number: int
) -> None:
    clip = scored[number]
    for expert in ("rhythm", "critic", "motion"):
        picture = picture_of(model, line, replace(clip.anomaly, expert=expert), ())
        # Distances next to nothing are rounded by how many clips are compared at once.
        np.testing.assert_allclose(picture.heat_HW, clip.maps[expert], rtol=0.01, atol=0.05)
        assert picture.input_HW.shape == picture.difference_HW.shape == (64, 96)


def test_what_is_usual_is_the_background_while_the_model_draws_worse(
    line: Stretch, model: CameraModel, scored: list[ScoredClip]
) -> None:
    # Three steps of training draw nothing of the line.
    picture = picture_of(model, line, scored[0].anomaly, ())
    np.testing.assert_array_equal(picture.usual_HW, model.sight.background_HW)
    gap = picture.input_HW.astype(np.int16) - picture.usual_HW
    np.testing.assert_array_equal(picture.difference_HW, np.abs(gap))
    assert picture.difference_HW.mean() < 0.5 * picture.input_HW.std()


def test_the_rhythm_has_a_map_once_the_stream_has_run_for_its_seconds(
    model: CameraModel, scored: list[ScoredClip]
) -> None:
    assert model.sight.rhythm_bank is not None
    assert (model.sight.rhythm_bank.regularity_K > 0.5).all()
    begins = [bool(clip.maps["rhythm"].any()) for clip in scored]
    first = begins.index(True)
    assert scored[first].anomaly.clip.end_us == pytest.approx(4_000_000, abs=200_000)
    assert all(begins[first:])


@pytest.mark.parametrize(
    ("threads", "batch"),
    [
        (4, 8),
        (1, 5),
        pytest.param(1, 8, marks=pytest.mark.full),
        pytest.param(1, 1, marks=pytest.mark.full),
    ],
)
def test_scores_depend_on_neither_threads_nor_batches(
    threads: int,
    batch: int,
    line: Stretch,
    model: CameraModel,
    scored: list[ScoredClip],
    monkeypatch: pytest.MonkeyPatch,
    promise: Promise,
) -> None:
    monkeypatch.setattr(scorer, "BATCH_CLIPS", batch)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        again = list(score_stretch(model, line, model_id="m"))
    finally:
        torch.set_num_threads(before)
    assert [one.anomaly.clip for one in again] == [one.anomaly.clip for one in scored]
    apart = [
        abs(here - there.anomaly.scores[expert])
        for one, there in zip(again, scored, strict=True)
        for expert, here in one.anomaly.scores.items()
    ]
    assert max(apart) <= 1e-5
    events = [
        [
            (event.event_id, round(event.peak_score, 4), event.expert)
            for event in join_anomalies([one.anomaly for one in clips], model.policy)
        ]
        for clips in (again, scored)
    ]
    assert events[0] == events[1]
    promise(
        "N4", f"{threads} threads, {batch} clips at once: scores at most {max(apart):.0e} apart"
    )


def test_footage_that_was_replaced_meanwhile_is_said(
    line: Stretch, model: CameraModel, scored: list[ScoredClip], tmp_path: Path
) -> None:
    short = encode(tmp_path / "line.mp4", scene(1, 60))
    with pytest.raises(FootageError, match=r"line\.mp4"):
        picture_of(model, replace(line, source=short), scored[100].anomaly, ())
