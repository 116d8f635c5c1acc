"""One step of the game between generator and critic, and the loop around it (section 4)."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.profiler import record_function

from tgan_core.baselines.constraints import clip_weights_, normalise_spectrally_
from tgan_core.config import OptimisationConfig, TganConfig
from tgan_core.critic import Critic
from tgan_core.errors import CheckpointError, NonFiniteError
from tgan_core.generators import Generator, initialise_generator_, new_generator
from tgan_core.initialisation import initialise_
from tgan_core.labels import LabelledClips, checked_labels, labelled
from tgan_core.moving_average import follow_
from tgan_core.normalisation import share_statistics_
from tgan_core.processes import ALONE, Processes
from tgan_core.resumption import Trained, load_tensors, saved_tensors
from tgan_core.shapes import check_shape
from tgan_core.simultaneous_gradients import PlayerGradients, simultaneous_gradients
from tgan_core.singular_value_clipping import ClippingReport, clip_critic_
from tgan_core.video_generator import VideoGenerator

__all__ = [
    "StepFigures",
    "TrainingState",
    "latent_batches",
    "load_state_tensors",
    "new_training_state",
    "state_tensors",
    "train",
    "training_step",
]


@dataclass(kw_only=True, slots=True)
class TrainingState:
    """Everything that the next step depends on, apart from the clips; changed in place."""

    config: TganConfig
    generator: Generator
    critic: Critic
    ema_generator: Generator | None
    """Moving average of the generator's weights; None when the recipe keeps none."""
    ema_critic: Critic | None
    """The same of the critic's."""
    generator_optimiser: torch.optim.Optimizer
    critic_optimiser: torch.optim.Optimizer
    random: torch.Generator
    """Source of latents; lives on the CPU so that all devices draw the same ones."""
    processes: Processes = ALONE
    """Those that train these networks together; each draws the latents of all."""
    gradients: Callable[..., PlayerGradients] = simultaneous_gradients
    """What takes both players' gradients; see tgan_core.execution for faster ones."""
    step: int = 0
    """Steps taken so far."""

    @property
    def sampler(self) -> Generator:
        """The generator to draw and reconstruct with: the average when there is one."""
        return self.generator if self.ema_generator is None else self.ema_generator

    @property
    def judge(self) -> Critic:
        """The critic to score with: the average when there is one. A critic of one step is tuned
        to the generator of that step, and a hundred steps later to another."""
        return self.critic if self.ema_critic is None else self.ema_critic

    @property
    def device(self) -> torch.device:
        """Where the networks live."""
        return next(self.critic.parameters()).device


@dataclass(frozen=True, kw_only=True, slots=True)
class StepFigures:
    """What one step looked like; all scores and losses are means over the batch."""

    step: int
    """Number of the step, counted from 1."""
    critic_loss: float
    """Without the gradient penalty. Wasserstein: its negative estimates the distance."""
    generator_loss: float
    real_score: float
    fake_score: float
    pseudo_score: float | None
    """None when there were no pseudo-anomalies."""
    gradient_penalty: float | None
    """Without its weight: R1's or the constraint's; None when this step had none."""
    share_at_one: float | None
    """Share of the critic's singular values at one; None when this step did not clip."""
    largest_singular_value: float | None
    """The critic's largest one before clipping; None when this step did not clip."""
    seconds: float
    """Time the step took."""


def new_training_state(
    config: TganConfig,
    seed: int,
    device: torch.device | str = "cpu",
    processes: Processes = ALONE,
) -> TrainingState:
    """Fresh networks and optimisers; equal seeds give equal weights on every device, and in all
    `processes`."""
    random = torch.Generator().manual_seed(seed)
    # The constructors of torch draw weights of their own: they must not move the global chance.
    with torch.random.fork_rng(devices=[]):
        generator, critic = new_generator(config.geometry), Critic(config.geometry)
        averaged = bool(config.optimisation.ema_decay)
        ema_generator = new_generator(config.geometry) if averaged else None
        ema_critic = Critic(config.geometry) if averaged else None
    scheme = config.optimisation.initialisation
    initialise_generator_(generator, scheme, random)
    initialise_(critic, scheme, random)
    if config.optimisation.constraint == "spectral_norm":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # of the first vectors of its power iterations
            for judge in filter(None, (critic, ema_critic)):
                normalise_spectrally_(judge)
    pairs: tuple[tuple[nn.Module, nn.Module | None], ...] = (
        (generator, ema_generator),
        (critic, ema_critic),
    )
    for network, average in pairs:
        _place(network, config.optimisation, device)
        if average is not None:
            average.load_state_dict(network.state_dict())
            _place(average, config.optimisation, device).requires_grad_(False).eval()
        for measured in filter(None, (network, average)):
            share_statistics_(measured, processes)
    rates = config.optimisation
    return TrainingState(
        config=config,
        generator=generator,
        critic=critic,
        ema_generator=ema_generator,
        ema_critic=ema_critic,
        generator_optimiser=_optimiser(generator, rates, rates.generator_learning_rate),
        critic_optimiser=_optimiser(critic, rates, rates.critic_learning_rate),
        random=random,
        processes=processes,
    )


def train(
    state: TrainingState,
    batches: Iterator[Tensor | LabelledClips],
    steps: int,
    on_step: Callable[[StepFigures], None] | None = None,
) -> int:
    """Takes up to `steps` further steps and returns how many: fewer only if `batches` ends."""
    taken = 0
    while taken < steps and (batch := next(batches, None)) is not None:
        figures = training_step(state, *labelled(batch))
        taken += 1
        if on_step is not None:
            on_step(figures)
    return taken


def training_step(
    state: TrainingState,
    video_BCTHW: Tensor,
    label_B: Tensor | None = None,
    *,
    pseudo_BCTHW: Tensor | None = None,
    pseudo_label_B: Tensor | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> StepFigures:
    """One simultaneous step of both players on one batch of real clips, float in [-1, 1]; several
    processes are all given the whole batch, and each takes its share.

    `label_B`: what each clip is of, for a conditional model; as many of each kind are generated.
    `pseudo_BCTHW`: pseudo-anomalies, which the critic learns to tell from the real clips as well;
    `pseudo_label_B`: the labels of the clips that they were made from.
    Both gradients are taken at the same point with the same generated batch. Raises
    NonFiniteError, naming step and tensor, before any update: the state is then as before the
    call. Raises ValueError for a batch of the wrong shape or range, and for labels that the model
    does not have; ProcessesDisagree when the processes do not hold the same networks.
    """
    started = clock()
    number, processes, clips = state.step + 1, state.processes, len(video_BCTHW)
    processes.require_same(_weights(state), step=state.step)
    real_BCTHW = _checked_batch(state, video_BCTHW, "video_BCTHW", number)
    label_B = _checked_labels(state, label_B, clips, "label_B")
    pseudo = None
    if pseudo_BCTHW is not None:
        pseudo = _checked_batch(state, pseudo_BCTHW, "pseudo_BCTHW", number)
        pseudo_label_B = _checked_labels(state, pseudo_label_B, len(pseudo_BCTHW), "pseudo_label_B")
    mixes = state.config.optimisation.constraint == "gradient_penalty"
    kept_random = state.random.get_state()
    kept_buffers = [buffer.clone() for buffer in _buffers(state)]
    try:
        latent_BZ = next(latent_batches(state, batch=clips, batches=1))
        mixing_B = torch.rand(clips, generator=state.random) if mixes else None
        gradients = state.gradients(
            state.generator,
            state.critic,
            processes.share(latent_BZ),
            real_BCTHW,
            state.config.optimisation,
            step=number,
            label_B=None if label_B is None else processes.share(label_B),
            pseudo_BCTHW=pseudo,
            pseudo_label_B=None if pseudo_label_B is None else processes.share(pseudo_label_B),
            mixing_B=None if mixing_B is None else processes.share(mixing_B).to(state.device),
            processes=processes,
        )
        _assert_finite(state, gradients, number)
    except BaseException:
        state.random.set_state(kept_random)
        for buffer, kept in zip(_buffers(state), kept_buffers, strict=True):
            buffer.copy_(kept)
        raise
    _update(state.generator_optimiser, state.generator, gradients.generator)
    _update(state.critic_optimiser, state.critic, gradients.critic)
    state.step = number
    if label_B is not None and isinstance(state.generator, VideoGenerator):
        state.generator.count_labels_(label_B)
    report = _constrain(state, number)
    _average(state)
    return _figures(gradients, report, number, clock() - started)


def _constrain(state: TrainingState, number: int) -> ClippingReport | None:
    """Bring the critic back to where it must be, when that is due and not a matter of the loss."""
    optimisation = state.config.optimisation
    if not optimisation.clip_every or number % optimisation.clip_every:
        return None
    if optimisation.constraint == "singular_values":
        with record_function("clipping"):
            return clip_critic_(state.critic)
    if optimisation.constraint == "weights":
        clip_weights_(state.critic, optimisation.constraint_level)
    return None


def latent_batches(
    state: TrainingState, *, batches: int, batch: int | None = None
) -> Iterator[Tensor]:
    """Batches of latent_BZ from U(-1, 1), drawn from the state's own source of chance."""
    size = (batch or state.config.optimisation.batch, state.config.geometry.latent)
    for _ in range(batches):
        latent_BZ = torch.empty(size).uniform_(-1.0, 1.0, generator=state.random)
        yield latent_BZ.to(state.device)


def _checked_batch(state: TrainingState, video_BCTHW: Tensor, name: str, number: int) -> Tensor:
    geometry = state.config.geometry
    size = (geometry.channels, geometry.frames, geometry.tile_px, geometry.tile_px)
    check_shape(video_BCTHW, (None, *size), name)
    if video_BCTHW.shape[0] < 2:
        raise ValueError("a training batch needs at least 2 clips")
    lowest, highest = (float(bound) for bound in torch.aminmax(video_BCTHW))
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise NonFiniteError(name, step=number)
    if lowest < -1.0 or highest > 1.0:
        raise ValueError(f"{name} has values from {lowest} to {highest}, outside [-1, 1]")
    layout = torch.contiguous_format
    if state.config.optimisation.channels_last:
        layout = torch.channels_last_3d
    share_BCTHW = state.processes.share(video_BCTHW)
    return share_BCTHW.to(state.device, torch.float32).contiguous(memory_format=layout)


def _checked_labels(
    state: TrainingState, label_B: Tensor | None, clips: int, name: str
) -> Tensor | None:
    checked_B = checked_labels(label_B, state.config.geometry.labels, clips, name)
    return None if checked_B is None else checked_B.to(state.device)


def _assert_finite(state: TrainingState, gradients: PlayerGradients, number: int) -> None:
    """Looks at losses, gradients, weights and the optimisers' memory: all enter the update."""
    named: dict[str, Tensor] = dict(gradients.figures)
    for player, network, optimiser, values in (
        ("generator", state.generator, state.generator_optimiser, gradients.generator),
        ("critic", state.critic, state.critic_optimiser, gradients.critic),
    ):
        for (name, weight), gradient in zip(network.named_parameters(), values, strict=True):
            named[f"gradient of {player}.{name}"] = gradient
            named[f"{player}.{name}"] = weight.detach()  # padding can hide one from the loss
            for key, memory in optimiser.state[weight].items():
                named[f"optimiser {key} of {player}.{name}"] = memory
    norms = torch._foreach_norm([value.float() for value in named.values()])
    finite = torch.isfinite(torch.stack([norm.to(state.device) for norm in norms])).tolist()
    for name, is_finite in zip(named, finite, strict=True):
        if not is_finite:
            raise NonFiniteError(name, step=number)


def _update(optimiser: torch.optim.Optimizer, network: nn.Module, values: list[Tensor]) -> None:
    for weight, gradient in zip(network.parameters(), values, strict=True):
        weight.grad = gradient
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def _average(state: TrainingState) -> None:
    decay = state.config.optimisation.ema_decay
    if state.ema_generator is not None:
        follow_(state.ema_generator, state.generator, decay=decay, step=state.step)
    if state.ema_critic is not None:
        follow_(state.ema_critic, state.critic, decay=decay, step=state.step)


def _figures(
    gradients: PlayerGradients, report: ClippingReport | None, number: int, seconds: float
) -> StepFigures:
    values = {name: float(value) for name, value in gradients.figures.items()}
    return StepFigures(
        step=number,
        critic_loss=values["critic loss"],
        generator_loss=values["generator loss"],
        real_score=values["real score"],
        fake_score=values["fake score"],
        pseudo_score=values.get("pseudo score"),
        gradient_penalty=values.get("gradient penalty"),
        share_at_one=None if report is None else report.share_at_one,
        largest_singular_value=None if report is None else report.largest_before,
        seconds=seconds,
    )


def state_tensors(state: TrainingState) -> dict[str, Tensor]:
    """Copies of everything the next step depends on, by unique names, ready for a checkpoint."""
    return saved_tensors(_trained(state)) | {
        "step": torch.tensor(state.step),
        "random": state.random.get_state(),
    }


def load_state_tensors(state: TrainingState, tensors: Mapping[str, Tensor]) -> None:
    """Puts what `state_tensors` gave into a state of the same recipe.

    On the CPU training then goes on bit for bit. Raises CheckpointError, with the state
    untouched, for a missing, surplus or misshapen tensor.
    """
    rest = dict(tensors)
    try:
        step, random = int(rest.pop("step")), rest.pop("random").cpu()
        torch.Generator().set_state(random)
    except (KeyError, RuntimeError, TypeError) as error:
        raise CheckpointError("training state", f"no usable step or chance: {error}") from error
    load_tensors(_trained(state), rest, begun=step > 0)
    state.step = step
    state.random.set_state(random)


def _trained(state: TrainingState) -> Trained:
    averages = {"ema_generator": state.ema_generator, "ema_critic": state.ema_critic}
    return {
        "generator": (state.generator, state.generator_optimiser),
        "critic": (state.critic, state.critic_optimiser),
        **{name: (average, None) for name, average in averages.items() if average is not None},
    }


def _weights(state: TrainingState) -> Iterable[Tensor]:
    yield from state.generator.parameters()
    yield from state.critic.parameters()


def _buffers(state: TrainingState) -> Iterable[Tensor]:
    yield from state.generator.buffers()
    yield from state.critic.buffers()


def _place(
    network: nn.Module, optimisation: OptimisationConfig, device: torch.device | str
) -> nn.Module:
    network.to(device)
    if optimisation.channels_last:
        for weight in network.parameters():
            if weight.dim() == 5:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last_3d)
            elif weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return network


def _optimiser(
    network: nn.Module, optimisation: OptimisationConfig, learning_rate: float
) -> torch.optim.Optimizer:
    if optimisation.optimiser == "adam":
        return torch.optim.Adam(
            network.parameters(), lr=learning_rate, betas=(0.0, 0.9), foreach=True
        )
    # Chainer's rule has the same constants: alpha .99, eps 1e-8 outside the root.
    return torch.optim.RMSprop(
        network.parameters(), lr=learning_rate, alpha=0.99, eps=1e-8, foreach=True
    )
