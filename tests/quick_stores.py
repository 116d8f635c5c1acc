"""Empty SQLite stores by copying: a migration takes a sixth of a second, and hundreds of tests of
other things begin with one. The contract tests and the crash tests migrate.

A folder of tests gets it with `from tests.quick_stores import quick_stores` in its conftest.py.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

__all__ = ["empty_database", "quick_stores"]


@cache
def empty_database() -> tuple[bytes, int]:
    """Return an SQLite file with the newest schema and no rows, made by the migrations, and its
    mode."""
    from pipeline.store.address import parse_address
    from pipeline.store.migrate import bring_up_to_date

    with tempfile.TemporaryDirectory(prefix="kizashi-template-") as name:
        bring_up_to_date(parse_address(f"sqlite:///{name}/kizashi.db"))
        made = Path(name) / "kizashi.db"
        return made.read_bytes(), made.stat().st_mode & 0o777


@pytest.fixture(autouse=True, scope="module")
def quick_stores() -> Iterator[None]:
    """Let a store in an SQLite file that is not there yet begin as a copy. All else is as ever: the
    revision is looked at, an older file is migrated."""
    from pipeline.store import sql

    bring_up_to_date = sql.bring_up_to_date
    one_at_a_time = threading.Lock()

    def quick(address: Any, **how: Any) -> Any:
        path = address.path
        with one_at_a_time:
            if path is not None and not how and path.parent.is_dir() and not path.exists():
                content, mode = empty_database()
                path.write_bytes(content)
                path.chmod(mode)
        return bring_up_to_date(address, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql, "bring_up_to_date", quick)
        yield
