"""Figures of a trial: counts from the store, with the intervals that such counts allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.learning.registry import ModelRecord
from pipeline.rates import poisson_interval
from pipeline.reports.coverage import NO_FOOTAGE, WAITING, WATCHED
from pipeline.reports.facts import AlertFacts, alert_facts, seconds_by_state, watched_spans
from pipeline.trial.trial import Trial

__all__ = ["Estimate", "TrialFigures", "precision_estimate", "rate_estimate", "trial_figures"]

SECONDS_PER_DAY = 86_400.0
_EDGE = 0.025
"""What lies beyond each end of a 95 % interval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def rate_estimate(count: int, days: float) -> Estimate | None:
    """Return how many a day `count` in `days` are, with the exact Poisson interval (Garwood); None
    when no time was watched."""
    if days <= 0:
        return None
    low, high = poisson_interval(count, days)
    return Estimate(value=count / days, low=low, high=high)


def precision_estimate(real: int, reviewed: int) -> Estimate | None:
    """Return the share of `reviewed` that was `real`, with the exact binomial interval (Clopper
    and Pearson); None when nothing was reviewed."""
    if reviewed == 0:
        return None
    from scipy.special import betaincinv  # slow to import: only once it is needed

    # The beta quantiles of scipy.stats.binomtest, which takes seconds to import.
    low = float(betaincinv(real, reviewed - real + 1, _EDGE)) if real > 0 else 0.0
    high = float(betaincinv(real + 1, reviewed - real, 1.0 - _EDGE)) if real < reviewed else 1.0
    return Estimate(value=real / reviewed, low=low, high=high)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialFigures:
    """What a trial has shown by a moment."""

    trial: Trial
    camera: Camera
    as_of_utc: datetime
    """When it was looked at."""
    until_utc: datetime
    """End of the time it is judged by: the end of watching, or `as_of_utc` before that."""
    model: ModelRecord | None
    """The active one."""
    footage_learnt_from_watch: int
    """Files of the watched time that the active model learnt from, and must not be judged by."""
    seconds_by_state: Mapping[str, float]
    """State of coverage -> seconds of [watch start, until)."""
    alarms: Sequence[AlertFacts]
    """Alerts that begin in [watch start, until), by time."""

    @property
    def learnt_seconds(self) -> float | None:
        """Footage that the active model learnt from; None without one, or when not recorded."""
        value = self.model.manifest.get("training_seconds") if self.model else None
        return None if value is None else float(value)

    @property
    def range_seconds(self) -> float:
        """Length of the time that it is judged by."""
        return max((self.until_utc - self.trial.watch_start_utc).total_seconds(), 0.0)

    @property
    def finished(self) -> bool:
        """Tell whether the watching time is over."""
        return self.as_of_utc >= self.trial.watch_end_utc

    @property
    def watched_seconds(self) -> float:
        """Time that was seen and scored."""
        return self.seconds_by_state.get(WATCHED, 0.0)

    @property
    def watched_days(self) -> float:
        """The same in days of 24 hours."""
        return self.watched_seconds / SECONDS_PER_DAY

    @property
    def waiting_seconds(self) -> float:
        """Time that was seen and waits to be scored."""
        return self.seconds_by_state.get(WAITING, 0.0)

    @property
    def no_footage_seconds(self) -> float:
        """Time that nothing is known of."""
        return self.seconds_by_state.get(NO_FOOTAGE, 0.0)

    @property
    def unwatched_share(self) -> float | None:
        """Share of the time that was not watched, for whatever reason; None before it begins."""
        if self.range_seconds <= 0:
            return None
        return 1.0 - self.watched_seconds / self.range_seconds

    @property
    def verdicts(self) -> Mapping[str, int]:
        """How many alarms have which verdict, the latest of each."""
        counts = {"anomaly": 0, "known_harmless": 0, "false_alarm": 0}
        for item in self.alarms:
            if item.review is not None:
                counts[item.review.verdict] += 1
        return counts

    @property
    def reviewed(self) -> int:
        """Alarms with a verdict."""
        return sum(self.verdicts.values())

    @property
    def unreviewed(self) -> Sequence[AlertFacts]:
        """Alarms without one, by time."""
        return [item for item in self.alarms if item.review is None]

    @property
    def faults(self) -> Sequence[AlertFacts]:
        """Alarms that people called a real anomaly, by time."""
        return [item for item in self.alarms if item.review and item.review.verdict == "anomaly"]

    @property
    def strongest_fault(self) -> AlertFacts | None:
        """The fault with the highest score."""
        return max(self.faults, key=lambda item: item.alert.score, default=None)

    @property
    def alarms_per_day(self) -> Estimate | None:
        """Alarms in 24 watched hours."""
        return rate_estimate(len(self.alarms), self.watched_days)

    @property
    def precision(self) -> Estimate | None:
        """Share of the reviewed alarms that were real."""
        return precision_estimate(self.verdicts["anomaly"], self.reviewed)

    def minutes_earlier(self, item: AlertFacts) -> float | None:
        """Return how long before people an alarm began, negative when they were first; None when
        nobody noted it."""
        noticed = self.trial.noticed_utc(item.alert.alert_id)
        if noticed is None:
            return None
        return (noticed - item.alert.start_utc).total_seconds() / 60.0

    @property
    def noted_minutes(self) -> Sequence[float]:
        """Minutes earlier than people, of every fault with a note."""
        minutes = [self.minutes_earlier(item) for item in self.faults]
        return [value for value in minutes if value is not None]

    @property
    def median_minutes_earlier(self) -> float | None:
        """The median of them; None without a note."""
        return median(self.noted_minutes) if self.noted_minutes else None

    @property
    def early_faults(self) -> int:
        """Faults that were found before people noticed them."""
        unnoted = len(self.faults) - len(self.noted_minutes)
        early = sum(minutes > 0 for minutes in self.noted_minutes)
        return early + (unnoted if self.trial.assumptions.faults_without_note_are_early else 0)


def trial_figures(site: Site, trial: Trial) -> TrialFigures:
    """Return what the trial has shown by now; CameraError when its camera is unknown."""
    camera = site.store.camera(trial.camera)
    now = site.clock.now_utc()
    since, until = trial.watch_start_utc, min(max(now, trial.watch_start_utc), trial.watch_end_utc)
    model = site.store.active_model(camera.name)
    seconds: Mapping[str, float] = {}
    alarms: Sequence[AlertFacts] = ()
    if since < until:
        # Not the facts of a report: those read every score, and a page asks for this often.
        seconds = seconds_by_state(watched_spans(site, camera.name, since, until))
        found = alert_facts(site, camera.name, since, until)
        alarms = [item for item in found if item.alert.start_utc >= since]
    return TrialFigures(
        trial=trial,
        camera=camera,
        as_of_utc=now,
        until_utc=until,
        model=model,
        footage_learnt_from_watch=_learnt_from_watch(site, trial, model),
        seconds_by_state=seconds,
        alarms=alarms,
    )


def _learnt_from_watch(site: Site, trial: Trial, model: ModelRecord | None) -> int:
    learnt = set(model.manifest.get("footage", ())) if model else set()
    watched = site.store.footage_of(trial.camera, trial.watch_start_utc, trial.watch_end_utc)
    # A file that began before is cut at the border by --until, and may be named by both.
    return sum(
        item.footage_id in learnt
        and item.start_utc is not None
        and item.start_utc >= trial.watch_start_utc
        for item in watched
    )
