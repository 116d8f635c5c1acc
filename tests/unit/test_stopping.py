"""Signals end work at once, but for what must not be broken off: that is ended first."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest

from pipeline.stopping import Stopped, not_now, stopped_by_signals

ENDS = {signal.SIGTERM: Stopped, signal.SIGINT: KeyboardInterrupt}


def ask(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    # Python calls the handler between two instructions of the main thread.
    for _ in range(100):
        pass


def end_of(work: Callable[[], object]) -> BaseException | None:
    """Return what ended the work, which could be stopped by signals."""
    try:
        with stopped_by_signals():
            work()
    except (Stopped, KeyboardInterrupt) as end:
        return end
    return None


@pytest.mark.parametrize("number", list(ENDS))
def test_a_signal_ends_the_block_at_once(number: signal.Signals) -> None:
    done = []

    def work() -> None:
        ask(number)
        done.append("went on")

    assert type(end_of(work)) is ENDS[number]
    assert done == []


@pytest.mark.parametrize("number", list(ENDS))
def test_what_must_not_be_broken_off_is_ended_first(number: signal.Signals) -> None:
    done = []

    def work() -> None:
        with not_now():
            with not_now():
                ask(number)
                done.append("inner")
            done.append("outer")
        done.append("after")

    assert type(end_of(work)) is ENDS[number]
    assert done == ["inner", "outer"]


def test_an_error_of_the_work_gives_way_to_the_end_that_was_asked_for() -> None:
    def work() -> None:
        with not_now():
            ask(signal.SIGTERM)
            raise ValueError("the work's own")

    end = end_of(work)
    assert isinstance(end, Stopped)
    assert isinstance(end.__context__, ValueError)


@pytest.mark.parametrize(
    ("number", "reached"),
    [(signal.SIGTERM, ["asked once", "asked twice"]), (signal.SIGINT, ["asked once"])],
)
def test_a_second_sigterm_changes_nothing_and_a_second_ctrl_c_waits_for_nothing(
    number: signal.Signals, reached: list[str]
) -> None:
    done = []

    def work() -> None:
        with not_now():
            for times in ("once", "twice"):
                ask(number)
                done.append(f"asked {times}")

    assert type(end_of(work)) is ENDS[number]
    assert done == reached


def test_handlers_are_put_back_and_nothing_waits_for_the_next_block() -> None:
    before = [signal.getsignal(number) for number in ENDS]

    def work() -> None:
        with not_now():
            ask(signal.SIGTERM)

    def other() -> None:
        with not_now():
            pass

    assert end_of(work) is not None
    assert [signal.getsignal(number) for number in ENDS] == before
    assert end_of(other) is None


def test_another_thread_neither_takes_signals_nor_puts_them_off() -> None:
    entered, go_on, done = threading.Event(), threading.Event(), []

    def elsewhere() -> None:
        with stopped_by_signals(), not_now():
            entered.set()
            go_on.wait(10.0)

    def work() -> None:
        entered.wait(10.0)
        ask(signal.SIGTERM)
        done.append("went on")

    thread = threading.Thread(target=elsewhere)
    thread.start()
    try:
        assert isinstance(end_of(work), Stopped)
    finally:
        go_on.set()
        thread.join()
    assert done == []
