"""Whether a camera's generator covers normal footage that it has not seen: coverage and distance.

    KIZASHI_DATA=FOLDER python benchmarks/coverage.py --model FOLDER [--tiles 256] [--steps 30]

Takes a model of UCSD Ped2 (`accuracy.py` leaves some), cuts tiles from the footage that it was
trained on, from the footage that was held out, and pseudo-anomalies of the latter, and inverts
each: encoder, then gradient steps on the latent. Prints the coverage, the share of tiles that come
back at least as well as 95 % of the training tiles do, and the Frechet distance of the same tiles
to training tiles on the features of an untrained critic, beside that of tiles which the generator
draws from chance.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from _machine import command_line, data_folder, machine_line, stop, wide_console, write_figures
from accuracy import DATA_SETS
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor

from pipeline.clips.reader import ClipReader, Stretch
from pipeline.errors import KizashiError
from pipeline.evaluation.bootstrap import mean_interval
from pipeline.evaluation.parts import real_parts
from pipeline.evaluation.videos import stretches_of_folder
from pipeline.learning.adversarial import TileSource, TrainingBatch
from pipeline.learning.camera_model import CameraModel, load_camera_model
from pipeline.learning.learn import split_held_out
from pipeline.learning.pseudo_anomalies import FAST_FACTORS, PseudoAnomalies
from pipeline.learning.reservoir import TileReservoir
from pipeline.synthesis.sampling import sample_clips
from tgan_core.critic import Critic
from tgan_core.evaluation.coverage import coverage, inversion_residuals
from tgan_core.evaluation.frechet_distance import FeatureMoments, frechet_distance, moments_of
from tgan_core.initialisation import initialise_

RESULTS = Path(__file__).parent / "results"
QUANTILES = (0.5, 0.95)
TRAINING, HELD_OUT, CHANGED, DRAWN = (
    "training footage, other tiles",
    "held-out footage",
    "pseudo-anomalies of it",
    "drawn from chance",
)


def main(
    model: Annotated[Path, typer.Option(help="Folder of a model of UCSD Ped2.")],
    tiles: Annotated[int, typer.Option(min=32, help="Tiles of each kind.")] = 256,
    steps: Annotated[int, typer.Option(min=0, help="Gradient steps of an inversion.")] = 30,
    seed: Annotated[int, typer.Option(help="Of tiles and latents.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the JSON results.")] = RESULTS,
) -> None:
    """Cut tiles, invert them, print the table."""
    console = wide_console()
    started = time.monotonic()
    try:
        loaded = load_camera_model(model)
        split = split_held_out(
            stretches_of_folder(data_folder() / DATA_SETS[0].train, real_parts())
        )
    except KizashiError as error:
        stop(str(error))
    if not _learnt_from(loaded, [*split.training, *split.held_out]):
        stop(f"{model} has learnt from other footage than {DATA_SETS[0].train}")
    seen = _batches(loaded, split.training, seed, pseudo=False)
    reference = _tiles(seen, tiles, "real")
    kinds = {TRAINING: _tiles(seen, tiles, "real")}
    unseen = list(islice(_batches(loaded, split.held_out, seed, pseudo=True), -(-tiles // 32)))
    kinds[HELD_OUT] = _tiles(iter(unseen), tiles, "real")
    kinds[CHANGED] = _tiles(iter(unseen), tiles, "pseudo")
    kinds[DRAWN] = sample_clips(loaded.sight, tiles, seed).video_BCTHW
    console.print(f"cut {len(kinds) + 1} x {tiles} tiles, {time.monotonic() - started:.0f} s")
    limits = _residuals(loaded, reference, steps)
    judged = _moments(loaded, reference)
    rows = {
        name: _row(_residuals(loaded, video, steps), limits, _moments(loaded, video), judged)
        for name, video in kinds.items()
    }
    _print(rows, tiles, steps, console)
    record = {
        "benchmark": "coverage",
        "command": command_line(),
        "data_set": DATA_SETS[0].name,
        "preset": loaded.preset.name,
        "model": loaded.digest,
        "model_seed": loaded.figures.get("seed"),
        "tiles": tiles,
        "steps": steps,
        "seed": seed,
        "training_residual": {f"{q:g}": float(limits.quantile(q)) for q in QUANTILES},
        "wall_seconds": round(time.monotonic() - started, 1),
        "rows": rows,
    }
    write_figures(out / f"coverage-{DATA_SETS[0].name}.json", record)
    console.print(machine_line(), highlight=False, markup=False)


def _learnt_from(model: CameraModel, stretches: Sequence[Stretch]) -> bool:
    return set(model.figures["footage"]) == {s.footage.footage_id for s in stretches}


def _batches(
    model: CameraModel, stretches: Sequence[Stretch], seed: int, *, pseudo: bool
) -> Iterator[TrainingBatch]:
    """Yield batches of tiles as training draws them."""
    reader = replace(model.reader(), history=None)
    normal = _reservoir(model, reader, stretches, seed)
    changed = None
    if pseudo:
        fast = _reservoir(model, reader, (), seed)
        for factor in FAST_FACTORS:
            view = replace(reader.view, frame_rate=reader.view.frame_rate / factor)
            _fill(fast, replace(reader, view=view), stretches)
        changed = PseudoAnomalies(normal=normal, fast=fast)
    source = TileSource(
        normal, changed, model.sight.background_HW, model.sight.full_speed_px, model.preset, seed
    )
    return source.batches(skip=0, device=model.sight.networks.device)


def _reservoir(
    model: CameraModel, reader: ClipReader, stretches: Sequence[Stretch], seed: int
) -> TileReservoir:
    reservoir = TileReservoir(
        capacity=model.preset.reservoir_tiles,
        tile_px=model.preset.tgan.geometry.tile_px,
        tiles_per_window=model.preset.tiles_per_window,
        moving_share=model.preset.moving_share,
        seed=seed,
    )
    _fill(reservoir, reader, stretches)
    return reservoir


def _fill(reservoir: TileReservoir, reader: ClipReader, stretches: Sequence[Stretch]) -> None:
    for stretch in stretches:
        for _, window in reader.clips(stretch, stride=reader.frames // 2):
            reservoir.add_window(window)


def _tiles(batches: Iterator[TrainingBatch], count: int, kind: str) -> Tensor:
    """Return the next `count` tiles of a kind, BCTHW."""
    parts: list[Tensor] = []
    while sum(map(len, parts)) < count:
        part = getattr(next(batches), kind)
        assert isinstance(part, Tensor)
        parts.append(part)
    return torch.cat(parts)[:count]


def _residuals(model: CameraModel, video_BCTHW: Tensor, steps: int) -> Tensor:
    networks = model.sight.networks
    return inversion_residuals(
        networks.generator,
        networks.critic,
        networks.encoder,
        video_BCTHW.to(networks.device),
        steps=steps,
    ).cpu()


@torch.no_grad()
def _moments(model: CameraModel, video_BCTHW: Tensor) -> FeatureMoments:
    """Moments of the features of one untrained critic, the same for all: means over each place."""
    geometry = model.preset.tgan.geometry
    with torch.random.fork_rng(devices=[]):
        critic = Critic(geometry).eval()
    initialise_(critic, "lecun", torch.Generator().manual_seed(123))
    pooled = []
    for part in torch.split(video_BCTHW, 32):
        layers = critic.features(part)[1:]
        pooled.append(torch.cat([v.abs().mean(dim=(3, 4)).flatten(1) for v in layers], dim=1))
    return moments_of(torch.cat(pooled))


def _row(
    residual_N: Tensor, limits_M: Tensor, features: FeatureMoments, judged: FeatureMoments
) -> dict[str, Any]:
    covered = {}
    for quantile in QUANTILES:
        limit = limits_M.double().quantile(quantile)
        covered[f"{quantile:g}"] = {
            "share": coverage(residual_N, limits_M, quantile=quantile),
            "interval": mean_interval((residual_N.double() <= limit).double().tolist()),
        }
    return {
        "coverage": covered,
        "residual_median": float(residual_N.median()),
        "frechet_distance": frechet_distance(features, judged),
    }


def _print(rows: Mapping[str, Mapping[str, Any]], tiles: int, steps: int, console: Console) -> None:
    table = Table(
        title=f"{tiles} tiles of each kind, inverted by the encoder and {steps} steps; coverage: "
        "share within the given quantile of training tiles (95 % interval over tiles)",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    headings = [f"coverage at {q:g}" for q in QUANTILES]
    for heading in ("tiles", *headings, "median residual", "Frechet distance"):
        table.add_column(heading, justify="left" if heading == "tiles" else "right")
    for name, row in rows.items():
        cells = []
        for figures in row["coverage"].values():
            low, high = figures["interval"]
            cells.append(f"{figures['share']:.3f} [{low:.3f}, {high:.3f}]")
        residual, distance = row["residual_median"], row["frechet_distance"]
        table.add_row(name, *cells, f"{residual:.4f}", f"{distance:.3f}")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
