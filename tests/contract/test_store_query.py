"""`query` answers one reading statement over the public views, and refuses everything else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.errors import QueryRefused
from pipeline.store.schema import Base
from pipeline.store.sql import SqlStore
from pipeline.store.views import PUBLIC_VIEWS
from tests.store_dump import dump
from tests.store_samples import fill

pytest_plugins = ("tests.store_fixtures",)

TABLES = sorted(Base.metadata.tables)


ANSWERED = {
    "one column": "SELECT camera FROM flagged_clips",
    "semicolon at the end": "select camera from flagged_clips ; \n",
    "comments": "-- which\n/* camera */ SELECT camera FROM flagged_clips -- end",
    "a semicolon in a text": "SELECT camera FROM flagged_clips WHERE camera <> ';drop table x'",
    "with": "WITH a AS (SELECT camera FROM flagged_clips) SELECT a.camera FROM a",
    "recursive": (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3)"
        " SELECT camera FROM flagged_clips WHERE (SELECT count(*) FROM n) = 3"
    ),
    "join": (
        "SELECT c.camera FROM flagged_clips AS c JOIN model_performance AS m"
        " ON m.model_id = c.model_id"
    ),
    "union": "SELECT camera FROM flagged_clips UNION SELECT camera FROM runs",
    "aggregate": "SELECT max(camera) FROM flagged_clips GROUP BY camera HAVING count(*) > 0",
    "window": "SELECT max(camera) OVER (ORDER BY start_utc) FROM flagged_clips",
    "functions": "SELECT lower(upper(substr(camera, 1, 99))) FROM flagged_clips",
    "like": "SELECT camera FROM flagged_clips WHERE camera LIKE 'press%' AND '%s' <> '%%'",
    "case": "SELECT CASE WHEN score > 0 THEN camera END FROM flagged_clips",
    "in": "SELECT camera FROM flagged_clips WHERE expert IN ('critic', 'motion')",
    "a name that shadows a view": (
        "WITH runs AS (SELECT 'press-1' AS camera) SELECT camera FROM runs"
    ),
    "no column of an expression": (
        "WITH n AS (SELECT 1 UNION ALL SELECT 2) SELECT camera FROM flagged_clips"
        " WHERE (SELECT count(*) FROM n) = 2"
    ),
    "capitals": "SELECT CAMERA FROM FLAGGED_CLIPS WHERE (SELECT COUNT(*) FROM RUNS) = 1",
}


def test_reading_statements_are_answered(store: SqlStore) -> None:
    fill(store)
    for name, text in ANSWERED.items():
        columns, rows = store.query(text)
        assert len(columns) == 1, name
        assert rows == [("press-1",)], name


def test_two_columns_of_one_name_come_both(store: SqlStore) -> None:
    fill(store)
    columns, rows = store.query("SELECT a.camera, b.camera FROM runs AS a, runs AS b")
    assert (columns, rows) == (["camera", "camera"], [("press-1", "press-1")])


def test_every_view_can_be_read_whole_and_counted(store: SqlStore) -> None:
    fill(store)
    for view in PUBLIC_VIEWS:
        columns, rows = store.query(f"SELECT * FROM {view}")  # noqa: S608
        assert len(columns) == len(set(columns)), view
        counted = store.query(f"SELECT count(*) FROM {view}")[1]  # noqa: S608
        assert counted == [(len(rows),)], view


REFUSED = {
    "nothing": "",
    "blanks": "  \n",
    "comment": "-- nothing",
    "semicolon": ";",
    "insert": "INSERT INTO audit_log (who) VALUES ('x')",
    "update": "UPDATE alerts SET severity = 'notice'",
    "delete": "DELETE FROM alerts",
    "drop": "DROP TABLE alerts",
    "drop view": "DROP VIEW flagged_clips",
    "create": "CREATE TABLE x (a int)",
    "create temp": "CREATE TEMP TABLE x AS SELECT * FROM flagged_clips",
    "alter": "ALTER TABLE alerts ADD COLUMN x int",
    "pragma": "PRAGMA journal_mode=DELETE",
    "attach": "ATTACH DATABASE '/tmp/x.db' AS x",
    "vacuum": "VACUUM INTO '/tmp/x.db'",
    "begin": "BEGIN",
    "commit": "COMMIT",
    "rollback": "ROLLBACK",
    "set": "SET ROLE postgres",
    "reset": "RESET ROLE",
    "copy": "COPY alerts TO PROGRAM 'id'",
    "copy out": "COPY (SELECT 1) TO '/tmp/kizashi-canary'",
    "explain": "EXPLAIN SELECT * FROM flagged_clips",
    "values": "VALUES (1)",
    "table": "TABLE flagged_clips",
    "call": "CALL x()",
    "do": "DO $$ BEGIN DELETE FROM alerts; END $$",
    "listen": "LISTEN x",
    "two statements": "SELECT 1; DELETE FROM alerts",
    "two selects": "SELECT 1; SELECT 2",
    "two with comment": "SELECT 1 /* ; */ ; DROP TABLE alerts --",
    "out of the brackets": "SELECT 1) AS q; DELETE FROM alerts; SELECT 1 FROM (SELECT 2",
    "out of the brackets, one": "SELECT 1) AS q, alerts, (SELECT 2",
    "into": "SELECT * INTO stolen FROM flagged_clips",
    "for update": "SELECT * FROM alerts FOR UPDATE",
    "with delete": "WITH x AS (DELETE FROM alerts RETURNING 1) SELECT * FROM x",
    "with then delete": "WITH x AS (SELECT 1) DELETE FROM alerts",
    "with insert": "WITH x AS (SELECT 1) INSERT INTO audit_log (who) SELECT 'x'",
    "sub-select": "SELECT (SELECT max(alert_id) FROM alerts)",
    "exists": "SELECT 1 WHERE EXISTS (SELECT 1 FROM alerts)",
    "no column": "SELECT count(*) FROM alerts",
    "constant": "SELECT 1 FROM alerts",
    "no column, capitals": "SELECT count(*) FROM ALERTS",
    "no column, quoted": 'SELECT count(*) FROM "Alerts"',
    "no column, schema": "SELECT count(*) FROM main.ALERTS",
    "no column of the library": "SELECT count(*) FROM pragma_function_list",
    "no column of the schema": "SELECT count(*) FROM SQLITE_MASTER",
    "no column of the temporary schema": "SELECT count(*) FROM temp.sqlite_temp_schema",
    "no column, shadowed": "WITH cameras AS (SELECT 1) SELECT count(*) FROM cameras, alerts",
    "join with a table": "SELECT c.* FROM flagged_clips AS c JOIN leases AS l ON 1 = 1",
    "union with a table": "SELECT camera FROM flagged_clips UNION SELECT name FROM cameras",
    "expression named after a view": (
        "WITH flagged_clips AS (SELECT * FROM alerts) SELECT * FROM flagged_clips"
    ),
    "the same with quotes": (
        'WITH "flagged_clips"(a) AS (SELECT owner FROM cameras) SELECT a FROM "flagged_clips"'
    ),
    "the same deeper": (
        "SELECT * FROM (WITH open_alerts AS (SELECT who FROM audit_log) SELECT * FROM open_alerts)"
        " AS x"
    ),
    "the same with a comment": (
        "WITH runs/**/AS/**/(SELECT manifest FROM models) SELECT * FROM runs"
    ),
    "recursive over a table": (
        "WITH RECURSIVE runs(a) AS (SELECT name FROM cameras UNION SELECT a FROM runs)"
        " SELECT * FROM runs"
    ),
    "alias named after a view": "SELECT flagged_clips.owner FROM cameras AS flagged_clips",
    "inner view": "SELECT * FROM kz_inner_flagged_clips",
    "inner name": "WITH kz_inner_x AS (SELECT * FROM cameras) SELECT * FROM kz_inner_x",
    "inner name in capitals": "WITH KZ_INNER_X AS (SELECT * FROM cameras) SELECT * FROM kz_INNER_x",
    "quoted table": 'SELECT * FROM "alerts"',
    "bracketed table": "SELECT * FROM [alerts]",
    "schema": "SELECT * FROM main.alerts",
    "public schema": "SELECT * FROM public.alerts",
    "revision": "SELECT * FROM alembic_version",
    "sqlite_master": "SELECT sql FROM sqlite_master",
    "sqlite_temp_master": "SELECT sql FROM sqlite_temp_master",
    "sqlite_schema": "SELECT sql FROM sqlite_schema",
    "dbstat": "SELECT * FROM dbstat",
    "pragma function": "SELECT * FROM pragma_table_info('alerts')",
    "database list": "SELECT file FROM pragma_database_list",
    "pg_authid": "SELECT rolpassword FROM pg_authid",
    "pg_shadow": "SELECT passwd FROM pg_catalog.pg_shadow",
    "pg_stat_activity": "SELECT query FROM pg_stat_activity",
    "information_schema": "SELECT table_name FROM information_schema.tables",
    "load_extension": "SELECT load_extension('/tmp/x.so')",
    "readfile": "SELECT readfile('/etc/passwd')",
    "writefile": "SELECT writefile('/tmp/x', 'x')",
    "fts3_tokenizer": "SELECT fts3_tokenizer('simple')",
    "sqlite_compileoption": "SELECT sqlite_compileoption_get(0)",
    "pg_read_file": "SELECT pg_read_file('/etc/passwd')",
    "pg_read_file as a column": "SELECT (x).pg_read_file FROM (SELECT CAST('a' AS text) AS x) AS y",
    "pg_ls_dir": "SELECT * FROM pg_ls_dir('/')",
    "pg_sleep": "SELECT pg_sleep(0)",
    "lo_import": "SELECT lo_import('/etc/passwd')",
    "set_config": "SELECT set_config('role', 'postgres', false)",
    "current_setting": "SELECT current_setting('data_directory')",
    "query_to_xml": "SELECT query_to_xml('SELECT * FROM alerts', true, true, '')",
    "table_to_xml": "SELECT table_to_xml('alerts', true, true, '')",
    "database_to_xml": "SELECT database_to_xml(true, true, '')",
    "ts_stat": "SELECT * FROM ts_stat('SELECT CAST(owner AS tsvector) FROM cameras')",
    "dblink": "SELECT * FROM dblink('dbname=x', 'SELECT 1') AS t(a int)",
    "terminate": "SELECT pg_terminate_backend(1)",
    "advisory lock": "SELECT pg_advisory_lock(1)",
    "nextval": "SELECT nextval('audit_log_audit_id_seq')",
    "parameter": "SELECT $1",
    "not sql": "SELECT FROM WHERE",
    "unknown column": "SELECT nothing FROM flagged_clips",
    "unknown view": "SELECT * FROM nowhere",
    "open quote": "SELECT 'abc",
    "open comment": "SELECT 1 /* ",
    "division": "SELECT CAST('x' AS int) / 0 FROM nowhere",
    "nul": "SELECT '\0'",
    "lone surrogate": "SELECT '\udce9'",
    "very long": "SELECT " + "1+" * 60_000 + "1",
    "backslash command": "\\! id",
}


@pytest.mark.parametrize("name", REFUSED)
def test_everything_else_is_refused_in_one_line(store: SqlStore, name: str) -> None:
    with pytest.raises(QueryRefused, match=r"\A[^\n]+\Z"):
        store.query(REFUSED[name])


def test_no_table_can_be_read_directly(store: SqlStore) -> None:
    fill(store)
    for table in TABLES:
        for text in (f"SELECT * FROM {table}", f"SELECT count(*) FROM {table}"):  # noqa: S608
            with pytest.raises(QueryRefused, match=f"{table} is not a public view; use flagged"):
                store.query(text)


def test_no_refused_text_changes_or_leaves_anything(store: SqlStore) -> None:
    fill(store)
    before = dump(store)
    for text in REFUSED.values():
        with pytest.raises(QueryRefused):
            store.query(text)
    assert dump(store) == before
    assert store.query("SELECT count(*) FROM flagged_clips")[1] == [(1,)]
    assert not Path("/tmp/kizashi-canary").exists()


def test_an_answer_is_cut_at_the_limit_of_rows(store: SqlStore) -> None:
    text = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
        " SELECT i FROM n"
    )
    assert store.query(text, row_limit=3) == (["i"], [(1,), (2,), (3,)])
    assert len(store.query(text, row_limit=1000)[1]) == 1000


def test_a_query_that_takes_too_long_is_stopped(store: SqlStore) -> None:
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    )
    begun = time.monotonic()
    with pytest.raises(QueryRefused, match=r"no answer within 0\.2 s"):
        store.query(endless, timeout_seconds=0.2)
    assert time.monotonic() - begun < 10.0
    assert store.query("SELECT 1 AS one") == (["one"], [(1,)])


def test_limits_that_mean_nothing_are_our_mistake(store: SqlStore) -> None:
    for limits in ({"row_limit": 0}, {"timeout_seconds": 0.0}):
        with pytest.raises(ValueError, match="more than 0"):
            store.query("SELECT 1", **limits)  # type: ignore[arg-type]


def test_the_error_says_which_views_there_are(store: SqlStore) -> None:
    with pytest.raises(QueryRefused, match="alerts is not a public view; use flagged_clips"):
        store.query("SELECT * FROM alerts")


def test_a_query_sees_what_was_recorded_a_moment_ago(store: SqlStore) -> None:
    assert store.query("SELECT camera FROM flagged_clips")[1] == []
    fill(store)
    assert store.query("SELECT camera FROM flagged_clips")[1] == [("press-1",)]
