"""kizashi init: a site, and its first camera from five questions, or from options."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from pipeline.camera import Camera, check_camera
from pipeline.commands.output import print_line
from pipeline.commands.shell import site_folder, user_name
from pipeline.errors import CameraError, SettingsError
from pipeline.site_folder import check_site_folder

__all__ = ["init"]

_RETENTION_DAYS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answers:
    """What is known of the first camera; None is not known yet."""

    camera: str | None
    source: Path | None
    timezone: str | None
    purpose: str | None
    owner: str | None

    @property
    def missing(self) -> list[str]:
        """The options that are needed and not there; the time zone has a default."""
        needed = ("camera", "source", "purpose", "owner")
        return [f"--{name}" for name in needed if getattr(self, name) is None]


def init(
    context: typer.Context,
    camera: Annotated[str | None, typer.Option(help="Name of the first camera.")] = None,
    source: Annotated[
        Path | None,
        typer.Option(help="Folder of its footage; a relative one is made in the site."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Its time zone, like Asia/Tokyo; none: this machine's.")
    ] = None,
    purpose: Annotated[str | None, typer.Option(help="What it is for, in your words.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who answers for it.")] = None,
    retention_days: Annotated[
        int, typer.Option(help="Days that scores and evidence are kept.", min=1)
    ] = _RETENTION_DAYS,
    no_questions: Annotated[
        bool, typer.Option("--no-questions", help="Ask nothing, on a terminal either.")
    ] = False,
) -> None:
    """Make a site in the folder of --site: kizashi.toml, with every setting explained, and the
    first camera.

    On a terminal it asks five questions for what the options do not say: the camera's name, the
    folder of its footage, its time zone, what it is for and who answers for it. Without a terminal
    it asks nothing: give all of them, or none and add cameras later.
    """
    folder = site_folder(context)
    path = folder / "kizashi.toml"
    check_site_folder(folder)
    if path.exists():
        raise SettingsError(f"{path} is there already; edit it, or choose another --site")
    answers = _Answers(
        camera=camera, source=source, timezone=timezone, purpose=purpose, owner=owner
    )
    if not no_questions and sys.stdin.isatty() and sys.stdout.isatty():
        answers = _asked(answers)
    nothing = answers.missing and not any((camera, source, timezone, purpose, owner))
    first = None if nothing else _camera(answers, retention_days)
    _write_settings(path)
    if first is None:
        print_line(f"{path} is written; next: kizashi --site {folder} camera add --help")
        return
    source_folder = _register(folder, first)
    print_line(f"{path} is written, camera {first.name} is registered")
    print_line(
        f"next: put footage into {source_folder}, then: kizashi --site {folder} ingest {first.name}"
    )


def _asked(known: _Answers) -> _Answers:
    """Return the answers with what is not known asked for; without a name nothing more is."""
    from pipeline.local_zone import machine_zone

    name = known.camera or typer.prompt(
        "Name of the first camera (a-z, 0-9, - and _; nothing: none yet)",
        default="",
        show_default=False,
    )
    if not name:
        return known
    source = known.source or Path(typer.prompt("Folder of its footage", default=f"footage/{name}"))
    zone = known.timezone or typer.prompt("Its time zone", default=machine_zone())
    purpose = known.purpose or typer.prompt("What it is for, in your words")
    owner = known.owner or typer.prompt("Who answers for it", default=user_name())
    return _Answers(camera=name, source=source, timezone=zone, purpose=purpose, owner=owner)


def _camera(answers: _Answers, retention_days: int) -> Camera:
    """Return the camera, checked; nothing is written yet. SettingsError when options are missing,
    CameraError when one is no good."""
    from pipeline.local_zone import machine_zone

    if answers.missing:
        raise SettingsError(
            f"the first camera also needs {' '.join(answers.missing)}; give them, or no option of"
            " the camera at all"
        )
    assert answers.camera is not None
    assert answers.source is not None
    assert answers.purpose is not None
    assert answers.owner is not None
    camera = check_camera(
        Camera(
            name=answers.camera,
            source=answers.source.expanduser(),
            timezone=answers.timezone or machine_zone(),
            purpose=answers.purpose,
            owner=answers.owner,
            retention_days=retention_days,
        )
    )
    if camera.source.is_absolute() and not camera.source.is_dir():
        raise CameraError(
            f"camera {camera.name}: no folder {camera.source}; make it or give --source"
        )
    return camera


def _write_settings(path: Path) -> None:
    from pipeline.files import write_bytes

    try:
        write_bytes(path, files("pipeline.commands").joinpath("kizashi.toml").read_bytes())
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written ({error.strerror}); give this user the right to, or choose "
            "another --site"
        ) from error


def _make(source: Path, camera: Camera) -> None:
    try:
        source.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CameraError(
            f"camera {camera.name}: {source} cannot be made ({error.strerror}); make it, then "
            f"register it: kizashi camera add {camera.name}"
        ) from error


def _register(folder: Path, camera: Camera) -> Path:
    """Register the camera of a new site; return the folder of its footage."""
    from pipeline.assembly import open_site
    from pipeline.register import add_camera

    site = open_site(folder)
    try:
        source = site.source_of(camera)
        if not camera.source.is_absolute():
            _make(source, camera)
        add_camera(site, camera, who=user_name())
    finally:
        site.close()
    return source
