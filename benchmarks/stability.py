"""How steadily constraints of the critic train, over learning rates and seeds (paper, figure 2).

    KIZASHI_DATA=FOLDER python benchmarks/stability.py [--seeds 3] [--recipe compact] [--steps 60]

Trains a TGAN on Moving MNIST once a constraint, learning rate and seed. A training has diverged
when a number stops being finite, or when the critic's loss leaves -1,000 to 1,000. What came of it
is the Frechet distance of generated clips to real ones, on the features of one untrained critic
that is the same for all. The compact recipe (one core) has clips of 8 frames of 32 x 32 px, eight a
step; `--recipe paper` is the published size, without the critic's batch norm, because the penalties
need a critic that does not mix clips. Loss curves are in the JSON, and drawn as SVG beside it. Rows
that benchmarks/results/stability-RECIPE.json holds already, of as many steps and seeds, are not
trained again: a study that was stopped goes on.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from _machine import command_line, machine_line, stop, wide_console, write_figures
from _moving_digits import endless_clips, read_split, small_geometry
from _small_multiples import write_small_multiples
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tgan_core.config import GeometryConfig, OptimisationConfig, TganConfig
from tgan_core.critic import Critic
from tgan_core.errors import NonFiniteError
from tgan_core.evaluation.frechet_distance import FeatureMoments, frechet_distance, moments_of
from tgan_core.evaluation.moving_mnist import Digits
from tgan_core.initialisation import initialise_
from tgan_core.normalisation import recompute_batch_norm_statistics
from tgan_core.training import TrainingState, new_training_state, training_step

RESULTS = Path(__file__).parent / "results"
GEOMETRIES = {
    "compact": small_geometry(generator_width=32, critic_width=8),
    "paper": GeometryConfig(channels=1, critic_norm="none"),
}
BATCHES = {"compact": 8, "paper": 32}
BASE = OptimisationConfig(clip_every=0, ema_decay=0.0)
CONSTRAINTS = {
    "singular values": replace(BASE, clip_every=1),
    "weights .1": replace(BASE, constraint="weights", constraint_level=0.1, clip_every=1),
    "weights .01": replace(BASE, constraint="weights", constraint_level=0.01, clip_every=1),
    "weights .001": replace(BASE, constraint="weights", constraint_level=0.001, clip_every=1),
    "gradient penalty 10": replace(BASE, constraint="gradient_penalty", constraint_level=10.0),
    "spectral norm": replace(BASE, constraint="spectral_norm"),
    "R1 10": replace(BASE, r1_weight=10.0, r1_every=1),
    "nothing": BASE,
}
RATES = (1e-5, 5e-5, 2e-4, 1e-3, 5e-3)
LIMIT = 1_000.0
JUDGED = 256
NORM_BATCHES = 20
CURVE_POINTS = 60


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, ... this many.")] = 3,
    steps: Annotated[int, typer.Option(min=10, help="Training steps.")] = 60,
    recipe: Annotated[str, typer.Option(help="compact or paper.")] = "compact",
    out: Annotated[Path, typer.Option(help="Folder for the JSON and the figure.")] = RESULTS,
) -> None:
    """Train every combination and print the table."""
    console = wide_console()
    if recipe not in GEOMETRIES:
        stop(f"--recipe {recipe!r} is unknown; choose from {', '.join(GEOMETRIES)}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    geometry = GEOMETRIES[recipe]
    started = time.monotonic()
    try:
        digits, _ = read_split(geometry.tile_px)
    except ValueError as error:
        stop(str(error))
    judge = _Judge(digits, geometry, device)
    path = out / f"stability-{recipe}.json"
    asked = {
        "recipe": recipe,
        "geometry": asdict(geometry),
        "batch": BATCHES[recipe],
        "steps": steps,
        "clips_judged": JUDGED,
        "seeds": list(range(seeds)),
    }
    rows, spent = _made(path, asked)
    for name, optimisation in CONSTRAINTS.items():
        for rate in RATES:
            if f"{name}, {rate:g}" in rows:
                continue
            chosen = replace(
                optimisation,
                batch=BATCHES[recipe],
                generator_learning_rate=rate,
                critic_learning_rate=rate,
            )
            config = TganConfig(geometry=geometry, optimisation=chosen)
            found = [_trained(config, digits, steps, seed, judge) for seed in range(seeds)]
            rows[f"{name}, {rate:g}"] = row = _row(name, rate, found)
            console.print(
                f"{name}, rate {rate:g}: {row['diverged']} of {seeds} diverged", highlight=False
            )
            record = {
                "benchmark": "stability",
                "command": command_line(),
                "data_set": "moving-mnist",
                **asked,
                "wall_seconds": round(spent + time.monotonic() - started, 1),
                "rows": rows,
            }
            write_figures(path, record)
            _draw(path.with_suffix(".svg"), rows)
    _print(rows, seeds, console)
    console.print(machine_line(), highlight=False, markup=False)


def _draw(path: Path, rows: Mapping[str, Mapping[str, Any]]) -> None:
    panels: dict[str, dict[str, Any]] = {}
    for row in rows.values():
        rates = panels.setdefault(row["constraint"], {})
        rates[f"{row['learning_rate']:g}"] = row["curves"]
    title = "Loss of the critic by step, one line a seed; colour: learning rate"
    write_small_multiples(path, panels, title=title)


def _made(path: Path, asked: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
    """Return the rows that an earlier call of the same kind has left and the seconds they took;
    stop at those of another."""
    if not path.is_file():
        return {}, 0.0
    found = json.loads(path.read_text(encoding="utf-8"))
    if any(found.get(key) != value for key, value in asked.items()):
        stop(f"{path} holds rows of other steps or seeds; move it away")
    return dict(found["rows"]), float(found["wall_seconds"])


class _Judge:
    """Says how far generated clips are from real ones, by one untrained critic."""

    def __init__(self, digits: Digits, geometry: GeometryConfig, device: str) -> None:
        self.device, self._latent = device, geometry.latent
        with torch.random.fork_rng(devices=[]):
            self._critic = Critic(geometry).eval()
        initialise_(self._critic, "lecun", torch.Generator().manual_seed(123))
        self._critic.to(device)
        real = endless_clips(
            digits, batch=2 * JUDGED, frames=geometry.frames, side_px=geometry.tile_px, seed=99
        )
        self._real = self._moments(next(real))

    def distance(self, state: TrainingState) -> float:
        random = torch.Generator().manual_seed(7)

        def latents(count: int) -> torch.Tensor:
            latent_BZ = torch.rand((count, self._latent), generator=random) * 2.0 - 1.0
            return latent_BZ.to(self.device)

        batch = state.config.optimisation.batch
        recompute_batch_norm_statistics(
            state.sampler, (latents(batch) for _ in range(NORM_BATCHES))
        )
        with torch.no_grad():
            sampler = state.sampler.eval()
            video_BCTHW = torch.cat([sampler(latents(32)).cpu() for _ in range(JUDGED // 32)])
        return frechet_distance(self._moments(video_BCTHW), self._real)

    @torch.no_grad()
    def _moments(self, video_BCTHW: torch.Tensor) -> FeatureMoments:
        pooled = []
        for part in torch.split(video_BCTHW, 32):
            activations = self._critic.features(part.to(self.device))[1:]
            means = [values.abs().mean(dim=(3, 4)).flatten(1) for values in activations]
            pooled.append(torch.cat(means, dim=1))
        return moments_of(torch.cat(pooled).cpu())


def _trained(
    config: TganConfig, digits: Digits, steps: int, seed: int, judge: _Judge
) -> dict[str, Any]:
    state = new_training_state(config, seed, judge.device)
    clips = endless_clips(
        digits,
        batch=config.optimisation.batch,
        frames=config.geometry.frames,
        side_px=config.geometry.tile_px,
        seed=seed,
    )
    losses, seconds, diverged_at = [], [], None
    for step in range(1, steps + 1):
        try:
            figures = training_step(state, next(clips))
        except NonFiniteError:
            diverged_at = step
            break
        losses.append(figures.critic_loss)
        seconds.append(figures.seconds)
        if abs(figures.critic_loss) > LIMIT:
            diverged_at = step
            break
    every = max(1, steps // CURVE_POINTS)
    return {
        "diverged_at": diverged_at,
        "distance": None if diverged_at else judge.distance(state),
        "step_seconds": statistics.median(seconds) if seconds else None,
        "curve": [round(loss, 5) for loss in losses[::every]],
    }


def _row(name: str, rate: float, found: list[dict[str, Any]]) -> dict[str, Any]:
    distances = [one["distance"] for one in found if one["distance"] is not None]
    seconds = [one["step_seconds"] for one in found if one["step_seconds"] is not None]
    return {
        "constraint": name,
        "learning_rate": rate,
        "diverged": sum(one["diverged_at"] is not None for one in found),
        "diverged_at": [one["diverged_at"] for one in found],
        "distances": distances,
        "distance": statistics.median(distances) if distances else None,
        "step_seconds": statistics.median(seconds) if seconds else None,
        "curves": [one["curve"] for one in found],
    }


def _print(rows: Mapping[str, Mapping[str, Any]], seeds: int, console: Console) -> None:
    table = Table(
        title=f"Frechet distance to real clips (median of {seeds} seeds); in brackets how many "
        "diverged",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    table.add_column("constraint")
    for rate in RATES:
        table.add_column(f"{rate:g}", justify="right")
    table.add_column("step", justify="right")
    for name in CONSTRAINTS:
        found = [rows[f"{name}, {rate:g}"] for rate in RATES]
        cells = [
            ("-" if row["distance"] is None else f"{row['distance']:.2f}")
            + (f" ({row['diverged']})" if row["diverged"] else "")
            for row in found
        ]
        seconds = [row["step_seconds"] for row in found if row["step_seconds"] is not None]
        step = f"{1_000.0 * statistics.median(seconds):.0f} ms" if seconds else "-"
        table.add_row(name, *cells, step)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
