"""kizashi drift, retrain: whether a camera still looks as it did, and learning it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.options import Cameras, Effort, Seed
from pipeline.commands.output import Format, in_utc, print_line, print_rows, progress_lines
from pipeline.commands.shell import chosen_cameras, for_each_camera, opened_site, user_name

if TYPE_CHECKING:
    from pipeline.drift.check import DriftCheck

__all__ = ["drift", "retrain"]

_COLUMNS = (
    "camera",
    "statistic",
    "severity",
    "since_utc",
    "usual",
    "recent",
    "spreads",
    "evidence",
    "samples",
)


def drift(
    context: typer.Context,
    cameras: Cameras = None,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """Check whether recent footage still is as what the active model learnt from.

    Of every statistic of scores and pictures: whether it drifts, how much, and since when. Footage
    is to be scored first. About one check in a year finds something where nothing has changed.
    """
    checks: list[DriftCheck] = []
    try:
        with opened_site(context) as site, progress_lines() as progress:
            chosen = chosen_cameras(site, cameras)
            # With torch, which takes seconds: only once what is asked for is known to be right.
            from pipeline.drift.check_camera import check_drift

            def one(name: str) -> None:
                checks.append(check_drift(site, name, progress=progress))

            for_each_camera(chosen, one)
    finally:
        if checks:
            _print_checks(checks, format)


def _print_checks(checks: Sequence[DriftCheck], format: Format) -> None:
    rows = [
        (
            check.camera,
            one.name,
            one.severity.value if one.severity else None,
            in_utc(one.since_utc) if one.since_utc and one.severity else None,
            _rounded(one.usual),
            _rounded(one.recent),
            one.spreads,
            one.evidence,
            one.samples,
        )
        for check in checks
        for one in check.statistics
    ]
    print_rows(_COLUMNS, rows, format)
    if format is Format.TABLE:
        for check in checks:
            print_line(_summary(check))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _summary(check: DriftCheck) -> str:
    samples = max((one.samples for one in check.statistics), default=0)
    looked = f"{samples} samples from {in_utc(check.since_utc)} to {in_utc(check.until_utc)}"
    if check.severity is None:
        return f"{check.camera}: no drift found in {looked}"
    names = ", ".join(one.name for one in check.findings)
    return (
        f"{check.camera}: {check.severity.value} drift of {names} in {looked}; learn it again: "
        f"kizashi retrain {check.camera}"
    )


def retrain(
    context: typer.Context,
    cameras: Cameras = None,
    days: Annotated[
        float | None, typer.Option(help="Of footage to learn from; none: the setting.", min=0.001)
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="compact, standard, full or paper; none: as now.")
    ] = None,
    seed: Seed = None,
    effort: Effort = 1.0,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make it the active one if it is not worse.")
    ] = False,
) -> None:
    """Learn a candidate from the last days of normal footage; the active model stays.

    Alerts that nobody called harmless are left out, with half a minute around them, and so is what
    the camera could not see. The newest fifth is held out, for kizashi model compare.
    """
    with opened_site(context) as site, progress_lines() as progress:
        chosen = chosen_cameras(site, cameras)
        # With torch, which takes seconds: only once what is asked for is known to be right.
        from pipeline.learning.candidate import promote_if_not_worse, retrain_camera

        def one(name: str) -> None:
            record = retrain_camera(
                site,
                name,
                days=days or site.settings.retrain_days,
                preset=preset,
                seed=seed,
                effort=effort,
                progress=progress,
            )
            short = record.model_id[:12]
            if promote:
                promote_if_not_worse(site, short, who=user_name(), progress=progress)
                print_line(f"{name}: model {short} is not worse, and active")
            else:
                print_line(f"{name}: model {short} is a candidate; kizashi model compare {short}")

        for_each_camera(chosen, one)
