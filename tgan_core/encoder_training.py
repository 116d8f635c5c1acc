"""Training of the encoder against a generator and a critic that no longer change."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tgan_core.config import GeometryConfig
from tgan_core.critic import Critic
from tgan_core.encoder import Encoder, encode
from tgan_core.errors import CheckpointError, NonFiniteError
from tgan_core.initialisation import initialise_
from tgan_core.labels import LabelledClips, labelled
from tgan_core.normalisation import share_statistics_
from tgan_core.processes import ALONE, Processes
from tgan_core.reconstruction_loss import frozen, reconstruction_loss
from tgan_core.resumption import load_tensors, saved_tensors
from tgan_core.video_generator import VideoGenerator

__all__ = [
    "EncoderFigures",
    "EncoderState",
    "encoder_step",
    "encoder_tensors",
    "load_encoder_tensors",
    "new_encoder",
    "new_encoder_state",
    "train_encoder",
]


@dataclass(kw_only=True, slots=True)
class EncoderState:
    """Everything that the encoder's next step depends on, apart from the clips."""

    encoder: Encoder
    optimiser: torch.optim.Optimizer
    processes: Processes = ALONE
    """Those that train this encoder together."""
    step: int = 0
    """Steps taken so far."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderFigures:
    """What one step of the encoder looked like."""

    step: int
    """Number of the step, counted from 1."""
    loss: float
    """Mean izi_f loss of the batch; 1 + feature_weight is no better than flat grey."""
    pixel_error: float
    """Mean squared error of the pixels, which lie in [-1, 1]."""
    seconds: float
    """Time the step took."""


def new_encoder(
    geometry: GeometryConfig,
    seed: int,
    device: torch.device | str = "cpu",
    *,
    relaxed: bool = False,
    channels_last: bool = True,
) -> Encoder:
    """An encoder with weights from N(0, 1/fan_in); equal seeds give equal weights."""
    with torch.random.fork_rng(devices=[]):
        encoder = Encoder(geometry, relaxed=relaxed)
    initialise_(encoder, "lecun", torch.Generator().manual_seed(seed))
    if encoder.moments is not None:
        torch.nn.init.zeros_(encoder.moments.upsample.weight)
    layout = torch.channels_last_3d if channels_last else torch.contiguous_format
    for weight in encoder.parameters():
        if weight.dim() == 5:
            weight.data = weight.data.contiguous(memory_format=layout)
    return encoder.to(device)


def new_encoder_state(
    encoder: Encoder, learning_rate: float = 1e-4, processes: Processes = ALONE
) -> EncoderState:
    """A state at step 0, with Adam; all `processes` begin with the same encoder."""
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"learning_rate must be > 0, not {learning_rate}")
    optimiser = torch.optim.Adam(encoder.parameters(), lr=learning_rate, foreach=True)
    share_statistics_(encoder, processes)
    return EncoderState(encoder=encoder, optimiser=optimiser, processes=processes)


def train_encoder(
    encoder: Encoder,
    generator: VideoGenerator,
    critic: Critic,
    batches: Iterator[Tensor | LabelledClips],
    steps: int,
    learning_rate: float = 1e-4,
    *,
    feature_weight: float = 1.0,
    autocast: Literal["none", "bf16"] = "none",
    on_step: Callable[[EncoderFigures], None] | None = None,
    strict: bool = True,
    state: EncoderState | None = None,
) -> EncoderState:
    """Takes up to `steps` steps, fewer only if `batches` ends; goes on from `state` if given.

    Generator and critic stay as they are, in eval mode throughout. The encoder is left in eval
    mode. `state` must belong to `encoder`; its learning rate then counts.
    """
    if state is None:
        state = new_encoder_state(encoder, learning_rate)
    for _ in range(steps):
        if (batch := next(batches, None)) is None:
            break
        video_BCTHW, label_B = labelled(batch)
        figures = encoder_step(
            state,
            generator,
            critic,
            video_BCTHW,
            feature_weight=feature_weight,
            autocast=autocast,
            strict=strict,
            label_B=label_B,
        )
        if on_step is not None:
            on_step(figures)
    state.encoder.eval()
    return state


def encoder_step(
    state: EncoderState,
    generator: VideoGenerator,
    critic: Critic,
    video_BCTHW: Tensor,
    *,
    feature_weight: float = 1.0,
    autocast: Literal["none", "bf16"] = "none",
    strict: bool = True,
    label_B: Tensor | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> EncoderFigures:
    """One step on one batch of real clips, float in [-1, 1]; `label_B` as the generator needs it.
    Several processes are all given the whole batch, and each takes its share.

    Raises NonFiniteError before any update: the state is then as before the call. Raises
    ProcessesDisagree when the processes do not hold the same encoder.
    """
    started, number, processes = clock(), state.step + 1, state.processes
    processes.require_same(state.encoder.parameters(), step=state.step)
    if not bool(torch.isfinite(video_BCTHW).all()):
        raise NonFiniteError("video_BCTHW", step=number)
    video_BCTHW = processes.share(video_BCTHW)
    label_B = None if label_B is None else processes.share(label_B)
    weights = dict(state.encoder.named_parameters())
    kept = [buffer.clone() for buffer in state.encoder.buffers()]
    device_type = video_BCTHW.device.type
    state.encoder.train()
    try:
        with frozen(generator, critic):
            with torch.autocast(device_type, torch.bfloat16, enabled=autocast == "bf16"):
                codes = encode(
                    state.encoder, generator, video_BCTHW, strict=strict, label_B=label_B
                )
                made_BCTHW = generator.render(*codes, label_B)
                loss_B = reconstruction_loss(
                    critic,
                    video_BCTHW,
                    made_BCTHW,
                    feature_weight=feature_weight,
                    processes=processes,
                    label_B=label_B,
                )
            loss = loss_B.mean()
            # With `strict` the head of the moments takes no part: its gradient is zero.
            slopes = torch.autograd.grad(loss, list(weights.values()), materialize_grads=True)
        pixel_error = (made_BCTHW.detach() - video_BCTHW).square().mean()
        *gradients, loss, pixel_error = processes.means([*slopes, loss.detach(), pixel_error])
        _assert_finite(loss, dict(zip(weights, gradients, strict=True)), number)
    except BaseException:
        for buffer, before in zip(state.encoder.buffers(), kept, strict=True):
            buffer.copy_(before)
        raise
    for weight, gradient in zip(weights.values(), gradients, strict=True):
        weight.grad = gradient
    state.optimiser.step()
    state.optimiser.zero_grad(set_to_none=True)
    state.step = number
    return EncoderFigures(
        step=number,
        loss=float(loss),
        pixel_error=float(pixel_error),
        seconds=clock() - started,
    )


def encoder_tensors(state: EncoderState) -> dict[str, Tensor]:
    """Copies of everything the encoder's next step depends on, ready for a checkpoint."""
    tensors = saved_tensors({"encoder": (state.encoder, state.optimiser)})
    return tensors | {"encoder_step": torch.tensor(state.step)}


def load_encoder_tensors(state: EncoderState, tensors: Mapping[str, Tensor]) -> None:
    """Puts what `encoder_tensors` gave into a state of the same recipe.

    Raises CheckpointError, with the state untouched, for tensors that do not fit.
    """
    rest = dict(tensors)
    if "encoder_step" not in rest:
        raise CheckpointError("encoder state", "encoder_step is missing")
    step = int(rest.pop("encoder_step"))
    load_tensors({"encoder": (state.encoder, state.optimiser)}, rest, begun=step > 0)
    state.step = step


def _assert_finite(loss: Tensor, gradients: Mapping[str, Tensor], number: int) -> None:
    named = {"encoder loss": loss}
    named |= {f"gradient of encoder.{name}": value for name, value in gradients.items()}
    norms = torch._foreach_norm([value.float() for value in named.values()])
    finite = torch.isfinite(torch.stack(list(norms))).tolist()
    for name, is_finite in zip(named, finite, strict=True):
        if not is_finite:
            raise NonFiniteError(name, step=number)
