"""kizashi camera: the register of cameras."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.camera import Camera, ClockSource
from pipeline.commands.examples import texts_of
from pipeline.commands.moments import parse_moment
from pipeline.commands.output import Format, in_utc, print_line, print_rows
from pipeline.commands.shell import opened_site, user_name
from pipeline.errors import SettingsError
from pipeline.zones.zone import Zone as CameraZone

if TYPE_CHECKING:
    from pipeline.assembly import Site

__all__ = ["Name", "cameras_app"]

cameras_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Register cameras, show and change them."
)

FormatOption = Annotated[Format, typer.Option(help="table, csv or json.")]
Name = Annotated[str, typer.Argument(help="Name of the camera.", metavar="CAMERA")]
Source = Annotated[
    Path | None, typer.Option(help="Folder that footage arrives in; relative to the site.")
]
Zone = Annotated[str | None, typer.Option(help="Time zone of the plant, like Asia/Tokyo.")]
Purpose = Annotated[str | None, typer.Option(help="Why this camera watches, in your words.")]
Owner = Annotated[str | None, typer.Option(help="Who answers for it.")]
Retention = Annotated[
    int | None, typer.Option(help="Days that footage, scores and evidence are kept.")
]
Budget = Annotated[float | None, typer.Option(help="Most false alerts in 24 hours, on average.")]
ClockOption = Annotated[ClockSource | None, typer.Option(help="Where the wall time comes from.")]
SequenceStart = Annotated[
    str | None, typer.Option(help="With --clock sequence: where the first footage is laid.")
]
ClosedHours = Annotated[
    str | None,
    typer.Option(help="When nothing is an alert: 'mon-fri 22:00-06:00'; '' is never."),
]

_OF_TIMES = ("timezone", "clock", "sequence_start_utc")
"""What the times of footage hang on when it is taken in."""
_KEPT_TIMES = (
    "what is taken in already ({count} files) keeps the times that it has; to have it with others,"
    " register the folder under another name: kizashi camera add NAME --source {source}"
    " --timezone {zone}, with purpose and the rest; see docs/settings.md"
)


def _given(**options: Any) -> dict[str, Any]:
    names = {"budget": "budget_per_day", "sequence_start": "sequence_start_utc"}
    return {names.get(key, key): value for key, value in options.items() if value is not None}


def _start(
    site: Site, text: str | None, zone: str | None, clock: ClockSource | None
) -> datetime | None:
    if text is None:
        return None
    if clock is not ClockSource.SEQUENCE:
        raise SettingsError("--sequence-start has a meaning only with --clock sequence; give both")
    return parse_moment(text, timezone=zone or "UTC", now_utc=site.clock.now_utc())


@cameras_app.command("add", **texts_of("camera add"))
def add(
    context: typer.Context,
    name: Name,
    source: Annotated[Path, typer.Option(help="Folder that footage arrives in.")],
    purpose: Annotated[str, typer.Option(help="Why this camera watches, in your words.")],
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    retention_days: Annotated[
        int, typer.Option(help="Days that footage, scores and evidence are kept.")
    ],
    timezone: Zone = None,
    budget: Budget = None,
    clock: ClockOption = None,
    sequence_start: SequenceStart = None,
    closed_hours: ClosedHours = None,
) -> None:
    """Register a camera: where its footage arrives, why it watches, and who answers for it.

    Purpose, owner and retention are required: a camera without them is refused. Nothing is read
    yet; the next step is kizashi ingest.
    """
    from pipeline.register import add_camera

    with opened_site(context) as site:
        start = _start(site, sequence_start, timezone, clock)
        more = _given(
            timezone=timezone,
            budget=budget,
            clock=clock,
            sequence_start=start,
            closed_hours=closed_hours,
        )
        camera = Camera(
            name=name,
            source=source,
            purpose=purpose,
            owner=owner,
            retention_days=retention_days,
            **more,
        )
        add_camera(site, camera, who=user_name())
    print_line(f"camera {name} is registered; next: kizashi ingest {name}")


@cameras_app.command("list", **texts_of("camera list"))
def list_cameras(context: typer.Context, format: FormatOption = Format.TABLE) -> None:
    """List the cameras of the site, with source, time zone, budget, owner and purpose.

    One line a camera, by name. With --format csv or json for other programs.
    """
    with opened_site(context) as site:
        rows = [
            (c.name, str(c.source), c.timezone, c.budget_per_day, c.owner, c.purpose)
            for c in site.store.cameras()
        ]
    columns = ("name", "source", "timezone", "budget_per_day", "owner", "purpose")
    print_rows(columns, rows, format)


@cameras_app.command("show", **texts_of("camera show"))
def show(context: typer.Context, name: Name, format: FormatOption = Format.TABLE) -> None:
    """Show everything that is registered of one camera, and which model is active.

    Times are in UTC. What can be changed is changed with kizashi camera set.
    """
    with opened_site(context) as site:
        camera = site.store.camera(name)
        active = site.store.active_model(name)
    rows = [(field.name, _shown(getattr(camera, field.name))) for field in fields(camera)]
    rows.append(("active_model", active.model_id[:12] if active else "none"))
    print_rows(("field", "value"), rows, format)


def _shown(value: Any) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], CameraZone):
        return ", ".join(f"{zone.name} ({zone.kind})" for zone in value)
    return in_utc(value) if isinstance(value, datetime) else str(value)


@cameras_app.command("set", **texts_of("camera set"))
def set_fields(
    context: typer.Context,
    name: Name,
    source: Source = None,
    timezone: Zone = None,
    purpose: Purpose = None,
    owner: Owner = None,
    retention_days: Retention = None,
    budget: Budget = None,
    clock: ClockOption = None,
    sequence_start: SequenceStart = None,
    closed_hours: ClosedHours = None,
) -> None:
    """Change what is registered of a camera; what is not named stays as it is.

    Every change is kept in the audit log with the name of the user, the purpose as history. A new
    time zone or clock holds for footage that is taken in from now on; what is taken in keeps the
    times that it has, and a line says so.
    """
    from pipeline.register import change_camera

    with opened_site(context) as site:
        known = site.store.camera(name)
        start = _start(site, sequence_start, timezone or known.timezone, clock or known.clock)
        changes = _given(
            source=source,
            timezone=timezone,
            purpose=purpose,
            owner=owner,
            retention_days=retention_days,
            budget=budget,
            clock=clock,
            sequence_start=start,
            closed_hours=closed_hours,
        )
        changed = change_camera(site, name, changes, who=user_name())
        kept = _kept_times(site, known, changed)
    print_line(f"camera {name}: changed {', '.join(changes)}")
    if kept:
        print_line(kept)


def _kept_times(site: Site, known: Camera, changed: Camera) -> str:
    """Return a line of the footage that goes on having the times of the settings of before; empty
    where no such setting has changed, or no footage is taken in."""
    if all(getattr(known, field) == getattr(changed, field) for field in _OF_TIMES):
        return ""
    taken_in = sum(one.start_utc is not None for one in site.store.footage_of(changed.name))
    if not taken_in:
        return ""
    return _KEPT_TIMES.format(count=taken_in, source=changed.source, zone=changed.timezone)
