"""kizashi ingest, train, score, report: the same functions that the flows call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.moments import parse_range, zone_of
from pipeline.commands.options import Cameras, Seed
from pipeline.commands.output import print_line, progress_lines
from pipeline.commands.shell import chosen_cameras, for_each_camera, opened_site
from pipeline.errors import ModelError, SettingsError
from pipeline.reports.period import PeriodKind

if TYPE_CHECKING:
    from pipeline.assembly import Site

__all__ = ["ingest", "report", "score", "train"]

Since = Annotated[
    str | None, typer.Option(help="Only from then: 2026-01-31, 2026-01-31T08:00Z, 24h, 7d (ago).")
]
Until = Annotated[str | None, typer.Option(help="Only until then (not included).")]


def ingest(context: typer.Context, cameras: Cameras = None) -> None:
    """Take in the footage that arrived: admit, decode, find good and blind stretches.

    Every file ends in one verdict, admitted or refused with a reason, and a bad one never stops its
    neighbours. Files that are known are left out, files that still grow wait for the next time.
    """
    from pipeline.footage.ingest import ingest_camera

    with opened_site(context) as site, progress_lines() as progress:

        def one(name: str) -> None:
            done = ingest_camera(site, name, progress=progress)
            print_line(
                f"{name}: {done.admitted} admitted, {done.refused} refused, {done.known} known, "
                f"{done.waiting} waiting; {done.seen_seconds:.1f} s seen, "
                f"{done.blind_seconds:.1f} s blind"
            )

        for_each_camera(chosen_cameras(site, cameras), one)


def train(
    context: typer.Context,
    cameras: Cameras = None,
    preset: Annotated[
        str | None, typer.Option(help="compact, standard, full or paper; none: the setting.")
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            "--from", help="A camera whose networks to start from, or nearest; none: start anew."
        ),
    ] = None,
    seed: Seed = None,
    effort: Annotated[
        float | None,
        typer.Option(
            help="Share of the preset's training steps; none: all, a quarter with --from.",
            min=0.001,
            max=100,
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Learn what is normal from the footage there is, and make the new model the active one.

    Choose footage in which nothing is wrong, some minutes at least, better some hours; a part of it
    is held out to calibrate the scores. Of more than the setting learn_hours says (a day), pieces
    are learnt that are spread evenly over all of it. Killed, the same command goes on where it was.
    A new camera may start from the networks of another one, and then takes a quarter of the steps.
    """
    with opened_site(context) as site, progress_lines() as progress:
        chosen = chosen_cameras(site, cameras)
        now = site.clock.now_utc()
        ranges = {
            name: parse_range(since, until, timezone=zone_of(site, name), now_utc=now)
            for name in chosen
        }
        # With torch, which takes seconds: only once what is asked for is known to be right.
        from pipeline.learning.train_camera import train_camera

        def one(name: str) -> None:
            start, end = ranges[name]
            record = train_camera(
                site,
                name,
                preset=preset,
                seed=seed,
                effort=effort,
                start_from=start_from,
                since=start,
                until=end,
                progress=progress,
            )
            print_line(f"{name}: model {record.model_id[:12]} ({record.preset}) is active")

        for_each_camera(chosen, one)


def score(
    context: typer.Context,
    cameras: Cameras = None,
    since: Since = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Score one camera with this file of kizashi model export (.onnx)."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what an earlier active model has scored.")
    ] = False,
) -> None:
    """Score what was not scored yet, and bring events and alerts up to date.

    Uses the active model of each camera. Alerts get their evidence: a clip, a heat map, what the
    model expected. Scored footage is left out, so it can be called at any time; also what an
    earlier active model has scored: its alerts stand, and an incident shows once. With --again it
    is scored once more, and alerts of both models are shown. Where the camera was frozen, black,
    covered, out of focus, moved or slow, nothing is scored, and that is said.
    """
    with opened_site(context) as site, progress_lines() as progress:
        chosen = chosen_cameras(site, cameras)
        if model is not None and len(chosen) != 1:
            raise ModelError(f"{model} is of one camera; name it: kizashi score CAMERA --model ...")
        now = site.clock.now_utc()
        starts = {
            name: parse_range(since, None, timezone=zone_of(site, name), now_utc=now)[0]
            for name in chosen
        }
        # With torch, which takes seconds: only once what is asked for is known to be right.
        from pipeline.scoring.score_camera import score_camera

        def one(name: str) -> None:
            done = score_camera(
                site, name, since=starts[name], exported=model, again=again, progress=progress
            )
            unwell = f"; {done.health_events} health events" if done.health_events else ""
            quiet = f", {done.suppressed} suppressed as known harmless" if done.suppressed else ""
            print_line(
                f"{name}: {done.segments} segments, {done.clips} clips scored; "
                f"{done.events} new events, {done.alerts} new alerts{quiet}{unwell}"
            )

        for_each_camera(chosen, one)


def report(
    context: typer.Context,
    cameras: Cameras = None,
    period: Annotated[
        PeriodKind | None,
        typer.Option(help="Of a local day, week or month of the camera, beside the one before."),
    ] = None,
    date: Annotated[
        str | None,
        typer.Option(help="A day of the period, like 2026-01-31; none: the last one that is over."),
    ] = None,
    since: Since = None,
    until: Until = None,
    language: Annotated[
        str | None, typer.Option(help="en or ja; none: the setting of the site.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="As PDF too; needs kizashi[pdf].")] = False,
) -> None:
    """Write the report of each camera as one HTML file, and its alerts as CSV beside it.

    With --period it is of a local day, week or month and stands beside the one before; without a
    range or a period it is of the last 24 hours of which anything is known, seen or blind. The page
    needs nothing else to be read anywhere, and prints well.
    """
    from pipeline.reports.camera_report import write_period_report
    from pipeline.reports.pdf import require_pdf_writer, write_pdf
    from pipeline.reports.period import last_period, parse_date, period_of

    if (period and (since or until)) or (date and not period):
        raise SettingsError("give either --period, with --date or without, or --since and --until")
    if pdf:
        require_pdf_writer()
    with opened_site(context) as site:
        for name in chosen_cameras(site, cameras):
            spoken = language or site.settings.language
            if period is None:
                path = _ranged_report(site, name, since, until, spoken)
            else:
                zone = site.store.camera(name).timezone
                chosen = (
                    period_of(period, parse_date(date), zone)
                    if date
                    else last_period(site, name, period)
                )
                path = write_period_report(site, name, chosen, language=spoken).page
            print_line(f"{name}: {path}")
            if pdf:
                print_line(f"{name}: {write_pdf(path)}")


def _ranged_report(
    site: Site, name: str, since: str | None, until: str | None, language: str
) -> Path:
    from pipeline.reports.camera_report import write_camera_report
    from pipeline.reports.span import report_span

    zone, now = site.store.camera(name).timezone, site.clock.now_utc()
    start, end = parse_range(since, until, timezone=zone, now_utc=now)
    start, end = report_span(site, name, since=start, until=end)
    return write_camera_report(site, name, since=start, until=end, language=language)
