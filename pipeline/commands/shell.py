"""What every command shares: which site, how it is opened, how moments are given."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pipeline.commands.output import print_failure
from pipeline.errors import CameraError, FootageError, LeaseHeld, ModelError, SettingsError
from pipeline.timebase import moment_in

if TYPE_CHECKING:
    from pipeline.assembly import Site

__all__ = [
    "Shell",
    "chosen_cameras",
    "for_each_camera",
    "opened_site",
    "parse_moment",
    "site_folder",
    "user_name",
]

_SITE_FILES = ("kizashi.toml", "kizashi.db")
_LENGTH = re.compile(r"(\d{1,6})([smhd])")
_UNIT = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shell:
    """The global options."""

    folder: Path
    debug: bool


def site_folder(context: typer.Context) -> Path:
    """Return the folder that --site names, whether or not there is a site in it."""
    shell = context.find_object(Shell)
    assert shell is not None, "the root command always sets it"
    return shell.folder


@contextmanager
def opened_site(context: typer.Context) -> Iterator[Site]:
    """Yield the open site; SettingsError when the folder holds none."""
    from pipeline.assembly import open_site

    folder = site_folder(context)
    known = any((folder / name).exists() for name in _SITE_FILES)
    # Opening makes a database. In a folder that is no site that would hide a wrong --site.
    if not known and "KIZASHI_DATABASE_URL" not in os.environ:
        raise SettingsError(f"no site in {folder}; make one with: kizashi --site {folder} init")
    site = open_site(folder)
    try:
        yield site
    finally:
        site.close()


def chosen_cameras(site: Site, names: list[str] | None) -> list[str]:
    """Return the named cameras, or all of the site; CameraError for an unknown one."""
    if names:
        return [site.store.camera(name).name for name in names]
    known = [camera.name for camera in site.store.cameras()]
    if not known:
        raise SettingsError(
            f"no camera in {site.folder} yet; register one with: kizashi camera add"
        )
    return known


def for_each_camera(names: Sequence[str], work: Callable[[str], None]) -> None:
    """Do `work` for each camera; one that fails does not stop the others. The last failure is
    raised when all are done; those before it are said at once."""
    failed: CameraError | FootageError | ModelError | LeaseHeld | None = None
    for name in names:
        try:
            work(name)
        except (CameraError, FootageError, ModelError, LeaseHeld) as error:
            if failed is not None:
                print_failure(str(failed))
            failed = error
    if failed is not None:
        raise failed


def parse_moment(text: str, *, timezone: str, now_utc: datetime) -> datetime:
    """Return a moment in UTC from `2026-01-31`, `2026-01-31T08:00[:05][Z or +09:00]`, or `90m`,
    `24h`, `7d` (that long ago). Without an offset it is meant in `timezone`."""
    if (ago := length_of(text)) is not None:
        return now_utc - ago
    try:
        return moment_in(timezone, text)
    except (ValueError, OverflowError) as error:
        raise SettingsError(
            f"{text!r} is no moment; give 2026-01-31, 2026-01-31T08:00Z, 90m, 24h or 7d (ago)"
        ) from error


def length_of(text: str) -> timedelta | None:
    """Return the length that `30s`, `90m`, `24h` or `7d` says; None for anything else."""
    found = _LENGTH.fullmatch(text)
    return None if found is None else int(found[1]) * _UNIT[found[2]]


def user_name() -> str:
    """Return who runs the command, for reviews and the audit log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid-{os.getuid()}"
