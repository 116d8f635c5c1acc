"""Checkpoints of training: whole and of this very job, or not taken up at all."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipeline.errors import ModelError
from pipeline.learning.workspace import Workspace
from tgan_core.errors import NonFiniteError

JOB = "a" * 64
METRICS = [{"step": 1.0, "loss": 0.5}]


def tensors(value: float) -> dict[str, Tensor]:
    return {"weight": torch.full((2, 3), value), "step": torch.tensor(int(value))}


def saved(workspace: Workspace, step: int, phase: str = "generator") -> None:
    workspace.save(phase, step, tensors(step), METRICS)


def folder_of(root: Path, step: int) -> Path:
    (found,) = root.glob(f"*/generator-{step:08d}-*")
    return found


def two_checkpoints(root: Path) -> Workspace:
    """Leave the checkpoints of steps 1 and 2, as a kill between writing and tidying does."""
    workspace = Workspace(root, JOB)
    saved(workspace, 1)
    first = folder_of(root, 1)
    shutil.copytree(first, root / "kept")
    saved(workspace, 2)
    (root / "kept").rename(first)
    return workspace


def step_of(workspace: Workspace, phase: str = "generator") -> int | None:
    found = workspace.latest(phase)
    if found is None:
        return None
    assert torch.equal(found.tensors["weight"], tensors(found.step)["weight"])
    assert found.metrics == METRICS
    return found.step


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def turn_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def next_digit(path: Path) -> None:
    """Change the step that the manifest tells: still good JSON."""
    text = path.read_text(encoding="utf-8")
    assert '"step": 2' in text
    path.write_text(text.replace('"step": 2', '"step": 3'), encoding="utf-8")


def remove(path: Path) -> None:
    path.unlink()


DAMAGE = [
    pytest.param("*.safetensors", truncate, id="tensors truncated"),
    pytest.param("*.safetensors", turn_a_bit, id="one bit of the tensors"),
    pytest.param("*.safetensors", remove, id="tensors gone"),
    pytest.param("manifest.json", truncate, id="manifest truncated"),
    pytest.param("manifest.json", turn_a_bit, id="one bit of the manifest"),
    pytest.param("manifest.json", next_digit, id="another step"),
    pytest.param("manifest.json", remove, id="manifest gone"),
]


def test_only_the_newest_checkpoint_of_a_phase_stays(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, JOB)
    for step in (1, 2, 11):
        saved(workspace, step)
    saved(workspace, 5, "encoder")
    assert step_of(workspace) == 11
    assert step_of(workspace, "encoder") == 5
    assert len(list(tmp_path.glob("*/generator-*"))) == 1


def test_the_newest_of_two_checkpoints_is_taken(tmp_path: Path) -> None:
    assert step_of(two_checkpoints(tmp_path)) == 2


@pytest.mark.parametrize(("pattern", "damage"), DAMAGE)
def test_before_a_damaged_checkpoint_the_one_before_is_taken(
    pattern: str, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    workspace = two_checkpoints(tmp_path)
    (file,) = folder_of(tmp_path, 2).glob(pattern)
    damage(file)
    assert step_of(workspace) == 1
    assert list(tmp_path.glob("*/generator-00000002-*")) == []


@pytest.mark.parametrize(("pattern", "damage"), DAMAGE)
def test_when_the_only_checkpoint_is_damaged_there_is_none(
    pattern: str, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path, JOB)
    saved(workspace, 2)
    (file,) = folder_of(tmp_path, 2).glob(pattern)
    damage(file)
    assert step_of(workspace) is None
    saved(workspace, 3)
    assert step_of(workspace) == 3


def test_a_checkpoint_of_another_job_is_never_taken(tmp_path: Path) -> None:
    saved(Workspace(tmp_path, JOB), 2)
    assert step_of(Workspace(tmp_path, "b" * 64)) is None


def test_what_a_kill_left_half_written_is_not_taken_and_is_not_in_the_way(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, JOB)
    saved(workspace, 1)
    shutil.copytree(folder_of(tmp_path, 1), tmp_path / JOB[:32] / ".part-generator")
    (tmp_path / JOB[:32] / ".part-generator" / "manifest.json").unlink()
    assert step_of(workspace) == 1
    saved(workspace, 2)
    assert step_of(workspace) == 2


def test_the_same_step_can_be_saved_again(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, JOB)
    saved(workspace, 2)
    saved(workspace, 2)
    assert step_of(workspace) == 2


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, JOB)
    saved(workspace, 1)
    (tmp_path / JOB[:32] / ".part-generator").touch()  # a file where a folder must be
    with pytest.raises(ModelError, match="free some space"):
        saved(workspace, 2)
    assert step_of(workspace) == 1


def test_a_number_that_is_not_finite_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, JOB)
    saved(workspace, 1)
    with pytest.raises(NonFiniteError, match="weight"):
        workspace.save("generator", 2, {"weight": torch.tensor([1.0, float("nan")])}, [])
    assert step_of(workspace) == 1


def test_a_forgotten_phase_begins_again_and_the_other_goes_on(tmp_path: Path) -> None:
    workspace = two_checkpoints(tmp_path)
    saved(workspace, 7, "encoder")
    workspace.forget("generator")
    assert step_of(workspace) is None
    assert step_of(workspace, "encoder") == 7


def test_a_job_keeps_to_what_it_decided_first(tmp_path: Path) -> None:
    assert Workspace(tmp_path, JOB).decided("arithmetic", lambda: "bf16") == "bf16"
    assert Workspace(tmp_path, JOB).decided("arithmetic", lambda: "none") == "bf16"
    assert Workspace(tmp_path, "b" * 64).decided("arithmetic", lambda: "none") == "none"
