"""Status: where a trial stands, and the one thing to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pipeline.assembly import Site
from pipeline.trial.figures import SECONDS_PER_DAY, TrialFigures, trial_figures
from pipeline.trial.trial import Trial
from pipeline.trial.trial_file import trial_path

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
    following = _gather_first(site, figures) or _next(figures, step_of(figures))
    return TrialStatus(stage=stage, stands=stands, next=following)


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


def _gather_first(site: Site, figures: TrialFigures) -> str | None:
    """Return how to come to footage to learn from while there is none; None when there is some, or
    when nothing is to be learnt."""
    trial, begins = figures.trial, figures.trial.learn_start_utc
    if stage_of(figures) not in (Stage.LEARNING, Stage.TO_TRAIN) or seen_days(site, trial) > 0:
        return None
    if figures.as_of_utc < begins:
        return f"nothing before {_moment(begins)}, when learning begins"
    arrives = f"put some into {site.source_of(figures.camera)}, then: kizashi ingest {trial.camera}"
    if figures.as_of_utc < trial.watch_start_utc:
        return f"there is no footage yet; {arrives} (kizashi doctor says why none comes)"
    path = trial_path(site, trial.name)
    none = f"no footage is from {_moment(begins)} to {_moment(trial.watch_start_utc)}"
    known = site.store.segments(trial.camera)
    if known:
        first, last = min(one.start_utc for one in known), max(one.end_utc for one in known)
        return (
            f"{none}, what there is from {_moment(first)} to {_moment(last)}; set start_utc in "
            f"{path} to when footage to learn from begins"
        )
    return f"{none}; {arrives}, or set start_utc in {path} to when footage will begin"


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
