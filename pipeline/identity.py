"""Names made from content: the same thing done twice gets the same name, and inserts nothing."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["SHORTEST_BEGINNING", "content_id", "digest_of", "too_short"]

# ASCII unit separator: it does not occur in the parts, so ("a", "bc") is not ("ab", "c").
_SEPARATOR = b"\x1f"

SHORTEST_BEGINNING = 6
"""Characters of a name that may stand for all of it, when nothing else begins so."""


def content_id(kind: str, *parts: str | int) -> str:
    """Return a 32-character hexadecimal name for the thing of `kind` that `parts` determine."""
    digest = hashlib.sha256()
    for part in (kind, *parts):
        digest.update(str(part).encode("utf-8", "surrogateescape"))
        digest.update(_SEPARATOR)
    return digest.hexdigest()[:32]


def digest_of(value: Any) -> str:
    """Return the sha256 (64 hexadecimal characters) of a value that JSON can hold.

    Keys are sorted, so two equal configurations have one digest.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def too_short(what: str, beginning: str, command: str) -> str:
    """Return why the beginning of a name is no good: `what` as in "an alert", `command` lists
    them."""
    return (
        f"{beginning!r} is too short to name {what}; give at least the first "
        f"{SHORTEST_BEGINNING} characters, as listed by: {command}"
    )
