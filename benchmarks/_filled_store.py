"""A store with weeks of many cameras in it, filled by the database itself, and its server.

What is in the tables is what operation leaves there: files of a minute, a segment and a done mark
each, a score every so many seconds, four alerts a camera and day with four files of evidence, half
of them with a verdict. Keys are hexadecimal digits from chance, as content makes them.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path

from _machine import ROOT

from pipeline.alerts.events import EventPolicy
from pipeline.assembly import Site, open_site
from pipeline.camera import Camera
from pipeline.learning.registry import ModelRecord, ModelState

ALERTS_A_DAY = 4
FILE_SECONDS = 60
POLICY = EventPolicy(
    policy_id="policy",
    open_score=3.0,
    close_score=2.0,
    alert_score=4.0,
    smoothing_seconds=0.0,
    minimum_seconds=0.0,
    merge_gap_seconds=3.0,
)
LARGE_TABLES = ("anomalies", "footage", "segments", "scored_segments")
SCORES = (
    '{"critic": 0.758912, "reconstruction": 1.088167, "features": 0.0, "motion": 1.105987,'
    ' "continuity": 0.0, "rhythm": 0.440914}'
)
SERVER_SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}
"""What a machine of its own would be given; everything else is as PostgreSQL comes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filling:
    """How much is in a store."""

    cameras: int
    days: int
    spacing_seconds: int
    """Between two scores of a camera."""
    start: datetime
    """The first midnight, UTC."""

    @property
    def scores(self) -> int:
        """All of them."""
        return self.cameras * self.days * (86_400 // self.spacing_seconds)


def ends_today(cameras: int, days: int, spacing_seconds: int) -> Filling:
    """Return a filling whose last day is yesterday."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Filling(
        cameras=cameras,
        days=days,
        spacing_seconds=spacing_seconds,
        start=today - timedelta(days=days),
    )


@contextmanager
def postgres_database(place: Path | None) -> Iterator[str]:
    """Yield the URL of an empty database in a new cluster on disk, in `place` or
    where temporary files lie; both are gone afterwards."""
    sys.path.append(str(ROOT))  # the server of the tests
    from tests.postgres_server import PostgresServer

    server = PostgresServer(Path(tempfile.mkdtemp(prefix="kizashi-store-", dir=place)))
    try:
        for name, value in SERVER_SETTINGS.items():
            server.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        server.stop()
        server.start()
        with server.database() as url:
            yield url
    finally:
        server.close()


def open_filled(folder: Path, url: str | None, filling: Filling) -> Site:
    """Return a site in `folder` (on PostgreSQL where a URL is given) with the filling in it."""
    folder.mkdir(parents=True, exist_ok=True)
    if url is not None:
        (folder / "kizashi.toml").write_text(f'database_url = "{url}"\n', encoding="utf-8")
    site = open_site(folder)
    for number in range(filling.cameras):
        _camera(site, f"line-{number}", filling.start)
    if url is None:
        with closing(sqlite3.connect(folder / "kizashi.db", isolation_level=None)) as plain:
            _fill_sqlite(plain, filling)
    else:
        _fill_postgres(url, filling)
    return site


def _camera(site: Site, name: str, start: datetime) -> None:
    (site.folder / name).mkdir()
    site.store.put_camera(
        Camera(name=name, source=Path(name), purpose="speed", owner="benchmark", retention_days=30)
    )
    model = _md5(f"model{name}")
    site.store.add_model(
        ModelRecord(
            model_id=model,
            camera=name,
            state=ModelState.CANDIDATE,
            preset="compact",
            path=f"models/{name}/{model}",
            digest=model * 2,
            created_utc=start,
            calibration_id=_md5(name),
            calibration={"budget_per_day": 1.0, "policy": asdict(POLICY)},
            manifest={"seed": 0},
        ),
        [],
    )
    site.store.promote(model, start)


def _fill_postgres(url: str, filling: Filling) -> None:
    import psycopg

    with psycopg.connect(url) as connection:
        # Without the checks of references: what is inserted here refers to what is there.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET jit = off")
        connection.execute("SET maintenance_work_mem = '512MB'")
        # Indices are made at the end, at once: row by row they are most of the work.
        connection.execute(
            "UPDATE pg_index SET indisready = false, indisvalid = false"
            " WHERE indrelid = ANY(%s::regclass[])",
            (list(LARGE_TABLES),),
        )
        for day in range(filling.days):
            for statement in _statements(filling, day, "postgresql"):
                connection.execute(statement.encode())
            connection.commit()
        connection.autocommit = True
        for table in LARGE_TABLES:
            connection.execute(f"REINDEX TABLE {table}".encode())
        connection.execute("VACUUM (ANALYZE)")


def _fill_sqlite(connection: sqlite3.Connection, filling: Filling) -> None:
    connection.create_function("md5", 1, _md5, deterministic=True)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("CREATE TEMP TABLE numbers (n INTEGER PRIMARY KEY)")
    most = max(1440, filling.cameras, FILE_SECONDS)
    connection.executemany("INSERT INTO numbers VALUES (?)", ((n,) for n in range(most)))
    for day in range(filling.days):
        for statement in _statements(filling, day, "sqlite"):
            connection.execute(statement)
    connection.execute("ANALYZE")


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _statements(filling: Filling, day: int, dialect: str) -> list[str]:
    """Return what fills one day of every camera. Cameras take turns minute by minute, as they do in
    operation, so that rows of one camera do not lie together."""
    start = int(filling.start.timestamp())

    def upto(count: int, name: str) -> str:
        if dialect == "postgresql":
            return f"generate_series(0, {count - 1}) AS {name}(n)"
        return f"(SELECT n FROM numbers WHERE n < {count}) AS {name}"  # noqa: S608

    def at(seconds: str) -> str:
        if dialect == "postgresql":
            return f"to_timestamp({seconds})"
        return f"(strftime('%Y-%m-%d %H:%M:%S', {seconds}, 'unixepoch') || '.000000')"

    def key(kind: str) -> str:
        return f"md5('{kind}' || c.n || '-' || m.n)"

    begins = f"({start} + (m.n + {day * 1440}) * 60)"
    kinds = {name: f"md5('{name}' || c.n || '-{day}-' || m.n)" for name in ("file", "segment")}
    camera, model = "('line-' || c.n)", "md5('modelline-' || c.n)"
    minutes = f"FROM {upto(1440, 'm')} CROSS JOIN {upto(filling.cameras, 'c')}"
    each = FILE_SECONDS // filling.spacing_seconds
    seconds = f"(i.n * {filling.spacing_seconds})"
    anomaly = f"md5('anomaly' || c.n || '-{day}-' || m.n || '-' || i.n)"
    strange = f"(m.n % {1440 // ALERTS_A_DAY} = 180 AND i.n = 0)"
    event, alert = key(f"event{day}-"), key(f"alert{day}-")
    of_alerts = f"{minutes} WHERE m.n % {1440 // ALERTS_A_DAY} = 180"
    first = f"md5('anomaly' || c.n || '-{day}-' || m.n || '-0')"
    moments = f"{at(begins)}, {at(begins + ' + 1')}, {at(begins + ' + 1')}"
    json_type = "CAST({} AS JSON)" if dialect == "postgresql" else "{}"
    return [
        f"""INSERT INTO footage (footage_id, camera, sha256, path, size_bytes, verdict, detail,
            start_utc, end_utc, duration_us, frames, width_px, height_px, frame_rate)
        SELECT {kinds["file"]}, {camera}, {kinds["file"]} || {kinds["file"]},
            'line/' || c.n || '-{day}-' || m.n || '.mp4', 3000000, 'admitted', '',
            {at(begins)}, {at(begins + " + 60")}, 60000000, 600, 640, 360, 10.0 {minutes}""",
        f"""INSERT INTO segments (segment_id, footage_id, camera, start_us, end_us, frames,
            start_utc, end_utc)
        SELECT {kinds["segment"]}, {kinds["file"]}, {camera}, 0, 60000000, 600,
            {at(begins)}, {at(begins + " + 60")} {minutes}""",
        f"""INSERT INTO scored_segments (segment_id, model_id, clips, at_utc)
        SELECT {kinds["segment"]}, {model}, {each}, {at(begins + " + 90")} {minutes}""",
        f"""INSERT INTO anomalies (anomaly_id, model_id, camera, segment_id, clip_id, start_us,
            end_us, start_utc, end_utc, scores, score, p_value, expert, place_x, place_y,
            place_width, place_height)
        SELECT {anomaly}, {model}, {camera}, {kinds["segment"]},
            md5('clip' || c.n || '-{day}-' || m.n || '-' || i.n),
            {seconds} * 1000000, ({seconds} + 1) * 1000000,
            {at(f"{begins} + {seconds}")}, {at(f"{begins} + {seconds} + 1")},
            {json_type.format(f"'{SCORES}'")},
            CASE WHEN {strange} THEN 6.0 ELSE 0.4 + (m.n * 7919 + i.n * 31 + c.n) % 100 / 50.0 END,
            CASE WHEN {strange} THEN 1e-6 ELSE 0.1 END,
            'critic', 0.25, 0.25, 0.25, 0.25
        {minutes} CROSS JOIN {upto(each, "i")}""",
        f"""INSERT INTO events (event_id, camera, model_id, policy_id, first_anomaly_id,
            peak_anomaly_id, start_utc, end_utc, peak_utc, peak_score, clips, expert, closed,
            place_x, place_y, place_width, place_height)
        SELECT {event}, {camera}, {model}, 'policy', {first}, {first}, {moments}, 6.0, 1,
            'critic', TRUE, 0.25, 0.25, 0.25, 0.25 {of_alerts}""",
        f"""INSERT INTO alerts (alert_id, event_id, camera, model_id, severity, start_utc,
            end_utc, peak_utc, score, p_value, expected_per_day, expert, place_x, place_y,
            place_width, place_height)
        SELECT {alert}, {event}, {camera}, {model}, 'warning', {moments}, 6.0, 1e-6, 0.1,
            'critic', 0.25, 0.25, 0.25, 0.25 {of_alerts}""",
        *(
            f"""INSERT INTO evidence (evidence_id, alert_id, kind, path, sha256, size_bytes)
            SELECT {key(f"{kind}{day}-")}, {alert}, '{kind}', 'evidence/' || {alert} || '/{kind}',
                {alert} || {alert}, 50000 {of_alerts}"""
            for kind in ("clip", "heat_map", "strip", "peak_frame")
        ),
        f"""INSERT INTO reviews (review_id, alert_id, verdict, reviewer, note, at_utc)
        SELECT {key(f"review{day}-")}, {alert}, 'anomaly', 'somebody', '', {at(begins + " + 3600")}
        {of_alerts} AND m.n < 720""",
    ]
