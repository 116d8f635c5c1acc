"""Fine-tuning: training that begins with networks that were trained on something else."""

from __future__ import annotations

from torch import nn

from tgan_core.critic import Critic
from tgan_core.encoder import Encoder
from tgan_core.encoder_training import EncoderState
from tgan_core.errors import CheckpointError
from tgan_core.generators import Generator
from tgan_core.resumption import check_names_and_shapes
from tgan_core.training import TrainingState

__all__ = ["begin_encoder_with", "begin_with"]


def begin_with(state: TrainingState, generator: Generator, critic: Critic) -> None:
    """Puts the weights of trained networks into both players, and into their averages, at step 0.

    The optimisers remember nothing: what they knew was the way of another training. Raises
    CheckpointError, with nothing touched, for networks of another shape, and ValueError when the
    state has taken a step.
    """
    if state.step:
        raise ValueError(f"the state has taken {state.step} steps; only a fresh one can begin so")
    players = ((state.generator, generator), (state.critic, critic))
    for network, trained in players:
        _check_fit(network, trained)
    averages = ((state.ema_generator, generator), (state.ema_critic, critic))
    for target, trained in (*players, *averages):
        if target is not None:
            target.load_state_dict(trained.state_dict())


def begin_encoder_with(state: EncoderState, encoder: Encoder) -> None:
    """Puts the weights of a trained encoder into a state at step 0; raises as `begin_with` does."""
    if state.step:
        raise ValueError(f"the state has taken {state.step} steps; only a fresh one can begin so")
    _check_fit(state.encoder, encoder)
    state.encoder.load_state_dict(encoder.state_dict())


def _check_fit(network: nn.Module, trained: nn.Module) -> None:
    expected = {name: value.shape for name, value in network.state_dict().items()}
    try:
        check_names_and_shapes(expected, trained.state_dict())
    except CheckpointError as error:
        kind = type(network).__name__
        raise CheckpointError(kind, f"the trained one is of another shape: {error}") from error
