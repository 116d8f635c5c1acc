"""Injected faults from end to end: real video files, and a model whose answers are known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.errors import EvaluationError
from pipeline.evaluation.fault_protocol import evaluate_faults
from pipeline.evaluation.faults import FaultKind
from pipeline.evaluation.injection import untouched, write_variant
from pipeline.evaluation.nuisances import NuisanceKind
from pipeline.evaluation.parts import Parts
from pipeline.evaluation.scene import scene_of
from pipeline.evaluation.trivial import TRIVIAL_NAMES
from pipeline.scoring.anomaly import Place
from tests import footage_maker
from tests.evaluation_makers import FakeFrame, FakeModel, FakeScored, anomaly_ending

ROOT = Path(__file__).parents[2]
KINDS = (FaultKind.CAMERA_KNOCKED, FaultKind.HALF_SPEED, NuisanceKind.BRIGHTNESS_RAMP)
CLIP_FRAMES, STRIDE = 4, 2
STEP_US = 100_000


def _decode(video: Path, grey: bool, start_us: int = 0) -> Iterator[FakeFrame]:
    """Decode in this process: starting a child for each of many short videos takes long."""
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG)
    for index in range(round(capture.get(cv2.CAP_PROP_FRAME_COUNT))):
        _, image = capture.read()
        if index * STEP_US >= start_us:
            seen = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if grey else image
            yield FakeFrame(pts_us=index * STEP_US, image=np.asarray(seen, dtype=np.uint8))
    capture.release()


@dataclass(frozen=True, kw_only=True, slots=True)
class FakePart:
    """A stretch of a video, and its own segment."""

    source: Path
    start_us: int
    end_us: int

    @property
    def segment(self) -> FakePart:
        return self

    def part(self, start_us: int, end_us: int) -> FakePart:
        return replace(self, start_us=start_us, end_us=end_us)


class Onlooker:
    """Parts with a model that compares each picture with the first: it sees what shakes the whole
    picture, and not how fast something moves."""

    def __init__(self) -> None:
        self.learnt: list[tuple[int, int]] = []
        self.loaded: list[Path] = []
        self.budgets: list[float] = []

    def parts(self) -> Parts:
        return Parts(
            stretches=self._stretches,  # type: ignore[arg-type]
            decode=lambda video, grey, start_us: nullcontext(_decode(video, grey, start_us)),
            learn=self._learn,
            load=self._load,
            score=self._score,
            with_budget=self._with_budget,
        )

    def _with_budget(self, model: Any, per_day: float) -> Any:
        self.budgets.append(per_day)
        return model

    def _stretches(self, video: Path, root: Path) -> list[FakePart]:
        assert video.parent == root
        frames = sum(1 for _ in _decode(video, True))
        return [FakePart(source=video, start_us=0, end_us=frames * STEP_US)]

    def _learn(
        self, footage: Sequence[Any], preset: str, effort: float, seed: int, *rest: object
    ) -> FakeModel:
        (stretch,) = footage
        self.learnt.append((seed, stretch.segment.end_us))
        return FakeModel(seed=seed)

    def _load(self, folder: Path) -> tuple[FakeModel, str]:
        self.loaded.append(folder)
        return FakeModel(), "digest-of-the-given-model"

    def _score(self, model: Any, stretch: Any) -> Iterator[FakeScored]:
        frames = [(f.pts_us, f.image.astype(np.float32)) for f in _decode(stretch.source, True)]
        for last in range(CLIP_FRAMES - 1, len(frames), STRIDE):
            changed = np.mean(np.abs(frames[last][1] - frames[0][1]) > 6.0)
            score = model.high if changed > 0.3 else model.low + 0.01 * (last % 5)
            grid = np.full((4, 6), 0.1, dtype=np.float32)
            grid[1, 2] = 1.0
            anomaly = anomaly_ending(
                frames[last][0], score, start_us=frames[last - CLIP_FRAMES + 1][0]
            )
            whole = Place(x=0.0, y=0.0, width=1.0, height=1.0)
            yield FakeScored(
                anomaly=replace(
                    anomaly, place=whole, scores=dict.fromkeys(model.expert_names, score)
                ),
                tgan_score=score,
                maps=dict.fromkeys(model.expert_names, grid),
                fused_map=grid,
                tgan_map=grid,
            )


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """45 seconds of a belt with parts."""
    path = tmp_path_factory.mktemp("footage") / "belt.avi"
    frames = list(footage_maker.scene(5, 450))
    times = np.arange(450, dtype=np.int64) * 100_000
    write_variant(path, untouched(scene_of(frames, times)))
    return path


def test_faults_are_injected_scored_and_counted(footage: Path, tmp_path: Path) -> None:
    world, lines = Onlooker(), list[str]()
    work = tmp_path / "work"
    result = evaluate_faults(
        footage, "compact", [0, 1], work, lines.append, instances=2, kinds=KINDS,
        parts=world.parts(),
    )  # fmt: skip
    assert world.learnt == [(0, 27_000_000), (1, 27_000_000)]
    assert result == json.loads(json.dumps(result))
    assert "injected into real footage" in result["what"]
    assert result["settings"]["training_seconds"] == 27.0
    assert result["settings"]["injected_seconds"] == 18.0
    assert world.budgets == [24.0, 24.0]
    assert result["settings"]["budget_per_day"] == 24.0

    knocked, slow = result["faults"]["camera_knocked"], result["faults"]["half_speed"]
    assert (knocked["instances"], knocked["found"], knocked["event_recall"]) == (2, 2.0, 1.0)
    assert knocked["event_recall_untouched"] == 0.0
    assert knocked["auc"]["fused"]["mean"] > 0.95
    assert knocked["auc"]["fused"]["sd"] == 0.0
    assert knocked["auc"]["fused"]["untouched"] < 0.7
    assert knocked["strangest_place_in_box"] == 1.0
    assert knocked["auc"]["fused"]["against_untouched"] > 0.95
    assert slow["auc"]["fused"]["against_untouched"] == pytest.approx(0.5, abs=0.1)
    assert slow["trivial_auc"]["largest_optical_flow"]["against_untouched"] < 0.2
    assert (slow["found"], slow["detection_delay_seconds"]) == (0.0, None)
    assert set(knocked["auc"]) == {"fused", "tgan", "critic", "reconstruction", "motion"}
    assert tuple(knocked["trivial_auc"]) == TRIVIAL_NAMES
    assert result["all_faults"]["event_recall"] == 0.5

    ramp = result["nuisances"]["brightness_ramp"]
    assert ramp["false_alarms"] >= 1
    assert ramp["seconds"] == 36.0
    assert ramp["per_camera_hour"] == pytest.approx(ramp["false_alarms"] * 100)
    assert result["untouched"]["false_alarms"] == 0.0
    assert result["untouched"]["seconds"] == 18.0
    assert [one["name"] for one in result["variants"]] == [
        "untouched",
        *(f"{kind}-{number}" for kind in KINDS for number in (1, 2)),
    ]
    assert result["left_out"] == {}
    assert sorted(path.name for path in work.iterdir()) == ["models"]
    assert sum(line.startswith("scored ") for line in lines) == 7


def test_models_of_an_earlier_run_are_taken_again(footage: Path, tmp_path: Path) -> None:
    world = Onlooker()
    (tmp_path / "models" / "seed-0").mkdir(parents=True)
    again = evaluate_faults(
        footage, "compact", [0], tmp_path, reuse=True, kinds=[], parts=world.parts()
    )
    assert world.loaded == [tmp_path / "models" / "seed-0"]
    stored = tmp_path / "stored"
    given = evaluate_faults(
        footage, "compact", [], tmp_path, model=stored, kinds=[], parts=world.parts()
    )
    assert world.loaded[1:] == [stored]
    assert world.learnt == []
    assert given["untouched"] == again["untouched"]
    assert (given["faults"], given["all_faults"], given["nuisances"]) == ({}, None, {})
    assert given["settings"]["seeds"] == []
    assert given["digests"]["models"] == {"given": "digest-of-the-given-model"}


def test_what_does_not_do_is_refused_before_any_training(footage: Path, tmp_path: Path) -> None:
    world = Onlooker()
    short = tmp_path / "short.avi"
    frames = list(footage_maker.scene(5, 130))
    write_variant(short, untouched(scene_of(frames, np.arange(130, dtype=np.int64) * 100_000)))
    with pytest.raises(EvaluationError, match=r"short\.avi, its last 40%: 5\.2 s of footage"):
        evaluate_faults(short, "compact", [0], tmp_path, parts=world.parts())
    with pytest.raises(EvaluationError, match="each only once"):
        evaluate_faults(footage, "compact", [1, 1], tmp_path, parts=world.parts())
    assert world.learnt == []


@pytest.mark.full
def test_the_benchmark_says_when_it_has_no_footage(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/faults.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "KIZASHI_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "neither intel_samples/ nor pets2009/vtest.avi" in done.stderr
    assert "Traceback" not in done.stderr
