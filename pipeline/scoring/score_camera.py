"""Score what a camera has seen since last time, join it to events, let the budget choose alerts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from pipeline.alerts.alerts import Alert
from pipeline.alerts.events import Event
from pipeline.alerts.evidence import Evidence, write_evidence
from pipeline.allocation import keep_freed_memory
from pipeline.assembly import Site
from pipeline.camera import Camera, check_camera
from pipeline.clips.reader import Stretch
from pipeline.distillation.distil_camera import registered_export
from pipeline.distillation.stored_models import AnyModel, load_model
from pipeline.errors import FootageError
from pipeline.feedback.judging import HarmlessJudge
from pipeline.feedback.waking import wake_patterns
from pipeline.footage.admission import check_stays_inside
from pipeline.footage.names import footage_path
from pipeline.footage.segments import Segment
from pipeline.health.events import HealthEvent, Trouble
from pipeline.learning.registry import ModelRecord
from pipeline.learning.train_camera import load_active_model
from pipeline.lighting.events import UNKNOWN, LightingEvent, LightingSpell
from pipeline.notification.rules import sinks_for
from pipeline.scoring.anomaly import Anomaly
from pipeline.scoring.backlog import let_go, still_there, waiting_segments
from pipeline.scoring.joining import join_around
from pipeline.scoring.peak import picture_of
from pipeline.scoring.scorer import score_stretch
from pipeline.scoring.sight import sight_of
from pipeline.stopwatch import Stopwatch, stage
from pipeline.store.leases import lease_kept
from pipeline.timebase import seconds
from pipeline.zones.judging import alerts_of_part, part_policies

__all__ = ["ScoreSummary", "score_camera"]

_ROWS_AT_ONCE = 256
_TOLD_SECONDS = 0.005


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreSummary:
    """What one scoring run did."""

    segments: int = 0
    clips: int = 0
    footage_seconds: float = 0.0
    events: int = 0
    """New ones."""
    alerts: int = 0
    """New ones that are told."""
    suppressed: int = 0
    """New ones that are not, for they look like something known and harmless."""
    health_events: int = 0
    """New ones: stretches in which the camera could not see, or had moved a little."""
    unreadable: int = 0
    """Segments whose file is gone or cannot be decoded any more; tried again next time."""
    waiting: int = 0
    """Segments that are left for the next turn."""
    let_go_seconds: float = 0.0
    """Of footage that waited too long, and is blind time now."""
    wall_seconds: float = 0.0
    """Of the whole run, the model's loading included."""
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    """What they were spent on, the longest first: wall seconds by stage (docs/speed.md). Stages of
    two threads overlap, so they may be more together."""

    def stages_line(self) -> str:
        """Return one line that says where the time went; empty where nothing was scored."""
        if not self.clips or not self.wall_seconds:
            return ""
        told = [
            f"{name} {spent:.2f} s"
            for name, spent in self.stage_seconds.items()
            if spent >= _TOLD_SECONDS
        ]
        rate = self.clips / self.wall_seconds
        return f"{self.wall_seconds:.1f} s, {rate:.1f} clips a second: {', '.join(told)}"


def score_camera(
    site: Site,
    camera_name: str,
    *,
    since: datetime | None = None,
    exported: Path | None = None,
    again: bool = False,
    turn_seconds: float | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> ScoreSummary:
    """Score every segment that no active model of the camera has scored, neither the one of now nor
    one before it (and that ends after `since`), then bring events and alerts up to date.

    `again`: also what an earlier one has scored; then an incident has an alert of each of them.
    `exported`: all that the student in this file has not scored, by it; it becomes a candidate of
    the camera.
    `turn_seconds`: stop once this much footage is scored; None: when nothing waits. Footage of a
    live camera that waited longer than the setting `most_behind_seconds` is let go.

    The time of its stages is in the summary, and in the last line of progress.

    Doing it again adds nothing. Killed in the middle, the next call scores what is missing. A file
    that was removed since it was taken in never stops its neighbours.
    """
    camera = check_camera(site.store.camera(camera_name))
    began = time.perf_counter()
    with Stopwatch().running() as watch:
        with stage("model"):
            record, model = _model_for(site, camera_name, exported)
        keep_freed_memory()
        run = _ScoringRun(site, camera, record, model)
        with lease_kept(site.store, f"score/{camera_name}", site.settings.lease_seconds):
            sight = sight_of(model, record, camera)
            wake_patterns(site, camera, record.model_id, model, run.stretch_of, progress, sight)
            let_go_seconds = let_go(site, camera, record, progress)
            known = [
                segment
                for segment in waiting_segments(site, camera, record, again=again or bool(exported))
                if since is None or segment.end_utc > since
            ]
            totals = _score_waiting(run, known, turn_seconds, progress)
    totals = replace(
        totals,
        let_go_seconds=let_go_seconds,
        wall_seconds=round(time.perf_counter() - began, 3),
        stage_seconds={name: round(took.seconds, 3) for name, took in watch.stages.items()},
    )
    if line := totals.stages_line():
        progress(f"{camera_name}: {line}")
    return totals


def _score_waiting(
    run: _ScoringRun,
    known: Sequence[Segment],
    turn_seconds: float | None,
    progress: Callable[[str], None],
) -> ScoreSummary:
    """Score what waits, segment by segment."""
    site, record = run.site, run.record
    waiting = still_there(site, run.camera, known, progress)
    totals = ScoreSummary(unreadable=len(known) - len(waiting))
    for done, segment in enumerate(waiting):
        if turn_seconds is not None and totals.footage_seconds >= turn_seconds:
            return replace(totals, waiting=len(waiting) - done)
        try:
            clips, health, new_health = run.score(segment)
            events, alerts, suppressed = run.join_around(segment, progress)
        except FootageError as error:
            totals = replace(totals, unreadable=totals.unreadable + 1)
            progress(f"not scored: {error}")
            continue
        # The mark comes last: killed anywhere before it, all of this is done again and adds only
        # what is missing.
        with stage("store"):
            site.store.mark_scored(segment.segment_id, record.model_id, clips, site.clock.now_utc())
        length = seconds(segment.end_us - segment.start_us)
        totals = replace(
            totals,
            segments=totals.segments + 1,
            clips=totals.clips + clips,
            footage_seconds=totals.footage_seconds + length,
            events=totals.events + events,
            alerts=totals.alerts + alerts,
            suppressed=totals.suppressed + suppressed,
            health_events=totals.health_events + new_health,
        )
        path = run.stretch(segment).footage.path
        quiet = f", {suppressed} suppressed as known harmless" if suppressed else ""
        progress(f"scored {path} {length:.1f} s, {clips} clips, {alerts} new alerts{quiet}")
        for event in health:
            progress(event.line())
    return totals


def _model_for(site: Site, camera_name: str, exported: Path | None) -> tuple[ModelRecord, AnyModel]:
    if exported is None:
        return load_active_model(site, site.store, camera_name)
    record = registered_export(site, camera_name, exported)
    return record, load_model(record.place(site.folder), record.digest)


class _ScoringRun:
    """One camera with its active model, while its segments are scored."""

    def __init__(self, site: Site, camera: Camera, record: ModelRecord, model: AnyModel) -> None:
        self.site = site
        self.camera = camera
        self.record = record
        self.model = model
        self.reader, self.regions = sight_of(model, record, camera)
        self.root = site.source_of(camera)
        self.now_scored = ""
        """The segment whose clips were scored last."""
        self.light_now: tuple[LightingSpell, ...] = ()
        """The light that was found in it."""
        self.judge = HarmlessJudge(
            site=site,
            camera=camera,
            model=model,
            stretch_of=self.stretch_of,
            sight=(self.reader, self.regions),
        )

    def stretch_of(self, segment_id: str) -> Stretch:
        """Return a segment with its file, and the light that this model found when it scored it;
        what another model found since then is in words of its own."""
        store = self.site.store
        segment = store.segment(segment_id)
        if segment_id == self.now_scored:  # and not yet marked so
            light = self.light_now
        else:
            found = store.light_found_by(self.record.model_id, segment_id)
            light = tuple(event.spell() for event in found) if self.reader.lighting else ()
        return replace(self.stretch(segment), known_light=light)

    def stretch(self, segment: Segment) -> Stretch:
        """Return the segment with its file; FootageError when that leads elsewhere now."""
        footage = self.site.store.footage(segment.footage_id)
        source = footage_path(self.root, footage.path)
        check_stays_inside(source, self.root)
        return Stretch(
            source=source,
            footage=footage,
            segment=segment,
            stall_seconds=self.site.settings.stall_seconds,
        )

    def score(self, segment: Segment) -> tuple[int, Sequence[HealthEvent | LightingEvent], int]:
        """Store the anomalies of a segment, and what was found of the camera's health and light in
        it; return how many clips were scored, what is to be told, and how many health events are
        new.

        Where the camera could not see there is no clip, so there is no alert either.
        """
        count = 0
        scored = score_stretch(
            self.model,
            self.stretch(segment),
            model_id=self.record.model_id,
            reader=self.reader,
            regions=self.regions,
        )
        rows = (item.anomaly for item in scored)
        while group := list(islice(rows, _ROWS_AT_ONCE)):
            with stage("store"):
                self.site.store.add_anomalies(group)
            count += len(group)
        health = self.reader.health.take() if self.reader.health else []
        spells, switches = self.reader.lighting.take() if self.reader.lighting else ([], [])
        self.now_scored = segment.segment_id
        self.light_now = tuple(spell.spell() for spell in spells)
        store = self.site.store
        found = sorted([*health, *switches], key=lambda event: event.start_us)
        unknown = [spell for spell in spells if spell.state == UNKNOWN]
        told: list[HealthEvent | LightingEvent] = [*found, *unknown]
        with stage("store"):
            if self.reader.lighting:
                store.put_lighting(segment.segment_id, spells)
            else:
                # A student knows no lighting states: what was found of them stays.
                found += self._switches(segment)
            return count, told, store.put_health(segment.segment_id, found)

    def _switches(self, segment: Segment) -> Sequence[HealthEvent]:
        """Return the switches of light that are stored of a segment."""
        stored = self.site.store.health(self.camera.name, segment.start_utc, segment.end_utc)
        return [
            event
            for event in stored
            if event.segment_id == segment.segment_id and event.trouble is Trouble.STATE_CHANGE
        ]

    def join_around(
        self, segment: Segment, progress: Callable[[str], None]
    ) -> tuple[int, int, int]:
        """Bring events and alerts around a segment up to date; return how many events are new, how
        many alerts that are told, and how many that are suppressed."""
        store, model, camera = self.site.store, self.model, self.camera
        events: list[Event] = []
        alerts: list[Alert] = []
        with stage("events"):
            for part in part_policies(camera, model.policy, model.tail):
                found = join_around(store, self.record.model_id, part, segment)
                events += found
                alerts += alerts_of_part(found, part, camera, model.policy, model.tail)
            new_events = store.put_events(events)
        by_id = {event.event_id: event for event in events}
        new_alerts = suppressed = 0
        for alert in alerts:
            with stage("evidence"):
                evidence, missing = self._evidence_if_any(alert, by_id[alert.event_id])
            told = self._told(alert)
            judged = self.judge.judge(alert, by_id[alert.event_id])
            new = store.add_alert(
                alert, evidence, told, looks=judged.looks, suppression=judged.suppression
            )
            if new and missing:
                progress(f"warning: alert {alert.alert_id[:12]} has no pictures: {missing}")
            quiet = new and judged.suppression and store.suppression(alert.alert_id)
            new_alerts, suppressed = new_alerts + (0 if quiet else new), suppressed + bool(quiet)
        return new_events, new_alerts, suppressed

    def _told(self, alert: Alert) -> tuple[str, ...]:
        """Return the sinks that are told of an alert. None of one in footage that another model has
        seen: whatever was strange in it was told when it was new."""
        when = alert.start_utc, alert.end_utc
        if self.site.store.seen_by_another(alert.camera, self.record.model_id, *when):
            return ()
        return sinks_for(self.site.settings.notify_rules(), alert.camera, alert.severity)

    def _evidence_if_any(self, alert: Alert, event: Event) -> tuple[Sequence[Evidence], str]:
        """Return the evidence of an alert, and why there is none: an alert without pictures is
        better than none. Tried again when the alert is brought up to date."""
        try:
            return self._evidence(alert, event), ""
        except FootageError as error:
            return (), str(error)

    def _evidence(self, alert: Alert, event: Event) -> Sequence[Evidence]:
        known = self.site.store.evidence(alert.alert_id)
        if known:
            return known
        peak = self._peak_of(event)
        stretch = self.stretch_of(peak.clip.segment_id)
        return write_evidence(
            alert,
            camera=self.camera,
            source=stretch.source,
            segment=stretch.segment,
            footage=stretch.footage,
            picture=picture_of(
                self.model,
                stretch,
                peak.within(event.zone),
                self.camera.privacy_masks,
                sight=(self.reader, self.regions),
                part=event.zone,
            ),
            evidence_folder=self.site.evidence_folder,
            stall_seconds=self.site.settings.stall_seconds,
            site_folder=self.site.folder,
        )

    def _peak_of(self, event: Event) -> Anomaly:
        at_peak = self.site.store.anomalies(
            self.camera.name,
            self.record.model_id,
            event.peak_utc,
            event.peak_utc + timedelta(microseconds=1),
        )
        return next(a for a in at_peak if a.anomaly_id == event.peak_anomaly_id)
