"""Where training leaves checkpoints, so that a killed training goes on instead of beginning
again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from pipeline.errors import ModelError
from pipeline.files import make_folder, sync_folder, write_bytes
from tgan_core.checkpoint import load_checkpoint, save_checkpoint
from tgan_core.errors import CheckpointError, NonFiniteError

__all__ = ["Checkpoint", "Workspace"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A phase of training at one step."""

    step: int
    tensors: Mapping[str, Tensor]
    metrics: Sequence[Mapping[str, float]]


class Workspace:
    """Checkpoints of one training job. `job` names everything that the result depends on, so that a
    checkpoint of other footage, another seed or another preset is never taken up."""

    def __init__(self, folder: Path, job: str) -> None:
        self._folder = folder / job[:32]

    def save(
        self,
        phase: str,
        step: int,
        tensors: Mapping[str, Tensor],
        metrics: Sequence[Mapping[str, Any]],
    ) -> None:
        """Write a checkpoint durably, then drop the one before.

        Raises NonFiniteError for a number that is not finite, and ModelError when the disk is full;
        the checkpoint before stays in both cases.
        """
        make_folder(self._folder)
        part = self._folder / f".part-{phase}"
        shutil.rmtree(part, ignore_errors=True)  # left by a killed run
        try:
            digest = save_checkpoint(part, tensors, {"step": step, "metrics": list(metrics)})
        except CheckpointError as error:
            raise ModelError(
                f"training cannot keep its place: {error}; free some space and call it again, it "
                "goes on from the checkpoint before"
            ) from error
        # The digest is part of the name: of a checkpoint that is taken up every byte was looked at.
        fresh = self._folder / f"{phase}-{step:08d}-{digest}"
        shutil.rmtree(fresh, ignore_errors=True)
        os.replace(part, fresh)
        sync_folder(self._folder)
        for old in self._all(phase):
            if old != fresh:
                shutil.rmtree(old, ignore_errors=True)

    def latest(self, phase: str) -> Checkpoint | None:
        """Return the newest intact checkpoint of a phase, or None; damaged ones are removed."""
        for folder in reversed(self._all(phase)):
            try:
                tensors, manifest = load_checkpoint(folder, folder.name.rpartition("-")[2])
            except (CheckpointError, NonFiniteError, OSError):
                # The one before it, or the beginning, is as good: the steps are taken again.
                shutil.rmtree(folder, ignore_errors=True)
                continue
            return Checkpoint(
                step=int(manifest["step"]), tensors=tensors, metrics=manifest["metrics"]
            )
        return None

    def forget(self, phase: str) -> None:
        """Remove the checkpoints of a phase."""
        for folder in self._all(phase):
            shutil.rmtree(folder, ignore_errors=True)

    def decided(self, question: str, choose: Callable[[], str]) -> str:
        """Return what this job decided when it was first asked `question`; then it is `choose()`,
        and kept for the runs that go on with the job."""
        path = self._folder / f"{question}.txt"
        if path.is_file():
            return path.read_text(encoding="utf-8")
        answer = choose()
        write_bytes(path, answer.encode("utf-8"))
        return answer

    def _all(self, phase: str) -> list[Path]:
        return sorted(self._folder.glob(f"{phase}-????????-*"))
