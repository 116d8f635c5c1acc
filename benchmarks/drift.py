"""Drift and retraining: how soon a slow shift is found, and which retrained models are promoted.

    KIZASHI_DATA=FOLDER python benchmarks/drift.py [--part day] [--part candidates] [--reuse]

`day`: pictures of four hours of one real day (upcam_day) are learnt, and six other hours of it
watched, as they are, with a shift that grows from nothing to its whole extent over these hours, and
with the evening after them, which really is another scene.
`candidates`: on a street (vtest) whose light and view have shifted, the model from before, a
retrained candidate, and one that was retrained on a window full of faults are tried on the same
held-out footage. Writes benchmarks/results/drift.json, each part by itself.

Models are compact ones that score every second frame; with fewer steps (--effort) they find less.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from _machine import command_line, data_folder, machine_line, stop, wide_console, write_figures
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipeline.clips.reader import Stretch
from pipeline.drift.judge import Statistic, judge, samples_a_year
from pipeline.drift.reference import PICTURES, DriftReference, Sample
from pipeline.drift.samples import LOOK_RATE, values_of_pictures
from pipeline.evaluation.fault_protocol import read_scene
from pipeline.evaluation.faults import FaultKind
from pipeline.evaluation.injection import variants, write_variant
from pipeline.evaluation.model_comparison import Comparison, compare_models
from pipeline.evaluation.model_trial import KnownAnomaly, TrialFootage, try_models
from pipeline.evaluation.parts import Parts, real_parts
from pipeline.evaluation.refusals import reasons_of
from pipeline.evaluation.slow_shifts import SlowShift, shifted, write_pictures
from pipeline.health.look import Looker, grey_of
from pipeline.learning.background import learn_background
from pipeline.learning.camera_model import CameraModel, load_camera_model
from pipeline.learning.learn import learn
from pipeline.learning.presets import Preset, preset_named
from pipeline.scoring.scorer import score_stretch

RESULT = Path(__file__).parent / "results" / "drift.json"
WORK = Path("out/drift")
LEARNT_HOURS, WATCHED_HOURS = (8, 11, 14, 17), (9, 10, 12, 13, 15, 16)
EVENING_HOURS = (18, 19)
"""Dusk, and then somebody draws the curtains: nothing of it was learnt."""
LEARNT_SAMPLES, WATCHED_SAMPLES = 24, 8
"""Of each hour."""
SAMPLE_SECONDS = 4.0
DAY_SIZE = (192, 96)
LEARNT_SHARE = 0.6
BUDGET_PER_DAY = 24.0
POISON = (FaultKind.REVERSED, FaultKind.DOUBLE_SPEED, FaultKind.FOREIGN_OBJECT)
SIZE = (384, 288)


def main(
    part: Annotated[list[str] | None, typer.Option(help="day or candidates; repeatable.")] = None,
    effort: Annotated[float, typer.Option(min=0.0, help="Times the preset's steps.")] = 1.0,
    instances: Annotated[int, typer.Option(min=1, help="Injected faults of each kind.")] = 2,
    reuse: Annotated[bool, typer.Option(help="Take models that --work holds already.")] = False,
    work: Annotated[Path, typer.Option(help="Folder for models and videos.")] = WORK,
    out: Annotated[Path, typer.Option(help="JSON to write, or to bring up to date.")] = RESULT,
) -> None:
    """Inject slow shifts, retrain, and compare."""
    console = wide_console()

    def say(line: str) -> None:
        console.print(f"{datetime.now(UTC):%H:%M:%S} {line}", highlight=False, markup=False)

    data = data_folder()
    preset = replace(preset_named("compact").with_effort(effort), clip_stride=2)
    bench = Bench(data, preset, work, reuse, say)
    figures: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    parts = {"day": lambda: a_day(bench), "candidates": lambda: candidates(bench, instances)}
    for chosen in part or parts:
        if chosen not in parts:
            stop(f"--part {chosen!r} is unknown; choose from {', '.join(parts)}")
        started = datetime.now(UTC)
        figures[chosen] = {
            "command": command_line(),
            "effort": effort,
            "started_utc": started.isoformat(timespec="seconds"),
            **parts[chosen](),
            "wall_seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
        }
        write_figures(out, {"benchmark": "drift", **figures})
    if "day" in figures:
        console.print(day_table(figures["day"]))
    if "candidates" in figures:
        console.print(candidate_table(figures["candidates"]))
    say(f"wrote {out}")
    console.print(machine_line(), highlight=False, markup=False)


class Bench:
    """Where footage is, and how models are made of it."""

    def __init__(self, data: Path, preset: Preset, work: Path, reuse: bool, say: Any) -> None:
        self.data, self.preset, self.work, self.reuse, self.say = data, preset, work, reuse, say
        self.parts: Parts = replace(
            real_parts(),
            score=lambda model, stretch: score_stretch(model, stretch, model_id="benchmark"),
        )

    def stretches(self, path: Path) -> list[Stretch]:
        """Return the runs of good frames of a video."""
        return self.parts.stretches(path, path.parent)

    def model(self, name: str, footage: Sequence[Stretch]) -> CameraModel:
        """Return a model of this footage."""
        folder = self.work / "models" / name
        if self.reuse and folder.is_dir():
            self.say(f"{name}: taking the model in {folder}")
            return load_camera_model(folder)
        model = learn(
            footage,
            preset=self.preset,
            seed=0,
            budget_per_day=BUDGET_PER_DAY,
            workspace=self.work / "training",
            progress=lambda line: self.say(f"{name}: {line}"),
        )
        shutil.rmtree(folder, ignore_errors=True)
        return replace(model, digest=model.save(folder))


def pictures_of(stretch: Stretch, size: tuple[int, int] | None = None) -> list[NDArray[np.uint8]]:
    """Return the pictures of a stretch as decoded, or of another size."""
    segment = stretch.segment
    found = []
    with real_parts().decode(stretch.source, False, segment.start_us) as frames:
        for frame in frames:
            if frame.pts_us >= segment.end_us:
                break
            image = frame.image
            if size:
                image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
            found.append(image)
    return found


# a day -----------------------------------------------------------------------------------------


def a_day(bench: Bench) -> dict[str, Any]:
    """Return how soon each shift is found in the pictures of a day, and what clean footage says."""
    folder = bench.data / "upcam_day"
    if not folder.is_dir():
        stop(f"{folder} is not there; see benchmarks/README.md")
    normal = samples_of(bench, folder, LEARNT_HOURS, LEARNT_SAMPLES)
    watched = samples_of(bench, folder, WATCHED_HOURS, WATCHED_SAMPLES)
    evening = samples_of(bench, folder, EVENING_HOURS, WATCHED_SAMPLES)
    background_HW = learn_background(in_working_size(p) for _, part in normal for p in part)
    looker = Looker(background_HW)

    def value_of(pictures: list[NDArray[np.uint8]], change: Any) -> dict[str, float]:
        greys = [in_working_size(change(picture)) for picture in pictures]
        return values_of_pictures(greys, background_HW, looker)

    usual = [value_of(pictures, lambda picture: picture) for _, pictures in normal]
    reference = DriftReference(
        sample_seconds=SAMPLE_SECONDS,
        values={name: tuple(one[name] for one in usual) for name in PICTURES},
    )
    one_in = samples_a_year(3600.0 / WATCHED_SAMPLES)
    runs: dict[str, Any] = {}
    for name in ("clean", "evening", *SlowShift):
        shift = SlowShift(name) if name in tuple(SlowShift) else None
        shown = [*watched, *evening] if name == "evening" else watched
        samples = [
            Sample(
                start_utc=start_utc,
                values=value_of(pictures, grown(shift, (index + 1) / len(watched))),
            )
            for index, (start_utc, pictures) in enumerate(shown)
        ]
        judged = judge(reference, samples, one_false_in=one_in)
        runs[str(name)] = [figures_of(one, samples, shift) for one in judged]
        bench.say(f"{name}: {[one.name for one in judged if one.severity]}")
    return {
        "data_set": "upcam_day",
        "learnt_hours": LEARNT_HOURS,
        "watched_hours": WATCHED_HOURS,
        "evening_hours": EVENING_HOURS,
        "sample_seconds": SAMPLE_SECONDS,
        "reference_samples": len(normal),
        "samples": len(watched),
        "every_seconds": 3600.0 / WATCHED_SAMPLES,
        "one_false_finding_in_samples": one_in,
        "runs": runs,
    }


def samples_of(
    bench: Bench, folder: Path, hours: Sequence[int], count: int
) -> list[tuple[datetime, list[NDArray[np.uint8]]]]:
    """Return even samples of each hour: when they begin, and their pictures as decoded."""
    found = []
    for hour in hours:
        stretch = bench.stretches(folder / f"00-{hour:02d}.mp4")[0]
        step_us = (stretch.segment.end_us - stretch.segment.start_us) // count
        begin = datetime(2026, 1, 1, hour, tzinfo=UTC)
        for index in range(count):
            start_us = stretch.segment.start_us + index * step_us
            piece = stretch.part(start_us, start_us + round(1e6 * SAMPLE_SECONDS))
            pictures = pictures_of(piece)[:: round(stretch.footage.frame_rate / LOOK_RATE)]
            found.append((begin + timedelta(microseconds=start_us), pictures))
        bench.say(f"{count} samples of {hour} h")
    return found


def in_working_size(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture as a compact model works on it: grey, 192 px wide."""
    return np.asarray(cv2.resize(grey_of(picture), DAY_SIZE), np.uint8)


def grown(shift: SlowShift | None, extent: float) -> Any:
    """Return what a shift that has come so far does to a picture as decoded."""

    def change(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if shift is None:
            return picture
        return shifted(picture, shift, extent)

    return change


def figures_of(
    one: Statistic, samples: Sequence[Sample], shift: SlowShift | None
) -> dict[str, Any]:
    """Return what is kept of a statistic: the extent of the shift when it was found, too."""
    times = [sample.start_utc for sample in samples]
    found = times.index(one.found_utc) + 1 if one.found_utc else None
    values = asdict(one)
    for name in ("since_utc", "found_utc"):
        values[name] = values[name].isoformat() if values[name] else None
    return {
        **values,
        "found_after_samples": found,
        "extent_when_found": round(found / len(samples), 3) if found and shift else None,
    }


# candidates ------------------------------------------------------------------------------------


def candidates(bench: Bench, instances: int) -> dict[str, Any]:
    """Return how a retrained candidate and a poisoned one compare with the model from before."""
    video = bench.data / "pets2009" / "vtest.avi"
    if not video.is_file():
        stop(f"{video} is not there; see benchmarks/README.md")
    whole = bench.stretches(video)[0]
    pictures = pictures_of(whole, SIZE)
    cut = round(LEARNT_SHARE * len(pictures))
    rate = whole.footage.frame_rate
    folder = bench.work / "street"
    folder.mkdir(parents=True, exist_ok=True)

    def written(name: str, part: list[NDArray[np.uint8]], extent: float) -> Stretch:
        path = folder / f"{name}.avi"
        write_pictures(path, part, rate, lambda _, image: shifted(image, SlowShift.BOTH, extent))
        return bench.stretches(path)[0]

    before, window = written("before", pictures[:cut], 0.0), written("window", pictures[:cut], 1.0)
    held_out = written("held-out", pictures[cut:], 1.0)
    poisoned = with_faults(bench, window, folder / "poisoned", seed=100, instances=4)
    known = [
        KnownAnomaly(name=piece.source.stem, stretch=piece, start_us=first_us, end_us=end_us)
        for piece, first_us, end_us in with_faults(
            bench, window, folder / "known", seed=7, instances=1
        )
    ]
    models = {
        "active": bench.model("street-before", [before]),
        "candidate": bench.model("street-candidate", [window]),
        "poisoned": bench.model("street-poisoned", [piece for piece, _, _ in poisoned]),
    }
    trials = try_models(
        list(models.values()),
        TrialFootage(normal=[held_out], known=known, instances=instances),
        bench.work,
        bench.parts,
        bench.say,
    )
    by_name = dict(zip(models, trials, strict=True))
    compared = {
        name: compare_models(by_name["active"], by_name[name], budget_per_day=BUDGET_PER_DAY)
        for name in ("candidate", "poisoned")
    }
    return {
        "data_set": "vtest",
        "shift": SlowShift.BOTH.value,
        "budget_per_day": BUDGET_PER_DAY,
        "instances": instances,
        "poison": [kind.value for kind in POISON],
        "alert_scores": {name: round(one.policy.alert_score, 3) for name, one in models.items()},
        "digests": {name: one.digest for name, one in models.items()},
        "compared": {name: outcome(one) for name, one in compared.items()},
    }


def with_faults(
    bench: Bench, footage: Stretch, folder: Path, *, seed: int, instances: int
) -> list[tuple[Stretch, int, int]]:
    """Return videos of ten seconds of footage with a fault in each, and when it is."""
    folder.mkdir(parents=True, exist_ok=True)
    segment = footage.segment
    scene = read_scene(footage.source, segment.start_us, segment.end_us, bench.parts, "learnt")
    made = []
    for variant in variants(scene, seed=seed, instances=instances, kinds=POISON, part_seconds=10.0):
        path = folder / f"{variant.name}.avi"
        write_variant(path, variant)
        (span,) = variant.spans
        step_us = 1e6 / scene.frame_rate
        made.append(
            (bench.stretches(path)[0], round(span.first * step_us), round(span.end * step_us))
        )
    return made


def outcome(one: Comparison) -> dict[str, Any]:
    """Return a comparison with its reasons in words."""
    figures = one.to_dict()
    return {**figures, "promoted": one.not_worse, "says": reasons_of(figures)}


# tables ----------------------------------------------------------------------------------------


def day_table(day: dict[str, Any]) -> Table:
    """Return what was found in a day."""
    table = Table(title="Slow shift over a day", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("run", "statistic", "evidence", "found at sample", "extent", "severity"):
        table.add_column(heading)
    for run, statistics in day["runs"].items():
        for one in statistics:
            if one["samples"]:
                found = one["found_after_samples"]
                table.add_row(
                    run,
                    one["name"],
                    f"{one['evidence']:+.2f}",
                    f"{found} of {one['samples']}" if found else "-",
                    f"{one['extent_when_found']:.0%}" if one["extent_when_found"] else "-",
                    one["severity"] or "-",
                )
    return table


def candidate_table(street: dict[str, Any]) -> Table:
    """Return which candidates were promoted."""
    table = Table(title="Candidates", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("model", "false alarms", "faults found", "known found", "verdict"):
        table.add_column(heading)
    rows = {"active": street["compared"]["candidate"]["active"]}
    rows |= {name: one["candidate"] for name, one in street["compared"].items()}
    for name, trial in rows.items():
        verdict = "-"
        if name in street["compared"]:
            one = street["compared"][name]
            verdict = "promoted" if one["promoted"] else "refused: " + "; ".join(one["says"])
        table.add_row(
            name,
            f"{trial['false_alarms']} in {trial['normal_seconds']:.0f} s",
            f"{sum(trial['faults'].values())} of {len(trial['faults'])}",
            f"{sum(trial['known'].values())} of {len(trial['known'])}",
            verdict,
        )
    return table


if __name__ == "__main__":
    typer.run(main)
