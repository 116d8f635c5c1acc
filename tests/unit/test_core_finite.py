"""Sixty places and moments at which a number that is not finite may turn up: training stops before
any of them changes a weight, says where it was, and the last checkpoint is good."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.core_recipes import batches, logistic_recipe, same_tensors, small_recipe
from tgan_core.checkpoint import load_checkpoint, save_checkpoint
from tgan_core.config import TganConfig
from tgan_core.errors import CheckpointError, NonFiniteError
from tgan_core.training import (
    TrainingState,
    load_state_tensors,
    new_training_state,
    state_tensors,
    train,
    training_step,
)

Promise = Callable[[str, str], None]
Spoil = Callable[[TrainingState, Tensor, float], None]

RECIPES: dict[str, TganConfig] = {"wasserstein": small_recipe(), "logistic": logistic_recipe()}
VALUES = (float("nan"), float("inf"), float("-inf"))
STEPS = (1, 2)
"""Steps that were done before the one that is spoilt."""


def layers(network: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Return the weights of convolutions and linear layers, first, middle and last."""
    weights = [(name, w) for name, w in network.named_parameters() if w.dim() > 1]
    return [weights[0], weights[len(weights) // 2], weights[-1]]


def spoil_first(value: Tensor, bad: float) -> None:
    with torch.no_grad():
        value[(0,) * value.dim()] = bad


def places(state: TrainingState) -> Iterator[tuple[str, Spoil]]:
    """Yield every place of a state that a step reads, with a way to spoil it."""
    yield "batch", lambda _, video, bad: spoil_first(video, bad)
    for player in ("generator", "critic"):
        for name, _ in layers(getattr(state, player)):
            yield f"weight {player}.{name}", _spoil_weight(player, name)
            yield f"gradient {player}.{name}", _spoil_gradient(player, name)
        yield f"memory of {player}", _spoil_memory(player)


def _spoil_weight(player: str, name: str) -> Spoil:
    return lambda state, _, bad: spoil_first(getattr(state, player).get_parameter(name), bad)


def _spoil_gradient(player: str, name: str) -> Spoil:
    def spoil(state: TrainingState, _: Tensor, bad: float) -> None:
        weight = getattr(state, player).get_parameter(name)
        weight.register_hook(lambda slope: torch.full_like(slope, bad))

    return spoil


def _spoil_memory(player: str) -> Spoil:
    def spoil(state: TrainingState, _: Tensor, bad: float) -> None:
        optimiser = getattr(state, f"{player}_optimiser")
        weight = dict(getattr(state, player).named_parameters()).popitem()[1]
        memory = optimiser.state[weight]
        spoil_first(next(v for k, v in memory.items() if "avg" in k and v.dim()), bad)

    return spoil


def cases() -> list[tuple[str, str, int, float]]:
    """Return sixty of the combinations: every place of both recipes, every value, both moments."""
    found = []
    turns = itertools.cycle(itertools.product(STEPS, VALUES))
    for recipe, config in RECIPES.items():
        for name, _ in places(new_training_state(config, 0)):
            found += [(recipe, name, *next(turns)) for _ in range(2)]
    return found


CASES = cases()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], tuple[Path, str]]:
    """Return a checkpoint of each recipe after each number of steps, with its digest."""
    kept = {}
    for (recipe, config), steps in itertools.product(RECIPES.items(), STEPS):
        state = new_training_state(config, seed=0)
        train(state, iter(batches(config, steps)), steps)
        folder = tmp_path_factory.mktemp("checkpoints") / f"{recipe}-{steps}"
        kept[recipe, steps] = (folder, save_checkpoint(folder, state_tensors(state), {}))
    return kept


@pytest.mark.parametrize(("recipe", "place", "steps", "bad"), CASES)
def test_a_number_that_is_not_finite_stops_the_step_and_leaves_a_good_checkpoint(
    recipe: str,
    place: str,
    steps: int,
    bad: float,
    saved: dict[tuple[str, int], tuple[Path, str]],
    promise: Promise,
) -> None:
    config = RECIPES[recipe]
    folder, digest = saved[recipe, steps]
    state = new_training_state(config, seed=1)
    load_state_tensors(state, load_checkpoint(folder, digest)[0])
    video_BCTHW = batches(config, 1, start=7)[0]
    dict(places(state))[place](state, video_BCTHW, bad)
    before = state_tensors(state)
    with pytest.raises(NonFiniteError, match=f"at training step {steps + 1}") as caught:
        training_step(state, video_BCTHW)
    assert caught.value.tensor_name
    assert state.step == steps
    after = state_tensors(state)
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=0, equal_nan=True)
    if not all(v.isfinite().all() for v in before.values() if v.is_floating_point()):
        # A state with such a number in it is not written over the good one.
        with pytest.raises((NonFiniteError, CheckpointError)):
            save_checkpoint(folder, state_tensors(state), {})
    kept = load_checkpoint(folder, digest)[0]
    assert all(value.isfinite().all() for value in kept.values() if value.is_floating_point())
    load_state_tensors(state, kept)
    assert same_tensors(state_tensors(state), kept)
    promise("N1", f"{len(CASES)} places and moments: stopped before the update")


def test_there_are_at_least_sixty_places_and_moments() -> None:
    assert len(CASES) == len(set(map(str, CASES))) >= 60
    assert len({place for _, place, _, _ in CASES}) >= 15
