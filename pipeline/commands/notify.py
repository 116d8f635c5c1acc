"""kizashi notify: who is told of alerts, what waits, and whether messages arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands.examples import texts_of
from pipeline.commands.output import Format, in_utc, print_line, print_rows
from pipeline.commands.shell import opened_site
from pipeline.errors import KizashiError, NotificationError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.assembly import Site
    from pipeline.notification.outbox import SinkState
    from pipeline.notification.sinks import Channel, SinkMaker

__all__ = ["notify_app"]

notify_app = typer.Typer(no_args_is_help=True, help="Who is told of alerts, and what waits.")

_COLUMNS = ("sink", "kind", "pending", "held", "oldest_utc", "delivered_utc", "last_error")


@notify_app.command("test", **texts_of("notify test"))
def try_sinks(
    context: typer.Context,
    sink: Annotated[str | None, typer.Option(help="Only through this sink.")] = None,
) -> None:
    """Send a message that says it is a test through every sink; one line says how each did.

    Nothing is recorded, and quiet hours and limits do not hold it back. The exit code is 9 when a
    sink did not take it.
    """
    from pipeline.masking import masked
    from pipeline.notification.compose import compose_test

    failed = 0
    with opened_site(context) as site:
        chosen = _chosen(site, sink)
        for channel in chosen:
            try:
                channel.sink.send(compose_test(site, channel.name))
            except KizashiError as error:
                failed += 1
                print_line(f"{channel.name} ({channel.kind}): not delivered: {masked(str(error))}")
            else:
                print_line(f"{channel.name} ({channel.kind}): delivered")
    if failed:
        raise NotificationError(
            f"{failed} of {len(chosen)} sinks received no test; mend what their lines name"
        )


@notify_app.command("list", **texts_of("notify list"))
def list_sinks(
    context: typer.Context,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """List the sinks with what each has still to receive and why the last attempt failed.

    Sinks are the [[notify]] tables of kizashi.toml; secrets are never shown.
    """
    from pipeline.notification.sinks import sink_kinds

    with opened_site(context) as site:
        states = {state.sink: state for state in site.store.sink_states()}
        rows = [_row(name, kind, states.get(name)) for name, kind in sink_kinds(site).items()]
    print_rows(_COLUMNS, rows, format)


def _row(name: str, kind: str, state: SinkState | None) -> tuple[Any, ...]:
    if state is None:
        return (name, kind, 0, 0, "", "", "")
    times = (in_utc(time) if time else "" for time in (state.oldest_utc, state.delivered_utc))
    return (name, kind, state.pending, state.held, *times, state.last_error or "")


@notify_app.command("send", **texts_of("notify send"))
def send(context: typer.Context) -> None:
    """Hand over what is due now: pending alerts, what was held back, daily digests.

    The scheduled flow does the same at the end of every round; without Prefect, run this from
    cron. What fails is tried again next time, in order.
    """
    from pipeline.notification.deliver import deliver_pending
    from pipeline.notification.sinks import channels_of

    with opened_site(context) as site:
        done = deliver_pending(site, channels_of(site, _makers(site)))
    print_line(
        f"{done.delivered} alerts delivered, {done.digests} daily digests, {done.held} held back, "
        f"{done.failed} failed"
    )
    if done.failed:
        raise NotificationError(
            f"{done.failed} messages could not be handed over; kizashi notify list says why"
        )


def _chosen(site: Site, name: str | None) -> list[Channel]:
    from pipeline.notification.sinks import channels_of

    channels = channels_of(site, _makers(site))
    chosen = [channel for channel in channels if name in (None, channel.name)]
    if not chosen:
        known = ", ".join(channel.name for channel in channels)
        raise SettingsError(f"no sink {name!r}; there are: {known}")
    return chosen


def _makers(site: Site) -> Mapping[str, SinkMaker]:
    """Return what only the flows can make; Prefect is loaded where a table asks for it."""
    if not any(table.kind == "prefect" for table in site.settings.notify):
        return {}
    from flows.events import PrefectEventSink

    return {"prefect": PrefectEventSink}
