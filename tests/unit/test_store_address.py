"""Database URLs: what they mean, what is shown of them, and which places are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import StoreError, StoreUnavailable
from pipeline.store.address import check_filesystem, filesystem_type, parse_address
from pipeline.store.sql import open_store

SECRET = "s3cr:t/@%x"
QUOTED = "s3cr%3At%2F%40%25x"


def test_everything_after_the_third_slash_is_the_path(tmp_path: Path) -> None:
    for name in ("a.db", "a?b#c%20.db", "プレス 1/k.db", "a@b:c.db"):
        assert parse_address(f"sqlite:///{tmp_path / name}").path == tmp_path / name
    assert parse_address("sqlite:///k.db").path == Path.cwd() / "k.db"


@pytest.mark.parametrize(
    "url", ["postgresql://u@h/d", "postgres://u@h/d", "postgresql+psycopg://u@h/d"]
)
def test_postgresql_urls_get_psycopg_as_their_driver(url: str) -> None:
    assert parse_address(url).url.drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    "url",
    [
        "", "kizashi.db", "sqlite://", "sqlite:///:memory:", "mysql://u@h/d", "http://h/",
        "postgresql+asyncpg://u@h/d", "postgresql+pg8000://u@h/d", f"postgresql://u:{SECRET}@h:x/d",
        f"mysql://u:{QUOTED}@h/d", "postgresql://u:s3cr:t@h:5432:1/d",
    ],
)  # fmt: skip
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite:///PATH") as caught:
        parse_address(url)
    assert "s3cr" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{QUOTED}@db.plant:5432/kizashi",
        f"postgresql://first.last:{QUOTED}@db.plant/kizashi",
        f"postgresql://us%40er:{QUOTED}@db.plant/kizashi",
        f"postgresql://:{QUOTED}@db.plant/kizashi",
        f"postgresql://user@db.plant/kizashi?password={QUOTED}",
        f"postgresql://user:x@/kizashi?host=db.plant&password={QUOTED}&sslkey=s3crkey",
    ],
)
def test_no_form_of_a_password_is_shown(url: str) -> None:
    address = parse_address(url)
    assert "s3cr" not in address.shown
    assert "db.plant" in address.shown
    said = address.without_secrets(f"FATAL: {SECRET} and {QUOTED} are wrong")
    assert "s3cr" not in said


def test_a_server_that_does_not_answer_is_unavailable_and_keeps_the_secret() -> None:
    with pytest.raises(StoreUnavailable, match=r"\A[^\n]+\Z") as caught:
        open_store(f"postgresql://user:{QUOTED}@127.0.0.1:1/kizashi")
    assert "s3cr" not in str(caught.value)
    assert "s3cr" not in repr(caught.value.__cause__)


MOUNTS = """\
/dev/vda / ext4 rw 0 0
tmpfs /run tmpfs rw 0 0
server:/plant /mnt/plant nfs4 rw 0 0
//nas/cams /mnt/with\\040blank cifs rw 0 0
/dev/vdb /mnt/plant/local xfs rw 0 0
first /mnt/twice cifs rw 0 0
second /mnt/twice ext4 rw 0 0
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/kizashi.db", "ext4"),
        ("/run/k.db", "tmpfs"),
        ("/mnt/plant/k.db", "nfs4"),
        ("/mnt/plant2/k.db", "ext4"),
        ("/mnt/plant/local/k.db", "xfs"),
        ("/mnt/with blank/k.db", "cifs"),
        ("/mnt/twice/k.db", "ext4"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert filesystem_type(Path(path), MOUNTS) == kind


def test_a_network_file_system_is_refused_and_a_local_one_is_not() -> None:
    with pytest.raises(StoreError, match=r"network file system \(nfs4\).*PostgreSQL"):
        check_filesystem(Path("/mnt/plant/k.db"), MOUNTS)
    check_filesystem(Path("/mnt/plant/local/k.db"), MOUNTS)


def test_a_place_that_cannot_hold_a_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not a folder"):
        open_store(f"sqlite:///{tmp_path / 'none' / 'k.db'}")
    (tmp_path / "text.db").write_text("this is no database, but it is long enough to look")
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{tmp_path / 'text.db'}")


@pytest.mark.parametrize("name", ["a?b#c%20.db", "プレス 1.db", "a'b\"c;.db", "-x.db", "x\ny.db"])
def test_a_database_of_any_name_can_be_written_and_queried(tmp_path: Path, name: str) -> None:
    store = open_store(f"sqlite:///{tmp_path / name}")
    store.audit("x", "y", "z", {})
    assert store.query("SELECT count(*) FROM runs") == (["count(*)"], [(0,)])
    store.close()
    assert (tmp_path / name).exists()


def test_a_database_whose_name_is_not_utf_8_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.db")
    store = open_store(f"sqlite:///{path}")
    assert store.query("SELECT 1 AS one")[1] == [(1,)]
    store.close()
    assert path.exists()


def test_connections_to_sqlite_are_durable_and_hold_references(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'k.db'}")
    with store._sessions.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    store.close()
    assert pragmas == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 15_000,
    }  # fmt: skip
