"""Several workers on one PostgreSQL store, some of them killed: as if there had been one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.assembly import open_site
from tests.crash.killed_workers import (
    Crew,
    copied,
    drill,
    evidence_of,
    make_site,
    template_of,
)
from tests.postgres_server import PostgresServer, postgres_server
from tests.store_dump import dump

__all__ = ["postgres_server"]

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(3600)]


@pytest.mark.full
def test_killed_workers_take_in_everything_once(
    postgres_server: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with postgres_server.database() as base:
        make_site(tmp_path / "base", base, ["belt", "press"], watched=5)
        with (
            postgres_server.database(template_of(base)) as one,
            postgres_server.database(template_of(base)) as two,
        ):
            calm = Crew(copied(tmp_path / "base", "calm", one), 1)
            calm.wait()
            rows = dump(one)
            assert len(rows["footage"]) > 15
            met = drill(
                copied(tmp_path / "base", "stormy", two), workers=2, kills=2, every_seconds=0.3
            )
            assert met.kills >= 1
            assert dump(two) == rows
    with capsys.disabled():
        print(f"\ningest by two workers: {met}")


@pytest.mark.full
def test_four_workers_some_of_them_killed_raise_the_alerts_of_one(
    postgres_server: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with postgres_server.database() as base:
        site = tmp_path / "base"
        make_site(site, base, ["belt", "press"], watched=15, trained=["belt"])
        left = {}
        for name in ("calm", "four", "stormy"):
            with postgres_server.database(template_of(base)) as url:
                copy = copied(site, name, url)
                if name == "stormy":
                    met = drill(copy, workers=4, kills=10, sleeps=3, every_seconds=2.0)
                else:
                    crew = Crew(copy, 1 if name == "calm" else 4)
                    crew.wait()
                left[name] = (dump(url), evidence_of(copy))
                assert left[name] == left["calm"], name
                opened = open_site(copy)
                assert list(opened.store.leases()) == []
                opened.close()
    with capsys.disabled():
        print(f"\nwatching by four workers: {met}")
    rows, evidence = left["calm"]
    scored = {row["segment_id"] for row in rows["scored_segments"]}
    belt = {row["segment_id"] for row in rows["segments"] if row["camera"] == "belt"}
    assert scored == belt
    assert 15 < len(belt) < len(rows["segments"])
    assert len(evidence) == len(rows["evidence"]) == 4 * len(rows["alerts"]) > 0
    assert (met.kills >= 5, met.sleeps) == (True, 3)
