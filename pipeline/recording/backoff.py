"""Back-off: how long to wait before the next attempt."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Backoff"]

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 30.0
_JITTER = 0.25


class Backoff:
    """1, 2, 4 ... 30 seconds, each a quarter more or less, so that cameras that were lost together
    do not come back together.

    `chance` returns numbers in [0, 1).
    """

    def __init__(self, chance: Callable[[], float], *, healthy_seconds: float = 60.0) -> None:
        self._chance = chance
        self._healthy_seconds = healthy_seconds
        self._failures = 0

    def after(self, recorded_seconds: float) -> float:
        """Return the wait after a connection that gave frames for so long; a healthy one begins
        anew."""
        if recorded_seconds >= self._healthy_seconds:
            self._failures = 0
        base = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return base * (1.0 - _JITTER + 2.0 * _JITTER * self._chance())
