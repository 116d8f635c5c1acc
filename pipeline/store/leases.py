"""Holding a lease while working: renewed in the background, looked at by every commit, given back
at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import LeaseHeld, StoreUnavailable
from pipeline.store.contract import Lease, Store
from pipeline.store.owners import new_owner

__all__ = ["lease_kept"]

_lock = threading.Lock()
_held_here: set[tuple[str, str]] = set()
"""Databases and names of the leases that this process holds."""


@contextmanager
def lease_kept(store: Store, name: str, seconds: float) -> Iterator[Lease]:
    """Hold the lease `name` during the block, renewing it three times in its life.

    Raises LeaseHeld when another worker has it, be it a thread of this process. Nothing that this
    thread would record in the block is kept once another worker has taken the lease (this machine
    slept for longer than `seconds`, say): LeaseLost, at that commit or at the end of the block.
    """
    with _alone_here(store.place, name):
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
            with store.fenced(lease):
                yield lease
        finally:
            stop.set()
            thread.join()
            if not lost:
                store.release_lease(lease)
        if lost:
            raise lost[0]


@contextmanager
def _alone_here(place: str, name: str) -> Iterator[None]:
    """Keep other threads of this process out, whose leases would have the same owner as ours."""
    with _lock:
        if (place, name) in _held_here:
            raise LeaseHeld(
                f"{name} is being worked on by another thread of this process; let it finish"
            )
        _held_here.add((place, name))
    try:
        yield
    finally:
        with _lock:
            _held_here.discard((place, name))
