"""Events: anomalies joined in time, causally, with hysteresis, merge gap and minimum length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from pipeline.alerts.sequential import SequentialTest, SumRule
from pipeline.identity import content_id
from pipeline.scoring.anomaly import Anomaly, Place

__all__ = ["Event", "EventPolicy", "GoingOn", "ScoreSmoother", "join_anomalies"]

_RUN_GAP_SECONDS = 2.0
"""A pause between clips longer than this (or than the merge gap) begins a new run: what was seen
before it says nothing about what is seen after it. Not where the clips share footage."""
_SELDOM_SECONDS = 1.5
"""Clips come seldom when they end further apart than this, which those of a camera of two pictures
a second or more never do: seconds are then too short a measure for a pause."""
_LONG_CLIP_SECONDS = 7.6
"""Clips as long as this are of a camera whose clips come seldom: from the first to the last of
sixteen pictures, the most that presets look at, two a second take 7.5 s."""
_ONE_SUM = "sequential_"
"""Models stored before a policy could have several sums name the numbers of their one so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventPolicy:
    """How anomalies become events. All scores are -log10 p-values, smoothed causally."""

    policy_id: str
    """content_id("policy", calibration id, every number below)."""
    open_score: float
    """An event opens when the smoothed score reaches this, or what the scores so far are worth."""
    close_score: float
    """It closes when the smoothed score falls below this; <= open_score (hysteresis)."""
    alert_score: float
    """An event whose peak reaches this is an alert; >= open_score; from the alarm budget."""
    smoothing_seconds: float
    """Time constant of the causal exponential mean over clip scores; 0 = none."""
    minimum_seconds: float
    """A shorter event is dropped. Length counts from the start of the first clip's end time."""
    merge_gap_seconds: float
    """Events that are nearer than this become one; where clips come seldom, so do events whose
    clips share footage."""
    sums: tuple[SumRule, ...] = ()
    """What scores are worth together; see pipeline.alerts.sequential. None: each stands alone."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as values that JSON can hold."""
        return {**asdict(self), "sums": [asdict(rule) for rule in self.sums]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EventPolicy:
        """Return the policy that `to_dict` wrote, or a version before it."""
        kept = {name: value for name, value in values.items() if not name.startswith(_ONE_SUM)}
        sums = tuple(SumRule(**rule) for rule in values.get("sums", ()))
        if values.get(_ONE_SUM + "gain"):
            sums = (
                SumRule(**{key: values[_ONE_SUM + key] for key in ("drift", "offset", "gain")}),
            )
        return cls(**{**kept, "sums": sums})


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Anomalies of one camera that belong together in time."""

    event_id: str
    """content_id("event", camera, policy_id, first anomaly's id): later clips never rename it."""
    camera: str
    model_id: str
    policy_id: str
    first_anomaly_id: str
    peak_anomaly_id: str
    start_utc: datetime
    """End of the first clip at which the event was open."""
    end_utc: datetime
    """End of the last clip at which it was open."""
    peak_utc: datetime
    peak_score: float
    """Largest smoothed score, or what all of its scores together are worth if that is more."""
    clips: int
    """Clips in it."""
    expert: str
    """The expert that led at the peak."""
    place: Place
    """Where, at the peak."""
    closed: bool
    """False while the footage seen so far ends inside it."""
    zone: str = ""
    """The zone of the camera that it is in; empty for the rest of the picture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GoingOn:
    """An event that was joined up to its end so far, and may go on after it."""

    event: Event
    score_at_peak: float
    """Smoothed score of its peak: a later clip is the peak when it exceeds this."""


def join_anomalies(
    anomalies: Iterable[Anomaly], policy: EventPolicy, *, going_on: GoingOn | None = None
) -> Iterator[Event]:
    """Yield the events of one camera and model in order of time, from anomalies by clip end.

    Causal: an event depends only on clips up to the one that closed it. A longer stream gives the
    same closed events with the same ids; the last one, when it comes with `closed=False`, keeps its
    id and grows. Events lie further apart than the merge gap. An event's length is its last clip
    end minus its first plus one clip step (the time from the clip before the first, or at the
    beginning of a run to the clip after it; there, of a camera whose clips come seldom, the first
    clip's own length). Raises ValueError when clips go back in time or change camera.

    `going_on`: begin at the end of this event as if its clips had been seen. The anomalies up to
    there only say what scores and sums are by then, and one of them ends there.
    """
    growing: _Growing | None = None
    smoother, test = ScoreSmoother(policy), SequentialTest(policy.sums)
    for anomaly in anomalies:
        score, step_seconds = smoother.after(anomaly)
        level = test.after(score, step_seconds)
        if going_on is not None and anomaly.clip.end_utc <= going_on.event.end_utc:
            if anomaly.clip.end_utc == going_on.event.end_utc:
                growing = _Growing.going_on(policy, going_on, anomaly)
            continue
        if step_seconds is None and growing is not None:
            if growing.long_enough():
                yield growing.event(closed=True)
            growing = None
        if growing is not None:
            growing.see(anomaly, score, level, step_seconds or 0.0)
            if growing.is_over(anomaly, step_seconds or 0.0):
                if growing.long_enough():
                    yield growing.event(closed=True)
                growing = None
        if growing is None and level >= policy.open_score:
            growing = _Growing(policy, anomaly, score, level, step_seconds or 0.0)
    if growing is not None and growing.long_enough():
        yield growing.event(closed=False)


class ScoreSmoother:
    """Causal exponential mean of the scores of one camera's clips, over runs without a hole."""

    def __init__(self, policy: EventPolicy) -> None:
        self._seconds = policy.smoothing_seconds
        self._run_gap_seconds = max(policy.merge_gap_seconds, _RUN_GAP_SECONDS)
        self._last: Anomaly | None = None
        self._mean = 0.0

    def after(self, anomaly: Anomaly) -> tuple[float, float | None]:
        """Return the smoothed score at this clip, and the seconds since the clip before.

        The seconds are None for the first clip of a run; the mean begins again there. Raises
        ValueError when the clip ends before the one ahead of it, or is of another camera.
        """
        last, self._last = self._last, anomaly
        step_seconds = None if last is None else self._step_in_run(last, anomaly)
        if step_seconds is None:
            self._mean = anomaly.score
            return self._mean, None
        weight = 1.0
        if self._seconds > 0:
            weight = -math.expm1(-step_seconds / self._seconds)
        self._mean += (anomaly.score - self._mean) * weight
        return self._mean, step_seconds

    def _step_in_run(self, last: Anomaly, anomaly: Anomaly) -> float | None:
        step_seconds = _step_seconds(last, anomaly)
        if step_seconds > self._run_gap_seconds and not _share_footage(last, anomaly):
            return None
        return step_seconds


def _step_seconds(last: Anomaly, anomaly: Anomaly) -> float:
    step_seconds = (anomaly.clip.end_utc - last.clip.end_utc).total_seconds()
    if step_seconds < 0:
        raise ValueError(f"clip {anomaly.clip.clip_id} ends before the clip ahead of it")
    if anomaly.clip.camera != last.clip.camera:
        raise ValueError(f"clips of {last.clip.camera} and {anomaly.clip.camera} in one stream")
    return step_seconds


def _length_if_long(anomaly: Anomaly) -> float:
    length_seconds = (anomaly.clip.end_utc - anomaly.clip.start_utc).total_seconds()
    return length_seconds if length_seconds >= _LONG_CLIP_SECONDS else 0.0


def _share_footage(earlier: Anomaly, later: Anomaly) -> bool:
    # No clip spans a hole, so there is none between these, however slow the camera is.
    return later.clip.start_utc <= earlier.clip.end_utc


class _Growing:
    """An event while clips arrive: open, or shut and waiting whether it opens again."""

    def __init__(
        self,
        policy: EventPolicy,
        first: Anomaly,
        score: float,
        level: float,
        step_seconds: float,
    ) -> None:
        self._policy = policy
        self._first = self._end = self._peak = first
        self._score_at_peak = score
        self._highest_level = level
        self._open = True
        self._clips = 1
        self._clips_since = 0
        # 0 at the beginning of a run, until the next clip tells. A long clip tells by itself, as
        # there may be no next one.
        self._step_seconds = step_seconds or _length_if_long(first)
        self._before: GoingOn | None = None

    @classmethod
    def going_on(cls, policy: EventPolicy, before: GoingOn, end: Anomaly) -> _Growing:
        """Return the event as it was at its last clip so far, `end`."""
        event = before.event
        # It was long enough to be one, and stays it.
        long_seconds = policy.minimum_seconds
        found = cls(policy, end, before.score_at_peak, event.peak_score, long_seconds)
        found._clips, found._before = event.clips, before
        return found

    def see(self, anomaly: Anomaly, score: float, level: float, step_seconds: float) -> None:
        """Take in the next clip of the same run; `level`: its score, or what the scores so far are
        worth."""
        self._clips_since += 1
        if self._step_seconds == 0.0:
            self._step_seconds = step_seconds
        needed = self._policy.close_score if self._open else self._policy.open_score
        over = self.is_over(anomaly, step_seconds)
        self._open = level >= needed and not over
        if not self._open:
            return
        self._clips += self._clips_since
        self._clips_since = 0
        self._end = anomaly
        self._highest_level = max(self._highest_level, level)
        if score > self._score_at_peak:
            self._peak, self._score_at_peak = anomaly, score

    def is_over(self, anomaly: Anomaly, step_seconds: float) -> bool:
        """Tell whether no clip from this one on can belong to the event."""
        if step_seconds > _SELDOM_SECONDS and _share_footage(self._end, anomaly):
            return False
        quiet_seconds = (anomaly.clip.end_utc - self._end.clip.end_utc).total_seconds()
        return not self._open and quiet_seconds > self._policy.merge_gap_seconds

    def long_enough(self) -> bool:
        """Tell whether the event reaches the minimum length; once true it stays true."""
        length_seconds = (self._end.clip.end_utc - self._first.clip.end_utc).total_seconds()
        return length_seconds + self._step_seconds >= self._policy.minimum_seconds

    def event(self, *, closed: bool) -> Event:
        """Return the event as far as it is known."""
        if self._before is not None:
            return self._grown(self._before.event, closed=closed)
        camera = self._first.clip.camera
        first_id = self._first.anomaly_id
        return Event(
            event_id=content_id("event", camera, self._policy.policy_id, first_id),
            camera=camera,
            model_id=self._first.model_id,
            policy_id=self._policy.policy_id,
            first_anomaly_id=first_id,
            peak_anomaly_id=self._peak.anomaly_id,
            start_utc=self._first.clip.end_utc,
            end_utc=self._end.clip.end_utc,
            peak_utc=self._peak.clip.end_utc,
            peak_score=self._highest_level,
            clips=self._clips,
            expert=self._peak.expert,
            place=self._peak.place,
            closed=closed,
        )

    def _grown(self, before: Event, *, closed: bool) -> Event:
        """Return what has become of an event that was known before; its first clip here is the
        last one of then."""
        found = replace(
            before,
            end_utc=self._end.clip.end_utc,
            peak_score=self._highest_level,
            clips=self._clips,
            closed=closed,
        )
        if self._peak is self._first:
            return found
        return replace(
            found,
            peak_anomaly_id=self._peak.anomaly_id,
            peak_utc=self._peak.clip.end_utc,
            expert=self._peak.expert,
            place=self._peak.place,
        )
