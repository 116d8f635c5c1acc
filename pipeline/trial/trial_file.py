"""The file of a trial: TOML that a person edits; what is added later goes to its end."""

from __future__ import annotations

import fcntl
import json
import os
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import BaseModel, ValidationError
from tomlkit.exceptions import TOMLKitError

from pipeline.assembly import Site
from pipeline.errors import SettingsError
from pipeline.files import write_bytes
from pipeline.plain_words import in_words
from pipeline.timebase import require_utc
from pipeline.trial.trial import Assumptions, Noticed, QualityBar, Trial

__all__ = [
    "add_noticed",
    "change_assumptions",
    "load_trial",
    "new_trial",
    "start_trial",
    "trial_names",
    "trial_of_alert",
    "trial_path",
]

_FOLDER = "trials"


def trial_path(site: Site, name: str) -> Path:
    """Return where the file of a trial lies, whether or not it is there.

    Raises SettingsError for a name that no trial can have, such as one that leads elsewhere.
    """
    if not name or not set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_"):
        raise SettingsError(f"trial {name!r}: a name has letters a-z, digits, - and _ only")
    return site.folder / _FOLDER / f"{name}.toml"


def trial_names(site: Site) -> list[str]:
    """Return the names of the trials of a site, sorted."""
    return sorted(path.stem for path in (site.folder / _FOLDER).glob("*.toml"))


def load_trial(site: Site, name: str) -> Trial:
    """Return a trial; SettingsError naming the file and what is wrong with it."""
    path = trial_path(site, name)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(trial_names(site)) or "none yet; begin one with: kizashi trial start"
        raise SettingsError(f"no trial {name!r} in {path.parent}; there is: {known}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: not TOML ({error}); correct it") from error
    return _checked({"name": name, **values}, path)


def new_trial(
    site: Site,
    camera: str,
    *,
    name: str | None,
    start_utc: datetime | None,
    learn_days: float,
    watch_days: float,
    most_alarms_a_day: float | None,
    least_precision: float,
) -> Trial:
    """Return a trial of a camera, not written yet.

    What is None follows from the camera: its name, the beginning of its footage (now when there is
    none), its alarm budget. Raises SettingsError that names what is out of range.
    """
    known = site.store.camera(camera)
    footage = (item.start_utc for item in site.store.segments(known.name))
    budget = known.budget_per_day if most_alarms_a_day is None else most_alarms_a_day
    try:
        return Trial(
            name=name or known.name,
            camera=known.name,
            start_utc=start_utc or min(footage, default=site.clock.now_utc()),
            learn_days=learn_days,
            watch_days=watch_days,
            bar=QualityBar(most_alarms_a_day=budget, least_precision=least_precision),
        )
    except ValidationError as error:
        item = error.errors()[0]
        problem = ": ".join((*map(str, item["loc"][-1:]), in_words(item)))
        raise SettingsError(f"trial of {camera}: {problem}") from error


def start_trial(site: Site, trial: Trial) -> Path:
    """Write the file of a new trial and return its path.

    Raises SettingsError when there is one of that name, CameraError for an unknown camera.
    """
    site.store.camera(trial.camera)
    path = trial_path(site, trial.name)
    if path.exists():
        raise SettingsError(f"{path} is there already; edit it, or choose another --name")
    write_bytes(path, _text_of(trial).encode("utf-8"))
    return path


def add_noticed(site: Site, trial: Trial, alert_id: str, noticed_utc: datetime) -> Trial:
    """Note in the file of a trial when people noticed what an alert showed; return the trial.

    Only the end of the file grows: what a person wrote into it stays as it is. SettingsError for a
    moment that is still to come.
    """
    if noticed_utc > site.clock.now_utc():
        raise SettingsError(
            f"trial {trial.name}: {noticed_utc:%Y-%m-%dT%H:%M:%SZ} is still to come; say when "
            "people noticed it"
        )
    path = trial_path(site, trial.name)
    item = Noticed(alert_id=alert_id, noticed_utc=require_utc(noticed_utc))
    lines = ("", "[[noticed]]", *_values(item))
    with _alone(path):
        before = path.read_text(encoding="utf-8").rstrip("\n")
        write_bytes(path, ("\n".join((before, *lines)) + "\n").encode("utf-8"))
    return load_trial(site, trial.name)


def change_assumptions(
    site: Site, trial: Trial, changes: Mapping[str, bool | float | str]
) -> Trial:
    """Write other assumptions into the file of a trial and return the trial as it is then.

    Only the values that `changes` names are written: comments and everything else stay as a person
    left them. Raises SettingsError, with the file as it was, when a value is out of range or the
    file cannot be written so.
    """
    path = trial_path(site, trial.name)
    with _alone(path):
        now = load_trial(site, trial.name)
        values = {**now.assumptions.model_dump(), **changes}
        wanted = _checked({**now.model_dump(), "assumptions": values}, path)
        try:
            document = tomlkit.parse(path.read_text(encoding="utf-8"))
            table: Any = document.setdefault("assumptions", tomlkit.table())
            for name in changes:
                table[name] = getattr(wanted.assumptions, name)
            text = tomlkit.dumps(document)
            read = _checked({"name": trial.name, **tomllib.loads(text)}, path)
        except (TOMLKitError, tomllib.TOMLDecodeError, TypeError) as error:
            raise SettingsError(f"{path}: cannot be changed from here; edit it by hand") from error
        if read != wanted:
            raise SettingsError(f"{path}: cannot be changed from here; edit it by hand")
        write_bytes(path, text.encode("utf-8"))
    return wanted


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep others, in this process and others, from changing a file of the same folder meanwhile:
    what two people write at once must both be there afterwards."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def trial_of_alert(site: Site, camera: str, at_utc: datetime, name: str | None) -> Trial:
    """Return the trial called `name`, or with None the only one that watched `camera` at a moment.

    Raises SettingsError when the named one did not, or when none or several did.
    """
    names = [name] if name else trial_names(site)
    trials = [load_trial(site, one) for one in names]
    fit = [
        trial
        for trial in trials
        if trial.camera == camera and trial.watch_start_utc <= at_utc < trial.watch_end_utc
    ]
    if len(fit) == 1:
        return fit[0]
    moment = f"{at_utc:%Y-%m-%dT%H:%M:%SZ}"
    if fit:
        several = ", ".join(trial.name for trial in fit)
        raise SettingsError(f"several trials watched {camera} at {moment}: name one of {several}")
    raise SettingsError(f"no trial{f' {name}' if name else ''} watched {camera} at {moment}")


def _checked(values: dict[str, Any], path: Path) -> Trial:
    try:
        return Trial(**values)
    except ValidationError as error:
        problems = "; ".join(
            ": ".join(filter(None, (".".join(map(str, item["loc"])), in_words(item))))
            for item in error.errors()
        )
        raise SettingsError(f"{path}: {problems}") from error


def _text_of(trial: Trial) -> str:
    lines = [
        f"# Trial of camera {trial.camera}. Edit it at any time: every report reads it anew.",
        *_values(trial, "camera", "start_utc", "learn_days", "watch_days"),
        "",
        '# The quality bar. "go" needs all of it; set it before you see the figures.',
        "[bar]",
        *_explained(trial.bar),
        "",
        "# What the return is worked out with. Nothing here is measured: put in your own.",
        "[assumptions]",
        *_explained(trial.assumptions),
    ]
    return "\n".join(lines) + "\n"


def _explained(part: QualityBar | Assumptions) -> Iterator[str]:
    for name, field in type(part).model_fields.items():
        yield from textwrap.wrap(
            field.description or "", 96, initial_indent="# ", subsequent_indent="# "
        )
        yield from _values(part, name)


def _values(part: BaseModel, *names: str) -> Iterator[str]:
    for name in names or type(part).model_fields:
        yield f"{name} = {_toml(getattr(part, name))}"


def _toml(value: bool | int | float | str | datetime) -> str:
    """Return a value as TOML; a JSON string is a TOML string."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps(value, ensure_ascii=False)
