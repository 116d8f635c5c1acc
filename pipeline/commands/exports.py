"""kizashi export: a public view as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.moments import parse_range, zone_of
from pipeline.commands.options import check_out_file
from pipeline.commands.output import print_line
from pipeline.commands.shell import opened_site

__all__ = ["export"]


def export(
    context: typer.Context,
    view: Annotated[str, typer.Argument(help="flagged_clips, camera_hours, ...: docs/sql.md.")],
    out: Annotated[Path, typer.Option(help="File to write; what is there is replaced.")],
    format: Annotated[
        str | None,
        typer.Option(help="csv or parquet; none: what the file's ending says.", metavar="FORMAT"),
    ] = None,
    camera: Annotated[str | None, typer.Option(help="Only of this camera.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from then: 2026-01-31, 24h, 7d.")] = None,
    until: Annotated[str | None, typer.Option(help="Only until then (not included).")] = None,
) -> None:
    """Write a whole public view to a file, however long it is.

    Rows are written as they are read, so memory stays bounded. CSV is safe to open in a
    spreadsheet; Parquet keeps the types, and needs the packages of kizashi[parquet].
    """
    from pipeline.export import export_format, export_view

    chosen = export_format(out, format)
    check_out_file(out)
    with opened_site(context) as site:
        zone, now = zone_of(site, camera), site.clock.now_utc()
        start, end = parse_range(since, until, timezone=zone, now_utc=now)
        rows = export_view(
            site,
            view,
            chosen,
            out,
            camera=camera,
            since=start,
            until=end,
        )
    print_line(f"wrote {out} ({rows} rows of {view})")
