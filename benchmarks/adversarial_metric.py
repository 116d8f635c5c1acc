"""The paper's table 3: TGAN against other generators on Moving MNIST, by each other's critics.

    KIZASHI_DATA=FOLDER python benchmarks/adversarial_metric.py [--seeds 3] [--steps 1500]

Trains four generators a seed, each with a critic of its own, and prints the generative adversarial
metric (GAM) of TGAN against the three others beside the paper's. The compact recipe (two cores) has
clips of 16 frames of 32 x 32 px with digits of half size; `--recipe paper` is the published size.
Sample videos of the first seed go to the folder of --work.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import geometric_mean
from typing import Annotated, Any, Literal

import torch
import typer
from _machine import command_line, machine_line, stop, wide_console, write_figures
from _moving_digits import endless_clips, read_split, write_grid
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tgan_core.config import GeometryConfig, OptimisationConfig, TganConfig
from tgan_core.errors import NonFiniteError
from tgan_core.evaluation.adversarial_metric import AdversarialMetric, Player, adversarial_metric
from tgan_core.evaluation.moving_mnist import Digits
from tgan_core.normalisation import recompute_batch_norm_statistics
from tgan_core.training import TrainingState, new_training_state, training_step

WORK = Path("out/adversarial-metric")
RESULTS = Path(__file__).parent / "results"
NORM_BATCHES = 50
JUDGED = 1_024

OfSeed = Callable[[int], dict[str, AdversarialMetric | None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rival:
    """What TGAN is compared with."""

    what: str
    generator: Literal["temporal", "one_piece", "moments"]
    game: Literal["svc", "gan"]
    published: float | None


MODELS = {
    "tgan": Rival(what="TGAN (SVC)", generator="temporal", game="svc", published=None),
    "one-piece-gan": Rival(
        what="3D model (GAN)", generator="one_piece", game="gan", published=1.70
    ),
    "one-piece-svc": Rival(
        what="3D model (SVC)", generator="one_piece", game="svc", published=1.27
    ),
    "moments": Rival(
        what="TGAN without the clip's latent in G1", generator="moments", game="svc", published=1.03
    ),
}
GEOMETRIES = {
    "compact": GeometryConfig(
        frames=16,
        tile_px=32,
        channels=1,
        latent=64,
        generator_width=64,
        critic_width=16,
        temporal_width=64,
    ),
    "paper": GeometryConfig(channels=1),
}
RATES = {"compact": 1e-3, "paper": 5e-5}
"""Compact trains a hundredth of the steps: faster, and with averages. At a fifth of this rate, with
which it was first run, TGAN was far from trained (`stability.py` has what rates come to). Its
weights begin as the paper says (section 5); those of the authors' configuration for digits,
U(-.01, .01), are so small that after 1,500 steps TGAN still draws the same clip for every
latent."""


def recipe_of(rival: Rival, recipe: str) -> TganConfig:
    """Return the recipe of a model."""
    rate = RATES[recipe]
    optimisation = OptimisationConfig(
        generator_learning_rate=rate,
        critic_learning_rate=rate,
        initialisation="lecun" if recipe == "compact" else "uniform",
        ema_decay=0.99 if recipe == "compact" else 0.0,
        clip_every=1,
    )
    if rival.game == "gan":
        optimisation = replace(optimisation, objective="non_saturating", clip_every=0)
    geometry = replace(GEOMETRIES[recipe], generator=rival.generator)
    return TganConfig(geometry=geometry, optimisation=optimisation)


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, ... this many.")] = 3,
    steps: Annotated[int, typer.Option(min=1, help="Training steps a model.")] = 1_500,
    recipe: Annotated[str, typer.Option(help="compact or paper.")] = "compact",
    jobs: Annotated[int, typer.Option(min=1, help="Seeds trained at once, by processes.")] = 1,
    work: Annotated[Path, typer.Option(help="Folder for sample videos and seeds.")] = WORK,
    out: Annotated[Path, typer.Option(help="Folder for the JSON results.")] = RESULTS,
) -> None:
    """Train, compare, print the table."""
    console = wide_console()
    if recipe not in GEOMETRIES:
        stop(f"--recipe {recipe!r} is unknown; choose from {', '.join(GEOMETRIES)}")
    started = time.monotonic()
    kept = [seed for seed in range(seeds) if _kept(work, recipe, steps, seed).exists()]
    try:
        one = partial(_metrics, steps, recipe, work)
        found = (
            [one(seed) for seed in range(seeds)] if jobs == 1 else _side_by_side(one, seeds, jobs)
        )
    except ValueError as error:
        stop(str(error))
    metrics = {name: [of_seed[name] for of_seed in found] for name in MODELS if name != "tgan"}
    rows = {name: _row(MODELS[name], found) for name, found in metrics.items()}
    _print(rows, console)
    record = {
        "benchmark": "adversarial-metric",
        "command": command_line(),
        "data_set": "moving-mnist",
        "recipe": recipe,
        "steps": steps,
        "seeds": list(range(seeds)),
        "seeds_kept_from_before": kept,
        "wall_seconds": round(time.monotonic() - started, 1),
        "rows": rows,
    }
    write_figures(out / f"adversarial-metric-{recipe}.json", record)
    console.print(machine_line(), highlight=False, markup=False)


def _side_by_side(one: OfSeed, seeds: int, jobs: int) -> list[dict[str, AdversarialMetric | None]]:
    # Spawned: a process that was forked cannot use the GPU of its parent.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        return list(pool.map(one, range(seeds)))


def _metrics(steps: int, recipe: str, work: Path, seed: int) -> dict[str, AdversarialMetric | None]:
    """Return the metric against every rival of one seed, measured now or kept in `work`."""
    kept = _kept(work, recipe, steps, seed)
    if kept.exists():
        found = json.loads(kept.read_text())
        wide_console().print(f"seed {seed}: taken from {kept}", highlight=False, markup=False)
        return {name: one and AdversarialMetric(**one) for name, one in found.items()}
    measured = _measured(steps, recipe, work, seed)
    work.mkdir(parents=True, exist_ok=True)
    told = {name: one and asdict(one) for name, one in measured.items()}
    kept.write_text(json.dumps(told))
    return measured


def _kept(work: Path, recipe: str, steps: int, seed: int) -> Path:
    return work / f"{recipe}-{steps}-steps-seed-{seed}.json"


def _measured(
    steps: int, recipe: str, work: Path, seed: int
) -> dict[str, AdversarialMetric | None]:
    """Train and compare the models of one seed; None where one of the two diverged."""
    console = wide_console()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    training, fresh = read_split(GEOMETRIES[recipe].tile_px)
    states = {
        name: _trained(rival, recipe, training, steps, seed, device, console)
        for name, rival in MODELS.items()
    }
    players = {n: _player(state, seed) for n, state in states.items() if state is not None}
    if seed == 0:
        _write_samples(players, training, recipe, work)
    found = {
        name: _compared(players, name, training, fresh, recipe, seed, device)
        for name in MODELS
        if name != "tgan"
    }
    for name, one in found.items():
        told = "diverged" if one is None else f"{one.value:.2f}"
        console.print(f"seed {seed}, against {MODELS[name].what}: {told}", highlight=False)
    return found


def _trained(
    rival: Rival,
    recipe: str,
    digits: Digits,
    steps: int,
    seed: int,
    device: str,
    console: Console,
) -> TrainingState | None:
    """Return a trained model; None when it ran into a number that is not finite."""
    config = recipe_of(rival, recipe)
    state = new_training_state(config, seed, device)
    clips = endless_clips(
        digits,
        batch=config.optimisation.batch,
        frames=config.geometry.frames,
        side_px=config.geometry.tile_px,
        seed=seed,
    )
    started = time.monotonic()
    try:
        for step in range(1, steps + 1):
            figures = training_step(state, next(clips))
            if step % max(1, steps // 5) == 0:
                pace = (time.monotonic() - started) / step
                console.print(
                    f"seed {seed}, {rival.what}: step {step:,} of {steps:,}, critic loss "
                    f"{figures.critic_loss:.3g}, {pace:.2f} s a step",
                    highlight=False,
                )
    except NonFiniteError as error:
        console.print(f"seed {seed}, {rival.what}: diverged, {error}", highlight=False)
        return None
    latents = torch.Generator().manual_seed(seed + 1)
    size = (config.optimisation.batch, config.geometry.latent)
    recompute_batch_norm_statistics(
        state.sampler,
        (
            (torch.rand(size, generator=latents) * 2.0 - 1.0).to(state.device)
            for _ in range(min(NORM_BATCHES, steps))
        ),
    )
    return state


def _player(state: TrainingState, seed: int) -> Player:
    generator, critic = state.sampler.eval(), state.judge.eval()
    random = torch.Generator().manual_seed(seed + 2)

    def generate(count: int) -> torch.Tensor:
        latent_BZ = torch.rand((count, state.config.geometry.latent), generator=random) * 2.0 - 1.0
        video_BCTHW: torch.Tensor = generator(latent_BZ.to(state.device))
        return video_BCTHW

    return Player(generate=generate, score=critic)


def _compared(
    players: Mapping[str, Player],
    name: str,
    training: Digits,
    fresh: Digits,
    recipe: str,
    seed: int,
    device: str,
) -> AdversarialMetric | None:
    if name not in players or "tgan" not in players:
        return None
    geometry = GEOMETRIES[recipe]
    known, unseen = (
        next(
            endless_clips(
                digits,
                batch=JUDGED,
                frames=geometry.frames,
                side_px=geometry.tile_px,
                seed=10_000 + seed,
            )
        ).to(device)
        for digits in (training, fresh)
    )
    return adversarial_metric(players["tgan"], players[name], known, unseen, clips=JUDGED)


def _row(rival: Rival, found: Sequence[AdversarialMetric | None]) -> dict[str, Any]:
    values = [None if one is None else one.value for one in found]
    finite = [v for v in values if v is not None and math.isfinite(v) and v > 0.0]
    return {
        "what": rival.what,
        "published": rival.published,
        "gam": [None if v is None or not math.isfinite(v) else v for v in values],
        "mean": geometric_mean(finite) if finite else None,
        "critics": [
            None if o is None or not math.isfinite(o.critics) else o.critics for o in found
        ],
        "tgan_passes": [None if one is None else one.first_passes for one in found],
        "rival_passes": [None if one is None else one.second_passes for one in found],
        "unbounded": sum(v is not None and v == math.inf for v in values),
        "diverged": sum(v is None for v in values),
    }


@torch.no_grad()
def _write_samples(players: Mapping[str, Player], digits: Digits, recipe: str, work: Path) -> None:
    geometry = GEOMETRIES[recipe]
    for name, player in players.items():
        write_grid(work / f"{name}.webm", player.generate(36))
    real = endless_clips(digits, batch=36, frames=geometry.frames, side_px=geometry.tile_px, seed=0)
    write_grid(work / "real.webm", next(real))


def _print(rows: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    table = Table(
        title="TGAN on Moving MNIST: > 1, TGAN is better (geometric mean over seeds)",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    for heading in ("against", "GAM", "by seed", "paper", "critics"):
        table.add_column(heading, justify="left" if heading == "against" else "right")
    for row in rows.values():
        table.add_row(
            row["what"],
            _number(row["mean"]),
            ", ".join(map(_number, row["gam"])),
            _number(row["published"]),
            ", ".join(map(_number, row["critics"])),
        )
    console.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    typer.run(main)
