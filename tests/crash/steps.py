"""Durable steps: commits, fsyncs, renames, removals and messages sent, each with a before and an
after. No code of the product is changed; what it calls is told of, in a forked child."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine.default import DefaultDialect

from pipeline.notification.sinks import FileSink

__all__ = ["STEPS_OF_FILES", "count_steps", "die_at"]

STEPS_OF_FILES = ("fsync", "replace", "rename", "unlink", "rmdir")

Told = Callable[[str], None]


def count_steps(told: Told) -> None:
    """Tell `told` "before X" and "after X" of every durable step of this process from now on. For a
    child that ends soon: nothing is put back."""
    for name in STEPS_OF_FILES:
        setattr(os, name, _telling(getattr(os, name), name, told))
    commit = _telling(DefaultDialect.do_commit, "commit", told)
    DefaultDialect.do_commit = commit  # type: ignore[method-assign]
    FileSink.send = _telling(FileSink.send, "send", told)  # type: ignore[method-assign]


def die_at(number: int, steps: list[str] | None = None) -> Told:
    """Return what is told of steps and kills this process at one of them, from 0 (-1: at none);
    those before it are added to `steps`."""
    seen = -1

    def told(step: str) -> None:
        nonlocal seen
        seen += 1
        if steps is not None:
            steps.append(step)
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return told


def _telling(deed: Callable[..., Any], name: str, told: Told) -> Callable[..., Any]:
    def done(*given: Any, **named: Any) -> Any:
        told(f"before {name}")
        result = deed(*given, **named)
        told(f"after {name}")
        return result

    return done
