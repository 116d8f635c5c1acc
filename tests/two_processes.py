"""What two processes do for the tests of tgan_core.processes: `python -m tests.two_processes DIR`
in each of them. Rank 0 leaves what came of every case as a checkpoint in DIR."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from pipeline.learning.adversarial import TileSource, TrainingBatch, train_networks
from pipeline.learning.presets import preset_named
from pipeline.learning.workspace import Workspace
from tests.core_recipes import (
    batches,
    logistic_recipe,
    random_clips,
    random_latents,
    same_tensors,
    small_recipe,
)
from tgan_core.checkpoint import checkpoint_digest, load_checkpoint, save_checkpoint
from tgan_core.config import TganConfig
from tgan_core.encoder_training import encoder_step, encoder_tensors, new_encoder, new_encoder_state
from tgan_core.errors import NonFiniteError, ProcessesDisagree
from tgan_core.processes import Processes, joined_processes
from tgan_core.simultaneous_gradients import simultaneous_gradients
from tgan_core.training import (
    TrainingState,
    load_state_tensors,
    new_training_state,
    state_tensors,
    train,
    training_step,
)

CLIPS = 4
NO_NORM = {"critic_norm": "none"}
RECIPES = {
    "paper": small_recipe(batch=CLIPS, clip_every=2, ema_decay=0.0),
    "working presets": logistic_recipe(batch=CLIPS, r1_every=2),
    "weights": small_recipe(batch=CLIPS, constraint="weights", constraint_level=0.05),
    "gradient penalty": small_recipe(
        NO_NORM, batch=CLIPS, constraint="gradient_penalty", constraint_level=10.0
    ),
    "spectral norm": small_recipe(NO_NORM, batch=CLIPS, constraint="spectral_norm"),
    "one piece": small_recipe({"generator": "one_piece"}, batch=CLIPS),
}


def _lively_state(recipe: TganConfig, processes: Processes) -> TrainingState:
    """A state whose generated clips differ: else its gradients are rounding, which RMSProp makes
    as large as any."""
    state = new_training_state(recipe, 0, processes=processes)
    with torch.no_grad():
        for weight in state.generator.parameters():
            if weight.dim() > 1:
                weight.mul_(3.0 / weight.flatten(1).norm(dim=1).max())
    return state


def _gradients(recipe: TganConfig, processes: Processes) -> dict[str, Tensor]:
    """Both players' gradients as shares of their length, and the figures, when a penalty is due."""
    state = _lively_state(recipe, processes)
    real, pseudo = (processes.share(random_clips(recipe.geometry, CLIPS, seed)) for seed in (1, 2))
    mixing = torch.rand(CLIPS, generator=torch.Generator().manual_seed(4))
    found = simultaneous_gradients(
        state.generator,
        state.critic,
        processes.share(random_latents(recipe.geometry, CLIPS, seed=3)),
        real,
        recipe.optimisation,
        step=2,
        pseudo_BCTHW=pseudo if recipe.optimisation.objective == "non_saturating" else None,
        mixing_B=processes.share(mixing),
        processes=processes,
    )
    named = dict(found.figures)
    for player, slopes in (("generator", found.generator), ("critic", found.critic)):
        length = torch.stack(torch._foreach_norm(slopes)).norm()
        network = getattr(state, player)
        for (name, _), slope in zip(network.named_parameters(), slopes, strict=True):
            named[f"{player}.{name}"] = slope / length
    statistics = {name: value for name, value in state.generator.named_buffers() if value.dim()}
    return named | statistics


def _encoder(strict: bool, processes: Processes) -> dict[str, Tensor]:
    """The encoder's first gradient (a tenth of it is what Adam remembers), and three losses."""
    recipe = RECIPES["paper"]
    state = new_training_state(recipe, 0)
    encoder = new_encoder(recipe.geometry, 0, relaxed=not strict)
    trained = new_encoder_state(encoder, 1e-3, processes)
    named = {}
    for clips_BCTHW in batches(recipe, 3):
        figures = encoder_step(trained, state.generator, state.critic, clips_BCTHW, strict=strict)
        named[f"loss {figures.step}"] = torch.tensor(figures.loss)
        named[f"pixel error {figures.step}"] = torch.tensor(figures.pixel_error)
        if figures.step == 1:
            named |= {k: v for k, v in encoder_tensors(trained).items() if k.endswith("exp_avg")}
    return named


CASES: dict[str, Callable[[Processes], dict[str, Tensor]]] = {
    **{f"gradients, {name}": partial(_gradients, recipe) for name, recipe in RECIPES.items()},
    "encoder, strict": partial(_encoder, True),
    "encoder, relaxed": partial(_encoder, False),
}


def trained(
    name: str, processes: Processes, *, steps: int, begun: dict[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """The state after `steps` steps in all of a recipe, going on from `begun`."""
    recipe = RECIPES[name]
    state = _lively_state(recipe, processes)
    if begun is not None:
        load_state_tensors(state, begun)
    clips = batches(recipe, steps - state.step, start=state.step)
    train(state, iter(clips), len(clips))
    return state_tensors(state)


class _Noise:
    """Stands in for a TileSource: the n-th batch depends on n alone."""

    def batches(
        self, *, skip: int, device: torch.device, pseudo: bool = True
    ) -> Iterator[TrainingBatch]:
        for number in count(skip):
            real, other = (
                random_clips(PRESET.tgan.geometry, CLIPS, 2 * number + which) for which in range(2)
            )
            yield TrainingBatch(real=real, pseudo=other if pseudo else None)


PRESET = replace(
    preset_named("compact"),
    tgan=logistic_recipe(batch=CLIPS),
    generator_steps=2,
    encoder_steps=2,
)


def learnt(processes: Processes, folder: Path) -> dict[str, Tensor]:
    """The networks of a camera and what was written down on the way, with a workspace."""
    networks, metrics = train_networks(
        cast(TileSource, _Noise()),
        PRESET,
        0,
        torch.device("cpu"),
        Workspace(folder, "job"),
        lambda line: None,
        processes,
    )
    named = {
        f"{player}.{name}": value
        for player in ("generator", "critic", "encoder")
        for name, value in getattr(networks, player).state_dict().items()
    }
    return named | {
        f"{key} {row['step']}": torch.tensor(value) for row in metrics for key, value in row.items()
    }


TRAINED = ("paper", "working presets")
"""The recipes that are trained for `STEPS` steps, the first `CUT` of them also by one process and
the others by two, and the reverse."""
STEPS, CUT = 3, 2


def _raised(kind: type[Exception], act: Callable[[], object]) -> bool:
    try:
        act()
    except kind:
        return True
    return False


def _errors_are_met_together(processes: Processes) -> None:
    """What goes wrong in one process stops all of them before an update, and none of them waits."""
    recipe = RECIPES["paper"]
    state = new_training_state(recipe, 0, processes=processes)
    clips_BCTHW = batches(recipe, 1)[0]
    training_step(state, clips_BCTHW)
    before = state_tensors(state)
    hook = None
    if not processes.leads:
        weight = state.generator.image.last.weight
        hook = weight.register_hook(lambda slope: slope * float("inf"))
    assert _raised(NonFiniteError, lambda: training_step(state, clips_BCTHW))
    assert same_tensors(state_tensors(state), before)
    if hook is not None:
        hook.remove()
    training_step(state, clips_BCTHW)
    if not processes.leads:
        with torch.no_grad():
            state.critic.head.weight.mul_(1.001)
    assert _raised(ProcessesDisagree, lambda: training_step(state, clips_BCTHW))
    encoder = new_encoder_state(new_encoder(recipe.geometry, processes.rank), 1e-3, processes)
    assert _raised(
        ProcessesDisagree,
        lambda: encoder_step(encoder, state.generator, state.critic, clips_BCTHW),
    )
    assert processes.first_word(float(processes.rank)) == 0.0


def main(folder: Path) -> None:
    """Do everything as one of two processes; rank 0 leaves what came of it in `folder`."""
    with joined_processes(timeout_seconds=60.0) as processes:
        assert processes.size == 2
        found = {name: case(processes) for name, case in CASES.items()}
        for name in TRAINED:
            begun_by_one = folder / f"{name}, begun by one"
            begun, _ = load_checkpoint(begun_by_one, checkpoint_digest(begun_by_one))
            found[f"{name}, trained"] = trained(name, processes, steps=STEPS)
            found[f"{name}, begun by two"] = trained(name, processes, steps=CUT)
            found[f"{name}, ended by two"] = trained(name, processes, steps=STEPS, begun=begun)
        found["learnt"] = learnt(processes, folder / "workspace")
        _errors_are_met_together(processes)
    if processes.leads:
        for name, tensors in found.items():
            save_checkpoint(folder / name, tensors, {})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
