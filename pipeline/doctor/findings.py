"""Findings: what one check saw, and what the checks may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pipeline.assembly import Site
from pipeline.errors import KizashiError
from pipeline.settings import Settings

__all__ = ["Finding", "Level", "Machine", "ok", "problem", "problem_of", "warning"]


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not as somebody may think, or not for long."""
    PROBLEM = "problem"
    """Something does not work."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line of the doctor's answer."""

    check: str
    level: Level
    found: str
    """What is so, naming the file or camera."""
    fix: str = ""
    """What to do; empty when all is well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What the checks ask of the machine; tests pass answers of their own."""

    folder: Path
    now_utc: datetime
    free_bytes: Callable[[Path], int]
    """Free space of the file system that holds a path."""
    gpu_names: Callable[[], list[str]]
    """Devices of GPUs that the system shows, whether or not torch can use them."""
    torch_sees_gpu: Callable[[], bool]
    prefect_answer: Callable[[], tuple[str, str | None] | None]
    """Address of the Prefect server that is configured, and what is wrong with it (None: it
    answers); None when none is configured."""
    zone: str
    """Time zone of the machine."""
    settings: Settings | None = None
    """None when they cannot be read."""
    site: Site | None = None
    """None when the database cannot be opened as it is."""


def ok(check: str, found: str) -> Finding:
    """Return the finding that all is well."""
    return Finding(check=check, level=Level.OK, found=found)


def warning(check: str, found: str, fix: str) -> Finding:
    """Return a finding that works, but not as somebody may think."""
    return Finding(check=check, level=Level.WARNING, found=found, fix=fix)


def problem(check: str, found: str, fix: str) -> Finding:
    """Return the finding of something that does not work."""
    return Finding(check=check, level=Level.PROBLEM, found=found, fix=fix)


def problem_of(check: str, error: KizashiError) -> Finding:
    """Return the finding of an error of ours, whose line ends with what to do."""
    found, _, fix = str(error).rpartition("; ")
    return problem(check, found, fix) if found else problem(check, fix, "see docs/errors.md")
