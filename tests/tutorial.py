"""The tutorial as a program: its commands, the output it shows, and the rule that compares them.

The rule, which the page itself tells: shown is standard output alone. Equal to each other count any
two ids (12 or more hexadecimal characters), any two numbers with a point or an exponent, any two
numbers in a line with an id, any two times of day, and any two folders in which it is done. Blank
lines, spaces at the end of lines and the width of tables do not count. All else, every count and
every word, must be the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Step", "comparable", "ids_in", "steps_of"]

FOLDER = "/home/me/first"
"""The folder in which the page says that it is done."""

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ID = re.compile(r"\b(?=[0-9]*[a-f])[0-9a-f]{12,64}\b")
_TIME = re.compile(r"(?<!\d)\d\d:\d\d:\d\d(?:\.\d+)?(?!\d)")
_NUMBER = re.compile(r"\b\d+\.\d+(?:e[-+]?\d+)?\b|\b\d+e[-+]?\d+\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One command and what the page shows below it."""

    command: str
    output: str


def steps_of(page: str) -> list[Step]:
    """Return the steps of a page: lines that begin with `$ ` in its blocks, and what follows."""
    steps = []
    for block in _BLOCK.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            steps.append(Step(command=command, output=output))
    return steps


def ids_in(text: str) -> list[str]:
    """Return the ids of a text in their order."""
    return _ID.findall(text)


def comparable(output: str, folder: Path | None = None) -> list[str]:
    """Return the lines of an output as far as they must be the same; it was made in `folder`."""
    if folder is not None:
        output = output.replace(str(folder), FOLDER)
    for pattern, shown in ((_ID, "<id>"), (_TIME, "<time>"), (_NUMBER, "<number>")):
        output = pattern.sub(shown, output)
    # A score of 10.0 is shown as 10.
    output = "\n".join(
        re.sub(r"\d+", "<number>", line.replace("<number>", "0")) if "<id>" in line else line
        for line in output.splitlines()
    )
    # Tables are as wide as their widest cell, which may be a number.
    lines = (re.sub(r"─+|\s+", " ", line).strip() for line in output.splitlines())
    return [line for line in lines if line]
