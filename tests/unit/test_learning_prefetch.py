"""Promise: what is drawn ahead comes in order, once, and fails where it would have failed."""

import threading
from collections.abc import Iterator

import pytest

from pipeline.learning.prefetch import prefetched


def counting(end: int, seen: list[int], fail_at: int | None = None) -> Iterator[int]:
    for number in range(end):
        if number == fail_at:
            raise RuntimeError(f"no item {number}")
        seen.append(number)
        yield number


@pytest.mark.parametrize("depth", [1, 3, 20])
def test_order_is_kept_and_nothing_is_lost(depth: int) -> None:
    assert list(prefetched(counting(10, []), depth=depth)) == list(range(10))


def test_items_are_drawn_in_one_other_thread() -> None:
    threads: list[str] = []

    def named() -> Iterator[int]:
        for number in range(5):
            threads.append(threading.current_thread().name)
            yield number

    assert list(prefetched(named(), depth=2)) == list(range(5))
    assert len(set(threads)) == 1
    assert threads[0] != threading.current_thread().name


def test_no_more_than_depth_is_drawn_ahead() -> None:
    seen: list[int] = []
    items = prefetched(counting(1_000, seen), depth=3)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert len(seen) <= 3


def test_an_error_comes_where_its_item_would_have() -> None:
    items = prefetched(counting(10, [], fail_at=2), depth=4)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(RuntimeError, match="no item 2"):
        next(items)


def test_a_depth_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="depth must be at least 1, not 0"):
        next(prefetched(iter([1]), depth=0))
