"""Stopwatch: where the time of a run goes, stage by stage, always on.

Code says what it is doing with `stage`; who wants to know starts a `Stopwatch` around the run. A
stage inside another one stops the outer clock, so that the seconds of all stages add up to what was
measured and nothing counts twice. Without a running stopwatch a stage is one look at a variable.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

__all__ = ["StageTime", "Stopwatch", "stage", "timed", "under_same_stopwatch"]

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class StageTime:
    """What one stage took."""

    seconds: float
    """Of wall time, waiting included."""
    processor_seconds: float
    """Of the threads that were in it; without the threads that libraries start for themselves."""
    entries: int
    """How often it was entered."""


class Stopwatch:
    """Adds up the time of stages, from any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[str, tuple[float, float, int]] = {}

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Count the stages of this thread while the block runs; one inside another replaces it."""
        before = _running.set(_Hand(self))
        try:
            yield self
        finally:
            _running.reset(before)

    @property
    def stages(self) -> Mapping[str, StageTime]:
        """What was counted so far, the longest first."""
        with self._lock:
            totals = dict(self._totals)
        longest = sorted(totals, key=lambda name: -totals[name][0])
        return {
            name: StageTime(
                seconds=totals[name][0],
                processor_seconds=totals[name][1],
                entries=totals[name][2],
            )
            for name in longest
        }

    def add(self, name: str, seconds: float, processor_seconds: float, entries: int) -> None:
        """Add time to a stage."""
        with self._lock:
            wall, processor, times = self._totals.get(name, (0.0, 0.0, 0))
            self._totals[name] = (wall + seconds, processor + processor_seconds, times + entries)


class _Hand:
    """The stages that one thread is in, the innermost last."""

    def __init__(self, watch: Stopwatch) -> None:
        self.watch = watch
        self._open: list[str] = []
        self._since = (0.0, 0.0)

    def enter(self, name: str) -> None:
        self._turn(entries=0)
        self._open.append(name)

    def leave(self) -> None:
        self._turn(entries=1)
        self._open.pop()

    def _turn(self, *, entries: int) -> None:
        now = time.perf_counter(), time.thread_time()
        if self._open:
            wall, processor = now[0] - self._since[0], now[1] - self._since[1]
            self.watch.add(self._open[-1], wall, processor, entries)
        self._since = now


_running: ContextVar[_Hand | None] = ContextVar("running stopwatch", default=None)


class stage:  # noqa: N801 - reads like a statement: with stage("critic")
    """`with stage("critic"):` counts the block as that stage on the stopwatch that is running."""

    __slots__ = ("_hand", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._hand: _Hand | None = None

    def __enter__(self) -> None:
        self._hand = _running.get()
        if self._hand is not None:
            self._hand.enter(self._name)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._hand is not None:
            self._hand.leave()


def timed(name: str, items: Iterable[Item]) -> Iterator[Item]:
    """Yield the same items; what it takes to make each counts as the stage, what is done with it
    does not."""
    remaining = iter(items)
    while True:
        with stage(name):
            item = next(remaining, _END)
        if item is _END:
            return
        yield item  # type: ignore[misc]


def under_same_stopwatch(items: Iterable[Item]) -> Iterator[Item]:
    """Return the same items, to be drawn in another thread: their stages count on the stopwatch
    that runs here and now."""
    hand = _running.get()
    return iter(items) if hand is None else _Carried(iter(items), _Hand(hand.watch))


class _Carried(Iterator[Item]):
    """Sets the stopwatch for each step alone: a generator would leave it set between them."""

    def __init__(self, items: Iterator[Item], hand: _Hand) -> None:
        self._items = items
        self._hand = hand

    def __next__(self) -> Item:
        before = _running.set(self._hand)
        try:
            return next(self._items)
        finally:
            _running.reset(before)


_END = object()
