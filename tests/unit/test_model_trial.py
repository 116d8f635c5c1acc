"""A retrained model is tried on real videos with faults in them; a poisoned one is found out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.errors import EvaluationError
from pipeline.evaluation.faults import FaultKind
from pipeline.evaluation.injection import untouched, variants, write_variant
from pipeline.evaluation.model_comparison import compare_models
from pipeline.evaluation.model_trial import KnownAnomaly, ModelTrial, TrialFootage, try_models
from pipeline.evaluation.parts import Parts
from pipeline.evaluation.refusals import Refusal
from pipeline.evaluation.scene import scene_of
from pipeline.evaluation.slow_shifts import SlowShift, shifted, write_pictures
from tests import footage_maker
from tests.evaluation_makers import FakeFrame, FakeModel, FakeScored, anomaly_ending

STEP_US = 100_000
CLIP_FRAMES = 4
KEEN = FakeModel()
POISONED = FakeModel(high=0.3)
"""It learnt from a window full of knocks: they are normal to it."""
NERVOUS = FakeModel(low=4.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A stretch of a video, and its own segment."""

    source: Path
    start_us: int
    end_us: int

    @property
    def segment(self) -> Part:
        return self

    def part(self, start_us: int, end_us: int) -> Part:
        return replace(self, start_us=start_us, end_us=end_us)


def decoded(video: Path, grey: bool, start_us: int) -> Iterator[FakeFrame]:
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG)
    for index in range(round(capture.get(cv2.CAP_PROP_FRAME_COUNT))):
        _, image = capture.read()
        if index * STEP_US >= start_us:
            seen = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if grey else image
            yield FakeFrame(pts_us=index * STEP_US, image=np.asarray(seen, dtype=np.uint8))
    capture.release()


def stretches(video: Path, root: Path) -> list[Any]:
    frames = sum(1 for _ in decoded(video, True, 0))
    return [Part(source=video, start_us=0, end_us=frames * STEP_US)]


def scored(model: Any, stretch: Any) -> Iterator[FakeScored]:
    """Score by how much of the picture is another than in the first frame: it sees knocks."""
    frames = [
        frame
        for frame in decoded(stretch.source, True, stretch.segment.start_us)
        if frame.pts_us < stretch.segment.end_us
    ]
    first = frames[0].image.astype(np.float32)
    grid = np.full((4, 6), 0.1, dtype=np.float32)
    for last in range(CLIP_FRAMES - 1, len(frames), 2):
        changed = np.mean(np.abs(frames[last].image.astype(np.float32) - first) > 6.0)
        score = model.high if changed > 0.3 else model.low
        anomaly = anomaly_ending(
            frames[last].pts_us, score, start_us=frames[last - CLIP_FRAMES + 1].pts_us
        )
        yield FakeScored(
            anomaly=replace(anomaly, scores=dict.fromkeys(model.expert_names, score)),
            tgan_score=score,
            maps=dict.fromkeys(model.expert_names, grid),
            fused_map=grid,
            tgan_map=grid,
        )


PARTS = Parts(
    stretches=stretches,
    decode=lambda video, grey, start_us: nullcontext(decoded(video, grey, start_us)),
    learn=lambda *given: KEEN,
    load=lambda folder: (KEEN, ""),
    score=scored,
    with_budget=lambda model, per_day: model,
)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> TrialFootage:
    """24 seconds of a belt, and a knock that a person has seen."""
    folder = tmp_path_factory.mktemp("footage")
    scene = scene_of(list(footage_maker.scene(5, 240)), np.arange(240, dtype=np.int64) * STEP_US)
    write_variant(folder / "belt.avi", untouched(scene))
    (knock,) = variants(
        scene, seed=9, instances=1, kinds=[FaultKind.CAMERA_KNOCKED], part_seconds=10.0
    )
    write_variant(folder / "knock.avi", knock)
    (span,) = knock.spans
    (seen,) = stretches(folder / "knock.avi", folder)
    return TrialFootage(
        normal=stretches(folder / "belt.avi", folder),
        known=[
            KnownAnomaly(
                name="6d95cc14ad44",
                stretch=seen,
                start_us=span.first * STEP_US,
                end_us=span.end * STEP_US,
            )
        ],
        kinds=[FaultKind.CAMERA_KNOCKED],
        instances=12,
    )


@pytest.fixture(scope="module")
def trials(
    footage: TrialFootage, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModelTrial, ...]:
    work = tmp_path_factory.mktemp("work")
    models = [KEEN, KEEN, POISONED, NERVOUS]
    found = tuple(try_models(models, footage, work, PARTS))
    assert list(work.iterdir()) == []
    return found


def test_a_candidate_that_finds_the_faults_is_promoted(trials: tuple[ModelTrial, ...]) -> None:
    active, candidate, *_ = trials
    assert (active.normal_seconds, active.false_alarms) == (24.0, 0)
    assert len(active.faults) == 12
    assert sum(active.faults.values()) >= 10
    assert active.known == {"6d95cc14ad44": True}
    assert compare_models(active, candidate, budget_per_day=1.0).not_worse


def test_a_poisoned_candidate_is_refused_and_the_reasons_name_what_it_lost(
    trials: tuple[ModelTrial, ...],
) -> None:
    active, _, poisoned, _ = trials
    assert not any(poisoned.faults.values())
    compared = compare_models(active, poisoned, budget_per_day=1.0)
    assert [reason.why for reason in compared.reasons] == [
        Refusal.KNOWN_MISSED,
        Refusal.KIND_LOST,
        Refusal.FAULTS_LOST,
    ]


def test_a_model_that_always_alarms_finds_nothing(trials: tuple[ModelTrial, ...]) -> None:
    active, *_, nervous = trials
    assert nervous.false_alarms >= 1
    assert not any(nervous.faults.values())
    compared = compare_models(active, nervous, budget_per_day=1.0)
    assert Refusal.MORE_FALSE_ALARMS in [reason.why for reason in compared.reasons]


def test_footage_in_which_no_fault_has_a_place_gives_none(tmp_path: Path) -> None:
    still = [np.full((64, 96), 90, dtype=np.uint8)] * 130
    write_pictures(tmp_path / "still.avi", still, 10.0)
    lines: list[str] = []
    normal = stretches(tmp_path / "still.avi", tmp_path)
    (trial,) = try_models([KEEN], TrialFootage(normal=normal), tmp_path, PARTS, lines.append)
    assert trial.faults == {}
    assert any("no faults are injected" in line or "left out" in line for line in lines)


def test_no_footage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no normal footage"):
        try_models([KEEN], TrialFootage(normal=[]), tmp_path, PARTS)


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_slow_shifts_grow_from_nothing(colour: bool) -> None:
    grey = np.asarray(footage_maker.scene(1, 1)[0], dtype=np.uint8)
    grey = grey if grey.ndim == 2 else grey[..., 0]
    image = np.dstack([grey] * 3) if colour else grey
    for shift in SlowShift:
        changes = [
            float(np.abs(shifted(image, shift, extent).astype(int) - image).mean())
            for extent in (0.0, 0.3, 1.0)
        ]
        assert changes[0] < 0.5
        assert changes[0] < changes[1] < changes[2]
