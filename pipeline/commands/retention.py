"""kizashi retention: how long things are kept, what is held, and what was removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands.examples import texts_of
from pipeline.commands.moments import parse_moment
from pipeline.commands.options import Cameras
from pipeline.commands.output import Format, in_utc, print_line, print_rows, progress_lines
from pipeline.commands.shell import chosen_cameras, opened_site, user_name
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.assembly import Site
    from pipeline.retention.holds import HeldNow
    from pipeline.retention.run import RetentionSummary

__all__ = ["bytes_of", "retention_app"]

retention_app = typer.Typer(
    no_args_is_help=True, help="Keep things for so long, hold them, remove them."
)

FormatOption = Annotated[Format, typer.Option(help="table, csv or json.")]
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?B)", re.IGNORECASE)
_UNITS = "KMGT"


class SourceFootage(StrEnum):
    """What becomes of footage that the recorder did not write."""

    KEEP = "keep"
    REMOVE = "remove"


@retention_app.command("show", **texts_of("retention show"))
def show(
    context: typer.Context, cameras: Cameras = None, format: FormatOption = Format.TABLE
) -> None:
    """Show how long each kind of thing is kept, since when there is some, and what is held.

    One line a camera and kind: footage, evidence, reports, deliveries, models, scores and
    summaries. It looks at every file to say what they take.
    """
    with opened_site(context) as site:
        rows = [row for name in chosen_cameras(site, cameras) for row in _states(site, name)]
    print_rows(("camera", "kind", "days", "kept_since_utc", "mib", "holds"), rows, format)


def _states(site: Site, name: str) -> Iterator[tuple[Any, ...]]:
    from pipeline.retention.policy import Kind
    from pipeline.retention.status import disk_use, kept_state

    camera = site.store.camera(name)
    state, use = kept_state(site, camera), disk_use(site, camera)
    sizes = {Kind.FOOTAGE: use.footage_bytes, Kind.EVIDENCE: use.evidence_bytes}
    for kind, days in state.days.items():
        kept = days
        if state.made_up_times or (kind is Kind.FOOTAGE and not state.removes_footage):
            kept = 0
        since = state.since.get(kind)
        yield (
            name,
            kind.value,
            kept or "for ever",
            in_utc(since) if since else "",
            round(sizes[kind] / 2**20, 1) if kind in sizes else "",
            len(state.holds),
        )


@retention_app.command("set", **texts_of("retention set"))
def set_policy(
    context: typer.Context,
    camera: Annotated[str, typer.Argument(help="Name of the camera.", metavar="CAMERA")],
    footage_days: Annotated[
        int | None, typer.Option(help="Days that recorded footage is kept.", min=1, max=36_500)
    ] = None,
    evidence_days: Annotated[
        int | None,
        typer.Option(help="Days that evidence and reports are kept.", min=1, max=36_500),
    ] = None,
    score_days: Annotated[
        int | None,
        typer.Option(help="Days that the score of each clip is kept.", min=1, max=36_500),
    ] = None,
    summary_days: Annotated[
        int | None, typer.Option(help="Days that hourly summaries are kept.", min=1, max=36_500)
    ] = None,
    model_days: Annotated[
        int | None,
        typer.Option(help="Days that retired and refused models are kept.", min=1, max=36_500),
    ] = None,
    disk_budget: Annotated[
        str | None,
        typer.Option(help="Most that footage and evidence may take: 500GiB; none: no limit."),
    ] = None,
    source_footage: Annotated[
        SourceFootage | None,
        typer.Option(help="Footage that the recorder did not write: keep it, or remove it too."),
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="First set everything back to the defaults.")
    ] = False,
) -> None:
    """Say how long each kind of thing of a camera is kept; what is not named stays as it is.

    The defaults follow the camera's --retention-days; summaries are kept for ten years, models for
    half a year after they were retired or refused. It removes nothing by itself, and says what the
    next kizashi retention run would. Every change is kept in the audit log.
    """
    from pipeline.retention.change import set_retention
    from pipeline.retention.run import plan_retention

    days = {
        "footage_days": footage_days,
        "evidence_days": evidence_days,
        "score_days": score_days,
        "summary_days": summary_days,
        "model_days": model_days,
    }
    changes: dict[str, Any] = {}
    if reset:
        changes = {**dict.fromkeys(days), "budget_bytes": None, "remove_source": False}
    changes |= {name: value for name, value in days.items() if value is not None}
    if disk_budget is not None:
        changes["budget_bytes"] = bytes_of(disk_budget)
    if source_footage is not None:
        changes["remove_source"] = source_footage is SourceFootage.REMOVE
    with opened_site(context) as site:
        set_retention(site, camera, changes, who=user_name())
        planned = plan_retention(site, camera)
    print_line(f"camera {camera}: changed {', '.join(changes)}")
    print_line(f"the next run would remove {_counts(planned)}; see kizashi retention run --dry-run")


def bytes_of(text: str) -> int | None:
    """Return the bytes that `500GiB`, `1.5TB` or `none` says; SettingsError for anything else."""
    if text.strip().lower() == "none":
        return None
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise SettingsError(f"{text!r} is no size; give 500GiB, 1.5TB or none")
    unit = found[2].upper()
    factor = 1024.0 if "I" in unit else 1000.0
    size: float = float(found[1]) * factor ** (_UNITS.index(unit[0]) + 1)
    return round(size)


@retention_app.command("run", **texts_of("retention run"))
def run(
    context: typer.Context,
    cameras: Cameras = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would go; nothing is changed.")
    ] = False,
) -> None:
    """Remove what is kept no longer: footage of the recorder, evidence, reports, messages, scores,
    and models that were retired or refused long ago.

    Nothing that is held goes, and no footage that the recorder did not write unless the camera says
    so. Each removal is recorded. Killed, the next run finishes; kizashi serve does it on a
    schedule.
    """
    from pipeline.retention.run import plan_retention, run_retention

    act = plan_retention if dry_run else run_retention
    with opened_site(context) as site, progress_lines() as progress:
        for name in chosen_cameras(site, cameras):
            done = act(site, name, progress=progress)
            said = "would remove" if dry_run else "removed"
            print_line(f"{name}: {said} {_counts(done)}")
            if done.unscored_segments:
                print_line(f"{name}: {done.unscored_segments} segments of it were never scored")


def _counts(done: RetentionSummary) -> str:
    from pipeline.retention.policy import Kind

    counts = [f"{done.items(kind)} {kind.value}" for kind in Kind if done.items(kind)]
    if not counts:
        return "nothing"
    return f"{', '.join(counts)} ({done.size_bytes / 2**20:.1f} MiB)"


@retention_app.command("hold", **texts_of("retention hold"))
def hold(
    context: typer.Context,
    alert: Annotated[
        str | None, typer.Argument(help="Alert, or the first 6 characters or more of it.")
    ] = None,
    camera: Annotated[str | None, typer.Option(help="Instead of an alert: a camera.")] = None,
    since: Annotated[str | None, typer.Option(help="With --camera: the begin of the span.")] = None,
    until: Annotated[str | None, typer.Option(help="With --camera: the end of the span.")] = None,
    reason: Annotated[str, typer.Option(help="Why, in your words; required.")] = "",
) -> None:
    """Hold an alert, or a span of time of a camera: its footage, evidence and scores stay.

    Until it is released nothing of it is removed, by policy or by the disk budget, nor of the
    minute before and after. What is gone already is said.
    """
    from pipeline.retention.holds import hold_alert, hold_span

    with opened_site(context) as site:
        if alert is not None and camera is None and since is None and until is None:
            held = hold_alert(site, alert, reason=reason, who=user_name())
        elif alert is None and camera and since and until:
            zone, now = site.store.camera(camera).timezone, site.clock.now_utc()
            span = [parse_moment(text, timezone=zone, now_utc=now) for text in (since, until)]
            held = hold_span(site, camera, *span, reason=reason, who=user_name())
        else:
            raise SettingsError("give an alert, or --camera with --since and --until")
    _print_held(held)


def _print_held(held: HeldNow) -> None:
    one = held.hold
    print_line(
        f"hold {one.hold_id[:12]}: {one.camera} from {in_utc(one.since_utc)} to"
        f" {in_utc(one.until_utc)} UTC stays until kizashi retention release {one.hold_id[:12]}"
    )
    if held.footage_gone or held.evidence_gone:
        print_line(
            f"too late for {held.footage_gone} files of footage and {held.evidence_gone} of"
            " evidence: they were removed before"
        )


@retention_app.command("release", **texts_of("retention release"))
def release(
    context: typer.Context,
    hold: Annotated[str, typer.Argument(help="Hold, or the first 6 characters or more of it.")],
) -> None:
    """Take a hold back: what it kept goes when its time is over, with the next run.

    The hold stays in the list with who released it, and when; see kizashi retention holds --all.
    """
    with opened_site(context) as site:
        one = site.store.release_hold(hold, user_name(), site.clock.now_utc())
    print_line(f"hold {one.hold_id[:12]} of {one.camera} is released by {one.released_by}")


@retention_app.command("holds", **texts_of("retention holds"))
def holds(
    context: typer.Context,
    camera: Annotated[str | None, typer.Option(help="Only of this camera.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Released ones too.")] = False,
    format: FormatOption = Format.TABLE,
) -> None:
    """List what is held: since when, by whom and why, oldest first.

    A hold keeps pictures of people longer than the policy says; go through the list now and then.
    """
    columns = ("hold", "camera", "alert", "since_utc", "until_utc", "who", "at_utc", "reason")
    with opened_site(context) as site:
        rows = [
            (
                one.hold_id[:12] if format is Format.TABLE else one.hold_id,
                one.camera,
                (one.alert_id or "")[: 12 if format is Format.TABLE else None],
                in_utc(one.since_utc),
                in_utc(one.until_utc),
                one.who,
                in_utc(one.at_utc),
                one.reason,
                in_utc(one.released_utc) if one.released_utc else "",
            )
            for one in site.store.holds(camera, released=all)
        ]
    print_rows((*columns, "released_utc"), rows, format)
