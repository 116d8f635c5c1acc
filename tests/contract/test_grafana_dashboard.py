"""The dashboard of Grafana: every query of it runs on a real PostgreSQL, as the documented user."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from pipeline.store.sql import open_store
from pipeline.store.views import PUBLIC_VIEWS
from tests.postgres_server import PostgresServer, postgres_server
from tests.store_samples import MORNING, fill

__all__ = ["postgres_server"]

ROOT = Path(__file__).parents[2]
HOME = ROOT / "dashboards" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((HOME / "kizashi.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
VARIABLES: dict[str, dict[str, Any]] = {v["name"]: v for v in DASHBOARD["templating"]["list"]}
QUERIES = {
    f"{panel['title']} {target['refId']}": target for panel in PANELS for target in panel["targets"]
}
SOURCE = yaml.safe_load((HOME / "provisioning/datasources/kizashi.yaml").read_text("utf-8"))
(USER_SQL,) = re.findall(
    r"```postgresql\n(.+?)```", (ROOT / "docs/sql.md").read_text("utf-8"), re.DOTALL
)
FROM, TO = MORNING - timedelta(days=1), MORNING + timedelta(days=1)


@pytest.fixture(scope="module")
def reader(postgres_server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    """Return a connection of the user that docs/sql.md makes, to a database with two cameras."""
    with postgres_server.database() as url:
        store = open_store(url)
        fill(store)
        fill(store, "press-2", reviewed=False)
        store.close()
        name = url.split("@/", 1)[1].split("?", 1)[0]
        for statement in USER_SQL.split(";\n"):
            postgres_server.execute(statement, name)
        try:
            user = SOURCE["datasources"][0]["user"]
            with psycopg.connect(postgres_server.url(name, user), autocommit=True) as connection:
                yield connection
        finally:
            postgres_server.execute("DROP ROLE grafana", name)


def moment(value: datetime) -> str:
    return f"'{value:%Y-%m-%dT%H:%M:%SZ}'"


def as_grafana_sends(sql: str) -> str:
    """Return a query with the macros and variables of Grafana filled in."""
    sql = re.sub(r"\$__timeFilter\(([^()]+)\)", rf"\1 BETWEEN {moment(FROM)} AND {moment(TO)}", sql)
    sql = sql.replace("$__timeFrom()", moment(FROM)).replace("$__timeTo()", moment(TO))
    sql = sql.replace("$camera", "'press-1','press-2'")
    return sql.replace("$blind_after", VARIABLES["blind_after"]["current"]["value"])


@pytest.mark.postgres
@pytest.mark.parametrize("name", QUERIES)
def test_every_query_has_an_answer(reader: psycopg.Connection[Any], name: str) -> None:
    sql = as_grafana_sends(QUERIES[name]["rawSql"])
    assert "$" not in sql
    cursor = reader.execute(sql.encode())
    columns = [column.name for column in cursor.description or ()]
    rows = cursor.fetchall()
    assert rows
    if QUERIES[name]["format"] == "time_series":
        assert columns == ["time", "metric", "value"]
        assert all(isinstance(row[0], datetime) for row in rows)
        assert all(isinstance(row[2], float) for row in rows)
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)


@pytest.mark.postgres
def test_what_the_panels_show_is_what_there_is(reader: psycopg.Connection[Any]) -> None:
    def rows(title: str, ref: str = "A") -> list[tuple[Any, ...]]:
        sql = as_grafana_sends(QUERIES[f"{title} {ref}"]["rawSql"])
        return reader.execute(sql.encode()).fetchall()

    # The footage is of January: nothing arrived since, whatever the models do.
    assert [(row[0], row[1]) for row in rows("Cameras")] == [
        ("press-1", "blind"),
        ("press-2", "blind"),
    ]
    assert [row[1:] for row in rows("Alerts a day against the budget")] == [
        ("press-1", 1.0),
        ("press-2", 1.0),
    ]
    allowed = dict(row[1:] for row in rows("Alerts a day against the budget", "B"))
    assert allowed == {
        "press-1 budget": pytest.approx(2.0 * 60 / 86_400),
        "press-2 budget": pytest.approx(2.0 * 60 / 86_400),
    }
    assert rows("Precision in the range") == [(1.0,)]
    assert rows("Open alerts by severity") == [(0, 1, 0)]
    assert [row[1] for row in rows("Open alerts, the rarest first")] == ["press-2"]
    assert {row[1]: row[2] for row in rows("Seen time by hour")} == {
        "press-1": pytest.approx(1 / 60),
        "press-2": pytest.approx(1 / 60),
    }


@pytest.mark.postgres
def test_the_list_of_cameras_is_that_of_the_views(reader: psycopg.Connection[Any]) -> None:
    rows = reader.execute(VARIABLES["camera"]["query"].encode()).fetchall()
    assert rows == [("press-1",), ("press-2",)]


@pytest.mark.postgres
def test_the_user_reads_the_views_and_nothing_else(reader: psycopg.Connection[Any]) -> None:
    for view in PUBLIC_VIEWS:
        reader.execute(f"SELECT count(*) FROM {view}".encode())  # noqa: S608
    for statement in (
        "SELECT * FROM alerts",
        "SELECT * FROM audit_log",
        "SELECT source FROM cameras",
        "CREATE TABLE mine (a int)",
    ):
        with pytest.raises(psycopg.errors.Error) as caught:
            reader.execute(statement.encode())
        assert caught.value.sqlstate in ("42501", "25006"), statement
    reader.execute(b"SET default_transaction_read_only = off")
    for statement in (
        "CREATE TABLE mine (a int)",
        "DELETE FROM alerts",
        "UPDATE models SET path=''",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(statement.encode())
    reader.execute(b"SET default_transaction_read_only = on")


def test_every_panel_asks_the_provisioned_source_and_says_what_it_shows() -> None:
    source = SOURCE["datasources"][0]
    wanted = {"type": source["type"], "uid": source["uid"]}
    asked = [*PANELS, *QUERIES.values(), VARIABLES["camera"]]
    assert [item for item in asked if item["datasource"] != wanted] == []
    assert all(panel["description"] and panel["targets"] for panel in PANELS)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_panels_lie_side_by_side() -> None:
    places = [panel["gridPos"] for panel in PANELS]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_no_password_is_written_anywhere() -> None:
    source = SOURCE["datasources"][0]
    assert source["secureJsonData"]["password"].startswith("$")
