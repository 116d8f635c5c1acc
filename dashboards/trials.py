"""Trials as their pages show them: the figures of the command line, for those who may see them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException

from dashboards.access import Who
from dashboards.refusals import in_language
from pipeline.assembly import Site
from pipeline.errors import KizashiError, SettingsError
from pipeline.files import inside
from pipeline.identity import digest_of
from pipeline.masking import masked
from pipeline.reports.words import LANGUAGES, Words
from pipeline.trial.decision import bar_outcomes, is_go
from pipeline.trial.figures import TrialFigures, trial_figures
from pipeline.trial.money import cases
from pipeline.trial.phrases import assumption_unit
from pipeline.trial.status import Step, command_of, seen_days, stage_of, step_of
from pipeline.trial.trial import Assumptions, Trial
from pipeline.trial.trial_file import load_trial, trial_names
from pipeline.trial.views import trial_view

__all__ = ["TrialCard", "assumptions_seen", "trial_cards", "trial_facts", "trial_seen"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialCard:
    """A trial in the list; of one whose file cannot be read, only what is wrong with it."""

    name: str
    camera: str = ""
    stands: str = ""
    go: bool = False
    unmet: Sequence[str] = ()
    """Names of the bars that are not met, in words."""
    problem: str = ""


def trial_seen(site: Site, who: Who, name: str) -> Trial:
    """Return a trial of a camera that `who` may see; 404, with one text for every reason, when
    there is none."""
    refused = HTTPException(404, f"no trial {name[:63]!r} of a camera that you may see")
    if name not in trial_names(site):
        raise refused
    try:
        trial = load_trial(site, name)
    except SettingsError:
        # What is wrong with the file is for those who may see every camera: it may name any.
        if who.sees_all:
            raise
        raise refused from None
    if not who.user.may_see(trial.camera):
        raise refused
    return trial


def trial_cards(site: Site, who: Who, words_in: Callable[[str], Words]) -> list[TrialCard]:
    """Return the trials of cameras that may be seen, by name."""
    cards = []
    language = words_in("UTC").language
    for name in trial_names(site):
        try:
            trial = load_trial(site, name)
            if not who.user.may_see(trial.camera):
                continue
            figures = trial_figures(site, trial)
        except KizashiError as error:
            if who.sees_all:
                cards.append(
                    TrialCard(name=name, problem=in_language(masked(str(error)), language))
                )
            continue
        words = words_in(figures.camera.timezone)
        outcomes = bar_outcomes(figures, cases(figures))
        cards.append(
            TrialCard(
                name=name,
                camera=trial.camera,
                stands=_stands(site, figures, words),
                go=is_go(outcomes),
                unmet=[words(f"bar.{item.key}") for item in outcomes if not item.met],
            )
        )
    return cards


def trial_facts(site: Site, trial: Trial, words: Words) -> dict[str, Any]:
    """Return what the page of a trial shows: what its report says, without pictures, and what can
    be done here."""
    figures = trial_figures(site, trial)
    money = cases(figures)
    step = step_of(figures)
    total = trial.learn_days if figures.as_of_utc < trial.watch_start_utc else trial.watch_days
    return {
        **trial_view(figures, money, bar_outcomes(figures, money), words, None),
        "stands": _stands(site, figures, words),
        "day": _day(figures),
        "days": math.ceil(total),
        "step": step.value,
        "command": command_of(figures, step) if step in (Step.TRAIN, Step.SCORE) else "",
        "from_then": words.time(trial.watch_start_utc, "minute"),
        "until_then": words.time(trial.watch_end_utc, "minute"),
        "alarms": [
            {
                "id": item.alert.alert_id,
                "when": words.time(item.alert.start_utc),
                "verdict": words(f"verdict.{item.review.verdict if item.review else 'none'}"),
            }
            for item in figures.alarms
        ],
        "fields": [_field(name, trial.assumptions, words) for name in Assumptions.model_fields],
        "seen": assumptions_seen(trial),
        "reports": _written(site, trial),
    }


def assumptions_seen(trial: Trial) -> str:
    """Return what a form carries, so that nobody overwrites what somebody else has changed."""
    return digest_of(trial.assumptions.model_dump(mode="json"))


def _stands(site: Site, figures: TrialFigures, words: Words) -> str:
    trial, now = figures.trial, figures.as_of_utc
    if now < trial.learn_start_utc:
        return words("trials.not_begun", start=words.time(trial.learn_start_utc, "minute"))
    stage = words(f"trials.stage.{stage_of(figures).name.lower()}")
    if now < trial.watch_start_utc:
        seen = words.number(seen_days(site, trial))
        days = math.ceil(trial.learn_days)
        return words("trials.stands.learning", stage=stage, day=_day(figures), days=days, seen=seen)
    watched = words.number(figures.watched_days)
    if figures.finished:
        return words("trials.stands.over", stage=stage, watched=watched)
    days = math.ceil(trial.watch_days)
    return words(
        "trials.stands.watching", stage=stage, day=_day(figures), days=days, watched=watched
    )


def _day(figures: TrialFigures) -> int:
    """Return the number of the day, from 1, of learning or of watching."""
    trial, now = figures.trial, figures.as_of_utc
    if now < trial.watch_start_utc:
        return _number_of(now - trial.learn_start_utc, trial.learn_days)
    return _number_of(now - trial.watch_start_utc, trial.watch_days)


def _number_of(gone: timedelta, days: float) -> int:
    return min(max(gone // timedelta(days=1), 0) + 1, math.ceil(days))


def _field(name: str, given: Assumptions, words: Words) -> dict[str, Any]:
    value = getattr(given, name)
    kind = "choice" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
    return {
        "name": name,
        "label": words(f"assumption.{name}"),
        "unit": assumption_unit(name, given, words),
        "kind": kind,
        "value": f"{value:g}" if kind == "number" and value == float(f"{value:g}") else value,
    }


def _written(site: Site, trial: Trial) -> list[tuple[str, str, datetime]]:
    """Return language, name and time of every report of a trial that is there."""
    found = []
    for language in LANGUAGES:
        name = f"trial-{trial.name}.{language}.html"
        path = inside(site.reports_folder, f"{trial.camera}/{name}")
        if path.is_file():
            found.append(
                (language, name, datetime.fromtimestamp(path.stat().st_mtime).astimezone())
            )
    return found
