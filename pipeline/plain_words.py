"""What pydantic finds wrong, in the words of whoever wrote it: no patterns, no names of types."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["in_words", "pattern_in_words"]

_NAME = "use 1 to 63 of a-z 0-9 - _, a letter or digit first"
_PATTERNS: Mapping[str, str] = {
    r"^[a-z0-9][a-z0-9_-]{0,62}$": _NAME,
    r"^([a-z0-9][a-z0-9_-]{0,62})?$": _NAME,
    r"^[^@]*$": "must not hold an @: no password is written there",
    r"^[^#+\x00/$][^#+\x00/]*(/[^#+\x00/]+)*$": "give words with / between them, without # + $",
    r"^[^\W\d_]{1,8}$": "use 1 to 8 letters, such as EUR",
}
_CHOICE = re.compile(r"\^\(([a-z|]+)\)\$")
_MOMENT = "must be a moment with a time zone, such as 2026-01-31T08:00:00Z"
_YES_OR_NO = "must be true or false"
_WHOLE, _NUMBER = "must be a whole number", "must be a number"
_LIST, _TABLE = "must be a list: [ ... ]", "must be a table of names and values"

_WORDS: Mapping[str, str | Callable[[Mapping[str, Any]], str]] = {
    "string_pattern_mismatch": lambda said: pattern_in_words(said["pattern"]) or "cannot be that",
    "literal_error": lambda said: f"must be {said['expected']}",
    "enum": lambda said: f"must be {said['expected']}",
    "greater_than": lambda said: f"must be more than {said['gt']:g}",
    "greater_than_equal": lambda said: f"must be {said['ge']:g} or more",
    "less_than": lambda said: f"must be less than {said['lt']:g}",
    "less_than_equal": lambda said: f"must be {said['le']:g} or less",
    "string_too_short": lambda said: _at_least(said["min_length"], "characters"),
    "string_too_long": lambda said: f"must have {said['max_length']} characters or fewer",
    "too_short": lambda said: _at_least(said["min_length"], "entries"),
    "missing": "is missing",
    "extra_forbidden": "nothing of this name is known; see how it is spelt",
    "string_type": 'must be a text in quotes: "..."',
    "finite_number": _NUMBER,
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _YES_OR_NO),
    **dict.fromkeys(("list_type", "tuple_type"), _LIST),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), _TABLE),
    **dict.fromkeys(
        (
            "timezone_aware",
            "datetime_type",
            "datetime_parsing",
            "datetime_from_date_parsing",
            "datetime_object_invalid",
        ),
        _MOMENT,
    ),
    **dict.fromkeys(("time_type", "time_parsing"), "must be a time of day, such as 08:00"),
    **dict.fromkeys(("path_type",), 'must be a path in quotes: "..."'),
}


def in_words(error: ErrorDetails) -> str:
    """Return what is wrong with one value, without the value: it may be a secret."""
    words = _WORDS.get(error["type"])
    if words is None:
        return error["msg"].removeprefix("Value error, ")
    return words if isinstance(words, str) else words(error.get("ctx", {}))


def pattern_in_words(pattern: str) -> str | None:
    """Return what a text must be like to match a pattern of ours; None for one of nobody."""
    choice = _CHOICE.fullmatch(pattern)
    if choice is not None:
        *most, last = choice[1].split("|")
        return f"must be {', '.join(most)} or {last}"
    return _PATTERNS.get(pattern)


def _at_least(least: int, what: str) -> str:
    return "must not be empty" if least == 1 else f"must have {least} {what} or more"
