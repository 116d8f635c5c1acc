"""The protocol: train on normal footage, score test footage, compare with labels, say everything.

`evaluate` is `kizashi evaluate`; here is the order of the work. Thresholds, weights and smoothing
come with the model, from training footage only. Labels are read before anything is trained, so that
a mistake in them costs nothing, and used after everything is scored.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import EvaluationError
from pipeline.evaluation.evaluation_report import write_report
from pipeline.evaluation.frame_scores import write_frame_scores
from pipeline.evaluation.measure import (
    MaskedVideo,
    PlaceFigures,
    budget_figures,
    leave_one_out,
    literature_figures,
    place_figures,
    read_masks,
    strict_figures,
    trivial_figures,
)
from pipeline.evaluation.parts import Model, Parts, real_parts
from pipeline.evaluation.run import VideoRun, row_names, run_model
from pipeline.evaluation.spool import MapSpool
from pipeline.evaluation.timeline import LITERATURE_SIGMA_FRAMES
from pipeline.evaluation.videos import (
    TestVideo,
    digest_of_footage,
    list_videos,
    load_test_videos,
    stretches_of_folder,
)
from pipeline.files import sha256_of_file, write_json
from pipeline.footage.examine import FOLDER_FRAME_RATE

__all__ = ["evaluate"]

Progress = Callable[[str], None]


def evaluate(
    train: Path | None,
    test: Path,
    labels: Path,
    masks: Path | None,
    preset: str,
    seeds: Sequence[int],
    model: Path | None,
    out: Path,
    progress: Progress = lambda line: None,
    *,
    effort: float = 1.0,
    reuse: bool = False,
    folder_rate: float = FOLDER_FRAME_RATE,
    parts: Parts | None = None,
) -> dict[str, Any]:
    """Measure detection on anyone's footage; write result.json, frame_scores.csv and report.html.

    `train`: folder of normal footage, one model is trained on it for every seed (and kept in
    `out/models`); not needed when `model`, the folder of a stored model, is given, which is then
    the only run. With `reuse` a model that `out/models` holds already is taken for its seed.
    `effort` multiplies the preset's training steps, `folder_rate` is how many frames a second
    folders of pictures have. Returns what result.json holds.
    With several seeds, frame_scores.csv and report.html show the first.
    Raises EvaluationError when footage, labels and masks do not fit together, before any training.
    """
    _check_request(train, model, seeds)
    parts = parts or real_parts(folder_rate=folder_rate)
    clock = _StageClock()
    with clock.stage("read"):
        videos = load_test_videos(test, labels, masks, parts, progress)
        truth = read_masks(videos) if masks is not None else None
    out.mkdir(parents=True, exist_ok=True)
    job = _Job(
        train=None if model else train,
        test=test,
        labels=labels,
        masks=masks,
        preset=preset,
        effort=effort,
        reuse=reuse,
        folder_rate=folder_rate,
        stored=model,
        videos=videos,
        truth=truth,
        out=out,
        parts=parts,
        progress=progress,
        clock=clock,
        digests=_digests(None if model else train, labels, videos),
    )
    with tempfile.TemporaryDirectory(prefix=".maps-", dir=out) as temporary:
        asked: Sequence[int | None] = [None] if model else seeds
        runs = [job.run(seed, Path(temporary) / str(seed)) for seed in asked]
        return _write(job, runs)


def _write(job: _Job, runs: Sequence[_Run]) -> dict[str, Any]:
    """Measure, write the three files, and return what result.json holds."""
    first = runs[0]
    with job.clock.stage("measure"):
        rows = row_names(first.model, job.parts)
        result = _figures(job.videos, runs, rows, first.model)
    result["settings"] = _settings(job, runs, rows)
    result["seeds"] = [run.seed for run in runs if run.seed is not None]
    result["digests"] = {**job.digests, "models": {run.name: run.digest for run in runs}}
    with job.clock.stage("report"):
        write_frame_scores(job.out / "frame_scores.csv", job.videos, first.videos, rows)
        result["seconds"] = job.clock.seconds()
        # Written twice: now, so that hours of work survive whatever the pictures meet, and with the
        # time of the report at the end.
        write_json(job.out / "result.json", result)
        write_report(
            job.out / "report.html",
            result,
            job.videos,
            first.videos,
            first.model.policy.alert_score,
            first.spool,
            job.parts,
        )
    result["seconds"] = job.clock.seconds()
    write_json(job.out / "result.json", result)
    job.progress(f"wrote {job.out / 'result.json'}, frame_scores.csv and report.html")
    return result


def _digests(train: Path | None, labels: Path, videos: Sequence[TestVideo]) -> dict[str, Any]:
    """Return the digests of everything that was given; None for what was not."""
    return {
        "train": digest_of_footage(list_videos(train)) if train else None,
        "test": digest_of_footage([video.path for video in videos]),
        "labels": sha256_of_file(labels),
        "masks": {v.name: sha256_of_file(v.mask_file) for v in videos if v.mask_file} or None,
    }


def _check_request(train: Path | None, model: Path | None, seeds: Sequence[int]) -> None:
    if model is not None:
        return
    if train is None:
        raise EvaluationError("nothing to learn from; give --train DIR or --model FOLDER")
    if not seeds or len(set(seeds)) != len(seeds):
        raise EvaluationError(f"seeds {list(seeds)}: give at least one, and each only once")


class _StageClock:
    """Adds up wall seconds by stage."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] += time.monotonic() - started

    def move(self, part_seconds: float, source: str, target: str) -> None:
        """Count part of a stage's time as another stage's."""
        moved = min(part_seconds, self._seconds[source])
        self._seconds[source] -= moved
        self._seconds[target] += moved

    def seconds(self) -> dict[str, float]:
        return {name: round(value, 3) for name, value in self._seconds.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """One model, scored on every test video."""

    seed: int | None
    """None for a model that was given."""
    model: Model
    digest: str
    videos: list[VideoRun]
    spool: MapSpool
    places: dict[str, PlaceFigures]

    @property
    def name(self) -> str:
        return "given" if self.seed is None else str(self.seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """What is the same for every seed."""

    train: Path | None
    test: Path
    labels: Path
    masks: Path | None
    preset: str
    effort: float
    reuse: bool
    folder_rate: float
    stored: Path | None
    videos: Sequence[TestVideo]
    truth: Sequence[MaskedVideo] | None
    """None when masks were not given."""
    out: Path
    parts: Parts
    progress: Progress
    clock: _StageClock
    digests: Mapping[str, Any]

    def run(self, seed: int | None, spool_folder: Path) -> _Run:
        """Train or load, score, and measure the places."""

        def say(line: str) -> None:
            self.progress(line if seed is None else f"seed {seed}: {line}")

        model, digest = self._model(seed, say)
        spool_folder.mkdir()
        spool = MapSpool(spool_folder)
        with self.clock.stage("score"):
            videos = run_model(
                model,
                self.videos,
                spool,
                self.parts,
                say,
                keep_all_maps=self.truth is not None,
            )
        places: dict[str, PlaceFigures] = {}
        if self.truth is not None:
            with self.clock.stage("measure"):
                rows = [r for r in row_names(model, self.parts) if all(r in v.rows for v in videos)]
                places = place_figures(self.truth, videos, spool, rows)
            say("compared the score maps with the masks")
        return _Run(
            seed=seed, model=model, digest=digest, videos=videos, spool=spool, places=places
        )

    def _model(self, seed: int | None, say: Progress) -> tuple[Model, str]:
        if self.stored is not None:
            with self.clock.stage("load"):
                return self.parts.load(self.stored)
        assert self.train is not None
        assert seed is not None
        folder = self.out / "models" / f"seed-{seed}"
        if self.reuse and folder.is_dir():
            say(f"taking the model in {folder}")
            with self.clock.stage("load"):
                return self.parts.load(folder)
        workspace = self.out / "training" / f"seed-{seed}"
        with self.clock.stage("train"):
            footage = stretches_of_folder(self.train, self.parts)
            say(f"training preset {self.preset} on {len(footage)} stretches of normal footage")
            model = self.parts.learn(footage, self.preset, self.effort, seed, workspace, say)
            shutil.rmtree(folder, ignore_errors=True)
            digest = model.save(folder)
            shutil.rmtree(workspace, ignore_errors=True)
        # `learn` calibrates at its end and says how long that took.
        stages = model.figures["stage_seconds"]
        self.clock.move(float(stages["calibration"]), "train", "calibrate")
        return model, digest


def _figures(
    videos: Sequence[TestVideo], runs: Sequence[_Run], rows: Sequence[str], model: Model
) -> dict[str, Any]:
    scored = [run.videos for run in runs]
    places = [run.places for run in runs]
    budget = budget_figures(videos, scored, model.budget_per_day)
    return {
        "strict": {row: strict_figures(videos, scored, places, row).to_dict() for row in rows},
        "literature": {row: literature_figures(videos, scored, row).to_dict() for row in rows},
        "leave_one_out": leave_one_out(videos, scored),
        "trivial": {name: f.to_dict() for name, f in trivial_figures(videos).items()},
        "budget": {**asdict(budget), "interval": budget.interval and list(budget.interval)},
    }


def _settings(job: _Job, runs: Sequence[_Run], rows: Sequence[str]) -> dict[str, Any]:
    return {
        "train": str(job.train) if job.train else None,
        "test": str(job.test),
        "labels": str(job.labels),
        "masks": str(job.masks) if job.masks else None,
        "model": str(job.stored) if job.stored else None,
        "preset": None if job.stored else job.preset,
        "effort": None if job.stored else job.effort,
        "folder_rate": job.folder_rate,
        "rows": list(rows),
        "videos": len(job.videos),
        "frames": sum(len(video.pts_us) for video in job.videos),
        "labelled_frames": sum(int(video.labels.sum()) for video in job.videos),
        "labelled_intervals": sum(len(video.intervals) for video in job.videos),
        "clips": sum(video.clips for video in runs[0].videos),
        "alert_policies": {run.name: run.model.policy.to_dict() for run in runs},
        "score_latency_seconds": max(video.latency_seconds for video in runs[0].videos),
        "strict": "a frame has the score of the clip around it (the newest whose middle has "
        "passed), known score_latency_seconds later and smoothed causally; frames at the edges of "
        "a video have the nearest score; all frames count",
        "literature": "min-max of each test video, then a centred Gaussian of "
        f"{LITERATURE_SIGMA_FRAMES:g} frames; macro AUC padded with two invented frames a video",
    }
