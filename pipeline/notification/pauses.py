"""Pauses: how long a message that failed rests, and a sink that fails for several of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pipeline.notification.outbox import PendingDelivery, PendingDigest

__all__ = ["pause_seconds", "rest_until"]

_FIRST_PAUSE_SECONDS = 15.0
_LONGEST_PAUSE_SECONDS = 300.0
"""One round of watching: a sink that is well again is seen to be at the next."""
_SEVERAL = 3
"""Messages that failed, at which the sink is taken to be at fault and not they."""


def pause_seconds(failures: int) -> float:
    """Return how long a message rests after so many failures: 15 s, doubled up to 5 min."""
    return min(_FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10), _LONGEST_PAUSE_SECONDS)


def rest_until(heads: Sequence[PendingDelivery | PendingDigest]) -> datetime | None:
    """Return until when a sink whose latest attempt failed is left alone, by the messages that come
    next; None unless several of them failed: one may be at fault itself.

    Where the sink is to blame, each message would be tried in turn: with forty cameras there is
    always one whose pause is over, and every try may last until its time-out.
    """
    failed = [(one.retry_utc, one.attempts) for one in heads if one.retry_utc is not None]
    if len(failed) < _SEVERAL:
        return None
    last = max(retry - timedelta(seconds=pause_seconds(tries)) for retry, tries in failed)
    tries = sum(tries for _, tries in failed)
    return last + timedelta(seconds=pause_seconds(tries - _SEVERAL + 1))
