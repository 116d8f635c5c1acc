"""A student in one file says what the student says, and says so when it is no student."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.alerts.budget import EventTail
from pipeline.clips.flow import flow_of_window
from pipeline.distillation.export import export_onnx, export_torch, load_exported_model
from pipeline.distillation.stored_models import load_model
from pipeline.distillation.student_model import StudentModel, by_torch, load_student_model
from pipeline.errors import ModelDamaged, ModelError
from pipeline.footage.frames import View
from pipeline.scoring.policy import policy_within
from pipeline.scoring.tail import fit_tail
from tgan_core.student import Student, StudentGeometry


def random_windows(clips: int) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    chance = np.random.default_rng(clips)
    pictures = chance.integers(0, 256, (clips, 4, 64, 96), dtype=np.uint8)
    flow = np.stack([flow_of_window(window_THW, "quick") for window_THW in pictures])
    return pictures, flow


@pytest.fixture(scope="module")
def student() -> StudentModel:
    torch.manual_seed(0)
    network = Student(StudentGeometry(frames=4, height_px=64, width_px=96, channels=8))
    background = np.random.default_rng(0).integers(0, 256, (64, 96), dtype=np.uint8)
    with torch.no_grad():
        network.background_HW.copy_(torch.from_numpy(background))
        network.head.bias.fill_(0.5)
    tail = EventTail(threshold=1.0, events_per_day=20.0, scale=0.45, shape=0.0)
    return StudentModel(
        say=by_torch(network),
        geometry=network.geometry,
        view=View(width_px=96, height_px=64, frame_rate=10.0),
        background_HW=background,
        clip_stride=2,
        statistic_tail=fit_tail(np.linspace(0.0, 2.0, 40)),
        policy=policy_within(tail, 1.0),
        tail=tail,
        budget_per_day=1.0,
        held_out_seconds=12.5,
        teacher="t" * 32,
        network=network,
    )


@pytest.fixture(scope="module")
def exported(student: StudentModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "line.onnx"
    export_onnx(student, path)
    return path


def test_the_onnx_file_says_what_the_student_says(student: StudentModel, exported: Path) -> None:
    loaded = load_exported_model(exported)
    for clips in (1, 5):
        seen = random_windows(clips)
        said = student.say(*seen)
        assert said.max() > 0.1
        np.testing.assert_allclose(loaded.say(*seen), said, rtol=1e-4, atol=1e-4)


def test_all_that_the_numbers_mean_travels_along(student: StudentModel, exported: Path) -> None:
    loaded = load_exported_model(exported)
    np.testing.assert_array_equal(loaded.background_HW, student.background_HW)
    assert (loaded.view, loaded.policy, loaded.tail) == (student.view, student.policy, student.tail)
    assert loaded.statistic_tail == student.statistic_tail
    assert (loaded.clip_stride, loaded.teacher) == (2, "t" * 32)
    assert [p.name for p in exported.parent.iterdir()] == ["line.onnx"]


def test_eight_bits_say_nearly_the_same(student: StudentModel, tmp_path: Path) -> None:
    windows = list(random_windows(16)[0])
    path = tmp_path / "line.onnx"
    export_onnx(student, path, int8_windows=windows)
    seen = random_windows(6)
    said, by_int8 = student.say(*seen), load_exported_model(path).say(*seen)
    assert np.abs(by_int8 - said).mean() < 0.05 * np.abs(said).mean()
    assert not np.array_equal(by_int8, said)
    assert [p.name for p in tmp_path.iterdir()] == ["line.onnx"]


def test_the_torch_file_says_the_same_without_our_classes(
    student: StudentModel, tmp_path: Path
) -> None:
    path = tmp_path / "line.pt2"
    export_torch(student, path)
    extra = {"kizashi.json": ""}
    program = torch.export.load(path, extra_files=extra)
    seen = random_windows(3)
    said = program.module()(*map(torch.from_numpy, seen)).numpy()
    np.testing.assert_allclose(said, student.say(*seen), rtol=1e-5, atol=1e-6)
    assert json.loads(extra["kizashi.json"])["teacher"] == "t" * 32


def test_a_changed_file_is_not_run(exported: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "line.onnx"
    damaged.write_bytes(exported.read_bytes())
    digest = load_exported_model(damaged).digest
    with damaged.open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelDamaged, match=r"line\.onnx: its bytes have changed"):
        load_exported_model(damaged, digest)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x09" * 50])
def test_what_is_no_model_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelDamaged, match=r"x\.onnx: no model that kizashi") as caught:
        load_exported_model(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx: there is no such file"):
        load_exported_model(tmp_path / "gone.onnx")


def test_an_exported_model_is_not_exported_again(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exported already"):
        export_onnx(load_exported_model(exported), tmp_path / "again.onnx")


def test_a_stored_student_is_loaded_as_what_it_is(student: StudentModel, tmp_path: Path) -> None:
    digest = student.save(tmp_path / "student")
    loaded = load_model(tmp_path / "student", digest)
    assert isinstance(loaded, StudentModel)
    seen = random_windows(2)
    np.testing.assert_array_equal(loaded.say(*seen), student.say(*seen))
    np.testing.assert_array_equal(loaded.background_HW, student.background_HW)
    assert loaded.calibration_summary() == student.calibration_summary()
    assert replace(loaded, digest="").with_budget(24.0).policy.alert_score < (
        student.policy.alert_score
    )


def test_a_damaged_student_is_refused(student: StudentModel, tmp_path: Path) -> None:
    digest = student.save(tmp_path / "student")
    (tensors,) = (tmp_path / "student").glob("tensors-*")
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(bytes(content))
    with pytest.raises(ModelDamaged, match="is damaged"):
        load_student_model(tmp_path / "student", digest)
