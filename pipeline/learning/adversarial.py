"""Training of the networks on tiles of normal footage, with checkpoints and progress."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.clips.flow import SPEED_STEPS
from pipeline.clips.tensors import planes_of, speed_plane
from pipeline.errors import ModelError, TrainingDiverged
from pipeline.learning.prefetch import prefetched
from pipeline.learning.presets import Preset
from pipeline.learning.pseudo_anomalies import PseudoAnomalies
from pipeline.learning.reservoir import TileBatch, TileReservoir
from pipeline.learning.workspace import Workspace
from pipeline.scoring.clip_batch import Networks
from tgan_core.encoder_training import (
    EncoderState,
    encoder_step,
    encoder_tensors,
    load_encoder_tensors,
    new_encoder,
    new_encoder_state,
)
from tgan_core.errors import CheckpointError, NonFiniteError, ProcessesDisagree
from tgan_core.fine_tuning import begin_encoder_with, begin_with
from tgan_core.normalisation import recompute_batch_norm_statistics
from tgan_core.processes import ALONE, Processes
from tgan_core.training import (
    TrainingState,
    load_state_tensors,
    new_training_state,
    state_tensors,
    training_step,
)
from tgan_core.video_generator import VideoGenerator

__all__ = ["TileSource", "TrainingBatch", "train_networks"]

_CHECKPOINT_STEPS = 200
"""Steps between two checkpoints, at most; a short training leaves ten in each phase."""
_LOGGED_STEPS = 20
_BATCHES_AHEAD = 4
"""Drawn in a thread while an accelerator computes."""
_NORM_BATCHES = 50
"""Batches over which the averaged generator's batch norm is measured again: its weights are an
average, its running statistics are not. Not more than it was trained with."""

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingBatch:
    """What the networks see in one step, planes_BPTSS in [-1, 1]."""

    real: Tensor
    pseudo: Tensor | None
    """Pseudo-anomalies, as many; None when the preset has none."""


@dataclass(frozen=True, slots=True)
class TileSource:
    """Batches for training, from the reservoirs."""

    reservoir: TileReservoir
    pseudo_anomalies: PseudoAnomalies | None
    background_HW: NDArray[np.uint8]
    full_speed_px: float
    preset: Preset
    seed: int

    def batches(
        self, *, skip: int, device: torch.device, pseudo: bool = True
    ) -> Iterator[TrainingBatch]:
        """Yield batches on `device` without end, beginning with batch number `skip`.

        The n-th batch depends on the seed and n alone, so training goes on where it stopped.
        `pseudo` False leaves the pseudo-anomalies out.
        """
        drawn = self._drawn(skip, pseudo)
        if device.type != "cpu":  # there, drawing takes its time from the networks
            drawn = prefetched(drawn, depth=_BATCHES_AHEAD)
        for real, changed in drawn:
            yield TrainingBatch(
                real=self._planes(real, device),
                pseudo=None if changed is None else self._planes(changed, device),
            )

    def _drawn(self, skip: int, pseudo: bool) -> Iterator[tuple[TileBatch, TileBatch | None]]:
        size = self.preset.tgan.optimisation.batch
        for number in itertools.count(skip):
            chance = np.random.default_rng((self.seed, number))
            real = self.reservoir.batch(size, self.background_HW, chance)
            changed = None
            if pseudo and self.pseudo_anomalies is not None:
                changed = self.pseudo_anomalies.batch(size, self.background_HW, chance)
            yield real, changed

    def _planes(self, tiles: TileBatch, device: torch.device) -> Tensor:
        # A quarter of the bytes goes to an accelerator when it makes the planes itself.
        pictures, speeds, backgrounds = (
            torch.from_numpy(given).to(device)
            for given in (tiles.pictures, tiles.speeds, tiles.backgrounds)
        )
        return planes_of(
            pictures,
            backgrounds,
            self.preset.planes,
            speed_plane(speeds.float() / SPEED_STEPS, self.full_speed_px),
        )


@dataclass(slots=True)
class _Log:
    """Every 20th step for the store, ten lines for people."""

    progress: Progress
    phase: str
    steps: int
    metrics: list[dict[str, float]]
    _taken: list[float] = field(default_factory=list)

    def step(self, number: int, seconds: float, **figures: float | None) -> None:
        self._taken.append(seconds)
        if number % _LOGGED_STEPS and number != self.steps:
            return
        numbers = {
            key: round(value, 6)
            for key, value in figures.items()
            if value is not None and math.isfinite(value)
        }
        row = {"step": float(number), **{f"{self.phase}.{key}": v for key, v in numbers.items()}}
        self.metrics.append(row)
        if number % max(1, self.steps // 10) < _LOGGED_STEPS or number == self.steps:
            pace = sum(self._taken) / len(self._taken)
            left_minutes = pace * (self.steps - number) / 60.0
            shown = ", ".join(f"{key} {value:.3g}" for key, value in numbers.items())
            self.progress(
                f"{self.phase}: step {number:,} of {self.steps:,}, {shown}, "
                f"{pace:.2f} s a step, {left_minutes:.1f} min left"
            )


def train_networks(
    source: TileSource,
    preset: Preset,
    seed: int,
    device: torch.device,
    workspace: Workspace | None,
    progress: Progress,
    processes: Processes = ALONE,
    origin: Networks | None = None,
) -> tuple[Networks, list[dict[str, float]]]:
    """Return the trained networks, frozen, and every 20th step's figures.

    `origin`: networks of the same preset that training begins with, which stay as they are.
    Several `processes` call this alike, each with the same source, and all get the same; they see
    one workspace, which rank 0 writes. It goes on with any number of them.
    Raises TrainingDiverged before an update with a number that is not finite; the last checkpoint
    in the workspace stays as it is.
    """
    try:
        state = new_training_state(preset.tgan, seed, device, processes)
        if origin is not None:
            begin_with(state, origin.generator, origin.critic)
        metrics = _train_generator(state, source, preset, seed, workspace, progress)
        encoder = new_encoder(preset.tgan.geometry, seed, device)
        encoder_state = new_encoder_state(encoder, preset.encoder_learning_rate, processes)
        if origin is not None:
            begin_encoder_with(encoder_state, origin.encoder)
        _train_encoder(encoder_state, state, source, preset, metrics, workspace, progress)
    except NonFiniteError as error:
        raise TrainingDiverged(
            f"training stopped before a broken update: {error}; the model in use stays; "
            "train with another seed, or look at the footage"
        ) from error
    except ProcessesDisagree as error:
        raise ModelError(
            f"training stopped: {error}; the workspace must be one folder that all of them see"
        ) from error
    networks = Networks(
        generator=_video_generator(state),
        critic=state.judge,
        encoder=encoder_state.encoder,
        bf16=preset.tgan.optimisation.autocast == "bf16",
    )
    return networks.freeze(), metrics


def _video_generator(state: TrainingState) -> VideoGenerator:
    generator = state.sampler
    if not isinstance(generator, VideoGenerator):
        raise ValueError(
            "a camera's clips are reconstructed along a trajectory; one_piece has none"
        )
    return generator


def _go_on(
    phase: str,
    load: Callable[[Mapping[str, Tensor]], None],
    metrics: list[dict[str, float]],
    workspace: Workspace | None,
    progress: Progress,
) -> None:
    """Put the newest checkpoint of a phase, if there is one, into the state behind `load`."""
    kept = workspace.latest(phase) if workspace else None
    if workspace is None or kept is None:
        return
    try:
        load(kept.tensors)
    except CheckpointError:
        workspace.forget(phase)  # of another version of this program: begin again
        return
    metrics[:] = [dict(row) for row in kept.metrics]
    progress(f"{phase}: going on from step {kept.step:,}")


def _is_due(step: int, steps: int) -> bool:
    return step % min(_CHECKPOINT_STEPS, max(1, steps // 10)) == 0


def _train_generator(
    state: TrainingState,
    source: TileSource,
    preset: Preset,
    seed: int,
    workspace: Workspace | None,
    progress: Progress,
) -> list[dict[str, float]]:
    metrics: list[dict[str, float]] = []
    _go_on("generator", partial(load_state_tensors, state), metrics, workspace, progress)
    leads = state.processes.leads
    if workspace and leads and state.step < preset.generator_steps:
        # A generator that is not ready was never shown to an encoder: that one saw another.
        workspace.forget("encoder")
    log = _Log(progress, "generator", preset.generator_steps, metrics)
    batches = source.batches(skip=state.step, device=state.device)
    while state.step < preset.generator_steps:
        batch = next(batches)
        figures = training_step(state, batch.real, pseudo_BCTHW=batch.pseudo)
        log.step(
            figures.step,
            figures.seconds,
            critic_loss=figures.critic_loss,
            generator_loss=figures.generator_loss,
            pseudo_score=figures.pseudo_score,
            largest_singular_value=figures.largest_singular_value,
        )
        last = state.step == preset.generator_steps
        due = last or _is_due(state.step, preset.generator_steps)
        if workspace and leads and due:
            workspace.save("generator", state.step, state_tensors(state), metrics)
    _measure_norms(state, seed, preset)
    return metrics


def _measure_norms(state: TrainingState, seed: int, preset: Preset) -> None:
    """Measure the sampler's batch norm anew, with latents that do not move the state's own
    chance."""
    chance = torch.Generator().manual_seed(seed + 1)
    size = (preset.tgan.optimisation.batch, preset.tgan.geometry.latent)
    latents = (
        state.processes.share(torch.rand(size, generator=chance) * 2.0 - 1.0).to(state.device)
        for _ in range(min(_NORM_BATCHES, preset.generator_steps))
    )
    recompute_batch_norm_statistics(state.sampler, latents)


def _train_encoder(
    state: EncoderState,
    trained: TrainingState,
    source: TileSource,
    preset: Preset,
    metrics: list[dict[str, float]],
    workspace: Workspace | None,
    progress: Progress,
) -> None:
    _go_on("encoder", partial(load_encoder_tensors, state), metrics, workspace, progress)
    log = _Log(progress, "encoder", preset.encoder_steps, metrics)
    # The encoder's batches go on where the generator's ended, so that both see all of the tiles.
    batches = source.batches(
        skip=preset.generator_steps + state.step, device=trained.device, pseudo=False
    )
    while state.step < preset.encoder_steps:
        figures = encoder_step(
            state,
            _video_generator(trained),
            trained.judge,
            next(batches).real,
            autocast=preset.tgan.optimisation.autocast,
        )
        log.step(figures.step, figures.seconds, loss=figures.loss, pixel_error=figures.pixel_error)
        last = state.step == preset.encoder_steps
        due = last or _is_due(state.step, preset.encoder_steps)
        if workspace and state.processes.leads and due:
            workspace.save("encoder", state.step, encoder_tensors(state), metrics)
