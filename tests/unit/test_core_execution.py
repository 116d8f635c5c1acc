"""A faster way to take gradients is kept only where it runs, is faster, and gives the same ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from torch import Tensor, nn

from tests.core_recipes import batches, logistic_recipe, same_tensors, small_recipe
from tgan_core.config import OptimisationConfig
from tgan_core.execution import Trial, execute, fastest_execution, tried_executions
from tgan_core.processes import Processes
from tgan_core.training import TrainingState, new_training_state, state_tensors, training_step

Compile = Callable[[nn.Module], Callable[[Tensor], Tensor]]
RECIPE = logistic_recipe(batch=2, r1_every=2)


def trials_of(compile_network: Compile, state: TrainingState | None = None) -> dict[str, Trial]:
    state = state or new_training_state(RECIPE, 0)
    found = tried_executions(
        state, batches(RECIPE, 1)[0], repeats=1, compile_network=compile_network
    )
    return {trial.execution: trial for trial in found}


def no_compiler(network: nn.Module) -> Callable[[Tensor], Tensor]:
    raise RuntimeError("No working C++ compiler found\nwith many more lines\n")


def fails_when_called(network: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda value: no_compiler(network)(value)


@pytest.mark.parametrize("compile_network", [no_compiler, fails_when_called])
def test_without_a_compiler_training_stays_eager_and_says_why_in_one_line(
    compile_network: Compile,
) -> None:
    state = new_training_state(RECIPE, 0)
    before = state_tensors(state)
    trials = trials_of(compile_network, state)
    assert trials["compiled"].failure == "RuntimeError: No working C++ compiler found"
    assert trials["eager"].failure is None
    assert fastest_execution([*trials.values()], RECIPE.optimisation) == "eager"
    assert same_tensors(state_tensors(state), before)
    training_step(state, batches(RECIPE, 1)[0])


def test_the_same_networks_called_another_way_give_the_same_gradients() -> None:
    compiled = trials_of(lambda network: network.forward)["compiled"]
    assert compiled.difference == 0.0
    assert 0.0 < compiled.seconds < float("inf")


def test_networks_that_compute_something_else_are_seen() -> None:
    compiled = trials_of(lambda network: lambda value: 1.01 * network(value))["compiled"]
    assert compiled.difference > 5e-3
    broken = trials_of(lambda network: lambda value: float("nan") * network(value))["compiled"]
    assert broken.difference == float("inf")


def test_on_a_processor_nothing_is_recorded() -> None:
    trials = trials_of(lambda network: network.forward)
    for name in ("recorded", "compiled_recorded"):
        assert trials[name].failure == "ValueError: CUDA graphs need a CUDA device, not cpu"


def trials(**compiled: float) -> Iterator[Trial]:
    yield Trial(execution="eager", seconds=1.0, difference=0.0)
    yield Trial(execution="compiled", **compiled)
    yield Trial(execution="recorded", failure="no")


@pytest.mark.parametrize(
    ("autocast", "seconds", "difference", "kept"),
    [
        ("none", 0.5, 1e-4, "compiled"),
        ("none", 0.5, 1e-2, "eager"),
        ("bf16", 0.5, 1e-2, "compiled"),
        ("bf16", 0.5, 1e-1, "eager"),
        ("none", 0.99, 0.0, "eager"),
        ("none", 1.5, 0.0, "eager"),
        ("none", 0.5, float("inf"), "eager"),
    ],
)
def test_an_execution_is_kept_when_it_is_faster_and_equal(
    autocast: str, seconds: float, difference: float, kept: str
) -> None:
    optimisation = OptimisationConfig(autocast=autocast)
    found = [*trials(seconds=seconds, difference=difference)]
    assert fastest_execution(found, optimisation) == kept


def test_a_training_that_is_executed_otherwise_takes_the_same_steps() -> None:
    recipe = small_recipe(batch=2)
    states = [new_training_state(recipe, 0) for _ in range(2)]
    calls: list[str] = []

    def counting(network: nn.Module) -> Callable[[Tensor], Tensor]:
        def call(value: Tensor) -> Tensor:
            calls.append(type(network).__name__)
            found: Tensor = network(value)
            return found

        return call

    execute(states[1], "compiled", compile_network=counting)
    for state in states:
        training_step(state, batches(recipe, 1)[0])
    assert calls == ["VideoGenerator", "Critic", "Critic"]
    assert same_tensors(*map(state_tensors, states))
    execute(states[1], "eager")
    training_step(states[1], batches(recipe, 1)[0])
    assert len(calls) == 3


def test_several_processes_stay_eager() -> None:
    state = new_training_state(RECIPE, 0, processes=Processes(rank=0, size=2))
    with pytest.raises(ValueError, match="several processes meet in the middle"):
        execute(state, "compiled")
