"""Whether synthetic normal clips help where there is little footage to learn from.

    KIZASHI_DATA=FOLDER python benchmarks/augmentation.py [--share .1 --share .25] [--seeds 1]

Takes a share of the training footage of UCSD Ped2 (whole videos in an order of chance, the last
one cut), trains a model on it, lets that model draw tiles as `kizashi generate` does, and trains
another with equal steps on the same footage and those tiles. Prints the frame-level micro AUC of
both, strict, and the gain with its interval over videos. What a frame usually looks like at each
place and every threshold are of real footage in both: a synthetic clip is a tile, and experts look
at whole frames. A pair that is in benchmarks/results/augmentation-PRESET.json already, of the same
effort, is not trained again.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from _machine import command_line, data_folder, machine_line, stop, wide_console, write_figures
from accuracy import DATA_SETS
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from pipeline.clips.reader import Stretch
from pipeline.errors import KizashiError
from pipeline.evaluation.bootstrap import auc_gain_interval, auc_interval
from pipeline.evaluation.parts import Parts, real_parts
from pipeline.evaluation.run import row_names, run_model
from pipeline.evaluation.spool import MapSpool
from pipeline.evaluation.videos import TestVideo, load_test_videos, stretches_of_folder
from pipeline.learning.camera_model import CameraModel
from pipeline.learning.learn import learn, length_seconds
from pipeline.learning.presets import Preset, preset_named
from pipeline.learning.reservoir import PlacedTiles
from pipeline.synthesis.training_tiles import synthetic_tiles
from pipeline.timebase import microseconds

RESULTS = Path(__file__).parent / "results"
SHARES = (0.1, 0.25)
ROWS = ("fused", "tgan", "critic", "reconstruction", "features", "motion")

Scores = list[NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """What is the same for every pair."""

    footage: Sequence[Stretch]
    videos: Sequence[TestVideo]
    preset: Preset
    clip_stride: int
    tiles: int
    parts: Parts
    console: Console


def main(
    share: Annotated[list[float] | None, typer.Option(help="Of the footage; repeatable.")] = None,
    preset: Annotated[str, typer.Option(help="Preset.")] = "compact",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, ... this many.")] = 1,
    effort: Annotated[float, typer.Option(min=0.0, help="Times the preset's steps.")] = 1.0,
    tiles: Annotated[int, typer.Option(min=1, help="Synthetic tiles.")] = 1_000,
    clip_stride: Annotated[int, typer.Option(min=1, help="Frames between scored clips.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for the JSON results.")] = RESULTS,
) -> None:
    """Train and score every pair that is not there yet, and print the table."""
    console = wide_console()
    data, data_set, parts = data_folder(), DATA_SETS[0], real_parts()
    path = out / f"augmentation-{preset}.json"
    asked = {"preset": preset, "effort": effort, "tiles": tiles, "clip_stride": clip_stride}
    pairs = _made(path, asked)
    try:
        study = Study(
            footage=stretches_of_folder(data / data_set.train, parts),
            videos=load_test_videos(
                data / data_set.test, data / data_set.labels, None, parts, lambda line: None
            ),
            preset=preset_named(preset).with_effort(effort),
            clip_stride=clip_stride,
            tiles=tiles,
            parts=parts,
            console=console,
        )
        for seed in range(seeds):
            for part in share or SHARES:
                if any((p["share"], p["seed"]) == (part, seed) for p in pairs):
                    continue
                pairs.append(_pair(study, part, seed))
                record = {"benchmark": "augmentation", "data_set": data_set.name, **asked}
                write_figures(path, {**record, "pairs": pairs})
    except KizashiError as error:
        stop(str(error))
    _print(pairs, asked, console)
    console.print(machine_line(), highlight=False, markup=False)


def _made(path: Path, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the pairs that an earlier call of the same kind has left; stop at those of another."""
    if not path.is_file():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    if any(found.get(key) != value for key, value in asked.items()):
        stop(f"{path} holds pairs of other options; move it away")
    return list(found["pairs"])


def _pair(study: Study, share: float, seed: int) -> dict[str, Any]:
    started = time.monotonic()
    footage = _part_of(study.footage, share, seed)
    study.console.rule(f"{share:.0%} of the footage, {length_seconds(footage):.1f} s, seed {seed}")
    real, without = _arm(study, footage, seed, None)
    _, with_them = _arm(study, footage, seed, synthetic_tiles(real.sight, study.tiles, seed))
    labels = [video.labels for video in study.videos]
    rows = {}
    for row in ROWS:
        first, second = with_them[row], without[row]
        areas = [
            float(roc_auc_score(np.concatenate(labels), np.concatenate(s))) for s in (second, first)
        ]
        rows[row] = {
            "without": areas[0],
            "without_interval": auc_interval([second], labels),
            "with": areas[1],
            "with_interval": auc_interval([first], labels),
            "gain": areas[1] - areas[0],
            "gain_interval": auc_gain_interval([first], [second], labels),
        }
    return {
        "share": share,
        "seed": seed,
        "command": command_line(),
        "footage_seconds": round(length_seconds(footage), 3),
        "videos": sorted({stretch.source.name for stretch in footage}),
        "rows": rows,
        "machine": machine_line(),
        "wall_seconds": round(time.monotonic() - started, 1),
    }


def _part_of(footage: Sequence[Stretch], share: float, seed: int) -> list[Stretch]:
    """Return stretches in an order of chance until the share is full, the last one cut."""
    left_us = microseconds(share * length_seconds(footage))
    chosen = []
    for index in np.random.default_rng(seed).permutation(len(footage)).tolist():
        stretch = footage[index]
        start_us, end_us = stretch.segment.start_us, stretch.segment.end_us
        taken_us = min(left_us, end_us - start_us)
        if taken_us <= 0:
            break
        chosen.append((index, stretch.part(start_us, start_us + taken_us)))
        left_us -= taken_us
    return [stretch for _, stretch in sorted(chosen, key=lambda pair: pair[0])]


def _arm(
    study: Study, footage: Sequence[Stretch], seed: int, added: PlacedTiles | None
) -> tuple[CameraModel, dict[str, Scores]]:
    """Return a model and what it says of every frame of the test videos."""
    name = "without" if added is None else "with"

    def say(line: str) -> None:
        study.console.print(f"{name}: {line}", highlight=False, markup=False)

    model = learn(footage, preset=study.preset, seed=seed, progress=say, added=added)
    coarse = replace(study.preset, clip_stride=study.clip_stride)
    scoring = replace(model, sight=replace(model.sight, preset=coarse))
    with tempfile.TemporaryDirectory(prefix="kizashi-maps-") as folder:
        runs = run_model(
            scoring,
            study.videos,
            MapSpool(Path(folder)),
            study.parts,
            lambda line: None,
            keep_all_maps=False,
        )
    rows = [row for row in row_names(scoring, study.parts) if row in ROWS]
    scores = {row: [run.rows[row].score for run in runs] for row in rows}
    labels = np.concatenate([video.labels for video in study.videos])
    for row, values in scores.items():
        say(f"{row}: AUC {roc_auc_score(labels, np.concatenate(values)):.4f}")
    return model, scores


def _print(pairs: Sequence[Mapping[str, Any]], asked: Mapping[str, Any], console: Console) -> None:
    table = Table(
        title=f"UCSD Ped2, preset {asked['preset']} with {asked['effort']:g} of its steps, "
        f"{asked['tiles']:,} synthetic tiles, frame-level micro AUC (95 % interval over videos)",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    for heading in ("footage", "seed", "scores", "without", "with", "gain"):
        table.add_column(heading, justify="left" if heading == "scores" else "right")
    for pair in pairs:
        for row, figures in pair["rows"].items():
            low, high = figures["gain_interval"]
            table.add_row(
                f"{pair['share']:.0%}",
                str(pair["seed"]),
                row,
                f"{figures['without']:.3f}",
                f"{figures['with']:.3f}",
                f"{figures['gain']:+.3f} [{low:+.3f}, {high:+.3f}]",
            )
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
