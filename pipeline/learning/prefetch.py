"""Work done ahead in a thread: while an accelerator computes one batch, the next is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["prefetched"]

Item = TypeVar("Item")

_END = object()


def prefetched(items: Iterator[Item], *, depth: int) -> Iterator[Item]:
    """Yield what `items` yields, in its order, with up to `depth` of them drawn ahead in a thread.

    What `items` raises is raised where its item would have come. ValueError for a depth below 1.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, not {depth}")
    # One worker: an iterator cannot be asked by two threads at once, and the order stays.
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as worker:
        waiting: list[Future[Item | object]] = []
        try:
            while True:
                while len(waiting) < depth:
                    waiting.append(worker.submit(next, items, _END))
                item = waiting.pop(0).result()
                if item is _END:
                    return
                yield item  # type: ignore[misc]
        finally:
            for future in waiting:
                future.cancel()
