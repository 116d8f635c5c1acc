"""Learning one camera's normal operation, from footage to a calibrated model.

Order: background -> tiles -> generator and critic (TGAN) -> encoder (f-AnoGAN) -> statistics per
place -> calibration and alarm policy on held-out clips. Every pass streams the footage again; what
stays in memory is the reservoir of tiles and one batch.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from pipeline.allocation import keep_freed_memory
from pipeline.camera import Polygon
from pipeline.clips.pace import denser_stride
from pipeline.clips.reader import ClipReader, Stretch, view_for
from pipeline.clips.windows import Clip
from pipeline.cycles.learn import cycles_line, learn_cycles
from pipeline.drift.learn_reference import drift_reference
from pipeline.errors import FootageError
from pipeline.footage.admission import Reason
from pipeline.health.reference import HealthReference
from pipeline.identity import digest_of
from pipeline.learning.adversarial import train_networks
from pipeline.learning.background import learn_background
from pipeline.learning.camera_model import CameraModel, Sight, choose_device
from pipeline.learning.fifths import hold_out_fifths
from pipeline.learning.health import health_line, health_warnings, healthy_footage
from pipeline.learning.lighting import lighting_line, lit_footage, seconds_by_state
from pipeline.learning.normality import (
    HeldOutResult,
    calibrate_on_held_out,
    learn_looks,
    learn_places,
)
from pipeline.learning.origin import Origin
from pipeline.learning.presets import Preset
from pipeline.learning.reservoir import PlacedTiles
from pipeline.learning.rhythm import learn_rhythm, rhythm_line
from pipeline.learning.tiles_to_learn import tile_source
from pipeline.learning.workspace import Workspace
from pipeline.scoring.experts import experts_named
from pipeline.scoring.fusion import FUSED
from pipeline.timebase import seconds
from tgan_core.arithmetic import bfloat16_speedup
from tgan_core.processes import ALONE, Processes

__all__ = ["Split", "first_reader", "learn", "length_seconds", "split_held_out", "training_job"]

Progress = Callable[[str], None]

_BACKGROUND_FRAME_RATE = 2.0
_LEAST_BF16_GAIN = 1.2
_FIFTH = 5
_LONG_FILE_US = 600_000_000
_RECIPE = 19
"""Raise it when the same footage, preset and seed would give another model than before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """Normal footage to learn from, and held-out normal footage to calibrate on."""

    training: tuple[Stretch, ...]
    held_out: tuple[Stretch, ...]


def split_held_out(stretches: Sequence[Stretch]) -> Split:
    """Hold out every fifth of the short files and the last fifth of each long one (ten minutes or
    more); of fewer than five short files, too, the last fifth of each segment.

    Of a file that lies in pieces of seconds, every fifth piece is held out (hold_out_fifths).
    No window lies on both sides. Of eight hours in eight files, one file in five would be one hour:
    what happens there, and what does not, would stand for the day.
    """
    lengths_us: dict[str, int] = defaultdict(int)
    for stretch in stretches:
        lengths_us[stretch.footage.footage_id] += stretch.segment.end_us - stretch.segment.start_us
    short = [name for name, length_us in lengths_us.items() if length_us < _LONG_FILE_US]
    whole = set(short) if len(short) >= _FIFTH else set[str]()
    chosen = set(short[_FIFTH - 1 :: _FIFTH])
    cut = iter(hold_out_fifths([one for one in stretches if one.footage.footage_id not in whole]))
    training, held_out = list[Stretch](), list[Stretch]()
    for stretch in stretches:
        if (name := stretch.footage.footage_id) in whole:
            (held_out if name in chosen else training).append(stretch)
            continue
        left, kept = next(cut)
        training += [left] if left else []
        held_out += [kept] if kept else []
    return Split(training=tuple(training), held_out=tuple(held_out))


def learn(
    stretches: Sequence[Stretch],
    *,
    preset: Preset,
    seed: int,
    budget_per_day: float = 1.0,
    masks: tuple[Polygon, ...] = (),
    device: str = "auto",
    workspace: Path | None = None,
    progress: Progress = lambda line: None,
    processes: Processes = ALONE,
    added: PlacedTiles | None = None,
    one_light: bool = False,
    origin: Origin | None = None,
) -> CameraModel:
    """Return the calibrated model of a camera from stretches of normal footage, in order of time.

    `workspace` is a folder where training leaves checkpoints: after a kill, the same call goes on
    from the last one and ends in the same model. None keeps nothing.
    Several `processes` (tgan_core.processes) call this alike, with one workspace, share the steps
    of training, and all get the same model; what comes before and after each does for itself.
    `added` are tiles that the networks learn from beside those of the footage (synthetic ones);
    places and calibration are of the footage alone.
    `one_light`: all footage is taken for one lighting state, so that a benchmark can compare.
    `origin`: another camera's networks that these begin with; all else is learnt as without.
    Raises FootageError (too_short) when there is too little footage, ModelError when `origin` does
    not fit the preset, and TrainingDiverged when a number stops being finite.
    """
    if origin is not None:
        origin.check_fit(preset)
    if not stretches:
        raise FootageError(
            "no normal footage to learn from; ingest some first", reason=Reason.TOO_SHORT
        )
    keep_freed_memory()
    stages = _Stages(progress)
    split = split_held_out(stretches)
    reader = first_reader(split.training, preset, masks)
    stages.done("background", f"median of {reader.view.width_px} x {reader.view.height_px} px")
    split, reader, health = _without_trouble(split, reader, preset, masks, progress)
    stages.done("health", health_line(health))
    lit = lit_footage(split.training, split.held_out, reader, seed=seed, one_light=one_light)
    split = Split(training=lit.training, held_out=lit.held_out)
    reader = reader.in_light(lit.lighting)
    stages.done("lighting", lighting_line(lit.lighting))
    source, windows = tile_source(split.training, reader, preset, seed, added)
    reader = replace(reader, full_speed_px=source.full_speed_px)
    stages.done("tiles", f"{len(source.reservoir):,} tiles of {windows:,} windows")

    where = choose_device(device)
    job = training_job(stretches, preset, seed, masks, added, origin)
    kept = Workspace(workspace, job) if workspace else None
    preset = _with_fitting_arithmetic(preset, where, kept, processes)
    networks, metrics = train_networks(
        source, preset, seed, where, kept, progress, processes, origin.networks if origin else None
    )
    del source  # the passes that follow need the memory, and not the tiles
    stages.done("networks", f"{preset.generator_steps:,} + {preset.encoder_steps:,} steps")

    # The masks belong to the camera, not to the model: they are given again when scoring.
    sight = Sight(
        preset=preset,
        view=replace(reader.view, masks=()),
        background_HW=reader.background_HW,
        full_speed_px=reader.full_speed_px,
        networks=networks,
        lighting=lit.lighting,
    )
    stride, denser = _strides(windows, reader.frames, preset)
    sight = learn_looks(split.training, sight, reader, stride=stride)
    reader = replace(reader, history=preset.history_at(reader.view.frame_rate))
    sight = learn_rhythm(split.training, sight, reader, seed=seed)
    stages.done("rhythm", rhythm_line(sight))
    model = _calibrated(split, sight, reader, denser, budget_per_day, stages)
    figures = {
        "seed": seed,
        "stage_seconds": stages.seconds,
        "training_seconds": length_seconds(split.training),
        "footage": list(dict.fromkeys(s.footage.footage_id for s in stretches)),
        "metrics": metrics,
        "device": where.type,
    }
    if origin is not None:
        figures["origin"] = origin.to_dict()
    if lit.lighting is not None:
        figures["held_out_by_lighting"] = seconds_by_state(split.held_out)
    return replace(model, figures=figures, health=health)


def _strides(windows: int, frames: int, preset: Preset) -> tuple[int, int]:
    """Return the frames between two windows that looks, and that usual ranges, are learnt from;
    `windows`: how many of `frames` lie side by side in the training footage."""
    most = preset.place_windows
    times = max(1, -(-windows // most))
    stride = frames * times
    denser = denser_stride(stride, windows=windows // times, most=most, least=preset.clip_stride)
    return stride, denser


def _without_trouble(
    split: Split, reader: ClipReader, preset: Preset, masks: tuple[Polygon, ...], progress: Progress
) -> tuple[Split, ClipReader, HealthReference | None]:
    """Return the footage without what its camera could not see, and what it looks like when it is
    well; the background is learnt again where something was left out."""
    training = healthy_footage(split.training, reader)
    known = training.reference
    held_out = healthy_footage(split.held_out, reader, known) if known else None
    for line in health_warnings(training, *([held_out] if held_out else [])):
        progress(line)
    healthy = Split(
        training=training.stretches, held_out=held_out.stretches if held_out else split.held_out
    )
    if healthy != split:
        reader = first_reader(healthy.training, preset, masks)
    return healthy, reader, known


def _calibrated(
    split: Split,
    sight: Sight,
    reader: ClipReader,
    stride: int,
    budget_per_day: float,
    stages: _Stages,
) -> CameraModel:
    """Return the model with what its values mean: per place, per clip, and which events alert."""
    experts = experts_named(sight.preset.experts)
    learnt = learn_places(split.training, sight, reader, experts, stride=stride)
    stages.done("places", f"every {stride}th frame of training footage")
    result = calibrate_on_held_out(
        split.held_out,
        sight,
        reader,
        experts,
        learnt,
        budget_per_day=budget_per_day,
        training_seconds=length_seconds(split.training),
    )
    stages.done("calibration", _calibration_line(result))
    if result.foreign:
        stages.progress(
            f"warning: {_moments(result.foreign)} of the held-out footage was left out, because "
            "all that moves jumps there; if that is no fault of the recording, look at it"
        )
    footage = sorted(
        (*split.training, *split.held_out), key=lambda stretch: stretch.segment.start_utc
    )
    cycles = learn_cycles(footage, reader.view)
    stages.done("cycles", cycles_line(cycles))
    drift = drift_reference(footage, split.held_out, reader, result.parts, result.scores, cycles)
    stages.done("drift", f"samples of {drift.sample_seconds:.0f} s to compare later footage with")
    return CameraModel(
        sight=sight,
        calibration=result.calibration,
        policy=result.policy,
        tail=result.tail,
        by_lighting=result.by_lighting,
        budget_per_day=budget_per_day,
        held_out_seconds=result.seconds,
        figures={},
        drift=drift,
    )


def _calibration_line(result: HeldOutResult) -> str:
    """Return how far normal footage came beside the score that alerts: what is between them is what
    an anomaly has to add to what is usual."""
    clips = (clip for part in result.parts for clip in part)
    scores = zip(clips, result.scores[FUSED], strict=True)
    reached = max((float(score) for clip, score in scores if clip not in result.foreign), default=0)
    alert_score = result.policy.alert_score
    return f"{result.clips:,} held-out clips up to {reached:.2f}, alerts from {alert_score:.2f}"


def _moments(clips: Sequence[Clip]) -> str:
    """Return when the clips are, as a person would look for them."""
    runs: list[list[Clip]] = []
    for clip in clips:
        if (
            runs
            and clip.segment_id == runs[-1][-1].segment_id
            and (clip.start_us <= runs[-1][-1].end_us)
        ):
            runs[-1].append(clip)
        else:
            runs.append([clip])
    return " and ".join(
        f"{run[0].start_utc:%Y-%m-%d %H:%M:%S} to {run[-1].end_utc:%H:%M:%S} UTC "
        f"({seconds(run[0].start_us):.1f} s into its file)"
        for run in runs
    )


def _with_fitting_arithmetic(
    preset: Preset, device: torch.device, kept: Workspace | None, processes: Processes
) -> Preset:
    """Return the preset without bf16 where the device does not gain from it.

    Processors that list AVX512-bf16 differ: four times the speed of float32 on some, half on
    others. A training that goes on keeps what it began with: near the threshold, and on a busy
    machine, a second measurement may choose otherwise, and the networks would come out different.
    """

    def measured() -> str:
        speedup = processes.first_word(bfloat16_speedup(device))
        return "bf16" if speedup > _LEAST_BF16_GAIN else "none"

    if preset.tgan.optimisation.autocast != "bf16":
        return preset
    chosen = kept.decided("arithmetic", measured) if kept else measured()
    return preset.with_arithmetic("bf16" if chosen == "bf16" else "none")


@dataclass(slots=True)
class _Stages:
    """Says what is done and how long each stage took."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.monotonic)

    def done(self, stage: str, line: str) -> None:
        now = time.monotonic()
        self.seconds[stage], self._last = round(now - self._last, 3), now
        self.progress(f"{stage}: {line} ({self.seconds[stage]:.0f} s)")


def length_seconds(stretches: Sequence[Stretch]) -> float:
    """Return how long stretches are together."""
    return sum(seconds(s.segment.end_us - s.segment.start_us) for s in stretches)


def training_job(
    stretches: Sequence[Stretch],
    preset: Preset,
    seed: int,
    masks: tuple[Polygon, ...],
    added: PlacedTiles | None = None,
    origin: Origin | None = None,
) -> str:
    """Return the name of a training job: everything that the networks it ends in depend on."""
    footage = [[s.footage.sha256, s.segment.start_us, s.segment.end_us] for s in stretches]
    polygons = [[list(corner) for corner in polygon] for polygon in masks]
    job: dict[str, object] = {
        "recipe": _RECIPE,
        "preset": preset.to_dict(),
        "seed": seed,
        "footage": footage,
        "masks": polygons,
    }
    if added is not None:  # without any the name is what it was before there could be some
        job["added"] = added.digest
    if origin is not None:
        job["origin"] = origin.digest
    return digest_of(job)


def first_reader(
    training: Sequence[Stretch], preset: Preset, masks: tuple[Polygon, ...]
) -> ClipReader:
    """Return what reads clips of a camera when only its background was learnt yet."""
    view = view_for(
        training[0].footage,
        width_px=preset.working_width_px,
        frame_rate=preset.frame_rate,
        grey=preset.grey,
    )
    view = replace(view, masks=masks)
    slow = replace(view, frame_rate=min(view.frame_rate, _BACKGROUND_FRAME_RATE))
    return ClipReader(
        view=view,
        frames=preset.tgan.geometry.frames,
        planes=preset.planes,
        background_HW=learn_background(
            frame.image for stretch in training for frame in stretch.frames(slow)
        ),
    )
