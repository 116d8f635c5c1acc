"""What each choice of training is worth: the preset against itself with one choice taken back.

    KIZASHI_DATA=FOLDER python benchmarks/ablation.py [--row NAME ...] [--seeds 1] [--effort 1]

Trains and evaluates on UCSD Ped2 once a row and seed, and prints frame-level micro AUC. A row that
benchmarks/results/ablation-PRESET.json holds already, of the same effort and seeds, is not trained
again: the table can be made in parts, and by several calls side by side.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from _machine import command_line, data_folder, machine_line, stop, wide_console, write_figures
from accuracy import DATA_SETS
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipeline.clips.reader import Stretch
from pipeline.clips.tensors import plane_count
from pipeline.errors import KizashiError
from pipeline.evaluation.parts import Model, Parts, real_parts
from pipeline.evaluation.protocol import evaluate
from pipeline.learning.learn import learn
from pipeline.learning.presets import Preset, preset_named

WORK = Path("out/ablation")
RESULTS = Path(__file__).parent / "results"
COLUMNS = ("critic", "reconstruction", "features", "tgan", "fused")


def _planes(*names: str) -> Callable[[Preset], Preset]:
    def change(preset: Preset) -> Preset:
        geometry = replace(preset.tgan.geometry, channels=plane_count(names))
        return replace(preset, planes=names, tgan=replace(preset.tgan, geometry=geometry))

    return change


def _optimisation(**choices: Any) -> Callable[[Preset], Preset]:
    def change(preset: Preset) -> Preset:
        optimisation = replace(preset.tgan.optimisation, **choices)
        return replace(preset, tgan=replace(preset.tgan, optimisation=optimisation))

    return change


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One choice taken back."""

    what: str
    change: Callable[[Preset], Preset]


ROWS = {
    "shipped": Row(what="as shipped", change=lambda preset: preset),
    "no-motion": Row(what="the picture alone", change=_planes("grey")),
    "background-difference": Row(
        what="difference to the background in place of the picture",
        change=_planes("background_difference", "speed"),
    ),
    "frame-difference": Row(
        what="difference to the frame before in place of speed",
        change=_planes("grey", "frame_difference"),
    ),
    "longer": Row(what="three times as many steps", change=lambda preset: preset.with_effort(3.0)),
    "no-pseudo-anomalies": Row(
        what="no pseudo-anomalies", change=lambda preset: replace(preset, pseudo_anomalies=False)
    ),
    "even-tiles": Row(
        what="tiles drawn evenly, not by motion",
        change=lambda preset: replace(preset, moving_share=0.0),
    ),
    "no-average": Row(what="no moving averages", change=_optimisation(ema_decay=0.0)),
    "no-r1": Row(what="no gradient penalty", change=_optimisation(r1_weight=0.0)),
    "paper-game": Row(
        what="the paper's game: Wasserstein, RMSProp, no penalty, no averages",
        change=_optimisation(
            objective="wasserstein",
            optimiser="rmsprop",
            generator_learning_rate=5e-5,
            critic_learning_rate=5e-5,
            r1_weight=0.0,
            ema_decay=0.0,
        ),
    ),
}


def main(
    row: Annotated[list[str] | None, typer.Option(help="Row; repeatable; all unless told.")] = None,
    preset: Annotated[str, typer.Option(help="Preset.")] = "compact",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, ... this many.")] = 1,
    effort: Annotated[float, typer.Option(min=0.0, help="Times the preset's steps.")] = 1.0,
    work: Annotated[Path, typer.Option(help="Folder for models and reports.")] = WORK,
    out: Annotated[Path, typer.Option(help="Folder for the JSON results.")] = RESULTS,
) -> None:
    """Train and evaluate every row that is not there yet, and print the table."""
    console = wide_console()
    path = out / f"ablation-{preset}.json"
    asked = {"preset": preset, "seeds": list(range(seeds)), "effort": effort}
    unknown = sorted(set(row or ()) - set(ROWS))
    if unknown:
        stop(f"--row {unknown[0]!r} is unknown; choose from {', '.join(ROWS)}")
    for name in row or ROWS:
        if name in _made(path, asked):
            continue
        console.rule(ROWS[name].what)
        try:
            figures = _measured(name, preset, seeds, effort, work, console)
        except KizashiError as error:
            stop(str(error))
        _keep(work, path, asked, name, figures)
    _print(_made(path, asked), asked, console)
    console.print(machine_line(), highlight=False, markup=False)


def _made(path: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rows that an earlier call of the same kind has left; stop at those of another."""
    if not path.is_file():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    if any(found.get(key) != value for key, value in asked.items()):
        stop(f"{path} holds rows of other seeds or effort; move it away")
    return dict(found["rows"])


def _keep(
    work: Path, path: Path, asked: Mapping[str, Any], name: str, figures: Mapping[str, Any]
) -> None:
    """Add a row to those of the file, which another call may be adding to."""
    with (work / "rows.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows = {**_made(path, asked), name: figures}
        write_figures(
            path, {"benchmark": "ablation", "data_set": "ucsd-ped2", **asked, "rows": rows}
        )


def _measured(
    name: str, preset: str, seeds: int, effort: float, work: Path, console: Console
) -> dict[str, Any]:
    data, data_set = data_folder(), DATA_SETS[0]
    started = datetime.now(UTC)
    result = evaluate(
        data / data_set.train,
        data / data_set.test,
        data / data_set.labels,
        None,
        preset,
        range(seeds),
        None,
        work / name,
        lambda line: console.print(line, highlight=False, markup=False),
        effort=effort,
        parts=_parts(ROWS[name].change),
    )
    return {
        "what": ROWS[name].what,
        "command": command_line(),
        "auc": {column: result["strict"][column]["micro_auc"] for column in COLUMNS},
        "machine": machine_line(),
        "train_seconds": result["seconds"]["train"],
        "wall_seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
    }


def _parts(change: Callable[[Preset], Preset]) -> Parts:
    """Return the real parts, which learn a preset with one choice changed."""

    def learn_changed(
        footage: Sequence[Stretch],
        preset: str,
        effort: float,
        seed: int,
        workspace: Path,
        progress: Callable[[str], None],
    ) -> Model:
        chosen = change(preset_named(preset).with_effort(effort))
        return learn(footage, preset=chosen, seed=seed, workspace=workspace, progress=progress)

    return replace(real_parts(), learn=learn_changed)


def _print(made: Mapping[str, Any], asked: Mapping[str, Any], console: Console) -> None:
    table = Table(
        title=f"UCSD Ped2, preset {asked['preset']} with {asked['effort']:g} of its steps, mean of "
        f"{len(asked['seeds'])} seed(s), frame-level micro AUC",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    table.add_column("")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for name in ROWS:
        if name in made:
            areas = [made[name]["auc"][column]["mean"] for column in COLUMNS]
            table.add_row(made[name]["what"], *(f"{area:.3f}" for area in areas))
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
