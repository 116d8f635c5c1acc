"""Facts for pages: the present of cameras, and a camera's scores, alerts and blind time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboards.access import Who
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.footage.segments import Segment
from pipeline.reports.coverage import WATCHED, CoverageSpan, coverage
from pipeline.reports.drift import drift_headline, drift_lines
from pipeline.reports.facts import hour_of, policy_of, seconds_by_state, watched_spans
from pipeline.reports.lighting import light_now, light_rows, light_seen
from pipeline.reports.views import found_words
from pipeline.reports.words import Words
from pipeline.store.contract import AlertFilter, ReviewedAlert, ScorePeak
from pipeline.timebase import require_utc
from pipeline.watching import CameraState, Watching, camera_states

__all__ = ["CameraCard", "camera_facts", "overview_cards", "score_series", "state_words"]

_POINTS = 720
_NEWEST_ALERTS = 200
_STATES = ("blind", "unwell", "behind", "learning", "empty")
_URGENCY = {state: rank for rank, state in enumerate(_STATES)}


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraCard:
    """A camera on the first page, in words."""

    name: str
    purpose: str
    state: CameraState
    says: str
    """Whether it is watched, and if not, since when."""
    finding: str
    """What was found; never "nothing" of time that nobody watched."""


def overview_cards(site: Site, who: Who, words_in: Callable[[str], Words]) -> list[CameraCard]:
    """Return the cameras that may be seen; those that nobody watches first, then by name."""
    cameras = {camera.name: camera for camera in site.store.cameras()}
    cards = []
    for state in camera_states(site):
        if who.user.may_see(state.camera):
            camera = cameras[state.camera]
            words = words_in(camera.timezone)
            cards.append(
                CameraCard(
                    name=camera.name,
                    purpose=camera.purpose,
                    state=state,
                    says=state_words(state, words),
                    finding=_finding(state, words),
                )
            )
    return sorted(cards, key=lambda card: (_URGENCY.get(card.state.watching, 9), card.name))


def state_words(state: CameraState, words: Words) -> str:
    """Return whether a camera is watched now, in words."""
    if state.since_utc is None:
        return words(f"watching.{state.watching}")
    since = words.time(state.since_utc, "minute")
    why = words(f"reason.{state.trouble}") if state.trouble else ""
    return words(f"watching.{state.watching}.since", since=since, why=why)


def _finding(state: CameraState, words: Words) -> str:
    if state.open_alerts:
        key = "finding.one_open" if state.open_alerts == 1 else "finding.open"
        return words(key, count=state.open_alerts)
    if state.watching is not Watching.WATCHING:
        return words("finding.unknown")
    blind = state.blind_share_last_day or 0.0
    key = "finding.none" if blind < 0.001 else "finding.none_seen"
    return words(key, share=words.share(blind))


def camera_facts(
    site: Site, camera: Camera, words: Words, hours: float, until: datetime | None
) -> dict[str, Any]:
    """Return what the page of a camera shows: its present, the range, and the alerts in it."""
    (state,) = camera_states(site, camera.name)
    end = require_utc(until) if until else _end_of_range(site, state)
    since = end - timedelta(hours=hours)
    wanted = AlertFilter(cameras=[camera.name], since=since, until=end)
    alerts = site.store.browse_alerts(wanted, limit=_NEWEST_ALERTS + 1)
    model = site.store.active_model(camera.name)
    check = site.store.drift(camera.name, model.model_id) if model else None
    return {
        "camera": camera,
        "state": state,
        "says": state_words(state, words),
        "since": since,
        "until": end,
        "hours": hours,
        "range": words("range", since=words.time(since), until=words.time(end)),
        "earlier": since,
        "later": min(end + timedelta(hours=hours), _end_of_range(site, state)),
        "alerts": alerts[:_NEWEST_ALERTS],
        "alerts_cut": _NEWEST_ALERTS if len(alerts) > _NEWEST_ALERTS else 0,
        "no_alerts": "" if alerts else _no_alerts(site, state, since, end, words),
        "light_now": light_now(site.store, camera.name, words),
        "light": light_rows(light_seen(site.store, camera.name, since, end), words),
        "model": model,
        "patterns": site.store.patterns(camera.name),
        "summarised": _summarised(site, camera, words, since, end),
        "drift": drift_headline(check, words),
        "drift_lines": drift_lines(check, words),
        "drift_checked": check.checked_utc if check else None,
        "active_since": site.store.activations(camera.name)[model.model_id] if model else None,
    }


def _no_alerts(
    site: Site, state: CameraState, since: datetime, until: datetime, words: Words
) -> str:
    """Return that there is no alert, as far as the range was watched; and that nobody watches
    now."""
    watched = seconds_by_state(watched_spans(site, state.camera, since, until))[WATCHED]
    said = found_words(0, watched, (until - since).total_seconds(), words)
    if state.watching is Watching.WATCHING:
        return said
    return words("headline.both", first=said, second=words("camera.not_watched_now"))


def _summarised(site: Site, camera: Camera, words: Words, since: datetime, until: datetime) -> str:
    """Return up to when the curve is drawn from summaries, in words; empty when none of it is."""
    hours = site.store.score_hours(camera.name, hour_of(since), until)
    if not hours:
        return ""
    last = max(hour.last_utc for hour in hours)
    return words("curve.summarised", until=words.time(min(last, until), "minute"))


def _end_of_range(site: Site, state: CameraState) -> datetime:
    """Return now; for a camera whose newest footage is old, the end of that: an archive has no
    present, and an empty page helps nobody."""
    now = site.clock.now_utc()
    newest = state.last_footage_utc
    if newest is None or now - newest < timedelta(hours=1):
        return now
    return newest + timedelta(seconds=1)


def score_series(
    site: Site, camera: Camera, words: Words, since: datetime, until: datetime
) -> dict[str, Any]:
    """Return what the curve of a camera draws over [since, until): the largest score of each of at
    most 720 steps, the threshold, alerts, and what was not watched. Times in Unix seconds."""
    since, until = require_utc(since), require_utc(until)
    step = max(1, math.ceil((until - since).total_seconds() / _POINTS))
    model = site.store.active_model(camera.name)
    peaks = _peaks(site, camera.name, since, until, step)
    active = model.model_id if model else None
    chosen = _chosen_peaks(peaks, active)
    policy = policy_of(model) if model else None
    spans = _spans(site, camera.name, since, until, active, [p.from_utc for p in chosen], step)
    alerts = site.store.browse_alerts(
        AlertFilter(cameras=[camera.name], since=since, until=until), limit=1000
    )
    times, scores = _with_holes(chosen, step)
    return {
        "step": step,
        "times": times,
        "scores": scores,
        "threshold": policy.alert_score if policy else None,
        "alerts": [_alert_mark(item, words) for item in reversed(alerts)],
        "blind": [
            {
                "from": span.start_utc.timestamp(),
                "to": span.end_utc.timestamp(),
                "says": words.state(span.state),
            }
            for span in spans
            if span.state != WATCHED
        ],
    }


def _peaks(site: Site, camera: str, since: datetime, until: datetime, step: int) -> list[ScorePeak]:
    """Return the largest score of each model in each step; of hours whose scores were removed the
    largest of the hour, all over the time of these scores."""
    largest = {
        (peak.from_utc, peak.model_id): peak
        for peak in site.store.score_peaks(camera, since, until, step)
    }
    for hour in site.store.score_hours(camera, hour_of(since), until):
        first = int(max(hour.first_utc, since).timestamp()) // step
        last = int(min(hour.last_utc, until - timedelta(seconds=1)).timestamp()) // step
        for number in range(first, last + 1):
            at = datetime.fromtimestamp(number * step, UTC)
            known = largest.get((at, hour.model_id))
            if known is None or known.score < hour.score_max:
                largest[at, hour.model_id] = ScorePeak(
                    from_utc=at, model_id=hour.model_id, score=hour.score_max
                )
    return [largest[key] for key in sorted(largest)]


def _chosen_peaks(peaks: Sequence[ScorePeak], active: str | None) -> list[ScorePeak]:
    """Return one peak a step: that of the active model where it has one."""
    chosen: dict[datetime, ScorePeak] = {}
    for peak in peaks:
        if peak.from_utc not in chosen or peak.model_id == active:
            chosen[peak.from_utc] = peak
    return list(chosen.values())


def _with_holes(peaks: Sequence[ScorePeak], step: int) -> tuple[list[int], list[float | None]]:
    """Return times and scores, with an empty place where steps without a clip lie between two."""
    times: list[int] = []
    scores: list[float | None] = []
    for peak in peaks:
        at = int(peak.from_utc.timestamp())
        if times and at - times[-1] > max(step, 2):
            times.append(times[-1] + step)
            scores.append(None)
        times.append(at)
        scores.append(round(peak.score, 3))
    return times, scores


def _spans(
    site: Site,
    camera: str,
    since: datetime,
    until: datetime,
    model_id: str | None,
    scored: Sequence[datetime],
    step: int,
) -> list[CoverageSpan]:
    segments = site.store.segments(camera, since, until)
    blind = site.store.blind(camera, since, until)
    unscored = {
        segment.segment_id
        for segment in (
            site.store.segments_to_score(camera, model_id) if model_id else list(segments)
        )
    }
    return coverage(
        since,
        until,
        segments,
        blind,
        unscored=unscored,
        last_clip_utc=_last_clips(segments, scored, step),
        health=site.store.health(camera, since, until),
        gone=site.store.removed_unscored(camera),
    )


def _last_clips(
    segments: Sequence[Segment], scored: Sequence[datetime], step: int
) -> Mapping[str, datetime]:
    """Return by segment the end of the last step with a score in it; none where there is none."""
    length = timedelta(seconds=step)
    last: dict[str, datetime] = {}
    at = 0
    for segment in sorted(segments, key=lambda segment: segment.start_utc):
        while at < len(scored) and scored[at] + length <= segment.start_utc:
            at += 1
        here = at
        while here < len(scored) and scored[here] < segment.end_utc:
            last[segment.segment_id] = min(scored[here] + length, segment.end_utc)
            here += 1
    return last


def _alert_mark(item: ReviewedAlert, words: Words) -> dict[str, Any]:
    alert = item.alert
    return {
        "id": alert.alert_id,
        "from": alert.start_utc.timestamp(),
        "to": alert.end_utc.timestamp(),
        "score": round(alert.score, 2),
        "severity": alert.severity.value,
        "says": f"{words(f'alert.severity.{alert.severity}')}: "
        f"{words.times(alert.start_utc, alert.end_utc)}",
    }
