"""A worker that others stop while it works: `python -m tests.late_worker URL NAME SECONDS`.

It takes the lease NAME, then records one clip of the press for each line that it reads, and says
what came of it.
"""

from __future__ import annotations

import sys

from pipeline.errors import KizashiError
from pipeline.store.leases import lease_kept
from pipeline.store.sql import open_store
from tests.store_samples import line

__all__ = ["main"]


def main(url: str, name: str, seconds: float) -> None:
    """Work until the input ends."""
    store = open_store(url, busy_timeout_seconds=5.0)
    clips = iter(line().anomalies)
    try:
        with lease_kept(store, name, seconds) as lease:
            print(f"fence {lease.fence}", flush=True)
            for _ in sys.stdin:
                print(f"new {store.add_anomalies([next(clips)])}", flush=True)
    except KizashiError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
    finally:
        store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
