"""What the store does with weeks of 40 cameras in it: ingestion, queries, retention, size.

    python benchmarks/store.py [--cameras 40] [--days 32] [--spacing 10] [--sqlite-cameras 8]

Starts a PostgreSQL server of its own on disk, has it fill itself (in bulk, without checks), and
then asks for what operation asks for: scores are added as `kizashi score` adds them, 256 clips a
transaction, by one writer and by several processes; `flagged_clips` of a camera and a month; pages
of the dashboard; what a turn of scoring asks first; a day of scores removed by retention. Then the
same on SQLite, with fewer cameras. Processor time stands beside the rates: it says more than they
do on a machine that does other work too.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Annotated, Any

import typer
from _filled_store import (
    FILE_SECONDS,
    SERVER_SETTINGS,
    Filling,
    ends_today,
    open_filled,
    postgres_database,
    server_seconds,
)
from _machine import command_line, machine_line, wide_console, write_figures
from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipeline.assembly import Site, open_site
from pipeline.clips.windows import Clip
from pipeline.errors import QueryRefused
from pipeline.footage.admission import Footage, Verdict
from pipeline.footage.segments import Segment
from pipeline.identity import content_id
from pipeline.scoring.anomaly import Anomaly, Place

RESULTS = Path(__file__).parent / "results"
AT_ONCE = 256
"""Clips in one transaction, as `kizashi score` has it."""
CLIPS_A_FILE = 593
"""Of a file of a minute at ten frames a second and clips of eight frames."""
QUESTION = "SELECT * FROM VIEW WHERE camera = 'CAMERA' AND TIME >= 'SINCE' AND TIME < 'UNTIL'"
MONTH = timedelta(days=30)
_PATIENCE_SECONDS = 300.0
_ready: Barrier
PLACE = Place(x=0.25, y=0.25, width=0.25, height=0.25)


def main(
    cameras: Annotated[int, typer.Option(min=1, help="Cameras on PostgreSQL.")] = 40,
    days: Annotated[int, typer.Option(min=31, help="Days of every camera.")] = 32,
    spacing: Annotated[int, typer.Option(min=1, max=60, help="Seconds between two scores.")] = 10,
    sqlite_cameras: Annotated[int, typer.Option(min=0, help="On SQLite; 0: not at all.")] = 8,
    new: Annotated[int, typer.Option(min=1, help="Files of a minute that a writer adds.")] = 60,
    writers: Annotated[str, typer.Option(help="Processes that write at once.")] = "1,2,4",
    rounds: Annotated[int, typer.Option(min=1, help="Times that each thing is asked for.")] = 20,
    place: Annotated[Path | None, typer.Option(help="Folder for the databases.")] = None,
    out: Annotated[Path, typer.Option(help="File for the JSON.")] = RESULTS / "store.json",
) -> None:
    """Fill, ask, print."""
    counts = [int(count) for count in writers.split(",")]
    record: dict[str, Any] = {"benchmark": "store", "command": command_line()}
    filling = ends_today(cameras, days, spacing)
    with (
        tempfile.TemporaryDirectory(dir=place) as folder,
        postgres_database(place) as url,
    ):
        record["postgresql"] = measure(Path(folder), url, filling, new, counts, rounds)
        record["postgresql"]["server_settings"] = SERVER_SETTINGS
    print_figures("PostgreSQL", record["postgresql"])
    if sqlite_cameras:
        fewer = ends_today(sqlite_cameras, days, spacing)
        with tempfile.TemporaryDirectory(dir=place) as folder:
            record["sqlite"] = measure(Path(folder), None, fewer, new, counts[:2], rounds)
        print_figures("SQLite", record["sqlite"])
    write_figures(out, record)
    wide_console().print(machine_line(), highlight=False, markup=False)


def measure(
    folder: Path, url: str | None, filling: Filling, new: int, writers: Sequence[int], rounds: int
) -> dict[str, Any]:
    """Return all figures of one database; nothing is left of it afterwards."""
    began = time.perf_counter()
    site = open_filled(folder, url, filling)
    figures: dict[str, Any] = {
        "cameras": filling.cameras,
        "days": filling.days,
        "spacing_seconds": filling.spacing_seconds,
        "scores": filling.scores,
        "bulk_filling_seconds": round(time.perf_counter() - began, 1),
        "sizes": sizes(site, url),
    }
    wide_console().print(f"filled in {figures['bulk_filling_seconds']} s", highlight=False)
    figures["milliseconds"] = questions(site, url, filling, rounds)
    figures["ingestion"] = [ingestion(folder, url, filling, count, new) for count in writers]
    figures["retention"] = retention(site, url, filling)
    figures["load"] = round(os.getloadavg()[0], 2)
    site.close()
    return figures


def questions(
    site: Site, url: str | None, filling: Filling, rounds: int
) -> dict[str, dict[str, float]]:
    """Return milliseconds of what is asked of a full store, a different camera every time."""
    from fastapi.testclient import TestClient

    from dashboards.access import Rules
    from dashboards.app import create_app
    from pipeline.accounts.accounts import Role, User

    end = filling.start + timedelta(days=filling.days)
    day = f"since={end - timedelta(days=1):%Y-%m-%dT%H:%MZ}&until={end:%Y-%m-%dT%H:%MZ}"
    store = site.store
    models = {
        name: model.model_id for name in names(filling) if (model := store.active_model(name))
    }

    def sql(view: str, time_of: str) -> Callable[[str], object]:
        text = QUESTION.replace("VIEW", view).replace("TIME", f"{time_of}_utc")
        text = text.replace("SINCE", f"{end - MONTH:%Y-%m-%d}").replace("UNTIL", f"{end:%Y-%m-%d}")
        return lambda camera: store.query(text.replace("CAMERA", camera))

    admin = User(
        name="local", role=Role.ADMIN, cameras=("*",), password_hash="", created_utc=filling.start
    )
    app = create_app(site, Rules(secure=False, open_to=admin), ("testserver",))
    with TestClient(app) as client:

        def page(path: str) -> Callable[[str], object]:
            def ask(camera: str) -> None:
                answer = client.get(path.format(camera))
                assert answer.status_code == 200, answer.text[:300]

            return ask

        asked = {
            "flagged_clips, camera and month": sql("flagged_clips", "start"),
            "camera_hours, camera and month": sql("camera_hours", "hour"),
            "score_hours, camera and month": sql("score_hours", "hour"),
            "page of cameras": page("/"),
            "page of a camera": page("/cameras/{}"),
            "curve of a day": page(f"/api/v1/cameras/{{}}/scores?{day}"),
            "turn: what no model has seen": lambda camera: store.unscored_segments(camera, None),
            "turn: what waits for the model": lambda camera: store.segments_to_score(
                camera, models[camera]
            ),
        }
        return {name: times(ask, url, names(filling), rounds) for name, ask in asked.items()}


def times(
    ask: Callable[[str], object], url: str | None, cameras: Sequence[str], rounds: int
) -> dict[str, float]:
    taken = []
    used = time.process_time() + server_seconds(url)
    for number in range(rounds):
        began = time.perf_counter()
        try:
            ask(cameras[number % len(cameras)])
        except QueryRefused as error:
            if "time" not in str(error):
                raise
            # The longest that a person's query may take; it counts as that long.
        taken.append(1000.0 * (time.perf_counter() - began))
        if sum(taken) > 40_000.0:
            break  # what takes this long needs no 20 rounds to be known
    used = time.process_time() + server_seconds(url) - used
    return {
        "cpu_ms": round(1000.0 * used / len(taken), 1),
        "median_ms": round(statistics.median(taken), 1),
        "worst_ms": round(max(taken), 1),
        "rounds": len(taken),
    }


def ingestion(
    folder: Path, url: str | None, filling: Filling, writers: int, files: int
) -> dict[str, float]:
    """Return how fast `writers` processes add scores of new files, each to its own."""
    context = get_context("spawn")
    ready = context.Barrier(writers + 1)
    with ProcessPoolExecutor(
        writers, mp_context=context, initializer=_begin_together, initargs=(ready,)
    ) as pool:
        cameras = names(filling)
        running = [
            pool.submit(write, folder, cameras[n % len(cameras)], n + 10 * writers, files)
            for n in range(writers)
        ]
        server = server_seconds(url)
        ready.wait(_PATIENCE_SECONDS)
        done = [one.result() for one in running]
        server = server_seconds(url) - server
    rows = sum(one.rows for one in done)
    wall = max(one.ended for one in done) - min(one.began for one in done)
    return {
        "writers": writers,
        "rows": rows,
        "rows_per_second": round(rows / wall),
        "writer_cpu_us_per_row": round(1e6 * sum(one.cpu for one in done) / rows, 1),
        "server_cpu_us_per_row": round(1e6 * server / rows, 1),
        "load": round(os.getloadavg()[0], 2),
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What one writer did; times of the monotonic clock, which processes share."""

    rows: int
    began: float
    ended: float
    cpu: float


def _begin_together(ready: Barrier) -> None:
    global _ready
    _ready = ready


def write(folder: Path, camera: str, number: int, files: int) -> Written:
    """Take in new files of a camera and add the clips as scoring does, once all writers can."""
    site = open_site(folder)
    model = site.store.active_model(camera)
    assert model is not None
    start = datetime.now(UTC) + timedelta(days=number)
    chosen = []
    for minute in range(files):
        segment = new_file(site, camera, start + timedelta(seconds=minute * FILE_SECONDS))
        chosen.append(list(clips_of(segment, model.model_id)))
    _ready.wait(_PATIENCE_SECONDS)
    began, cpu, rows = time.monotonic(), time.process_time(), 0
    for clips in chosen:
        for first in range(0, len(clips), AT_ONCE):
            rows += site.store.add_anomalies(clips[first : first + AT_ONCE])
        segment_id = clips[0].clip.segment_id
        site.store.mark_scored(segment_id, model.model_id, len(clips), datetime.now(UTC))
    ended, cpu = time.monotonic(), time.process_time() - cpu
    site.close()
    return Written(rows=rows, began=began, ended=ended, cpu=cpu)


def new_file(site: Site, camera: str, start: datetime) -> Segment:
    sha256 = content_id("bytes", camera, start.isoformat()) * 2
    footage = Footage(
        footage_id=content_id("footage", camera, sha256),
        camera=camera,
        sha256=sha256,
        path=f"{start:%Y%m%d-%H%M%S}.mp4",
        size_bytes=1,
        verdict=Verdict.ADMITTED,
        start_utc=start,
        duration_us=FILE_SECONDS * 1_000_000,
        frames=FILE_SECONDS * 10,
        width_px=640,
        height_px=360,
        frame_rate=10.0,
    )
    segment = Segment(
        segment_id=content_id("segment", footage.footage_id, 0),
        footage_id=footage.footage_id,
        camera=camera,
        start_us=0,
        end_us=footage.duration_us,
        frames=footage.frames,
        start_utc=start,
    )
    site.store.add_footage(footage, [segment], [])
    return segment


def clips_of(segment: Segment, model: str) -> Iterator[Anomaly]:
    for index in range(CLIPS_A_FILE):
        start_us, end_us = index * 100_000, index * 100_000 + 700_000
        clip = Clip(
            clip_id=content_id("clip", segment.segment_id, start_us, end_us),
            segment_id=segment.segment_id,
            camera=segment.camera,
            start_us=start_us,
            end_us=end_us,
            start_utc=segment.start_utc + timedelta(microseconds=start_us),
            end_utc=segment.start_utc + timedelta(microseconds=end_us),
        )
        value = round((index * 7919 % 1000) / 777, 6)
        experts = ("critic", "reconstruction", "features", "motion", "continuity", "rhythm")
        yield Anomaly(
            anomaly_id=content_id("anomaly", clip.clip_id, model),
            clip=clip,
            model_id=model,
            scores={expert: round(value / (n + 1), 6) for n, expert in enumerate(experts)},
            score=value,
            p_value=10.0**-value,
            expert="critic",
            place=PLACE,
        )


def retention(site: Site, url: str | None, filling: Filling) -> dict[str, float]:
    """Return how fast retention removes the oldest day of scores of three cameras."""
    until = filling.start + timedelta(days=1)
    taken, rows = [], 0
    used = time.process_time() + server_seconds(url)
    for camera in names(filling)[:3]:
        began = time.perf_counter()
        removal = site.store.remove_scores(camera, until, datetime.now(UTC))
        taken.append(time.perf_counter() - began)
        assert removal is not None
        rows += removal.items
    used = time.process_time() + server_seconds(url) - used
    return {
        "cpu_us_per_row": round(1e6 * used / rows, 1),
        "days_of_a_camera": len(taken),
        "rows": rows,
        "rows_per_second": round(rows / sum(taken)),
        "worst_seconds_a_day": round(max(taken), 3),
    }


def names(filling: Filling) -> list[str]:
    return [f"line-{number}" for number in range(filling.cameras)]


def sizes(site: Site, url: str | None) -> dict[str, int]:
    """Return bytes on disk, indices included: all, and of the largest tables of PostgreSQL."""
    if url is None:
        return {"all": (site.folder / "kizashi.db").stat().st_size}
    import psycopg

    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC LIMIT 5"
        ).fetchall()
        whole = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        indices = connection.execute("SELECT pg_indexes_size('anomalies')").fetchone()
    assert whole is not None
    assert indices is not None
    return {"all": whole[0], "indices of anomalies": indices[0], **dict(rows)}


def print_figures(title: str, figures: dict[str, Any]) -> None:
    console = wide_console()
    console.print(
        f"{title}: {figures['scores']:,} scores of {figures['cameras']} cameras,"
        f" {figures['sizes']['all'] / 2**30:.2f} GiB, load {figures['load']}",
        highlight=False,
    )
    table = Table(title="Milliseconds", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("question", "median", "worst", "processor"):
        table.add_column(heading, justify="left" if heading == "question" else "right")
    for name, row in figures["milliseconds"].items():
        table.add_row(
            name, f"{row['median_ms']:.0f}", f"{row['worst_ms']:.0f}", f"{row['cpu_ms']:.0f}"
        )
    console.print(table)
    for row in figures["ingestion"]:
        console.print(
            f"{row['writers']} writers: {row['rows_per_second']:,} rows/s; processor time a row"
            f" {row['writer_cpu_us_per_row']} us, of the server {row['server_cpu_us_per_row']} us",
            highlight=False,
        )
    gone = figures["retention"]
    console.print(
        f"retention removes {gone['rows_per_second']:,} rows/s, a day of a camera in"
        f" {gone['worst_seconds_a_day']} s at worst",
        highlight=False,
    )


if __name__ == "__main__":
    typer.run(main)
