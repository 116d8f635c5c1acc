"""Waking: patterns of an older model, seen again with the eyes of the active one.

The looks of two models cannot be compared. So after a training the patterns of the model before
sleep; they wake when the footage of their alert is there to be looked at again, and until then
everything that they would suppress alerts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pipeline.alerts.alerts import Alert
from pipeline.alerts.events import Event
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.clips.reader import ClipReader, Stretch
from pipeline.errors import FootageError
from pipeline.feedback.looking import looks_of_event
from pipeline.feedback.looks import EventLooks
from pipeline.feedback.patterns import Pattern
from pipeline.footage.segments import Segment
from pipeline.learning.camera_model import CameraModel
from pipeline.lighting.events import LightingSpell
from pipeline.scoring.anomaly import REST, Anomaly
from pipeline.scoring.scorer import ScoringModel, score_stretch
from pipeline.zones.judging import open_score_in
from pipeline.zones.regions import EVERYWHERE, Regions

__all__ = ["wake_patterns"]

_BEFORE = timedelta(seconds=10)
"""Footage before an event that is scored with it: histories reach back seconds."""


def wake_patterns(
    site: Site,
    camera: Camera,
    model_id: str,
    model: ScoringModel,
    stretch_of: Callable[[str], Stretch],
    progress: Callable[[str], None] = lambda line: None,
    sight: tuple[ClipReader, Regions] | None = None,
) -> int:
    """Look again at the alerts of patterns that `model` has none of; return how many woke.

    `sight`: how the camera is looked at now, see `pipeline.scoring.sight`; None: as the model looks
    behind the camera's masks. What its reader finds of light is taken from it.
    What cannot wake is said, and sleeps on: its footage is gone, or the model is a student.
    """
    woken = 0
    for pattern in _asleep(site.store.patterns(camera.name), model_id):
        name = f"pattern {pattern.pattern_id[:12]} of {pattern.reviewer}"
        if not isinstance(model, CameraModel):
            progress(f"{name} sleeps: a student cannot compare; what it knows alerts again")
            continue
        try:
            chosen = sight or (model.reader(camera.privacy_masks), EVERYWHERE)
            looks = _seen_again(site, camera, pattern, model_id, model, stretch_of, chosen)
        except FootageError as error:
            progress(f"{name} sleeps, what it knows alerts again: {error}")
            continue
        if looks is None:
            progress(f"{name} sleeps, what it knows alerts again: too little footage around it")
            continue
        woken += site.store.add_pattern(pattern.review_id, looks, site.clock.now_utc())
        progress(f"{name} woke: its alert was looked at again with model {model_id[:12]}")
    return woken


def _asleep(patterns: Sequence[Pattern], model_id: str) -> list[Pattern]:
    """Return one pattern of every verdict that the model has none of, the newest."""
    awake = {pattern.review_id for pattern in patterns if pattern.model_id == model_id}
    newest = {pattern.review_id: pattern for pattern in patterns}
    return [pattern for review_id, pattern in newest.items() if review_id not in awake]


def _seen_again(
    site: Site,
    camera: Camera,
    pattern: Pattern,
    model_id: str,
    model: CameraModel,
    stretch_of: Callable[[str], Stretch],
    sight: tuple[ClipReader, Regions],
) -> EventLooks | None:
    alert = site.store.alert(pattern.alert_id)
    # What was scored was seen: a short piece of it says less of the camera's health.
    reader, regions = replace(sight[0], health=None), sight[1]
    part = _part_of(alert, regions, model.sight.grid.cells)
    anomalies: list[Anomaly] = []
    light: dict[str, tuple[LightingSpell, ...]] = {}
    for segment in site.store.segments(camera.name, alert.start_utc, alert.end_utc):
        # The light that is stored of it may be what another model found.
        stretch = replace(stretch_of(segment.segment_id), known_light=())
        piece = stretch.part(
            max(segment.start_us, _media_us(segment, alert.start_utc - _BEFORE)),
            min(segment.end_us, _media_us(segment, alert.end_utc) + 1),
        )
        scored = score_stretch(model, piece, model_id=model_id, reader=reader, regions=regions)
        anomalies += [
            clip.anomaly
            for clip in scored
            if alert.start_utc <= clip.anomaly.clip.end_utc <= alert.end_utc
        ]
        spells, _ = reader.lighting.take() if reader.lighting else ([], [])
        light[segment.segment_id] = tuple(spell.spell() for spell in spells)
    if not anomalies:
        return None
    peak = max((one.within(part) for one in anomalies), key=lambda anomaly: anomaly.score)
    before = next(
        event
        for event in site.store.events(camera.name, alert.start_utc, alert.end_utc)
        if event.event_id == alert.event_id
    )
    event: Event = replace(
        before,
        model_id=model_id,
        peak_anomaly_id=peak.anomaly_id,
        peak_utc=peak.clip.end_utc,
        peak_score=peak.score,
        zone=part,
    )
    open_score = open_score_in(part, camera, model.policy, model.tail)

    def as_scored(segment_id: str) -> Stretch:
        return replace(stretch_of(segment_id), known_light=light[segment_id])

    return looks_of_event(model, event, anomalies, as_scored, (reader, regions), open_score)


def _part_of(alert: Alert, regions: Regions, grid: tuple[int, int]) -> str:
    """Return the part of the picture that an alert lies in by the zones of now: where its own is
    gone, or there was none, the one that has the middle of its place."""
    parts = regions.parts(*grid)
    if not parts:
        return REST
    if alert.zone != REST and alert.zone in parts:
        return alert.zone
    at, (rows, columns) = alert.place, grid
    row = min(int((at.y + at.height / 2) * rows), rows - 1)
    column = min(int((at.x + at.width / 2) * columns), columns - 1)
    return next((name for name, cells_GW in parts.items() if cells_GW[row, column]), REST)


def _media_us(segment: Segment, at_utc: datetime) -> int:
    return segment.start_us + (at_utc - segment.start_utc) // timedelta(microseconds=1)
