"""What the critic's features know of Moving MNIST: which digit, and where it is going.

    KIZASHI_DATA=FOLDER python benchmarks/representation.py [--seeds 3] [--steps 300]

Trains, without any label, a TGAN on clips of one digit a seed and game: the paper's (Wasserstein,
singular value clipping, RMSProp) and that of the working presets (logistic, Adam, R1). Then asks
the critic's features (paper, section 3: what a critic must know to tell real from generated) for
the digit, ten classes, and for the direction in which it sets out, eight, by a linear probe and by
nearest neighbours, on digits that no network saw. Beside them: the same critic untrained, and the
pixels. The compact recipe (one core) has clips of 8 frames of 32 x 32 px; `--recipe paper` is the
published size.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from _machine import command_line, machine_line, stop, wide_console, write_figures
from _moving_digits import endless_labelled_clips, read_split, small_geometry
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional as F

from pipeline.evaluation.bootstrap import seed_interval
from pipeline.evaluation.probes import probe
from tgan_core.config import GeometryConfig, OptimisationConfig, TganConfig
from tgan_core.critic import Critic
from tgan_core.errors import NonFiniteError
from tgan_core.evaluation.moving_mnist import Digits, moving_digits
from tgan_core.training import new_training_state, training_step

RESULTS = Path(__file__).parent / "results"
DIRECTIONS = 8
LEARNT, JUDGED = 2_000, 1_000
POOLED_PX = 4
QUESTIONS = {"digit": 10, "direction": DIRECTIONS}
READERS = ("linear", "neighbours")
GEOMETRIES = {
    "compact": small_geometry(),
    "paper": GeometryConfig(channels=1, critic_norm="none"),
}
GAMES = {
    "the paper's game": OptimisationConfig(clip_every=1, ema_decay=0.0),
    "the presets' game": OptimisationConfig(
        objective="non_saturating",
        optimiser="adam",
        generator_learning_rate=2e-4,
        critic_learning_rate=2e-4,
        r1_weight=1.0,
        r1_every=8,
        ema_decay=0.99,
    ),
}
BATCHES = {"compact": 16, "paper": 32}
RATES = {"compact": 2e-4, "paper": 5e-5}
"""Of the paper's game: a compact training is short."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clips:
    """Clips of one digit each, and what is asked of them."""

    video_BCTHW: Tensor
    answers: Mapping[str, NDArray[np.int64]]


def main(
    seeds: Annotated[int, typer.Option(min=2, help="Seeds 0, 1, ... this many.")] = 3,
    steps: Annotated[int, typer.Option(min=1, help="Training steps a critic.")] = 300,
    recipe: Annotated[str, typer.Option(help="compact or paper.")] = "compact",
    out: Annotated[Path, typer.Option(help="Folder for the JSON results.")] = RESULTS,
) -> None:
    """Train, ask, print the table."""
    console = wide_console()
    if recipe not in GEOMETRIES:
        stop(f"--recipe {recipe!r} is unknown; choose from {', '.join(GEOMETRIES)}")
    started = time.monotonic()
    geometry = GEOMETRIES[recipe]
    try:
        training, fresh = read_split(geometry.tile_px)
    except ValueError as error:
        stop(str(error))
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(seeds):
        clips = (_clips(training, geometry, LEARNT, seed), _clips(fresh, geometry, JUDGED, seed))
        for name, features in _representations(training, recipe, steps, seed, console).items():
            row = _asked(features, *clips)
            found.setdefault(name, []).append(row)
            figures = ", ".join(f"{question} {share:.1%}" for question, share in row.items())
            console.print(f"seed {seed}, {name}: {figures}", highlight=False)
    rows = {name: _row(each, found["the same critic, untrained"]) for name, each in found.items()}
    _print(rows, seeds, console)
    record = {
        "benchmark": "representation",
        "command": command_line(),
        "data_set": "moving-mnist, one digit a clip",
        "recipe": recipe,
        "geometry": asdict(geometry),
        "games": {name: asdict(_config(name, recipe).optimisation) for name in GAMES},
        "steps": steps,
        "seeds": list(range(seeds)),
        "clips": {"learnt": LEARNT, "judged": JUDGED},
        "chance": {question: 1.0 / classes for question, classes in QUESTIONS.items()},
        "wall_seconds": round(time.monotonic() - started, 1),
        "rows": rows,
    }
    write_figures(out / f"representation-{recipe}.json", record)
    console.print(machine_line(), highlight=False, markup=False)


def _config(game: str, recipe: str) -> TganConfig:
    optimisation = replace(GAMES[game], batch=BATCHES[recipe])
    if optimisation.objective == "wasserstein":
        rate = RATES[recipe]
        optimisation = replace(
            optimisation, generator_learning_rate=rate, critic_learning_rate=rate
        )
    return TganConfig(geometry=GEOMETRIES[recipe], optimisation=optimisation)


def _clips(digits: Digits, geometry: GeometryConfig, count: int, seed: int) -> Clips:
    made = moving_digits(
        digits,
        count,
        torch.Generator().manual_seed(50_000 + seed),
        frames=geometry.frames,
        side_px=geometry.tile_px,
        digits_a_clip=1,
    )
    # Sectors around right, down right, down, ...: an angle of 0 lies in the middle of the first.
    sector_B = (made.direction_BM[:, 0] / (2.0 * math.pi / DIRECTIONS)).round() % DIRECTIONS
    return Clips(
        video_BCTHW=made.video_BCTHW,
        answers={"digit": made.labels_BM[:, 0].numpy(), "direction": sector_B.long().numpy()},
    )


def _representations(
    digits: Digits, recipe: str, steps: int, seed: int, console: Console
) -> dict[str, Callable[[Tensor], NDArray[np.float32]]]:
    """Return what turns clips into features, by name."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    untrained = new_training_state(_config(next(iter(GAMES)), recipe), seed, device).critic
    trained = {
        f"critic, {game}": _trained(game, digits, recipe, steps, seed, device, console)
        for game in GAMES
    }
    critics = {**trained, "the same critic, untrained": untrained}
    return {
        **{name: _reading(critic, device) for name, critic in critics.items()},
        "pixels": lambda video_BCTHW: video_BCTHW.flatten(1).numpy(),
    }


def _trained(
    game: str, digits: Digits, recipe: str, steps: int, seed: int, device: str, console: Console
) -> Critic:
    config = _config(game, recipe)
    state = new_training_state(config, seed, device)
    clips = endless_labelled_clips(
        digits,
        batch=config.optimisation.batch,
        frames=config.geometry.frames,
        side_px=config.geometry.tile_px,
        seed=seed,
    )
    started = time.monotonic()
    try:
        for _ in range(steps):
            figures = training_step(state, next(clips).video_BCTHW)
    except NonFiniteError as error:
        stop(f"seed {seed}, {game}: diverged, {error}")
    console.print(
        f"seed {seed}, {game}: critic loss {figures.critic_loss:.3g} after {steps:,} steps, "
        f"{(time.monotonic() - started) / steps:.2f} s a step",
        highlight=False,
    )
    return state.judge


def _reading(critic: Critic, device: str) -> Callable[[Tensor], NDArray[np.float32]]:
    """Return what reads all layers of a critic: 4 x 4 places, every step of time."""

    @torch.no_grad()
    def read(video_BCTHW: Tensor) -> NDArray[np.float32]:
        critic.eval()
        parts = []
        for part in torch.split(video_BCTHW, 100):
            layers = critic.features(part.to(device))
            parts.append(torch.cat([_pooled(layer).cpu() for layer in layers], dim=1))
        features: NDArray[np.float32] = torch.cat(parts).numpy()
        return features

    return read


def _pooled(layer_BCTHW: Tensor) -> Tensor:
    """One layer as features of norm 1 a clip: no layer is louder than another."""
    size = (layer_BCTHW.shape[2], POOLED_PX, POOLED_PX)
    return F.normalize(F.adaptive_max_pool3d(layer_BCTHW, size).flatten(1), dim=1)


def _asked(
    features: Callable[[Tensor], NDArray[np.float32]], learnt: Clips, judged: Clips
) -> dict[str, float]:
    learnt_ND, judged_MD = features(learnt.video_BCTHW), features(judged.video_BCTHW)
    answers: dict[str, float] = {}
    for question in QUESTIONS:
        accuracy = probe(learnt_ND, learnt.answers[question], judged_MD, judged.answers[question])
        answers |= {f"{question}, {reader}": getattr(accuracy, reader) for reader in READERS}
    return answers


def _row(
    found: Sequence[Mapping[str, float]], untrained: Sequence[Mapping[str, float]]
) -> dict[str, Any]:
    """Return means with their intervals over seeds, also of what training has added."""
    row = {}
    for name in found[0]:
        values = [one[name] for one in found]
        gains = [one[name] - other[name] for one, other in zip(found, untrained, strict=True)]
        row[name] = {
            "by_seed": values,
            "mean": float(np.mean(values)),
            "interval": seed_interval(values),
            "over_untrained": float(np.mean(gains)),
            "over_untrained_interval": seed_interval(gains),
        }
    return row


def _print(rows: Mapping[str, Mapping[str, Any]], seeds: int, console: Console) -> None:
    table = Table(
        title=f"Share of {JUDGED:,} clips of unseen digits that are read rightly (mean of {seeds} "
        "seeds, 95 % interval); chance is 10 % of digits, 12.5 % of directions",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    table.add_column("features")
    for name in next(iter(rows.values())):
        table.add_column(name, justify="right")
    for name, row in rows.items():
        cells = []
        for figures in row.values():
            reach = ""
            if figures["interval"]:
                low, high = figures["interval"]
                reach = f" [{100.0 * low:.1f}, {100.0 * high:.1f}]"
            cells.append(f"{figures['mean']:.1%}{reach}")
        table.add_row(name, *cells)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
