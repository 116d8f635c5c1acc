"""Looking: the strongest clips of an event, decoded and judged again, place by place.

Shapes: N clips, grid of G x W cells, D principal components, M windows in the bank.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, uniform_filter

from pipeline.alerts.events import Event
from pipeline.clips.reader import ClipReader, Stretch, WindowBatch
from pipeline.feedback.looks import EventLooks, Look
from pipeline.learning.camera_model import CameraModel
from pipeline.scoring.anomaly import Anomaly
from pipeline.scoring.calibration import USUAL_SHARE
from pipeline.scoring.experts import all_term_maps
from pipeline.scoring.feature_bank import DEPTHS, DepthBank, cell_features
from pipeline.scoring.fusion import place_scores, surprises_of
from pipeline.scoring.peak import windows_of
from pipeline.zones.regions import EVERYWHERE, Regions

__all__ = ["LOOK_DIGITS", "looks_of_event", "normal_reach", "strange_clips"]

_MOST_CLIPS = 16
"""Clips of an event that must be known to a pattern: of 0.8 s each, thirteen seconds without a
hole."""
_MOST_KNOWN = 64
"""Clips of an event that a pattern of it knows. More than are tested: the strongest clip of a
repeat is another one, a few frames on, and what moves has moved on by then."""
_MOST_PLACES = 12
"""Of a clip."""
_AROUND_CELLS = 3
"""Side of the square that the judge averages over, and in which one place is the strangest."""
LOOK_DIGITS = 4
"""Of the numbers of looks that are stored."""


def looks_of_event(
    model: CameraModel,
    event: Event,
    anomalies: Iterable[Anomaly],
    stretch_of: Callable[[str], Stretch],
    sight: tuple[ClipReader, Regions] | None = None,
    open_score: float | None = None,
) -> EventLooks | None:
    """Return how the strange places of an event looked; None when its model cannot tell.

    `anomalies`: of its clips, in order of time. `stretch_of`: segment id -> segment with its file.
    A place is strange when a clip as strange as it would open an event; the strangest one of a clip
    always is. Only places of the event's zone are looked at, as if nothing was elsewhere. `sight`:
    how the clips were looked at, see `pipeline.scoring.sight`; None: as the model alone looks.
    `open_score`: of the event's zone; None: the model's own. Raises FootageError when a clip cannot
    be decoded any more.
    """
    if not model.sight.feature_bank:
        return None
    reader, regions = sight or (model.reader(), EVERYWHERE)
    least_score = model.policy.open_score if open_score is None else open_score
    places_GW = regions.scored_in(event.zone, *model.sight.grid.cells)
    strange = strange_clips(anomalies, event, least_score)
    strongest, whole = _strongest(strange)
    tested = {anomaly.anomaly_id for anomaly in strongest}
    known = {anomaly.anomaly_id for anomaly in _evenly(strange, _MOST_KNOWN)}
    chosen = [one for one in strange if one.anomaly_id in tested | known]
    looks: list[Look] = []
    for segment_id, group in groupby(chosen, key=lambda anomaly: anomaly.clip.segment_id):
        by_clip = {anomaly.clip.clip_id: anomaly for anomaly in group}
        clips = [anomaly.clip for anomaly in by_clip.values()]
        for clip, windows in windows_of(reader, stretch_of(segment_id), clips):
            since = round((clip.end_utc - event.start_utc).total_seconds(), 3)
            must_be_known = by_clip[clip.clip_id].anomaly_id in tested
            looks += [
                replace(look, tested=must_be_known)
                for look in _looks(model, reader, windows, since, places_GW, least_score)
            ]
    rows, columns = model.sight.grid.cells
    return EventLooks(
        model_id=event.model_id,
        rows=rows,
        columns=columns,
        reach=round(normal_reach(model.sight.feature_bank[0]), LOOK_DIGITS),
        seconds=round((event.end_utc - event.start_utc).total_seconds(), 3),
        score=round(event.peak_score, LOOK_DIGITS),
        whole=whole,
        looks=tuple(looks),
    )


def strange_clips(anomalies: Iterable[Anomaly], event: Event, least_score: float) -> list[Anomaly]:
    """Return the clips of an event that would open it by themselves, and its peak, with what they
    say of its zone."""
    return [
        anomaly
        for anomaly in (one.within(event.zone) for one in anomalies)
        if event.start_utc <= anomaly.clip.end_utc <= event.end_utc
        and (anomaly.score >= least_score or anomaly.anomaly_id == event.peak_anomaly_id)
    ]


def _strongest(strange: Sequence[Anomaly]) -> tuple[list[Anomaly], bool]:
    """Return the strongest one of every clip's length, and whether none of these had to be left out
    for their number."""
    slots: dict[tuple[str, int], Anomaly] = {}
    for anomaly in strange:
        clip = anomaly.clip
        slot = (clip.segment_id, clip.end_us // max(1, clip.end_us - clip.start_us))
        if slot not in slots or anomaly.score > slots[slot].score:
            slots[slot] = anomaly
    found = list(slots.values())
    return _evenly(found, _MOST_CLIPS), len(found) <= _MOST_CLIPS


def _evenly(clips: Sequence[Anomaly], most: int) -> list[Anomaly]:
    if len(clips) <= most:
        return list(clips)
    even = np.linspace(0, len(clips) - 1, most).round().astype(int)
    return [clips[index] for index in sorted(set(even.tolist()))]


def _looks(
    model: CameraModel,
    reader: ClipReader,
    windows: WindowBatch,
    at_seconds: float,
    places_GW: NDArray[np.bool_] | None,
    least_score: float,
) -> list[Look]:
    """Return the strange places of one clip, the strangest first."""
    calibration, experts = model.calibration_in(windows.lighting), model.experts
    batch = model.sight.batch(reader, windows)
    maps = all_term_maps(experts, batch)
    strangeness = {name: p.strangeness(maps[name]) for name, p in calibration.places.items()}
    surprises = surprises_of(calibration.terms, strangeness)
    if places_GW is None:
        places_GW = np.ones(model.sight.grid.cells, dtype=np.bool_)
    surprises = {name: values * places_GW for name, values in surprises.items()}
    around = (1, _AROUND_CELLS, _AROUND_CELLS)
    score_GW = place_scores(experts, calibration, surprises)[0]
    heard_GW = {
        name: uniform_filter(term.weight * term.heard(surprises[name]), around, mode="nearest")[0]
        for expert in experts
        for name, term in expert.terms.items()
        if name in surprises
    }
    features_NGWD = model.sight.feature_bank[0].project(
        cell_features(batch.critic_features[DEPTHS[0]], model.sight.grid.cells)
    )
    features_GWD = features_NGWD[0].float().cpu().numpy()
    return [
        Look(
            at_seconds=at_seconds,
            row=row,
            column=column,
            score=round(float(score_GW[row, column]), LOOK_DIGITS),
            terms=_heard_at(heard_GW, row, column),
            features=tuple(round(float(value), LOOK_DIGITS) for value in features_GWD[row, column]),
        )
        for row, column in _strange_places(score_GW, least_score, places_GW)
    ]


def _heard_at(heard_GW: dict[str, NDArray[np.float64]], row: int, column: int) -> dict[str, float]:
    found = {
        name: round(float(values[row, column]), LOOK_DIGITS) for name, values in heard_GW.items()
    }
    return {name: found[name] for name in sorted(found, key=lambda n: -found[n]) if found[name] > 0}


def _strange_places(
    score_GW: NDArray[np.float64], least_score: float, places_GW: NDArray[np.bool_]
) -> list[tuple[int, int]]:
    """Return the cells of `places_GW` that are strange and strangest of the square around them,
    strangest first; the strangest cell of all is always one of them."""
    # What lies at the edge of a zone is averaged beyond it.
    score_GW = np.where(places_GW, score_GW, -np.inf)
    local_GW = score_GW >= maximum_filter(score_GW, _AROUND_CELLS, mode="nearest")
    strange_GW = (score_GW >= least_score) | (score_GW == score_GW.max())
    places = np.argwhere(places_GW & local_GW & strange_GW)
    ranked = sorted(places.tolist(), key=lambda cell: -score_GW[cell[0], cell[1]])
    return [(row, column) for row, column in ranked[:_MOST_PLACES]]


def normal_reach(bank: DepthBank) -> float:
    """Return how far apart two normal looks of one place lie that are of one kind.

    Every look of the bank of normal footage is compared with the others at its place; of the
    distances to the nearest one, 98 in a hundred are smaller than this.
    """
    looks_XMD = bank.bank_GWMD.flatten(0, 1)
    if looks_XMD.shape[1] < 2:
        return 0.0
    nearest = []
    for looks_MD in looks_XMD:
        apart_MM = torch.cdist(looks_MD, looks_MD)
        apart_MM.fill_diagonal_(torch.inf)
        nearest.append(apart_MM.amin(dim=1))
    return float(np.quantile(torch.stack(nearest).cpu().numpy(), USUAL_SHARE))
