"""Status: where a trial stands, and the one thing to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pipeline.assembly import Site
from pipeline.trial.figures import SECONDS_PER_DAY, TrialFigures, trial_figures
from pipeline.trial.trial import Trial

__all__ = [
    "Stage",
    "Step",
    "TrialStatus",
    "command_of",
    "seen_days",
    "stage_of",
    "step_of",
    "trial_status",
]


class Stage(StrEnum):
    """Where a trial stands; it goes through them in this order."""

    LEARNING = "learning"
    TO_TRAIN = "to be trained"
    WATCHING = "watching"
    TO_SCORE = "to be scored"
    WAITING_FOR_VERDICTS = "waiting for verdicts"
    COMPLETE = "complete"


class Step(StrEnum):
    """The one thing to do next."""

    GATHER = "gather"
    """Let footage arrive, to learn from."""
    TRAIN = "train"
    SCORE = "score"
    REVIEW = "review"
    WATCH = "watch"
    """Let footage arrive and be scored."""
    REPORT = "report"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialStatus:
    """Two lines about a trial."""

    stage: Stage
    stands: str
    next: str


def trial_status(site: Site, trial: Trial) -> TrialStatus:
    """Return where the trial stands by now and what to do next."""
    figures = trial_figures(site, trial)
    stage = stage_of(figures)
    if stage is Stage.LEARNING:
        stands = (
            f"learning until {_moment(trial.watch_start_utc)}; "
            f"{seen_days(site, trial):.2f} of {trial.learn_days:g} days seen so far"
        )
    elif stage is Stage.TO_TRAIN:
        reason = (
            f"the active model learnt from {figures.footage_learnt_from_watch} files of the time "
            "it is to be judged by"
            if figures.model
            else f"{seen_days(site, trial):.2f} days to learn from, no active model yet"
        )
        stands = f"{stage}: {reason}"
    else:
        stands = (
            f"{stage}; {figures.watched_days:.2f} of {trial.watch_days:g} days watched, "
            f"{len(figures.alarms)} alarms, {len(figures.unreviewed)} without a verdict"
        )
    return TrialStatus(stage=stage, stands=stands, next=_next(figures, step_of(figures)))


def stage_of(figures: TrialFigures) -> Stage:
    """Return where a trial stands by its figures."""
    if figures.as_of_utc < figures.trial.watch_start_utc:
        return Stage.LEARNING
    if figures.model is None or figures.footage_learnt_from_watch:
        return Stage.TO_TRAIN
    if not figures.finished:
        return Stage.WATCHING
    if figures.waiting_seconds > 0:
        return Stage.TO_SCORE
    return Stage.WAITING_FOR_VERDICTS if figures.unreviewed else Stage.COMPLETE


def step_of(figures: TrialFigures) -> Step:
    """Return what to do next by the figures of a trial."""
    stage = stage_of(figures)
    if stage is Stage.LEARNING:
        return Step.GATHER
    if stage is Stage.TO_TRAIN:
        return Step.TRAIN
    if stage is Stage.TO_SCORE or (stage is Stage.WATCHING and figures.waiting_seconds > 0):
        return Step.SCORE
    if figures.unreviewed:
        return Step.REVIEW
    return Step.WATCH if stage is Stage.WATCHING else Step.REPORT


def command_of(figures: TrialFigures, step: Step) -> str:
    """Return the command that a step takes."""
    trial = figures.trial
    since, until = _moment(trial.learn_start_utc), _moment(trial.watch_start_utc)
    score = f"kizashi score {trial.camera} --since {until}"
    if step is Step.REVIEW:
        first = figures.unreviewed[0].alert.alert_id[:12]
        return f"kizashi review {first} anomaly|known_harmless|false_alarm"
    return {
        Step.GATHER: f"kizashi ingest {trial.camera}",
        Step.TRAIN: f"kizashi train {trial.camera} --since {since} --until {until}",
        Step.SCORE: score,
        Step.WATCH: f"kizashi ingest {trial.camera} && {score}",
        Step.REPORT: f"kizashi trial report {trial.name}",
    }[step]


def _next(figures: TrialFigures, step: Step) -> str:
    trial, command = figures.trial, command_of(figures, step)
    if step is Step.GATHER:
        return f"{command} as footage arrives; after {_moment(trial.watch_start_utc)}, train"
    if step is Step.WATCH:
        return f"{command} as footage arrives, until {_moment(trial.watch_end_utc)}"
    return command


def seen_days(site: Site, trial: Trial) -> float:
    """Return how much footage to learn from there is, in days."""
    since, until = trial.learn_start_utc, trial.watch_start_utc
    seen, at = timedelta(), since
    for item in site.store.segments(trial.camera, since, until):  # in order of their begin
        # Where files overlap, the time was seen once.
        start, end = max(item.start_utc, at), min(item.end_utc, until)
        seen += max(end - start, timedelta())
        at = max(at, end)
    return seen.total_seconds() / SECONDS_PER_DAY


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
