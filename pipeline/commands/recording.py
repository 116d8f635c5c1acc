"""kizashi record: live cameras become files where ingest looks."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from pipeline.commands.moments import length_of
from pipeline.commands.output import Format, print_rows, progress_lines
from pipeline.commands.shell import opened_site
from pipeline.errors import SettingsError

__all__ = ["record"]


def record(
    context: typer.Context,
    cameras: Annotated[
        list[str] | None,
        typer.Argument(help="Live cameras; none means all.", metavar="[CAMERA]..."),
    ] = None,
    length: Annotated[
        str | None, typer.Option("--for", help="Stop after so long: 30s, 10m, 2h; for trials.")
    ] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Only say what each live camera's recorder does.")
    ] = False,
    format: Annotated[
        Format, typer.Option(help="With --status: table, csv or json.")
    ] = Format.TABLE,
) -> None:
    """Record live cameras (RTSP) into files where kizashi ingest looks, until stopped.

    Streams are the tables [[record]] of kizashi.toml. What comes is copied as it is into files of a
    minute with the wall time beside them; what does not come is noted as blind, with its cause. It
    needs the program ffmpeg; nothing else of Kizashi does.
    """
    from pipeline.recording.record import record_cameras
    from pipeline.recording.status import recording_lines

    with opened_site(context) as site, progress_lines() as progress:
        if status:
            lines = recording_lines(site)
            columns = ("camera", "state", "since_utc", "last_frame_utc", "why")
            rows = [[getattr(line, column) for column in columns] for line in lines]
            print_rows(columns, rows, format)
            return
        stop = threading.Event()
        # A service is stopped by SIGTERM: files are closed, and the state says stopped.
        before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
        try:
            record_cameras(site, cameras, stop=stop, seconds=_length(length), progress=progress)
        finally:
            signal.signal(signal.SIGTERM, before)


def _length(text: str | None) -> float | None:
    if text is None:
        return None
    length = length_of(text)
    if length is None:
        raise SettingsError(f"--for {text!r} is no length; give 30s, 10m, 2h or 1d")
    return length.total_seconds()
