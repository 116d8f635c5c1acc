"""kizashi camera mask, zone: what is drawn on the picture of a camera."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.cameras import Name, cameras_app
from pipeline.commands.examples import texts_of
from pipeline.commands.output import Format, print_line, print_rows
from pipeline.commands.shell import opened_site, user_name
from pipeline.errors import CameraError, SettingsError
from pipeline.zones.polygon import Polygon, parse_polygon
from pipeline.zones.zone import Zone, ZoneKind

if TYPE_CHECKING:
    from pipeline.assembly import Site
    from pipeline.zones.areas import Areas

__all__ = ["cameras_app", "mask", "zone"]

_HIDES_MORE = (
    "what is stored already still shows that place; hide it there too with:"
    " kizashi camera mask {camera} --stored"
)
_SHOWS_MORE = "footage from now on will show what was masked; nothing stored before is changed"
_UNLEARNT = "places there are not scored until the next kizashi train {camera}"


@cameras_app.command("mask", **texts_of("camera mask"))
def mask(
    context: typer.Context,
    name: Name,
    polygon: Annotated[
        list[str] | None,
        typer.Option(help="Corners as shares of the picture: '0,0 0.3,0 0.3,0.5'. Repeatable."),
    ] = None,
    called: Annotated[
        list[str] | None, typer.Option("--name", help="What a new mask is called. Repeatable.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="Name of a mask to take away. Repeatable.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take the masks there are away.")] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Yes: what was masked may be shown from now on.")
    ] = False,
    stored: Annotated[
        bool, typer.Option("--stored", help="Burn the masks into stored evidence and clips too.")
    ] = False,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """List the privacy masks of a camera, add some, take some away; they are painted over before
    anything is learnt, stored or shown.

    A mask is a polygon in shares of the picture's width and height. Places at a mask that changed
    are not scored until the camera is trained again: its model knows it with the masks of before.
    """
    if called and not polygon:
        raise SettingsError("--name is that of a new mask; give its --polygon too")
    if confirm and not (polygon or remove or clear):
        raise SettingsError("--confirm is of a change; give --polygon, --remove or --clear too")
    with opened_site(context) as site:
        areas = _areas(site, name)
        if not (polygon or remove or clear or stored):
            rows = [(known, _corners(corners)) for known, corners in areas.masks]
            print_rows(("mask", "corners"), rows, format)
            return
        kept = [] if clear else _without(areas, remove or [], name)
        new = _named([parse_polygon(text) for text in polygon or ()], called or [], kept)
        if polygon or remove or clear:
            _change(site, name, replace(areas, masks=(*kept, *new)), confirmed=confirm)
            print_line(f"masks of camera {name}: {len(kept) + len(new)}")
        if stored:
            _mask_stored(site, name)


def _mask_stored(site: Site, name: str) -> None:
    from pipeline.commands.output import progress_lines
    from pipeline.zones.stored import mask_stored

    with progress_lines() as progress:
        done = mask_stored(site, name, who=user_name(), progress=progress)
    print_line(
        f"camera {name}: masks burnt into the evidence of {done.alerts} alerts; {done.removed}"
        " files that could not be masked are removed"
    )


@cameras_app.command("zone", **texts_of("camera zone"))
def zone(
    context: typer.Context,
    name: Name,
    add: Annotated[str | None, typer.Option(help="Name of a zone to add, or to change.")] = None,
    kind: Annotated[ZoneKind | None, typer.Option(help="ignore, watch or closed.")] = None,
    polygon: Annotated[
        str | None, typer.Option(help="Its corners as shares of the picture: '0,0 0.3,0 0.3,0.5'.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="Of a watched zone: most false alerts in 24 hours.")
    ] = None,
    hours: Annotated[
        str | None, typer.Option(help="When it holds: 'mon-fri 22:00-06:00'; '' is always.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="Name of a zone to take away. Repeatable.")
    ] = None,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """List the zones of a camera, add or change one, take some away.

    What happens in a zone of kind ignore is no alert; one of kind watch has an alarm budget of its
    own; in one of kind closed every event is an alert within its hours. All of it is learnt and
    scored; what is not named of a zone that there is stays as it is.
    """
    of_one = {"--kind": kind, "--polygon": polygon, "--budget": budget, "--hours": hours}
    given = [option for option, value in of_one.items() if value is not None]
    if given and add is None:
        raise SettingsError(f"{given[0]} is of one zone; name it with --add, new or known")
    with opened_site(context) as site:
        areas = _areas(site, name)
        if add is None and not remove:
            rows = [
                (z.name, z.kind.value, z.budget_per_day, z.hours, _corners(z.corners))
                for z in areas.zones
            ]
            print_rows(("zone", "kind", "budget_per_day", "hours", "corners"), rows, format)
            return
        unknown = set(remove or ()) - {known.name for known in areas.zones}
        if unknown:
            raise CameraError(f"camera {name} has no zone {sorted(unknown)[0]!r}")
        zones = {z.name: z for z in areas.zones if z.name not in set(remove or ())}
        if add is not None:
            corners = parse_polygon(polygon) if polygon is not None else None
            zones[add] = _changed(zones.get(add), add, kind, corners, budget, hours)
        _change(site, name, replace(areas, zones=tuple(zones.values())))
    print_line(f"zones of camera {name}: {len(zones)}")


def _changed(
    known: Zone | None,
    name: str,
    kind: ZoneKind | None,
    corners: Polygon | None,
    budget: float | None,
    hours: str | None,
) -> Zone:
    if known is None:
        if kind is None or corners is None:
            raise CameraError(f"zone {name!r} is new; give --kind and --polygon")
        known = Zone(name=name, kind=kind, corners=corners)
    chosen = kind or known.kind
    kept = known.budget_per_day if chosen is ZoneKind.WATCH else None
    return Zone(
        name=name,
        kind=chosen,
        corners=corners or known.corners,
        budget_per_day=kept if budget is None else budget,
        hours=known.hours if hours is None else hours,
    )


def _areas(site: Site, name: str) -> Areas:
    from pipeline.zones.areas import areas_of

    return areas_of(site.store.camera(name))


def _change(site: Site, name: str, areas: Areas, *, confirmed: bool = False) -> None:
    from pipeline.errors import ShowsMore
    from pipeline.zones.areas import set_areas
    from pipeline.zones.learnt import has_learnt_masks

    try:
        change = set_areas(site, name, areas, who=user_name(), confirmed=confirmed)
    except ShowsMore as error:
        raise ShowsMore(f"{error} with: --confirm") from None
    told = [_HIDES_MORE] if change.hides_more else []
    told += [_SHOWS_MORE] if change.shows_more else []
    model = site.store.active_model(name)
    if told and model is not None and not has_learnt_masks(model, change.camera):
        told.append(_UNLEARNT)
    for line in told:
        print_line(line.format(camera=name))


def _without(areas: Areas, names: list[str], camera: str) -> list[tuple[str, Polygon]]:
    known = {name for name, _ in areas.masks}
    for name in names:
        if name not in known:
            raise CameraError(f"camera {camera} has no mask {name!r}; it has {sorted(known)}")
    return [(name, corners) for name, corners in areas.masks if name not in names]


def _named(
    polygons: list[Polygon], names: list[str], kept: list[tuple[str, Polygon]]
) -> list[tuple[str, Polygon]]:
    """Return new masks with their names; those without get the next number that is free."""
    if len(names) > len(polygons):
        raise CameraError(f"{len(names)} names for {len(polygons)} new masks; give --polygon each")
    taken = {name for name, _ in kept} | set(names)
    free = (f"mask {n}" for n in range(1, 1_000) if f"mask {n}" not in taken)
    return [
        (names[at] if at < len(names) else next(free), polygon)
        for at, polygon in enumerate(polygons)
    ]


def _corners(corners: Polygon) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in corners)
