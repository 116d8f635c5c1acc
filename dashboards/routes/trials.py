"""Trials: where each stands, its decision, and what people put into it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import Response
from pydantic import Field

from dashboards.access import Admin, Asking, Reviewer, SiteHere, seen_camera
from dashboards.cases import alert_seen
from dashboards.pages import language_of, page, words_for
from dashboards.trials import assumptions_seen, trial_cards, trial_facts, trial_seen
from pipeline.errors import ReviewConflict, SettingsError
from pipeline.timebase import moment_in
from pipeline.trial.trial import Assumptions
from pipeline.trial.trial_file import (
    add_noticed,
    change_assumptions,
    new_trial,
    start_trial,
    trial_of_alert,
)
from pipeline.trial.trial_report import write_trial_report

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

TrialName = Annotated[str, Path(max_length=63)]
_TEXTS = "pipeline.trial.text"


class _Given(Assumptions):
    """The form of the assumptions."""

    seen: str = Field(max_length=64)
    """What the page showed, as `assumptions_seen` says it."""


@router.get("/trials")
def trials(request: Request, site: SiteHere, who: Asking) -> Response:
    """List the trials of cameras that may be seen."""
    cards = trial_cards(site, who, lambda zone: words_for(request, zone, _TEXTS))
    cameras = [camera for camera in site.store.cameras() if who.user.may_see(camera.name)]
    return page(request, "trials.html", who, words=words_for(request), cards=cards, cameras=cameras)


@router.post("/trials")
def start(
    site: SiteHere,
    who: Admin,
    camera: Annotated[str, Form(max_length=63)],
    name: Annotated[str, Form(max_length=63)] = "",
    start: Annotated[str, Form(max_length=32)] = "",
    learn_days: Annotated[float, Form(gt=0, le=3_650)] = 7.0,
    watch_days: Annotated[float, Form(gt=0, le=3_650)] = 14.0,
    most_alarms_a_day: Annotated[str, Form(max_length=20)] = "",
    least_precision: Annotated[float, Form(ge=0, le=1)] = 0.5,
) -> Response:
    """Begin a trial; what is left empty follows from the camera."""
    known = seen_camera(site, who, camera)
    trial = new_trial(
        site,
        known.name,
        name=name or None,
        start_utc=_moment(start, known.timezone) if start else None,
        learn_days=learn_days,
        watch_days=watch_days,
        most_alarms_a_day=_number(most_alarms_a_day) if most_alarms_a_day else None,
        least_precision=least_precision,
    )
    start_trial(site, trial)
    said = {"camera": known.name, "bar": trial.bar.model_dump()}
    site.store.audit(who.user.name, "trial start", trial.name, said)
    return _to_page(trial.name)


@router.get("/trials/{trial}")
def trial(request: Request, site: SiteHere, who: Asking, trial: TrialName) -> Response:
    """Show one trial: where it stands, its figures, its decision, and record who looked."""
    found = trial_seen(site, who, trial)
    words = words_for(request, seen_camera(site, who, found.camera).timezone, _TEXTS)
    facts = trial_facts(site, found, words)
    site.store.audit(who.user.name, "saw trial", found.name, {"camera": found.camera})
    return page(request, "trial.html", who, words=words, **_apart_from_words(facts))


@router.post("/trials/{trial}/assumptions")
def assume(
    site: SiteHere, who: Reviewer, trial: TrialName, given: Annotated[_Given, Form()]
) -> Response:
    """Write other assumptions into the file of the trial."""
    found = trial_seen(site, who, trial)
    if given.seen != assumptions_seen(found):
        raise ReviewConflict("somebody else has changed the assumptions meanwhile; load the page")
    now = found.assumptions.model_dump()
    wanted = given.model_dump(exclude={"seen"})
    changes = {key: value for key, value in wanted.items() if now[key] != value}
    if changes:
        change_assumptions(site, found, changes)
        site.store.audit(who.user.name, "trial assumptions", found.name, changes)
    return _to_page(found.name)


@router.post("/trials/{trial}/noticed")
def noticed(
    site: SiteHere,
    who: Reviewer,
    trial: TrialName,
    alert: Annotated[str, Form(max_length=64)],
    at: Annotated[str, Form(max_length=32)],
) -> Response:
    """Note when people noticed by themselves what an alert shows."""
    found = trial_seen(site, who, trial)
    shown = alert_seen(site, who, alert)
    moment = _moment(at, seen_camera(site, who, found.camera).timezone)
    checked = trial_of_alert(site, shown.camera, shown.start_utc, found.name)
    add_noticed(site, checked, shown.alert_id, moment)
    said = {"alert": shown.alert_id, "noticed_utc": moment.isoformat()}
    site.store.audit(who.user.name, "trial noticed", found.name, said)
    return _to_page(found.name)


@router.post("/trials/{trial}/report")
def report(request: Request, site: SiteHere, who: Reviewer, trial: TrialName) -> Response:
    """Write the report of a trial in the language of whoever asks, and lead to it."""
    found = trial_seen(site, who, trial)
    done = write_trial_report(site, found, language=language_of(request))
    site.store.audit(who.user.name, "trial report", found.name, {"go": done.go})
    return Response(
        status_code=204, headers={"HX-Redirect": f"/reports/{found.camera}/{done.page.name}"}
    )


def _to_page(name: str) -> Response:
    return Response(status_code=204, headers={"HX-Redirect": f"/trials/{name}"})


def _apart_from_words(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts without what every page is given anyway."""
    return {key: value for key, value in facts.items() if key != "t"}


def _moment(text: str, timezone: str) -> datetime:
    """Return what a field for date and time holds, in UTC; it is meant in the camera's zone."""
    try:
        return moment_in(timezone, text)
    except (ValueError, OverflowError) as error:
        raise SettingsError(f"{text!r} is no moment; give 2026-01-31T08:00") from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise SettingsError(f"{text!r} is no number of alarms a day") from error
