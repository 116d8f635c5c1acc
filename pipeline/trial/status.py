"""Status: where a trial stands, and the one thing to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.assembly import Site
from pipeline.trial.figures import SECONDS_PER_DAY, TrialFigures, trial_figures
from pipeline.trial.trial import Trial

__all__ = ["Stage", "TrialStatus", "trial_status"]


class Stage(StrEnum):
    """Where a trial stands; it goes through them in this order."""

    LEARNING = "learning"
    TO_TRAIN = "to be trained"
    WATCHING = "watching"
    TO_SCORE = "to be scored"
    WAITING_FOR_VERDICTS = "waiting for verdicts"
    COMPLETE = "complete"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialStatus:
    """Two lines about a trial."""

    stage: Stage
    stands: str
    next: str


def trial_status(site: Site, trial: Trial) -> TrialStatus:
    """Return where the trial stands by now and what to do next."""
    figures = trial_figures(site, trial)
    stage = _stage(figures)
    if stage is Stage.LEARNING:
        stands = (
            f"learning until {_moment(trial.watch_start_utc)}; "
            f"{_seen_days(site, trial):.2f} of {trial.learn_days:g} days seen so far"
        )
    elif stage is Stage.TO_TRAIN:
        reason = (
            f"the active model learnt from {figures.footage_learnt_from_watch} files of the time "
            "it is to be judged by"
            if figures.model
            else f"{_seen_days(site, trial):.2f} days to learn from, no active model yet"
        )
        stands = f"{stage}: {reason}"
    else:
        stands = (
            f"{stage}; {figures.watched_days:.2f} of {trial.watch_days:g} days watched, "
            f"{len(figures.alarms)} alarms, {len(figures.unreviewed)} without a verdict"
        )
    return TrialStatus(stage=stage, stands=stands, next=_next(figures, stage))


def _stage(figures: TrialFigures) -> Stage:
    if figures.as_of_utc < figures.trial.watch_start_utc:
        return Stage.LEARNING
    if figures.model is None or figures.footage_learnt_from_watch:
        return Stage.TO_TRAIN
    if not figures.finished:
        return Stage.WATCHING
    if figures.waiting_seconds > 0:
        return Stage.TO_SCORE
    return Stage.WAITING_FOR_VERDICTS if figures.unreviewed else Stage.COMPLETE


def _next(figures: TrialFigures, stage: Stage) -> str:
    trial = figures.trial
    since, until = _moment(trial.learn_start_utc), _moment(trial.watch_start_utc)
    if stage is Stage.LEARNING:
        return f"kizashi ingest {trial.camera} as footage arrives; after {until}, train"
    if stage is Stage.TO_TRAIN:
        return f"kizashi train {trial.camera} --since {since} --until {until}"
    if stage is Stage.TO_SCORE or (stage is Stage.WATCHING and figures.waiting_seconds > 0):
        return f"kizashi score {trial.camera} --since {until}"
    if figures.unreviewed:
        first = figures.unreviewed[0].alert.alert_id[:12]
        return f"kizashi review {first} anomaly|known_harmless|false_alarm"
    if stage is Stage.WATCHING:
        return (
            f"kizashi ingest {trial.camera} && kizashi score {trial.camera} --since {until} "
            f"as footage arrives, until {_moment(trial.watch_end_utc)}"
        )
    return f"kizashi trial report {trial.name}"


def _seen_days(site: Site, trial: Trial) -> float:
    """Return how much footage to learn from there is, in days."""
    since, until = trial.learn_start_utc, trial.watch_start_utc
    seen = sum(
        (min(item.end_utc, until) - max(item.start_utc, since)).total_seconds()
        for item in site.store.segments(trial.camera, since, until)
    )
    return seen / SECONDS_PER_DAY


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
