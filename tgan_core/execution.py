"""Faster ways to take the same gradients, each kept only where it proves itself on this machine.

"compiled": torch.compile makes fewer, larger kernels of the networks. "recorded": a CUDA graph of
the whole computation is recorded once and replayed, one launch in place of a thousand.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tgan_core.config import OptimisationConfig
from tgan_core.critic import Critic
from tgan_core.processes import ALONE, Processes
from tgan_core.simultaneous_gradients import (
    PlayerGradients,
    penalty_is_due,
    simultaneous_gradients,
)
from tgan_core.training import TrainingState, latent_batches

__all__ = ["EXECUTIONS", "Execution", "Trial", "execute", "fastest_execution", "tried_executions"]

Execution = Literal["eager", "compiled", "recorded", "compiled_recorded"]

EXECUTIONS: tuple[Execution, ...] = ("eager", "compiled", "recorded", "compiled_recorded")
"""In the order in which they are tried: eager is what the others are compared with."""
LEAST_GAIN = 1.05
"""An execution that is not this many times as fast as eager is not worth its preparation."""
TOLERANCES = {"none": 1e-3, "bf16": 5e-2}
"""How far gradients may be from eager's, as a share of their length: the rounding of float32 where
convolutions may use TF32, and that of bfloat16."""

_WARM_UPS = 3
"""Calls before a recording, which choose kernels and fill the caches of libraries."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """How one execution did."""

    execution: Execution
    seconds: float = float("inf")
    """Best time of both players' gradients, without a penalty that is not always due."""
    difference: float = float("inf")
    """Length of the difference to eager's gradients, as a share of their length."""
    failure: str | None = None
    """Why it could not be tried, in one line."""


def execute(
    state: TrainingState,
    execution: Execution,
    *,
    compile_network: Callable[[nn.Module], Callable[[Tensor], Tensor]] | None = None,
) -> None:
    """Lets `state` take its gradients so from its next step on.

    A training should keep to one execution: they differ by rounding. Raises ValueError for what
    this machine or this state cannot do; torch.compile may fail later, in the first step.
    """
    gradients: Callable[..., PlayerGradients] = simultaneous_gradients
    if execution != "eager" and state.processes.size > 1:
        raise ValueError("several processes meet in the middle of their gradients: eager only")
    if execution.startswith("compiled"):
        compiled = compile_network or partial(torch.compile, dynamic=False)
        gradients = partial(gradients, draw=compiled(state.generator), judge=compiled(state.critic))
    if execution.endswith("recorded"):
        if state.device.type != "cuda":
            raise ValueError(f"CUDA graphs need a CUDA device, not {state.device.type}")
        gradients = _RecordedGradients(gradients)
    state.gradients = gradients


def fastest_execution(trials: list[Trial], optimisation: OptimisationConfig) -> Execution:
    """The fastest one whose gradients are eager's, and eager where none gains enough."""
    eager = next(trial for trial in trials if trial.execution == "eager")
    tolerance = TOLERANCES[optimisation.autocast]
    worth = [
        trial
        for trial in trials
        if trial.difference <= tolerance and trial.seconds * LEAST_GAIN <= eager.seconds
    ]
    return min(worth, key=lambda trial: trial.seconds, default=eager).execution


def tried_executions(
    state: TrainingState,
    real_BCTHW: Tensor,
    pseudo_BCTHW: Tensor | None = None,
    *,
    label_B: Tensor | None = None,
    repeats: int = 5,
    clock: Callable[[], float] = time.perf_counter,
    compile_network: Callable[[nn.Module], Callable[[Tensor], Tensor]] | None = None,
) -> list[Trial]:
    """Tries every execution on one batch, which has the size that training will have; `label_B`,
    which a conditional model needs, also stands for the labels of the pseudo-anomalies.

    The state is as before afterwards. Takes a minute or more where there is a compiler.
    """
    random, kept = state.random.get_state(), [b.clone() for b in _buffers(state)]
    latent_BZ = next(latent_batches(state, batch=len(real_BCTHW), batches=1))
    mixing_B = torch.rand(len(real_BCTHW), generator=state.random).to(state.device)
    state.random.set_state(random)
    before = state.gradients

    def take(step: int) -> PlayerGradients:
        _restore(state, kept)
        found = state.gradients(
            state.generator,
            state.critic,
            latent_BZ,
            real_BCTHW.to(state.device),
            state.config.optimisation,
            step=step,
            label_B=label_B,
            pseudo_BCTHW=None if pseudo_BCTHW is None else pseudo_BCTHW.to(state.device),
            pseudo_label_B=None if pseudo_BCTHW is None else label_B,
            mixing_B=mixing_B,
            processes=state.processes,
        )
        # Recorded gradients lie in memory that the next replay writes to.
        return PlayerGradients(
            generator=[slope.clone() for slope in found.generator],
            critic=[slope.clone() for slope in found.critic],
            figures=found.figures,
        )

    trials: list[Trial] = []
    wanted: list[PlayerGradients] = []
    # The lazy penalty has a way of its own through the critic: both kinds of step are compared.
    steps = sorted({1, state.config.optimisation.r1_every})
    try:
        for execution in EXECUTIONS:
            try:
                execute(state, execution, compile_network=compile_network)
                found = [take(step) for step in steps]
                wanted = wanted or found
                seconds = min(_seconds(take, clock) for _ in range(repeats))
            except Exception as error:
                if execution == "eager":
                    raise
                trials.append(Trial(execution=execution, failure=_one_line(error)))
                continue
            difference = max(map(_difference, found, wanted))
            trials.append(Trial(execution=execution, seconds=seconds, difference=difference))
    finally:
        _restore(state, kept)
        state.gradients = before
    return trials


class _RecordedGradients:
    """Replays what `take` does, recorded once for each kind of step."""

    def __init__(self, take: Callable[..., PlayerGradients]) -> None:
        self._take = take
        self._recordings: dict[
            Any, tuple[torch.cuda.CUDAGraph, list[Tensor | None], PlayerGradients]
        ] = {}

    def __call__(
        self,
        generator: nn.Module,
        critic: Critic,
        latent_BZ: Tensor,
        real_BCTHW: Tensor,
        optimisation: OptimisationConfig,
        *,
        step: int,
        label_B: Tensor | None = None,
        pseudo_BCTHW: Tensor | None = None,
        pseudo_label_B: Tensor | None = None,
        mixing_B: Tensor | None = None,
        processes: Processes = ALONE,
    ) -> PlayerGradients:
        given = [latent_BZ, real_BCTHW, label_B, pseudo_BCTHW, pseudo_label_B, mixing_B]
        kind = (
            penalty_is_due(optimisation, step),
            *(None if one is None else (one.shape, one.stride()) for one in given),
        )
        if kind not in self._recordings:

            def take(inputs: list[Tensor | None]) -> PlayerGradients:
                latent, real, label, pseudo, pseudo_label, mixing = inputs
                return self._take(
                    generator,
                    critic,
                    latent,
                    real,
                    optimisation,
                    step=step,
                    label_B=label,
                    pseudo_BCTHW=pseudo,
                    pseudo_label_B=pseudo_label,
                    mixing_B=mixing,
                    processes=processes,
                )

            buffers = [*generator.buffers(), *critic.buffers()]
            self._recordings[kind] = _recording(take, given, buffers)
        graph, places, gradients = self._recordings[kind]
        for place, value in zip(places, given, strict=True):
            if place is not None and value is not None:
                place.copy_(value)
        graph.replay()
        return gradients


def _recording(
    take: Callable[[list[Tensor | None]], PlayerGradients],
    given: list[Tensor | None],
    buffers: list[Tensor],
) -> tuple[torch.cuda.CUDAGraph, list[Tensor | None], PlayerGradients]:
    """The graph, where its inputs lie, and where its results will lie."""
    places = [None if one is None else one.clone() for one in given]
    kept = [buffer.clone() for buffer in buffers]
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(_WARM_UPS):
            take(places)
    torch.cuda.current_stream().wait_stream(aside)
    # The warm-up moved the running statistics; recording computes nothing.
    for buffer, value in zip(buffers, kept, strict=True):
        buffer.copy_(value)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        gradients = take(places)
    return graph, places, gradients


def _buffers(state: TrainingState) -> Iterator[Tensor]:
    yield from state.generator.buffers()
    yield from state.critic.buffers()


@torch.no_grad()
def _restore(state: TrainingState, kept: list[Tensor]) -> None:
    for buffer, value in zip(_buffers(state), kept, strict=True):
        buffer.copy_(value)


def _seconds(take: Callable[[int], PlayerGradients], clock: Callable[[], float]) -> float:
    started = clock()
    float(take(1).figures["critic loss"])  # waits for an accelerator to finish
    return clock() - started


def _difference(found: PlayerGradients, wanted: PlayerGradients) -> float:
    """The larger of both players' differences; infinite where a number is not finite."""
    shares = []
    for ours, theirs in ((found.generator, wanted.generator), (found.critic, wanted.critic)):
        apart = [one - other for one, other in zip(ours, theirs, strict=True)]
        shares.append(float(_length(apart) / _length(theirs).clamp_min(1e-30)))
    share = max(shares)
    return share if share < float("inf") else float("inf")


def _length(slopes: list[Tensor]) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(torch.stack([s.float().norm() for s in slopes]))
    return length


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:200]
