"""Options and arguments that several commands take, with one help text each."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["Cameras", "Effort", "Seed"]

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
