"""A student that counts in eight bits, which is faster on processors: its ranges and its
calibration come from the camera's own footage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.camera import Polygon
from pipeline.clips.reader import Stretch
from pipeline.distillation.altered_windows import altered_window
from pipeline.distillation.distil import calibrate_student
from pipeline.distillation.export import export_onnx, load_exported_model, restate
from pipeline.distillation.student_model import StudentModel
from pipeline.distillation.teaching import normal_windows
from pipeline.learning.learn import split_held_out

__all__ = ["export_int8"]

_WINDOWS_OF_A_KIND = 64
"""Windows of normal footage, and as many altered ones, over which ranges are measured."""


def export_int8(
    student: StudentModel, stretches: Sequence[Stretch], path: Path, masks: tuple[Polygon, ...] = ()
) -> str:
    """Write the student as one ONNX file with eight-bit convolutions and return its sha256.

    `stretches`: the normal footage that it was made from. Eight bits say a little else than
    thirty-two, so what that means is measured anew on the held-out part.
    """
    split = split_held_out(stretches)
    normal = normal_windows(student.reader(masks), split.training)
    chance = np.random.default_rng(0)
    windows = [normal.one(1, chance) for _ in range(_WINDOWS_OF_A_KIND)]
    windows += [altered_window(normal, chance) for _ in range(_WINDOWS_OF_A_KIND)]
    export_onnx(student, path, int8_windows=windows)
    calibrated = calibrate_student(load_exported_model(path), split.held_out, masks)
    return restate(path, replace(calibrated, digest=student.digest))
