"""Stages of a stopwatch: nothing counts twice, threads count on the watch they were given."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.learning.prefetch import prefetched
from pipeline.stopwatch import Stopwatch, stage, timed, under_same_stopwatch


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that lets time pass, wall and processor alike."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "thread_time", lambda: now[0] / 2)

    def pass_(seconds: float) -> None:
        now[0] += seconds

    return pass_


def seconds_of(watch: Stopwatch) -> dict[str, float]:
    return {name: took.seconds for name, took in watch.stages.items()}


def test_a_stage_inside_another_stops_the_outer_clock(tick: Callable[[float], None]) -> None:
    with Stopwatch().running() as watch:
        tick(100.0)
        with stage("outer"):
            tick(1.0)
            with stage("inner"):
                tick(10.0)
            tick(2.0)
    assert seconds_of(watch) == {"inner": 10.0, "outer": 3.0}
    assert watch.stages["outer"].processor_seconds == 1.5
    assert {name: took.entries for name, took in watch.stages.items()} == {"inner": 1, "outer": 1}


def test_items_count_while_they_are_made_and_not_while_they_are_used(
    tick: Callable[[float], None],
) -> None:
    def made() -> Iterator[int]:
        for item in range(3):
            tick(1.0)
            yield item

    with Stopwatch().running() as watch:
        for _ in timed("making", timed("below", made())):
            tick(50.0)
    assert seconds_of(watch) == {"below": 3.0, "making": 0.0}


def test_a_stage_that_raises_is_left(tick: Callable[[float], None]) -> None:
    def fails() -> None:
        with stage("failing"):
            tick(1.0)
            raise KeyError

    with Stopwatch().running() as watch:
        with pytest.raises(KeyError):
            fails()
        with stage("next"):
            tick(2.0)
    assert seconds_of(watch) == {"next": 2.0, "failing": 1.0}


def test_without_a_stopwatch_nothing_is_counted_and_nothing_asks_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asked() -> float:
        raise AssertionError

    monkeypatch.setattr(time, "perf_counter", asked)
    with stage("anything"):
        assert list(timed("items", [1, 2])) == [1, 2]
    assert list(under_same_stopwatch([1, 2])) == [1, 2]


def test_work_done_ahead_in_a_thread_counts_on_the_same_stopwatch() -> None:
    def made() -> Iterator[str]:
        for _ in range(4):
            with stage("ahead"):
                yield threading.current_thread().name

    with Stopwatch().running() as watch, stage("waiting"):
        names = set(prefetched(under_same_stopwatch(made()), depth=2))
    assert names
    assert threading.current_thread().name not in names
    assert watch.stages["ahead"].entries == 4
    with stage("after"):
        pass
    assert set(watch.stages) == {"waiting", "ahead"}


def test_runs_in_two_threads_are_kept_apart() -> None:
    watches: dict[str, Stopwatch] = {}
    together = threading.Barrier(2)

    def run(name: str) -> None:
        with Stopwatch().running() as watches[name]:
            together.wait()
            with stage(name):
                together.wait()

    threads: list[Any] = [threading.Thread(target=run, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: set(watch.stages) for name, watch in watches.items()} == {
        "one": {"one"},
        "other": {"other"},
    }
