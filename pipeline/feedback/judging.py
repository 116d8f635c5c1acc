"""Judging: whether a new alert is one that people have called known and harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipeline.alerts.alerts import Alert
from pipeline.alerts.events import Event
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.clips.reader import ClipReader, Stretch
from pipeline.errors import FootageError
from pipeline.feedback.looking import LOOK_DIGITS, looks_of_event, strange_clips
from pipeline.feedback.looks import EventLooks
from pipeline.feedback.matching import nearest_pattern
from pipeline.feedback.patterns import Suppression
from pipeline.learning.camera_model import CameraModel
from pipeline.scoring.anomaly import Anomaly
from pipeline.scoring.scorer import ScoringModel
from pipeline.timebase import shift_utc
from pipeline.zones.judging import open_score_in
from pipeline.zones.regions import Regions

__all__ = ["HarmlessJudge", "Judgement"]

_LOOKED_AT_AGAIN = 2.0
"""Times as long: all that is read of an event of hours is then a few times its clips, however many
segments they came in."""
_MILLISECOND = timedelta(milliseconds=1)
"""To which the length of an event is stored with its looks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What feedback says of an alert."""

    looks: EventLooks | None
    """None when its model cannot tell."""
    suppression: Suppression | None
    """None when it is to be told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HarmlessJudge:
    """Compares the alerts of one camera and model with its patterns."""

    site: Site
    camera: Camera
    model: ScoringModel
    stretch_of: Callable[[str], Stretch]
    """Segment id -> segment with its file."""
    sight: tuple[ClipReader, Regions] | None = None
    """How the camera is looked at, see `pipeline.scoring.sight`; None: as the model alone looks."""

    def judge(self, alert: Alert, event: Event) -> Judgement:
        """Return how an alert looks, and what suppresses it; nothing, and so it is told, when its
        clips cannot be decoded any more: a file that is gone never stops its neighbours."""
        try:
            looks = self._looks(alert, event)
        except FootageError:
            looks = None
        if looks is None:
            return Judgement(looks=None, suppression=None)
        # An alert is no repeat of itself.
        others = (
            pattern
            for pattern in self.site.store.patterns(self.camera.name)
            if pattern.alert_id != alert.alert_id
        )
        found = nearest_pattern(looks, others)
        if found is None:
            return Judgement(looks=looks, suppression=None)
        pattern, comparison = found
        suppression = Suppression(
            alert_id=alert.alert_id,
            pattern_id=pattern.pattern_id,
            at_utc=self.site.clock.now_utc(),
            nearness=comparison.nearness,
        )
        return Judgement(looks=looks, suppression=suppression)

    def _looks(self, alert: Alert, event: Event) -> EventLooks | None:
        known = self.site.store.looks(alert.alert_id)
        length_seconds = round((event.end_utc - event.start_utc).total_seconds(), 3)
        if known is not None and (
            known.seconds == length_seconds or _says_enough(known, event, length_seconds)
        ):
            return known
        # A student gives one map and has no critic to look with.
        if not isinstance(self.model, CameraModel):
            return None
        open_score = open_score_in(event.zone, self.camera, self.model.policy, self.model.tail)
        if known is not None and known.whole and known.seconds < length_seconds:
            # It went on, and nothing strange came: it looks as it did.
            seen_to = event.start_utc + timedelta(seconds=known.seconds) + _MILLISECOND
            if not strange_clips(self._clips(event, seen_to), event, open_score):
                score = round(event.peak_score, LOOK_DIGITS)
                return replace(known, seconds=length_seconds, score=score)
        return looks_of_event(
            self.model,
            event,
            self._clips(event, event.start_utc),
            self.stretch_of,
            self.sight,
            open_score,
        )

    def _clips(self, event: Event, since: datetime) -> Iterable[Anomaly]:
        until = shift_utc(event.end_utc, 1)
        return self.site.store.anomalies(self.camera.name, event.model_id, since, until)


def _says_enough(known: EventLooks, event: Event, length_seconds: float) -> bool:
    """Tell whether an event need not be looked at again, though it went on: what is too long to be
    looked at as a whole is like no pattern. It is looked at again each time that it is twice as
    long, and at its end, for what a pattern of it would know."""
    return (
        not known.whole
        and not event.closed
        and known.seconds < length_seconds < _LOOKED_AT_AGAIN * known.seconds
    )
