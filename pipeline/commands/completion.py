"""kizashi completion: a script that lets a shell complete commands and options."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

__all__ = ["COMPLETE_VARIABLE", "completion", "prepare_completion"]

COMPLETE_VARIABLE = "_KIZASHI_COMPLETE"
"""Set by the script when the shell asks what may come next."""


class ShellName(StrEnum):
    """Shells that a script can be printed for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[ShellName, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print a script with which a shell completes commands and options.

    Put it where the shell looks for such scripts, as below, and open a new shell. For zsh write it
    to a file _kizashi in a folder that fpath names.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    wanted = {"prog_name": "kizashi", "complete_var": COMPLETE_VARIABLE, "shell": shell.value}
    typer.echo(get_completion_script(**wanted))


def prepare_completion() -> None:
    """Make the shells known that the scripts are of, before an answer is asked for."""
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()
