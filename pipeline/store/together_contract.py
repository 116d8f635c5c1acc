"""What working together asks of a store; a part of `pipeline.store.contract.Store`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from pipeline.store.nouns import Lease

__all__ = ["TogetherStore"]


class TogetherStore(Protocol):
    """Who does what now, and who did what.

    **A fence grows with every taking.** What a worker records under a lease is kept only while the
    fence of the lease is still the one that it took, as seen by the transaction itself.
    """

    @property
    def place(self) -> str:
        """Where the database is, as messages say it; never holds a password."""

    def acquire_lease(self, name: str, owner: str, seconds: float) -> Lease:
        """Take the lease `name`; LeaseHeld when another owner has it and it has not expired.
        The same owner may take it again. Times are the database's."""

    def renew_lease(self, lease: Lease, seconds: float) -> Lease:
        """Prolong a lease; LeaseLost when another worker has taken it: its fence is not the last
        one. One that ran out and that nobody took may be prolonged."""

    def release_lease(self, lease: Lease) -> None:
        """Give a lease back; one that was lost meanwhile is left alone."""

    def fenced(self, lease: Lease) -> AbstractContextManager[None]:
        """Let nothing be recorded by this thread in the block unless the lease is still its own.

        Every transaction looks at the lease's fence before it is committed: LeaseLost, and nothing
        of it is kept, when another worker has taken it."""

    def leases(self) -> Sequence[Lease]:
        """Return the leases that were not given back, by name; expired ones too."""

    def audit(self, who: str, what: str, subject: str, detail: Mapping[str, Any]) -> None:
        """Record that somebody did something to something; rows are never changed."""
