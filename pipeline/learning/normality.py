"""What trained networks say of normal footage: statistics per place, calibration, alarm policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import EventPolicy
from pipeline.clips.pace import Pace
from pipeline.clips.reader import ClipReader, Stretch
from pipeline.clips.windows import Clip
from pipeline.errors import FootageError
from pipeline.footage.admission import Reason
from pipeline.learning.calibrate import (
    LearntPlaces,
    calibrate,
    learn_place_statistics,
)
from pipeline.learning.camera_model import Sight
from pipeline.learning.state_calibration import calibrate_states, learn_state_places
from pipeline.scoring.anomaly import Anomaly, Place
from pipeline.scoring.clip_batch import LatentStatistics
from pipeline.scoring.experts import Expert, all_term_maps
from pipeline.scoring.feature_bank import DEPTHS, DepthBank, cell_features, fit_depth_bank
from pipeline.scoring.fusion import Calibration
from pipeline.scoring.policy import fit_policy
from pipeline.scoring.scorer import BATCH_CLIPS
from pipeline.scoring.strangeness_spool import StrangenessSpool
from pipeline.scoring.tail import LEAST_HELD_OUT
from pipeline.timebase import seconds

__all__ = [
    "HeldOutResult",
    "anomalies_of_scores",
    "calibrate_on_held_out",
    "learn_looks",
    "learn_places",
]

Maps = dict[str, NDArray[np.float32]]


def learn_looks(
    stretches: Sequence[Stretch], sight: Sight, reader: ClipReader, *, stride: int
) -> Sight:
    """Return `sight` with what each place usually looks like to it: mean and spread of the latent
    at each tile, and the bank of critic features, over windows of training footage, one every
    `stride` frames of it. FootageError when there is none."""
    latents = _Stack()
    features = [_Stack() for _ in DEPTHS]
    pace = Pace(stride)
    for part in reader.paced(stretches, pace):
        for _, windows in reader.batches(part, stride=pace, size=BATCH_CLIPS):
            batch = sight.batch(reader, windows, everywhere=True)
            latents.append(batch.latent_NKZ)
            for kept, depth in zip(features, DEPTHS, strict=True):
                kept.append(cell_features(batch.critic_features[depth], batch.grid.cells))
    latent_NKZ = latents.values
    _check_any(len(latent_NKZ), reader)
    variance_KZ = latent_NKZ.var(dim=0, unbiased=False)
    device = sight.networks.device
    banks = (fit_depth_bank(kept.values, seed=0) for kept in features)
    return replace(
        sight,
        latent_statistics=LatentStatistics(
            mean_KZ=latent_NKZ.mean(dim=0).to(device),
            # A latent number that hardly ever moves at a place must not shout at its first move
            # there: the mean variance of all places is added to the place's own.
            spread_KZ=(variance_KZ + variance_KZ.mean() + 1e-6).sqrt().to(device),
        ),
        feature_bank=tuple(
            DepthBank(
                mean_C=bank.mean_C.to(device),
                basis_CD=bank.basis_CD.to(device),
                bank_GWMD=bank.bank_GWMD.to(device),
            )
            for bank in banks
        ),
    )


def learn_places(
    stretches: Sequence[Stretch],
    sight: Sight,
    reader: ClipReader,
    experts: Sequence[Expert],
    *,
    stride: int,
) -> LearntPlaces:
    """Return the statistics per place of every term over windows of training footage.

    The windows lie half-way between those of `learn_looks`: a window that is in the bank has itself
    as its nearest neighbour. FootageError when there is none.
    """
    pace = Pace(stride, first=stride // 2)
    collected = {term: _Stack() for expert in experts for term in expert.terms}
    parts: list[list[Clip]] = []
    lights: list[str] = []
    for stretch in reader.paced(stretches, pace):
        parts.append([])
        for clips, maps in _maps(stretch, sight, reader, experts, pace, everywhere=True):
            parts[-1].extend(clips)
            lights += [stretch.lighting] * len(clips)
            for term, values in maps.items():
                collected[term].append(torch.from_numpy(values))
    _check_any(len(lights), reader)
    maps = {term: stack.values.numpy() for term, stack in collected.items()}
    learnt = learn_state_places(experts, learn_place_statistics(experts, maps), maps, lights)
    return replace(learnt, parts=tuple(tuple(part) for part in parts))


def _check_any(windows: int, reader: ClipReader) -> None:
    if not windows:
        raise FootageError(
            f"no window of {reader.frames} frames in the footage to learn what is usual at each "
            "place; give longer footage (a few minutes at least)",
            reason=Reason.TOO_SHORT,
        )


class _Stack:
    """Tensors laid one after the other in one block, which doubles when it is full.

    A list of small ones would lie scattered where the batches had been, and keep the space between
    them from the next batch: 240 MB after 450 windows.
    """

    def __init__(self) -> None:
        self._block = torch.empty(0)
        self._rows = 0

    def append(self, values_NX: torch.Tensor) -> None:
        rows = self._rows + len(values_NX)
        if rows > len(self._block):
            larger = torch.empty((max(2 * rows, 64), *values_NX.shape[1:]))
            if self._rows:
                larger[: self._rows] = self._block[: self._rows]
            self._block = larger
        self._block[self._rows : rows] = values_NX
        self._rows = rows

    @property
    def values(self) -> torch.Tensor:
        """Return all of it, float32 on the CPU."""
        return self._block[: self._rows]


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOutResult:
    """What held-out normal footage fixes."""

    calibration: Calibration
    policy: EventPolicy
    tail: EventTail
    seconds: float
    """Of held-out footage."""
    clips: int
    foreign: tuple[Clip, ...]
    """Clips that were left out: around a moment that is no normal operation."""
    parts: tuple[tuple[Clip, ...], ...]
    """All clips, of each held-out stretch."""
    scores: Mapping[str, NDArray[np.float64]]
    """-log10 p of all clips, one after the other: `fused`, and by expert."""
    by_lighting: Mapping[str, Calibration] = field(default_factory=dict)
    """Of the lighting states that have enough held-out footage."""


def calibrate_on_held_out(
    stretches: Sequence[Stretch],
    sight: Sight,
    reader: ClipReader,
    experts: Sequence[Expert],
    learnt: LearntPlaces,
    *,
    budget_per_day: float,
    training_seconds: float,
) -> HeldOutResult:
    """Return calibration and alarm policy; FootageError when there are fewer than ten clips.

    `training_seconds`: how much footage the places were learnt from.
    """
    parts: list[list[Clip]] = []
    lights: list[str] = []
    length_seconds = sum(seconds(s.segment.end_us - s.segment.start_us) for s in stretches)
    with ExitStack() as stack:
        several = any(stretch.lighting for stretch in stretches)
        spool = StrangenessSpool(tuple(learnt.places), exact=True) if several else None
        if spool is not None:
            stack.enter_context(spool)

        def held_out_maps() -> Iterator[Maps]:
            for stretch in stretches:
                parts.append([])
                for clips, maps in _maps(stretch, sight, reader, experts, sight.preset.clip_stride):
                    parts[-1].extend(clips)
                    lights.extend([stretch.lighting] * len(clips))
                    if spool is not None:
                        spool.append(maps)
                    yield maps
            _check_enough(parts)

        calibration, scores = calibrate(
            experts, learnt, held_out_maps, training_seconds=training_seconds
        )
        by_lighting: Mapping[str, Calibration] = {}
        if spool is not None:
            by_lighting, scores = calibrate_states(
                experts,
                learnt,
                calibration,
                scores,
                spool,
                lights,
                training_seconds=training_seconds,
                clips_a_second=len(lights) / length_seconds,
            )
    policy, tail = fit_policy(
        anomalies_of_scores(parts, scores.fused_N, left_out_N=scores.foreign_N),
        anomalies_of_scores(learnt.parts, scores.training_N, left_out_N=learnt.foreign_N),
        seconds=length_seconds,
        budget_per_day=budget_per_day,
    )
    return HeldOutResult(
        calibration=calibration,
        policy=policy,
        tail=tail,
        seconds=length_seconds,
        clips=len(scores.fused_N),
        foreign=tuple(
            clip
            for clip, foreign in zip(
                (clip for part in parts for clip in part), scores.foreign_N, strict=True
            )
            if foreign
        ),
        by_lighting=by_lighting,
        parts=tuple(tuple(part) for part in parts),
        scores=scores.rows,
    )


def _check_enough(parts: Sequence[Sequence[Clip]]) -> None:
    count = sum(len(part) for part in parts)
    if count < LEAST_HELD_OUT:
        raise FootageError(
            f"only {count} held-out clips of normal footage, {LEAST_HELD_OUT} needed; "
            "give longer footage (a few minutes at least)",
            reason=Reason.TOO_SHORT,
        )


def _maps(
    stretch: Stretch,
    sight: Sight,
    reader: ClipReader,
    experts: Sequence[Expert],
    stride: int | Pace,
    *,
    everywhere: bool = False,
) -> Iterator[tuple[list[Clip], Maps]]:
    for clips, windows in reader.batches(stretch, stride=stride, size=BATCH_CLIPS):
        batch = sight.batch(reader, windows, everywhere=everywhere)
        yield clips, all_term_maps(experts, batch)


def anomalies_of_scores(
    parts: Sequence[Sequence[Clip]],
    scores_N: NDArray[np.float64],
    *,
    left_out_N: NDArray[np.bool_] | None = None,
) -> Iterator[list[Anomaly]]:
    """Yield the anomalies of the clips of each stretch, without those that were left out;
    only time and score matter to the policy. `scores_N`: of all clips, one after the other."""
    if left_out_N is None:
        left_out_N = np.zeros(len(scores_N), dtype=np.bool_)
    nowhere = Place(x=0.0, y=0.0, width=1.0, height=1.0)
    position = 0
    for clips in parts:
        here = slice(position, position + len(clips))
        position += len(clips)
        yield [
            Anomaly(
                anomaly_id=clip.clip_id,
                clip=clip,
                score=float(score),
                p_value=10.0 ** -float(score),
                place=nowhere,
                model_id="",
                scores={},
                expert="",
            )
            for clip, score, left_out in zip(clips, scores_N[here], left_out_N[here], strict=True)
            if not left_out
        ]
