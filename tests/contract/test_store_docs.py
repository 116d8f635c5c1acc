"""docs/sql.md is true: every example runs, every column of every view is described."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.store.sql import SqlStore
from pipeline.store.views import PUBLIC_VIEWS
from tests.store_samples import camera, fill, footage, segment

pytest_plugins = ("tests.store_fixtures",)

TEXT = (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^([^\n]+\?)\n\n```sql\n(.+?)```", TEXT, re.DOTALL | re.MULTILINE)


def test_there_are_seventeen_examples() -> None:
    assert len(EXAMPLES) == TEXT.count("```sql") == 17


def test_every_example_has_an_answer(store: SqlStore) -> None:
    fill(store)
    fill(store, "press-2", reviewed=False)
    late = footage(number=1)
    store.add_footage(late, [segment(late)], [])
    for question, sql in EXAMPLES:
        columns, rows = store.query(sql)
        assert columns, question
        assert rows, f"{question} finds nothing on the sample line"


MOMENTS = [
    [cell.strip() for cell in line.split("|")[1:-1]]
    for line in TEXT.split("| moment |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
]


@pytest.mark.parametrize("moment", MOMENTS, ids=[row[0] for row in MOMENTS])
def test_every_moment_that_moves_along_is_in_the_past_and_near(
    store: SqlStore, moment: list[str]
) -> None:
    # A site without footage has one row of health; the moment must lie within eight days.
    store.put_camera(camera())
    said = moment[1 if store.address.path is not None else 2].strip("`")
    past = "datetime('now', '-8 days')" if store.address.path else "now() - interval '8 days'"
    sql = (
        f"SELECT count(*) FROM camera_health WHERE {said} > {past} AND {said} <= CURRENT_TIMESTAMP"  # noqa: S608
    )
    assert store.query(sql)[1] == [(1,)]


TRIAL = (Path(__file__).parents[2] / "docs" / "trial.md").read_text(encoding="utf-8")
TRIAL_QUERIES = re.findall(r"```sql\n(.+?)```", TRIAL, re.DOTALL)


def test_the_queries_of_the_trials_page_count_what_they_say(store: SqlStore) -> None:
    fill(store)
    counts, watched, learnt = (store.query(sql)[1] for sql in TRIAL_QUERIES)
    assert counts == [(1, 1, 1)]
    assert watched == [(60.0,)]
    assert learnt == [(3600.0,)]


def test_every_column_of_a_view_is_described(store: SqlStore) -> None:
    for view in PUBLIC_VIEWS:
        every_column_of_a_view_is_described(store, view)


def every_column_of_a_view_is_described(store: SqlStore, view: str) -> None:
    columns, _ = store.query(f"SELECT * FROM {view}")  # noqa: S608
    section = TEXT.split(f"\n## {view}: ", 1)[1].split("\n## ", 1)[0]
    if view == "open_alerts":
        flagged, _ = store.query("SELECT * FROM flagged_clips")
        assert [c for c in flagged if c not in ("verdict", "reviewer", "suppressed_by")] == columns
        return
    first_cells = re.findall(r"^\| ([a-z_0-9, ]+?) \|", section, re.MULTILINE)
    described = [name for cell in first_cells for name in cell.split(", ")]
    assert sorted(described) == sorted([*columns, "column"])
