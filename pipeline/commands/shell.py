"""What every command shares: which site, how it is opened, who asks."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pipeline.commands.output import print_failure
from pipeline.errors import CameraError, FootageError, LeaseHeld, ModelError, SettingsError
from pipeline.site_folder import check_site_folder

if TYPE_CHECKING:
    from pipeline.assembly import Site

__all__ = [
    "Shell",
    "chosen_cameras",
    "for_each_camera",
    "opened_site",
    "site_folder",
    "user_name",
]

_SITE_FILES = ("kizashi.toml", "kizashi.db")


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
    check_site_folder(folder)
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


def user_name() -> str:
    """Return who runs the command, for reviews and the audit log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid-{os.getuid()}"
