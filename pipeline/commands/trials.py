"""kizashi trial: a small trial with a quality bar, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.examples import texts_of
from pipeline.commands.moments import parse_moment
from pipeline.commands.output import print_line
from pipeline.commands.shell import opened_site

if TYPE_CHECKING:
    from pipeline.assembly import Site
    from pipeline.trial.trial import Trial

__all__ = ["trial_app"]

trial_app = typer.Typer(
    no_args_is_help=True, help="Try one camera against a bar that is set before."
)

Name = Annotated[str | None, typer.Argument(help="Trial; none means all.", metavar="[NAME]")]


@trial_app.command("start", **texts_of("trial start"))
def start(
    context: typer.Context,
    camera: Annotated[str, typer.Argument(help="Camera that is tried.")],
    name: Annotated[str | None, typer.Option(help="Of the trial; none: the camera's.")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Begin of learning: 2026-01-31, 7d (ago). None: that of the footage there is, or "
            "now."
        ),
    ] = None,
    learn_days: Annotated[float, typer.Option(help="Days of footage to learn from.")] = 7.0,
    watch_days: Annotated[float, typer.Option(help="Days to watch after that.")] = 14.0,
    most_alarms_a_day: Annotated[
        float | None, typer.Option(help="Bar. None: the camera's alarm budget.")
    ] = None,
    least_precision: Annotated[
        float, typer.Option(help="Bar: share of the reviewed alarms that are real.")
    ] = 0.5,
) -> None:
    """Begin a trial of a camera: write its quality bar and assumptions to trials/NAME.toml.

    The file is made to be edited: every line says what it means. The bar is set before anything
    is seen; docs/trial.md leads through a trial from an empty folder to the decision.
    """
    from pipeline.trial.trial_file import new_trial, start_trial

    with opened_site(context) as site:
        zone, now = site.store.camera(camera).timezone, site.clock.now_utc()
        trial = new_trial(
            site,
            camera,
            name=name,
            start_utc=parse_moment(start, timezone=zone, now_utc=now) if start else None,
            learn_days=learn_days,
            watch_days=watch_days,
            most_alarms_a_day=most_alarms_a_day,
            least_precision=least_precision,
        )
        path = start_trial(site, trial)
    print_line(
        f"{path} is written: {trial.camera} learns from {trial.learn_start_utc:%Y-%m-%d %H:%M} to "
        f"{trial.watch_start_utc:%Y-%m-%d %H:%M} UTC and watches until "
        f"{trial.watch_end_utc:%Y-%m-%d %H:%M} UTC"
    )
    print_line("put your own costs into it; where it stands: kizashi trial status")


@trial_app.command("status", **texts_of("trial status"))
def status(context: typer.Context, name: Name = None) -> None:
    """Say of each trial where it stands, and what to do next.

    Two lines a trial: learning, to be trained, watching, to be scored, waiting for verdicts or
    complete; and the command that brings it on.
    """
    from pipeline.trial.status import trial_status

    with opened_site(context) as site:
        for trial in _chosen(site, name):
            found = trial_status(site, trial)
            print_line(f"{trial.name}: {found.stands}")
            print_line(f"{trial.name}: next: {found.next}")


@trial_app.command("noticed", **texts_of("trial noticed"))
def noticed(
    context: typer.Context,
    alert: Annotated[str, typer.Argument(help="Alert, or the first 6 characters or more of it.")],
    time: Annotated[
        str, typer.Argument(help="When people noticed it: 2026-01-31T08:05, in the camera's zone.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Trial; none: the one that watched then.")
    ] = None,
) -> None:
    """Note when people noticed by themselves what an alert shows; the last note counts.

    From these times the report says how many minutes earlier an alert came than people would have
    known. TIME is a moment like 2026-01-31T08:20, meant in the time zone of the camera.
    """
    from pipeline.trial.trial_file import add_noticed, trial_of_alert

    with opened_site(context) as site:
        found = site.store.alert(alert)
        zone = site.store.camera(found.camera).timezone
        moment = parse_moment(time, timezone=zone, now_utc=site.clock.now_utc())
        trial = trial_of_alert(site, found.camera, found.start_utc, name)
        add_noticed(site, trial, found.alert_id, moment)
    minutes = (moment - found.start_utc).total_seconds() / 60.0
    order = f"{minutes:.1f} min after" if minutes > 0 else f"{-minutes:.1f} min before"
    print_line(f"alert {found.alert_id[:12]}: people noticed it {order} the alert began")


@trial_app.command("report", **texts_of("trial report"))
def report(
    context: typer.Context,
    name: Name = None,
    language: Annotated[
        str | None, typer.Option(help="en or ja; none: the setting of the site.")
    ] = None,
) -> None:
    """Write one page with the figures of each trial, and its decision: go, or not yet.

    One HTML page in reports/CAMERA/ that needs nothing else, and the same figures as JSON beside
    it. What is not met is named, with what to do; too little data is said and never hidden.
    """
    from pipeline.trial.trial_report import write_trial_report

    with opened_site(context) as site:
        for trial in _chosen(site, name):
            done = write_trial_report(site, trial, language=language or site.settings.language)
            decision = "go" if done.go else f"not yet: {', '.join(done.unmet)}"
            print_line(f"{trial.name}: {decision}; {done.page}")


def _chosen(site: Site, name: str | None) -> list[Trial]:
    from pipeline.errors import SettingsError
    from pipeline.trial.trial_file import load_trial, trial_names

    names = [name] if name else trial_names(site)
    if not names:
        raise SettingsError(f"no trial in {site.folder} yet; begin one: kizashi trial start CAMERA")
    return [load_trial(site, one) for one in names]
