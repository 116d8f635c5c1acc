"""Where training leaves checkpoints, so that a killed training goes on instead of beginning
again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from tgan_core.checkpoint import checkpoint_digest, load_checkpoint, save_checkpoint
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
        """Write a checkpoint durably, then drop the one before."""
        fresh = self._folder / f"{phase}-{step:08d}"
        shutil.rmtree(fresh, ignore_errors=True)
        save_checkpoint(fresh, tensors, {"step": step, "metrics": list(metrics)})
        for old in self._all(phase):
            if old != fresh:
                shutil.rmtree(old, ignore_errors=True)

    def latest(self, phase: str) -> Checkpoint | None:
        """Return the newest intact checkpoint of a phase, or None; damaged ones are removed."""
        for folder in reversed(self._all(phase)):
            try:
                tensors, manifest = load_checkpoint(folder, checkpoint_digest(folder))
            except (CheckpointError, NonFiniteError, OSError):
                # Torn by the kill: the one before it, or the beginning, is as good.
                shutil.rmtree(folder, ignore_errors=True)
                continue
            return Checkpoint(
                step=int(manifest["step"]), tensors=tensors, metrics=manifest["metrics"]
            )
        return None

    def _all(self, phase: str) -> list[Path]:
        return sorted(self._folder.glob(f"{phase}-????????"))
