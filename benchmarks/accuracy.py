"""Accuracy on labelled data sets: everything that `kizashi evaluate` measures, in one command.

    KIZASHI_DATA=FOLDER python benchmarks/accuracy.py [--preset compact] [--seeds 3] [--effort 1.0]

Takes every data set that it knows and finds under KIZASHI_DATA. Prints the tables and writes
benchmarks/results/accuracy-DATASET-PRESET.json with command, seeds, time and machine. Reports with
pictures and the models stay in the folder of --work: `--reuse` scores with them again without
training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from _machine import command_line, data_folder, stop, wide_console, write_figures

from pipeline.errors import KizashiError
from pipeline.evaluation.protocol import evaluate
from pipeline.evaluation.tables import print_result

WORK = Path("out/accuracy")
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSet:
    """A labelled data set: its name, and where its parts lie under KIZASHI_DATA."""

    name: str
    train: str
    test: str
    labels: str
    masks: str | None = None


DATA_SETS = (
    DataSet(
        name="ucsd-ped2",
        train="ucsd_ped2/train",
        test="ucsd_ped2/test",
        labels="ucsd_ped2/labels.csv",
        masks="ucsd_ped2/test_masks",
    ),
)


def main(
    preset: Annotated[list[str] | None, typer.Option(help="Preset; repeatable.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, ... this many.")] = 3,
    first_seed: Annotated[int, typer.Option(min=0, help="Begin with this one.")] = 0,
    effort: Annotated[float, typer.Option(min=0.0, help="Times the preset's steps.")] = 1.0,
    reuse: Annotated[bool, typer.Option(help="Take models that --work holds already.")] = False,
    work: Annotated[Path, typer.Option(help="Folder for models and reports.")] = WORK,
    out: Annotated[Path, typer.Option(help="Folder for the JSON results.")] = RESULTS,
) -> None:
    """Evaluate every data set under KIZASHI_DATA with every preset asked for."""
    console = wide_console()
    data = data_folder()
    found = [data_set for data_set in DATA_SETS if (data / data_set.test).is_dir()]
    if not found:
        names = ", ".join(data_set.test for data_set in DATA_SETS)
        stop(f"{data}: none of {names} is there; see benchmarks/README.md")
    for data_set in found:
        for name in preset or ["compact"]:
            console.rule(f"{data_set.name}, preset {name}")
            started = datetime.now(UTC)
            try:
                result = evaluate(
                    data / data_set.train,
                    data / data_set.test,
                    data / data_set.labels,
                    data / data_set.masks if data_set.masks else None,
                    name,
                    range(first_seed, first_seed + seeds),
                    None,
                    work / f"{data_set.name}-{name}",
                    lambda line: console.print(line, highlight=False, markup=False),
                    effort=effort,
                    reuse=reuse,
                )
            except KizashiError as error:
                stop(str(error))
            print_result(result, console)
            path = out / f"accuracy-{data_set.name}-{name}.json"
            write_figures(path, _record(data_set, name, started, result))
            console.print(f"wrote {path}", highlight=False, markup=False)


def _record(
    data_set: DataSet, preset: str, started: datetime, result: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the results folder keeps: the figures, and how to get them again."""
    settings = {
        **result["settings"],
        # As they are under KIZASHI_DATA: where that lies is nobody's business.
        "train": data_set.train,
        "test": data_set.test,
        "labels": data_set.labels,
        "masks": data_set.masks,
    }
    return {
        "benchmark": "accuracy",
        "command": command_line(),
        "data_set": data_set.name,
        "preset": preset,
        "started_utc": started.isoformat(timespec="seconds"),
        "wall_seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
        "result": {**result, "settings": settings},
    }


if __name__ == "__main__":
    typer.run(main)
