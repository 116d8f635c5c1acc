"""Networks and optimisers as named tensors, and back: training goes on bit for bit on the CPU."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from tgan_core.errors import CheckpointError

__all__ = ["Trained", "load_tensors", "saved_tensors"]

Trained = Mapping[str, tuple[nn.Module, torch.optim.Optimizer | None]]
"""Name -> network and the optimiser that moves it, None for a network that is only averaged."""

MEMORIES: dict[type[torch.optim.Optimizer], tuple[str, ...]] = {
    torch.optim.RMSprop: ("step", "square_avg"),
    torch.optim.Adam: ("step", "exp_avg", "exp_avg_sq"),
}
"""What each optimiser remembers about a weight from its first step on."""


def saved_tensors(trained: Trained) -> dict[str, Tensor]:
    """Copies of all weights, statistics and optimiser memories, by unique names."""
    tensors = {}
    for player, (network, optimiser) in trained.items():
        for name, value in network.state_dict().items():
            tensors[f"{player}.{name}"] = value.detach().clone()
        for name, weight, key in _memories(network, optimiser):
            if optimiser is not None and weight in optimiser.state:
                memory = optimiser.state[weight][key]
                tensors[f"{player}_optimiser.{name}.{key}"] = memory.detach().clone()
    return tensors


def load_tensors(trained: Trained, tensors: Mapping[str, Tensor], *, begun: bool) -> None:
    """Puts what `saved_tensors` gave into networks and optimisers of the same recipe.

    `begun` says whether the optimisers have taken a step. Raises CheckpointError, with nothing
    touched, for a missing, surplus or misshapen tensor.
    """
    check_names_and_shapes(_expected(trained, begun), tensors)
    for player, (network, optimiser) in trained.items():
        network.load_state_dict(
            {name: tensors[f"{player}.{name}"] for name in network.state_dict()}
        )
        if optimiser is None:
            continue
        optimiser.state.clear()
        for name, weight, key in _memories(network, optimiser) if begun else ():
            saved = tensors[f"{player}_optimiser.{name}.{key}"]
            # A step count is a CPU scalar; the others lie in memory as their weight does.
            memory = torch.zeros(()) if key == "step" else torch.empty_like(weight.detach())
            optimiser.state[weight][key] = memory.copy_(saved)


def check_names_and_shapes(
    expected: Mapping[str, torch.Size], tensors: Mapping[str, Tensor]
) -> None:
    """Raises CheckpointError unless the tensors are exactly the expected ones."""
    for name, shape in expected.items():
        if name not in tensors:
            raise CheckpointError("tensors", f"{name} is missing")
        if tensors[name].shape != shape:
            raise CheckpointError(
                "tensors", f"{name} has shape {tuple(tensors[name].shape)}, not {tuple(shape)}"
            )
    if surplus := set(tensors) - set(expected):
        raise CheckpointError("tensors", f"{min(surplus)} does not belong to this recipe")


def _expected(trained: Trained, begun: bool) -> dict[str, torch.Size]:
    shapes = {}
    for player, (network, optimiser) in trained.items():
        for name, value in network.state_dict().items():
            shapes[f"{player}.{name}"] = value.shape
        for name, weight, key in _memories(network, optimiser) if begun else ():
            size = torch.Size() if key == "step" else weight.shape
            shapes[f"{player}_optimiser.{name}.{key}"] = size
    return shapes


def _memories(
    network: nn.Module, optimiser: torch.optim.Optimizer | None
) -> Iterator[tuple[str, Tensor, str]]:
    if optimiser is not None:
        for name, weight in network.named_parameters():
            for key in MEMORIES[type(optimiser)]:
                yield name, weight, key
