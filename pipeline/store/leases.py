"""Holding a lease while working: renewed in the background, given back at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import LeaseHeld, StoreUnavailable
from pipeline.store.contract import Lease, Store
from pipeline.store.owners import new_owner

__all__ = ["lease_kept"]


@contextmanager
def lease_kept(store: Store, name: str, seconds: float) -> Iterator[Lease]:
    """Hold the lease `name` during the block, renewing it three times in its life.

    Raises LeaseHeld when another worker has it, and at the end of the block when it was lost
    meanwhile (this machine slept for longer than `seconds`, say): what was stored is still right,
    because every row has its content's name, but somebody else is at it too.
    """
    lease = store.acquire_lease(name, new_owner(), seconds)
    stop = threading.Event()
    lost: list[LeaseHeld] = []

    def renew() -> None:
        while not stop.wait(seconds / 3.0):
            try:
                store.renew_lease(lease, seconds)
            except LeaseHeld as error:
                lost.append(error)
                return
            except StoreUnavailable:
                continue  # the database may be back before the lease runs out; try again then

    thread = threading.Thread(target=renew, name=f"lease {name}", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        stop.set()
        thread.join()
        if not lost:
            store.release_lease(lease)
    if lost:
        raise lost[0]
