"""A store with weeks of many cameras in it, filled by the database itself, and its server.

What is in the tables is what operation leaves there: files of a minute, a segment and a done mark
each, a score every so many seconds, four alerts a camera and day with four files of evidence, half
of them with a verdict. Keys are hexadecimal digits from chance, as content makes them.
"""

from __future__ import annotations

import os
import re
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

FILLING = Path(__file__).parent / "_filling.sql"
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
            setting = "ALTER SYSTEM SET NAME = 'VALUE'"
            server.execute(setting.replace("NAME", name).replace("VALUE", value))
        server.stop()
        server.start()
        with server.database() as url:
            yield url
    finally:
        server.close()


def server_seconds(url: str | None) -> float:
    """Return the processor time of the server so far, ended connections included; 0 for SQLite."""
    if url is None:
        return 0.0
    import psycopg

    with psycopg.connect(url) as connection:
        mine = connection.info.backend_pid
        # While the connection is open: on an idle machine its process ends at once after it.
        parent = int(Path(f"/proc/{mine}/stat").read_text().rpartition(")")[2].split()[1])
    ticks = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            values = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(entry.parent.name) == parent:
            ticks += sum(map(int, values[11:15]))  # with children that have ended
        elif int(values[1]) == parent:
            ticks += sum(map(int, values[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


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
        connection.execute("REINDEX SCHEMA public")
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
    """Return what fills one day of every camera."""
    text = re.sub("--.*", "", FILLING.read_text(encoding="utf-8"))
    begins = int(filling.start.timestamp()) + day * 86_400
    known = {
        "BEGINS": f"({begins} + m.n * {FILE_SECONDS})",
        "DAY": str(day),
        "CAMERAS": str(filling.cameras),
        "SCORES_A_MINUTE": str(FILE_SECONDS // filling.spacing_seconds),
        "SPACING": str(filling.spacing_seconds),
        "ALERT_MINUTES": str(1440 // ALERTS_A_DAY),
    }
    text = re.sub(r"MINUTE_KEY\[(\w+)\]", r"md5('\1' || c.n || '-DAY-' || m.n)", text)
    for word, meaning in known.items():
        text = re.sub(rf"\b{word}\b", meaning, text)
    for word, meaning in _WORDS[dialect].items():
        text = re.sub(word, meaning, text)
    return [part for part in text.split(";") if part.strip()]


_WORDS = {
    "postgresql": {
        r"UPTO\[(\d+), (\w)\]": r"generate_series(0, \1 - 1) AS \2(n)",
        r"AT\[([^\]]+)\]": r"to_timestamp(\1)",
        r"JSON\[([^\]]+)\]": r"CAST(\1 AS JSON)",
    },
    "sqlite": {
        r"UPTO\[(\d+), (\w)\]": r"(SELECT n FROM numbers WHERE n < \1) AS \2",
        r"AT\[([^\]]+)\]": r"(strftime('%Y-%m-%d %H:%M:%S', \1, 'unixepoch') || '.000000')",
        r"JSON\[([^\]]+)\]": r"\1",
    },
}
