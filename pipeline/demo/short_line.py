"""A short line: footage for a first try, a minute of normal operation and then one fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.demo.script import FaultKind
from pipeline.demo.write_line import WrittenLine, write_line

__all__ = ["ShortLine", "write_short_line"]

_NORMAL_SECONDS = 60.0
_KIND = FaultKind.STOP


@dataclass(frozen=True, kw_only=True, slots=True)
class ShortLine:
    """What was rendered. `str()` of it says where each part lies."""

    line: WrittenLine

    @property
    def learn(self) -> list[Path]:
        """Files of the normal part."""
        return [file.path for file in self.line.files if not file.watched]

    @property
    def watch(self) -> list[Path]:
        """Files of the part with the fault."""
        return [file.path for file in self.line.files if file.watched]

    def __str__(self) -> str:
        learn = ", ".join(path.name for path in self.learn)
        watch = ", ".join(path.name for path in self.watch)
        folder = self.learn[0].parent
        truth = self.line.truth_path.name
        return f"{folder}: {learn} to learn from, {watch} with a fault in it (see {truth})"


def write_short_line(folder: Path, *, progress: Callable[[str], None]) -> ShortLine:
    """Render the line into `folder`/footage with side-cars, as `write_line` does, and its truth."""
    return ShortLine(
        line=write_line(folder, normal_seconds=_NORMAL_SECONDS, kinds=(_KIND,), progress=progress)
    )
