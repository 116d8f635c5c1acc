"""Figures: the coverage bar and the score curve as numbers that the template draws as SVG.

Horizontal places are shares of the drawn time in per cent; vertical ones run from 0 (top) to 100.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.alerts.events import EventPolicy, ScoreSmoother
from pipeline.reports.coverage import NO_FOOTAGE, CoverageSpan
from pipeline.retention.nouns import ScoreHour
from pipeline.scoring.anomaly import Anomaly

__all__ = ["Axis", "Band", "CurvePoint", "ScoreCurve", "ScoreLevels", "Tick", "drawn_axis"]

_BUCKETS = 720
_MOST_TICKS = 7
_LINE_GAP_SECONDS = 2.0
"""Points of the curve further apart than this (and than two buckets) are not joined."""
_NARROWEST_PERCENT = 0.25
"""A band is drawn at least this wide, so that a short alert in a long day can be seen."""
_STEPS_SECONDS = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200),
    *(86_400, 172_800, 604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000),
)
_EPOCH = datetime(1970, 1, 1)
_SCORE_TICKS = (0, 1, 2, 3, 5, 8, 12, 20, 40, 80, 160, 320, 640)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A mark on an axis."""

    at_percent: float
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """A stretch of time in a figure."""

    at_percent: float
    width_percent: float
    kind: str
    """Class of its colour."""
    title: str
    target: str = ""
    """Anchor of the thing it stands for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """The largest smoothed score of a bucket, at its moment."""

    at_utc: datetime
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """The time that is drawn."""

    since: datetime
    until: datetime

    def percent(self, moment: datetime) -> float:
        """Return where a moment lies, within 0 to 100."""
        share = (moment - self.since) / (self.until - self.since)
        return round(100.0 * min(max(share, 0.0), 1.0), 4)

    def band(
        self,
        start: datetime,
        end: datetime,
        kind: str,
        title: str,
        *,
        target: str = "",
        widen: bool = True,
    ) -> Band:
        """Return a band that does not leave the figure; `widen` makes it wide enough to be seen."""
        left = self.percent(start)
        width = max(self.percent(end) - left, _NARROWEST_PERCENT if widen else 0.0)
        return Band(
            at_percent=round(min(left, 100.0 - width), 4),
            width_percent=round(width, 4),
            kind=kind,
            title=title,
            target=target,
        )

    def tick_step_seconds(self) -> int:
        """Return the time between two ticks: a round one that gives at most seven."""
        length_seconds = (self.until - self.since).total_seconds()
        for step in _STEPS_SECONDS:
            if length_seconds / step <= _MOST_TICKS:
                return step
        return _STEPS_SECONDS[-1]

    def tick_moments(self, zone: ZoneInfo) -> list[datetime]:
        """Return the moments of the ticks: round times of the local clock, also beyond a change of
        it, so that a tick of a day stands at its midnight."""
        step = timedelta(seconds=self.tick_step_seconds())
        # Local time without its offset, in which every day has 24 hours.
        began = self.since.astimezone(zone).replace(tzinfo=None)
        passed = began - _EPOCH
        local = _EPOCH + -(-passed // step) * step
        moments: list[datetime] = []
        while (moment := local.replace(tzinfo=zone).astimezone(UTC)) <= self.until:
            if moment >= self.since and (not moments or moment > moments[-1]):
                moments.append(moment)
            local += step
        return moments


def drawn_axis(since: datetime, until: datetime, spans: Sequence[CoverageSpan]) -> Axis:
    """Return the part of [since, until) from the first to the last time that anything is known of,
    with a margin; all of it when nothing is known."""
    known = [span for span in spans if span.state != NO_FOOTAGE]
    if not known:
        return Axis(since=since, until=until)
    first, last = known[0].start_utc, known[-1].end_utc
    margin = (last - first) * 0.02
    return Axis(since=max(since, first - margin), until=min(until, last + margin))


class ScoreCurve:
    """Collects the largest smoothed score of each bucket of time while anomalies stream by."""

    def __init__(self, axis: Axis, active_model: str | None) -> None:
        self._axis = axis
        self._active = active_model
        length_seconds = (axis.until - axis.since).total_seconds()
        self._bucket_seconds = max(length_seconds / _BUCKETS, 0.001)
        self._smoothers: dict[str, ScoreSmoother] = {}
        self._largest: dict[tuple[bool, int], CurvePoint] = {}

    def add(self, anomaly: Anomaly, policy: EventPolicy | None) -> None:
        """Take in the next anomaly by time; `policy` is its model's, None when not recorded."""
        score = anomaly.score
        if policy is not None:
            smoother = self._smoothers.setdefault(anomaly.model_id, ScoreSmoother(policy))
            score, _ = smoother.after(anomaly)
        at_utc = anomaly.clip.end_utc
        bucket = int((at_utc - self._axis.since).total_seconds() / self._bucket_seconds)
        key = (anomaly.model_id == self._active, bucket)
        known = self._largest.get(key)
        if known is None or score > known.score:
            self._largest[key] = CurvePoint(at_utc=at_utc, score=score)

    def add_hour(self, hour: ScoreHour) -> None:
        """Take in what removed scores came to: the largest one, all over the time of these."""
        first = max((hour.first_utc - self._axis.since).total_seconds(), 0.0)
        last = (min(hour.last_utc, self._axis.until) - self._axis.since).total_seconds()
        length = self._bucket_seconds
        for bucket in range(int(first / length), int(last / length) + 1):
            key = (hour.model_id == self._active, bucket)
            known = self._largest.get(key)
            if known is None or hour.score_max > known.score:
                at_utc = self._axis.since + timedelta(seconds=(bucket + 0.5) * length)
                self._largest[key] = CurvePoint(at_utc=at_utc, score=hour.score_max)

    def points(self) -> list[CurvePoint]:
        """Return the points in order of time; where several models scored, those of the active."""
        chosen = {bucket: point for (_, bucket), point in sorted(self._largest.items(), key=_rank)}
        return sorted(chosen.values(), key=lambda point: point.at_utc)

    def runs(self) -> list[list[CurvePoint]]:
        """Return the points, cut where the time between two is too long to draw a line across."""
        gap_seconds = max(_LINE_GAP_SECONDS, 2.5 * self._bucket_seconds)
        runs: list[list[CurvePoint]] = []
        for point in self.points():
            near = runs and (point.at_utc - runs[-1][-1].at_utc).total_seconds() <= gap_seconds
            if near:
                runs[-1].append(point)
            else:
                runs.append([point])
        return runs


def _rank(item: tuple[tuple[bool, int], CurvePoint]) -> tuple[bool, int]:
    """Order the active model's points last, so that they win their bucket."""
    return item[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreLevels:
    """The vertical axis: logarithmic in 1 + score, so that one huge score hides no other."""

    top: float
    """Score at the upper border."""

    @classmethod
    def holding(cls, scores: Sequence[float], threshold: float | None) -> ScoreLevels:
        """Return levels that hold all scores, the threshold, and some air above."""
        largest = max([*scores, threshold or 0.0, 2.0])
        return cls(top=1.15 * largest)

    def percent(self, score: float) -> float:
        """Return where a score lies, 0 at the top and 100 at score 0."""
        share = math.log1p(max(score, 0.0)) / math.log1p(self.top)
        return round(100.0 * (1.0 - min(share, 1.0)), 3)

    def ticks(self) -> list[Tick]:
        """Return marks at round scores that do not crowd each other."""
        ticks: list[Tick] = []
        for score in _SCORE_TICKS:
            at_percent = self.percent(score)
            crowded = ticks and ticks[-1].at_percent - at_percent < 9.0
            if score <= self.top and not crowded:
                ticks.append(Tick(at_percent=at_percent, label=str(score)))
        return ticks

    def path(self, axis: Axis, run: Sequence[CurvePoint], *, filled: bool) -> str:
        """Return a run of points as an SVG path in a box of 100 by 100."""
        places = [(axis.percent(point.at_utc), self.percent(point.score)) for point in run]
        if len(places) == 1:
            # A path of one point draws nothing; a short dash does.
            places.append((places[0][0] + 0.05, places[0][1]))
        line = "L".join(f"{x:.3f} {y:.2f}" for x, y in places)
        if not filled:
            return f"M{line}"
        return f"M{places[0][0]:.3f} 100L{line}L{places[-1][0]:.3f} 100Z"
