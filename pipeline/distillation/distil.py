"""Distilling: from a camera's model to a student that is many times faster.

Order: windows of normal footage -> the same altered -> what the teacher says of both -> student ->
calibration and alarm policy on held-out footage, as for any model.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.alerts.budget import NATURAL_WEIGHT
from pipeline.camera import Polygon
from pipeline.clips.reader import ClipReader, Stretch
from pipeline.clips.windows import Clip
from pipeline.distillation.student_model import StudentModel, uncalibrated
from pipeline.distillation.teaching import Lessons, lessons_of, normal_windows, plain_reader
from pipeline.errors import FootageError, ModelError, TrainingDiverged
from pipeline.footage.admission import Reason
from pipeline.learning.camera_model import CameraModel, choose_device
from pipeline.learning.learn import length_seconds, split_held_out
from pipeline.learning.normality import anomalies_of_scores
from pipeline.scoring.policy import fit_policy
from pipeline.scoring.scorer import BATCH_CLIPS
from pipeline.scoring.tail import LEAST_HELD_OUT, fit_tail
from tgan_core.student import CELL_PX, Student, StudentGeometry

__all__ = ["calibrate_student", "distil"]

Progress = Callable[[str], None]

_ALTERED_WINDOWS = 4_000
_STEPS = 3_000
_BATCH, _NORMAL_SHARE = 32, 0.25
_PIECE_PX = (64, 96)
"""Height and width of what one step looks at of each window: cheaper than whole frames, and more
windows fit in a step."""
_LEARNING_RATE, _WEIGHT_DECAY = 2e-3, 1e-3
_LOUD = 2.0
"""How much more a place counts for each unit of log(1 + surprise): most places are quiet, and what
matters is how strange the strange ones are."""
_GAIN_SPREAD, _OFFSET_SPREAD = 0.04, 2.0
"""Of the light, in half of the steps: alignment leaves so much of it."""
_LOGGED_STEPS = 200


def distil(
    teacher: CameraModel,
    stretches: Sequence[Stretch],
    *,
    seed: int = 0,
    effort: float = 1.0,
    masks: tuple[Polygon, ...] = (),
    device: str = "auto",
    progress: Progress = lambda line: None,
) -> StudentModel:
    """Return a calibrated student of `teacher` from the normal footage that the teacher learnt.

    `effort` multiplies windows and steps. The student says what all experts that look at one clip
    say together; `rhythm`, which compares seconds, it has not learnt.
    Raises ModelError for a teacher that sees colours, FootageError (too_short) for too little
    footage, and TrainingDiverged when a number stops being finite.
    """
    if not teacher.sight.view.grey:
        raise ModelError(
            "a student sees grey pictures, this model sees colours; distil one of the presets "
            "compact, standard or full"
        )
    split = split_held_out(stretches)
    reader = plain_reader(teacher, masks)
    started = time.monotonic()
    windows = normal_windows(reader, split.training)
    lessons = lessons_of(
        teacher,
        reader,
        windows,
        altered=max(1, round(_ALTERED_WINDOWS * effort)),
        seed=seed,
        progress=progress,
    )
    taught = time.monotonic()
    progress(f"lessons: {len(lessons.pictures):,} windows ({taught - started:.0f} s)")
    steps = max(1, round(_STEPS * effort))
    student, loss = _train(teacher, lessons, steps, seed, choose_device(device), progress)
    progress(f"student: {steps:,} steps ({time.monotonic() - taught:.0f} s)")
    figures = {
        "seed": seed,
        "windows": len(lessons.pictures),
        "steps": steps,
        "loss": loss,
        "training_seconds": length_seconds(split.training),
        "footage": list(dict.fromkeys(s.footage.footage_id for s in stretches)),
    }
    model = replace(uncalibrated(student, teacher), figures=figures)
    return calibrate_student(model, split.held_out, masks)


def _train(
    teacher: CameraModel,
    lessons: Lessons,
    steps: int,
    seed: int,
    device: torch.device,
    progress: Progress,
) -> tuple[Student, float]:
    """Return the student and the mean loss of its last steps."""
    student = _new_student(teacher, lessons, seed).to(device)
    optimiser = torch.optim.AdamW(
        student.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=steps)
    chance = np.random.default_rng(seed)
    losses: deque[float] = deque(maxlen=_LOGGED_STEPS)
    for step in range(1, steps + 1):
        piece = _piece(lessons, student.geometry, chance)
        loss = _loss(student, piece, device)
        if not bool(torch.isfinite(loss)):
            raise TrainingDiverged(f"the student's loss is not finite at step {step}; distil again")
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward([loss])
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step % _LOGGED_STEPS == 0:
            progress(f"student: step {step:,} of {steps:,}, loss {np.mean(losses):.4f}")
    return student.eval(), float(np.mean(losses))


def _new_student(teacher: CameraModel, lessons: Lessons, seed: int) -> Student:
    _, frames, height, width = lessons.pictures.shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        student = Student(StudentGeometry(frames=frames, height_px=height, width_px=width))
    student.background_HW.copy_(torch.from_numpy(teacher.sight.background_HW))
    return student


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """The same piece of the frames of some windows."""

    pictures_NTHW: Tensor
    flow_NTHW2: Tensor
    log_surprise_N2GW: Tensor
    top: int
    left: int


def _piece(lessons: Lessons, sizes: StudentGeometry, chance: np.random.Generator) -> _Piece:
    normal = round(_BATCH * _NORMAL_SHARE)
    chosen = np.concatenate(
        [
            chance.integers(lessons.normal, size=normal),
            chance.integers(lessons.normal, len(lessons.pictures), size=_BATCH - normal),
        ]
    )
    whole = (sizes.height_px, sizes.width_px)
    rows, columns = (
        min(piece, side) // CELL_PX for piece, side in zip(_PIECE_PX, whole, strict=True)
    )
    top, left = (
        int(chance.integers(side // CELL_PX - cells + 1))
        for side, cells in zip(whole, (rows, columns), strict=True)
    )
    down, right = (
        slice(first * CELL_PX, (first + cells) * CELL_PX)
        for first, cells in ((top, rows), (left, columns))
    )
    pictures = torch.from_numpy(lessons.pictures[chosen][:, :, down, right]).float()
    flow = torch.from_numpy(lessons.flow[chosen][:, :, down, right])
    if chance.random() < 0.5:
        gain, offset = (
            torch.from_numpy(chance.normal(0.0, spread, (_BATCH, 1, 1, 1)).astype(np.float32))
            for spread in (_GAIN_SPREAD, _OFFSET_SPREAD)
        )
        pictures = (pictures * gain.exp() + offset).clamp(0.0, 255.0)
    down, right = slice(top, top + rows), slice(left, left + columns)
    surprise = torch.from_numpy(lessons.surprise[chosen][:, :, down, right])
    return _Piece(
        pictures_NTHW=pictures,
        flow_NTHW2=flow,
        log_surprise_N2GW=torch.log1p(surprise),
        top=top * CELL_PX,
        left=left * CELL_PX,
    )


def _loss(student: Student, piece: _Piece, device: torch.device) -> Tensor:
    seen = (piece.pictures_NTHW.to(device), piece.flow_NTHW2.to(device))
    said = student.log_surprise(*seen, piece.top, piece.left)
    meant = piece.log_surprise_N2GW.to(device)
    weight = 1.0 + _LOUD * meant[:, :1]
    return ((said - meant).abs() * weight).mean()


def calibrate_student(
    model: StudentModel, held_out: Sequence[Stretch], masks: tuple[Polygon, ...]
) -> StudentModel:
    """Return the model with its tail and policy from held-out normal footage; FootageError when
    there are fewer than ten clips."""
    reader = model.reader(masks)
    parts, statistics = _held_out_statistics(model, reader, held_out)
    if len(statistics) < LEAST_HELD_OUT:
        raise FootageError(
            f"only {len(statistics)} held-out clips of normal footage, {LEAST_HELD_OUT} "
            "needed; give longer footage (a few minutes at least)",
            reason=Reason.TOO_SHORT,
        )
    tail = fit_tail(statistics, prior_weight=NATURAL_WEIGHT)
    length = length_seconds(held_out)
    policy, event_tail = fit_policy(
        anomalies_of_scores(parts, tail.surprise(statistics)),
        seconds=length,
        budget_per_day=model.budget_per_day,
    )
    return replace(
        model, statistic_tail=tail, policy=policy, tail=event_tail, held_out_seconds=length
    )


def _held_out_statistics(
    model: StudentModel, reader: ClipReader, held_out: Sequence[Stretch]
) -> tuple[list[list[Clip]], NDArray[np.float64]]:
    parts: list[list[Clip]] = []
    statistics = [np.empty(0)]
    for stretch in held_out:
        parts.append([])
        for clips, windows in reader.batches(stretch, stride=model.clip_stride, size=BATCH_CLIPS):
            parts[-1].extend(clips)
            statistics.append(model.statistic(windows))
    return parts, np.concatenate(statistics)
