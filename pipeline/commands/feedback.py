"""kizashi feedback: what verdicts change later: which patterns suppress which alerts, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.commands.examples import texts_of
from pipeline.commands.output import Format, in_utc, print_line, print_rows
from pipeline.commands.shell import opened_site, user_name

__all__ = ["feedback_app"]

feedback_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List what verdicts suppress, explain it, undo it.",
)

_COLUMNS = (
    "pattern",
    "camera",
    "state",
    "suppresses",
    "alert",
    "by",
    "made_utc",
    "model",
    "ended_by",
    "ended_why",
    "note",
)


@feedback_app.command("list", **texts_of("feedback list"))
def list_patterns(
    context: typer.Context,
    camera: Annotated[str | None, typer.Option(help="Only of this camera.")] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Also those that ended.")] = False,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """List the patterns that alerts are suppressed for, in the order in which they were made.

    A pattern is made of every alert that is called known_harmless. active: it suppresses what looks
    like it. asleep: it was made with a model that is not the active one, and suppresses nothing.
    """
    with opened_site(context) as site:
        if camera is not None:
            site.store.camera(camera)  # an unknown one is named with the known ones
        whole = format is not Format.TABLE
        rows = [
            (
                pattern.pattern_id if whole else pattern.pattern_id[:12],
                pattern.camera,
                pattern.state.value,
                pattern.suppresses,
                pattern.alert_id if whole else pattern.alert_id[:12],
                pattern.reviewer,
                in_utc(pattern.made_utc),
                pattern.model_id if whole else pattern.model_id[:12],
                pattern.ended_by or "",
                pattern.ended_why.value if pattern.ended_why else "",
                pattern.note,
            )
            for pattern in site.store.patterns(camera, ended=ended)
        ]
    print_rows(_COLUMNS, rows, format)


@feedback_app.command("explain", **texts_of("feedback explain"))
def explain(
    context: typer.Context,
    alert: Annotated[str, typer.Argument(help="Alert, or the first 6 characters or more of it.")],
) -> None:
    """Say why an alert is suppressed, or why it is not: a line for every pattern of its camera.

    Suppressed is only what looks like a pattern at every one of its strange places, and is not much
    stranger there to any expert.
    """
    from pipeline.feedback.explain import explain_alert

    with opened_site(context) as site:
        found = explain_alert(site, alert)
    for line in found.lines:
        print_line(f"alert {found.alert_id[:12]}: {line}")


@feedback_app.command("remove", **texts_of("feedback remove"))
def remove(
    context: typer.Context,
    pattern: Annotated[
        str, typer.Argument(help="Pattern, or the first 6 characters or more of it.")
    ],
) -> None:
    """Remove a pattern: what it had suppressed is open again, and is told to every sink.

    The verdict that it was made of stays. The audit log says who removed it.
    """
    from pipeline.feedback.undo import remove_pattern

    with opened_site(context) as site:
        known, opened = remove_pattern(site, pattern, user_name())
    print_line(
        f"pattern {known.pattern_id[:12]} of camera {known.camera} is removed; "
        f"{len(opened)} alerts are open again"
    )
    for alert_id in opened:
        print_line(f"alert {alert_id[:12]} is open")
