"""A small pretend world for evaluations: videos that are JSON files, and a model that reads them.

A video file says how many frames it has, how fast they come, and between which frames a bright
block moves. The model's score of a clip is high when the block is in its last frame, so everything
that an evaluation must find out is known beforehand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import EventPolicy
from pipeline.clips.windows import Clip
from pipeline.errors import FootageError
from pipeline.evaluation.parts import MEDIA_ZERO_UTC, Frame, Parts
from pipeline.scoring.anomaly import Anomaly, Place

HEIGHT_PX, WIDTH_PX = 48, 64
BLOCK_PX = 16
GRID = (6, 8)
CLIP_FRAMES = 4
STRIDE = 2


def write_video(
    folder: Path, name: str, *, frames: int, unusual: tuple[int, int] = (0, 0), rate: int = 10
) -> Path:
    """Write a pretend video with a moving block in frames unusual[0] <= index < unusual[1]."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(json.dumps({"frames": frames, "unusual": unusual, "rate": rate}))
    return path


def block_at(index: int) -> tuple[int, int]:
    """Return row and column of the block's corner in a frame."""
    return 16, (index * 2) % (WIDTH_PX - BLOCK_PX)


def mask_of(path: Path) -> NDArray[np.bool_]:
    """Return the true mask of a pretend video."""
    about = json.loads(path.read_text())
    mask = np.zeros((about["frames"], HEIGHT_PX, WIDTH_PX), dtype=np.bool_)
    for index in range(*about["unusual"]):
        row, column = block_at(index)
        mask[index, row : row + BLOCK_PX, column : column + BLOCK_PX] = True
    return mask


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeFrame:
    pts_us: int
    image: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeStretch:
    source: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeExpert:
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeScored:
    anomaly: Anomaly
    tgan_score: float
    maps: Mapping[str, NDArray[np.float32]]
    fused_map: NDArray[np.float32]
    tgan_map: NDArray[np.float32]
    without: Mapping[str, float] = field(default_factory=dict)


def policy(**changes: float) -> EventPolicy:
    """Return a policy without smoothing: open 2, close 1, alert 3, gap 1 s, no minimum."""
    fields = {
        "open_score": 2.0,
        "close_score": 1.0,
        "alert_score": 3.0,
        "smoothing_seconds": 0.0,
        "minimum_seconds": 0.0,
        "merge_gap_seconds": 1.0,
    }
    return EventPolicy(policy_id="policy", **{**fields, **changes})


PLAIN = policy()
TAIL = EventTail(threshold=1.0, events_per_day=10.0, scale=0.5, shape=0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeModel:
    """A model that sees the block: its score is `high` with it and `low` without."""

    seed: int = 0
    policy: EventPolicy = PLAIN
    tail: EventTail = TAIL
    budget_per_day: float = 1.0
    low: float = 0.25
    high: float = 4.0
    expert_names: tuple[str, ...] = ("critic", "reconstruction", "motion")

    @property
    def experts(self) -> Sequence[FakeExpert]:
        return [FakeExpert(name=name) for name in self.expert_names]

    @property
    def figures(self) -> Mapping[str, Any]:
        return {"stage_seconds": {"calibration": 0.0}}

    def save(self, folder: Path) -> str:
        folder.mkdir(parents=True)
        (folder / "model.json").write_text(json.dumps({"seed": self.seed}))
        return f"digest-of-seed-{self.seed}"


def clip_ending(end_us: int, *, start_us: int = 0) -> Clip:
    """Return a clip by its times."""
    return Clip(
        clip_id=f"clip-{start_us}-{end_us}",
        segment_id="segment",
        camera="evaluation",
        start_us=start_us,
        end_us=end_us,
        start_utc=MEDIA_ZERO_UTC + timedelta(microseconds=start_us),
        end_utc=MEDIA_ZERO_UTC + timedelta(microseconds=end_us),
    )


def anomaly_ending(end_us: int, score: float, *, start_us: int = 0) -> Anomaly:
    """Return an anomaly of one expert by its times and score."""
    return Anomaly(
        anomaly_id=f"anomaly-{end_us}",
        clip=clip_ending(end_us, start_us=start_us),
        model_id="evaluation",
        scores={"critic": score},
        score=score,
        p_value=10.0**-score,
        expert="critic",
        place=Place(x=0.0, y=0.0, width=1.0, height=1.0),
    )


class FakeWorld:
    """Counts what is asked of it, so that a test can see the order of the work."""

    def __init__(self, model: FakeModel | None = None) -> None:
        self.model = model or FakeModel()
        self.learnt: list[int] = []

    def parts(self) -> Parts:
        """Return the parts of an evaluation of this world."""
        return Parts(
            stretches=self._stretches,  # type: ignore[arg-type]
            decode=self._decode,
            learn=self._learn,  # type: ignore[arg-type]
            load=lambda folder: (self.model, "digest-of-the-given-model"),
            score=self._score,  # type: ignore[arg-type]
            with_budget=lambda model, per_day: model,
        )

    def _stretches(self, video: Path, root: Path) -> list[FakeStretch]:
        assert video.parent == root
        if not video.read_text():
            raise FootageError(f"{video}: empty", reason="empty")
        return [FakeStretch(source=video)]

    def _decode(
        self, video: Path, grey: bool, start_us: int
    ) -> AbstractContextManager[Iterable[Frame]]:
        return nullcontext(self._frames(video, grey, start_us))

    def _frames(self, video: Path, grey: bool, start_us: int) -> Iterator[FakeFrame]:
        about = json.loads(video.read_text())
        for index in range(about["frames"]):
            pts_us = index * 1_000_000 // about["rate"]
            image = np.full((HEIGHT_PX, WIDTH_PX), 90, dtype=np.uint8)
            if about["unusual"][0] <= index < about["unusual"][1]:
                row, column = block_at(index)
                image[row : row + BLOCK_PX, column : column + BLOCK_PX] = 200
            if pts_us >= start_us:
                yield FakeFrame(pts_us=pts_us, image=image if grey else np.dstack([image] * 3))

    def _learn(
        self, stretches: Sequence[FakeStretch], preset: str, effort: float, seed: int, *rest: object
    ) -> FakeModel:
        self.learnt.append(seed)
        return FakeModel(seed=seed, policy=self.model.policy)

    def _score(self, model: FakeModel, stretch: FakeStretch) -> Iterator[FakeScored]:
        about = json.loads(stretch.source.read_text())
        for last in range(CLIP_FRAMES - 1, about["frames"], STRIDE):
            seen = about["unusual"][0] <= last < about["unusual"][1]
            score = model.high if seen else model.low + 0.01 * (last % 5)
            grid = np.full(GRID, 0.1, dtype=np.float32)
            if seen:
                row, column = block_at(last)
                grid[row // 8 : row // 8 + 2, column // 8 : column // 8 + 2] = 5.0
            times = [(i * 1_000_000) // about["rate"] for i in (last - CLIP_FRAMES + 1, last)]
            yield FakeScored(
                anomaly=Anomaly(
                    anomaly_id=f"{stretch.source.name}-{last}",
                    clip=clip_ending(times[1], start_us=times[0]),
                    model_id="evaluation",
                    scores=dict.fromkeys(model.expert_names, score),
                    score=score,
                    p_value=10.0**-score,
                    expert=model.expert_names[0],
                    place=Place(x=0.0, y=0.0, width=1.0, height=1.0),
                ),
                tgan_score=score,
                maps=dict.fromkeys(model.expert_names, grid),
                fused_map=grid,
                tgan_map=grid,
                # The first expert is the one that sees; the others know nothing without it.
                without={
                    name: score if name != model.expert_names[0] else model.low
                    for name in model.expert_names
                },
            )


def write_site(root: Path) -> dict[str, Path]:
    """Write training and test footage, labels and masks; return the arguments of `evaluate`.

    a.mp4: unusual from 2 s to 4 s of 6; b.mp4: from 3 s to the end; c.mp4: normal throughout.
    """
    for number in range(3):
        write_video(root / "train", f"{number}.mp4", frames=50)
    videos = {
        "a.mp4": write_video(root / "test", "a.mp4", frames=60, unusual=(20, 40)),
        "b.mp4": write_video(root / "test", "b.mp4", frames=50, unusual=(30, 50)),
        "c.mp4": write_video(root / "test", "c.mp4", frames=40),
    }
    labels = root / "labels.csv"
    labels.write_text("video,start_seconds,end_seconds\na.mp4,2.0,4.0\nb.mp4,3.0,5.0\n")
    masks = root / "masks"
    masks.mkdir()
    for name in ("a", "b"):
        np.savez_compressed(masks / f"{name}.npz", mask=mask_of(videos[f"{name}.mp4"]))
    return {
        "train": root / "train",
        "test": root / "test",
        "labels": labels,
        "masks": masks,
        "out": root / "out",
    }
