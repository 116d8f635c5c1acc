"""The protocol for footage without labels: learn its first part, inject faults into the rest.

Nobody marked what is wrong in this footage, so all of it is taken as normal. Where the places and
moments of faults come from, no score is known. A variant is written, scored by every model through
the code that scores cameras, counted and removed before the next is made.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EvaluationError, KizashiError
from pipeline.evaluation.fault_figures import (
    ScoredVariant,
    figures_of,
    interval_of,
    share_in_place,
)
from pipeline.evaluation.faults import FaultKind
from pipeline.evaluation.injection import Variant, untouched, variants, write_variant
from pipeline.evaluation.labels import frame_labels
from pipeline.evaluation.nuisances import NuisanceKind
from pipeline.evaluation.parts import Model, Parts, real_parts
from pipeline.evaluation.run import FUSED, row_names, run_model
from pipeline.evaluation.scene import Scene, fitting_picture, scene_of, shown_seconds
from pipeline.evaluation.spool import MapSpool
from pipeline.evaluation.trivial import trivial_scores
from pipeline.evaluation.videos import TestVideo, digest_of_footage
from pipeline.timebase import seconds

if TYPE_CHECKING:
    from pipeline.clips.reader import Stretch

__all__ = [
    "BUDGET_PER_DAY",
    "KINDS",
    "TRAINING_SHARE",
    "VariantJob",
    "evaluate_faults",
    "longest_stretch",
    "read_scene",
]

Progress = Callable[[str], None]

KINDS: Final[tuple[FaultKind | NuisanceKind, ...]] = (*FaultKind, *NuisanceKind)
TRAINING_SHARE: Final = 0.6
BUDGET_PER_DAY: Final = 24.0
"""One false alarm an hour, as the nuisances are judged by: footage of a minute or two says nothing
of one a day."""
_MOST_BYTES: Final = 640 << 20
"""Of decoded footage that faults are injected into; what comes later in it is not used."""
_LONGEST_SIDE_PX: Final = 768
"""Larger footage is shrunk to this while it is read: more than twice what any preset looks at."""
_SMALLEST_LONGEST_PX: Final = 160
_FITTING_SECONDS: Final = 15.0
"""Footage of so many frames a second that less than this would fit is shrunk further."""
_WHAT = (
    "faults and nuisances are injected into real footage that nobody labelled: it is taken as "
    f"normal, its first {TRAINING_SHARE:.0%} is learnt, the rest is injected into"
)


def evaluate_faults(
    video: Path,
    preset: str,
    seeds: Sequence[int],
    work: Path,
    progress: Progress = lambda line: None,
    *,
    model: Path | None = None,
    reuse: bool = False,
    effort: float = 1.0,
    instances: int = 3,
    budget_per_day: float = BUDGET_PER_DAY,
    kinds: Sequence[FaultKind | NuisanceKind] = KINDS,
    parts: Parts | None = None,
) -> dict[str, Any]:
    """Return what a model finds of injected faults, and what it says of nuisances.

    One model for every seed is learnt and kept in `work/models/seed-N`; with `reuse` one that is
    there already is taken, and `model`, the folder of a stored one, is then the only run. Each gets
    the threshold of `budget_per_day`. Injected are the same faults whatever the seeds, preset and
    model. Raises EvaluationError when the
    footage is too short, or nothing moves in it.
    """
    if model is None and (not seeds or len(set(seeds)) != len(seeds)):
        raise EvaluationError(f"seeds {list(seeds)}: give at least one, and each only once")
    parts = parts or real_parts()
    stretch = longest_stretch(video, parts)
    start_us, end_us = stretch.segment.start_us, stretch.segment.end_us
    cut_us = start_us + round((end_us - start_us) * TRAINING_SHARE)
    # Before hours of training: footage that does not do is refused here.
    scene = read_scene(video, cut_us, end_us, parts, f"its last {1 - TRAINING_SHARE:.0%}")
    progress(f"{_WHAT}: {seconds(cut_us - start_us):.1f} s and {scene.seconds:.1f} s")
    training = stretch.part(start_us, cut_us)
    if model is not None:
        models = {"given": parts.load(model)}
    else:
        models = {
            str(seed): _model(training, preset, effort, seed, work, reuse, parts, progress)
            for seed in seeds
        }
    within = [parts.with_budget(one, budget_per_day) for one, _ in models.values()]
    job = VariantJob(within, parts, work, progress)
    rows = row_names(job.models[0], parts)
    return {
        "what": _WHAT,
        **_figures(job, scene, instances, kinds, rows, progress),
        "settings": {
            "preset": None if model else preset,
            "effort": None if model else effort,
            "seeds": [] if model else list(seeds),
            "instances": instances,
            "rows": list(rows),
            "training_seconds": round(seconds(cut_us - start_us), 3),
            "injected_seconds": round(scene.seconds, 3),
            "frame_rate": round(scene.frame_rate, 4),
            "injected_size_px": list(scene.frames[0].shape[1::-1]),
            "budget_per_day": budget_per_day,
            "alert_policies": {
                name: one.policy.to_dict() for name, one in zip(models, job.models, strict=True)
            },
        },
        "digests": {
            "footage": digest_of_footage([video]),
            "models": {name: digest for name, (_, digest) in models.items()},
        },
    }


def _figures(
    job: VariantJob,
    scene: Scene,
    instances: int,
    kinds: Sequence[FaultKind | NuisanceKind],
    rows: Sequence[str],
    progress: Progress,
) -> dict[str, Any]:
    """Score the untouched footage and every variant; return the figures and what was left out."""
    base = job.score(untouched(scene))
    left_out: dict[str, str] = {}
    scored = [
        job.score(variant)
        for variant in variants(
            scene,
            seed=0,
            instances=instances,
            kinds=kinds,
            left_out=lambda name, error: left_out.update({name: str(error)}),
        )
    ]
    for name, reason in left_out.items():
        progress(f"warning: {name} and further ones are left out: {reason}")
    return {**figures_of(scored, base, rows), "left_out": left_out}


def longest_stretch(video: Path, parts: Parts) -> Stretch:
    """Return the longest run of good frames of a video; EvaluationError when there is none."""
    found = parts.stretches(video, video.parent)
    if not found:
        raise EvaluationError(f"{video}: holds no run of good frames; give other footage")
    return max(found, key=lambda stretch: stretch.segment.end_us - stretch.segment.start_us)


def read_scene(
    video: Path,
    start_us: int,
    end_us: int,
    parts: Parts,
    which: str,
    *,
    most_bytes: int = _MOST_BYTES,
) -> Scene:
    """Return the footage of a video between two times, as far as it fits into memory.

    Pictures larger than 768 px on the longer side are shrunk to that, and further where less than
    fifteen seconds would fit; others are as they are. EvaluationError that names the video and
    `which` part of it when that does not do."""
    longest_px = _LONGEST_SIDE_PX
    while True:
        frames, times, full = _read(video, start_us, end_us, parts, longest_px, most_bytes)
        share = shown_seconds(times) / _FITTING_SECONDS
        if not full or share >= 1.0 or longest_px <= _SMALLEST_LONGEST_PX:
            break
        # A little less: sides are rounded.
        side_px = max(frames[0].shape[:2]) * math.sqrt(share) * 0.98
        longest_px = max(_SMALLEST_LONGEST_PX, int(side_px))
        # Else both would be in memory at once.
        del frames
    try:
        return scene_of(frames, np.array(times, dtype=np.int64))
    except EvaluationError as error:
        raise EvaluationError(f"{video}, {which}: {error}") from error


def _read(
    video: Path, start_us: int, end_us: int, parts: Parts, longest_px: int, most_bytes: int
) -> tuple[list[NDArray[np.uint8]], list[int], bool]:
    """Return pictures of at most this size and their times, and whether memory ended them."""
    frames: list[NDArray[np.uint8]] = []
    times: list[int] = []
    with parts.decode(video, False, start_us) as decoded:
        for frame in decoded:
            if frame.pts_us >= end_us:
                break
            picture = fitting_picture(frame.image, longest_px)
            if len(frames) * picture.nbytes > most_bytes:
                return frames, times, True
            frames.append(picture)
            times.append(frame.pts_us)
    return frames, times, False


def _model(
    training: Stretch,
    preset: str,
    effort: float,
    seed: int,
    work: Path,
    reuse: bool,
    parts: Parts,
    progress: Progress,
) -> tuple[Model, str]:
    folder = work / "models" / f"seed-{seed}"
    if reuse and folder.is_dir():
        progress(f"seed {seed}: taking the model in {folder}")
        return parts.load(folder)
    workspace = work / "training" / f"seed-{seed}"
    model = parts.learn(
        [training], preset, effort, seed, workspace, lambda line: progress(f"seed {seed}: {line}")
    )
    shutil.rmtree(folder, ignore_errors=True)
    digest = model.save(folder)
    shutil.rmtree(workspace, ignore_errors=True)
    return model, digest


class VariantJob:
    """Scores variants with the same models, one variant at a time."""

    def __init__(
        self,
        models: Sequence[Model],
        parts: Parts,
        work: Path,
        progress: Progress,
    ) -> None:
        self.models = models
        self._parts = parts
        self._work = work
        self._progress = progress

    def score(self, variant: Variant) -> ScoredVariant:
        """Write a variant, score it with every model, and leave nothing behind on disk."""
        self._work.mkdir(parents=True, exist_ok=True)
        runs, in_place = [], []
        with tempfile.TemporaryDirectory(prefix=".variant-", dir=self._work) as temporary:
            folder = Path(temporary)
            video = self._video(folder / f"{variant.name}.avi", variant)
            for number, model in enumerate(self.models):
                maps = folder / f"maps-{number}"
                maps.mkdir()
                spool = MapSpool(maps)
                (run,) = run_model(
                    model, [video], spool, self._parts, lambda line: None, keep_all_maps=False
                )
                runs.append(run)
                in_place.append(share_in_place(variant, run, spool.maps(0, FUSED)))
        alerts = [len(run.rows[FUSED].alerts) for run in runs]
        self._progress(f"scored {variant.name}: {len(variant)} frames, alerts {alerts}")
        return ScoredVariant(
            variant=variant,
            pts_us=video.pts_us,
            intervals=video.intervals,
            trivial=video.trivial,
            runs=runs,
            in_place=in_place,
        )

    def _video(self, path: Path, variant: Variant) -> TestVideo:
        write_variant(path, variant)
        with self._parts.decode(path, True, 0) as frames:
            found = trivial_scores(frames)
        if len(found.pts_us) != len(variant):
            raise KizashiError(
                f"{path}: {len(found.pts_us)} of {len(variant)} frames came back; is the disk full?"
            )
        intervals = tuple(interval_of(found.pts_us, span.first, span.end) for span in variant.spans)
        return TestVideo(
            name=variant.name,
            path=path,
            pts_us=found.pts_us,
            height_px=found.height_px,
            width_px=found.width_px,
            intervals=intervals,
            labels=frame_labels(found.pts_us, intervals),
            trivial=found.scores,
            mask_file=None,
            stretches=tuple(self._parts.stretches(path, path.parent)),
        )
