"""Options and arguments that several commands take, with one help text each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import SettingsError

__all__ = ["Cameras", "Effort", "Seed", "check_out_file"]

Cameras = Annotated[
    list[str] | None, typer.Argument(help="Cameras; none means all.", metavar="[CAMERA]...")
]
Seed = Annotated[int | None, typer.Option(help="Seed; none: the setting.", min=0)]
Effort = Annotated[
    float,
    typer.Option(
        help="Share of the preset's training steps; 0.1 for a first look.", min=0.001, max=100
    ),
]


def check_out_file(out: Path) -> None:
    """Raise SettingsError unless the folder that the file of --out is to lie in is there: made
    unasked, a mistyped one would hide what was written."""
    if not out.parent.is_dir():
        raise SettingsError(f"--out {out}: there is no folder {out.parent}; make it, or correct it")
