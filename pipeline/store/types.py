"""Column types: what goes in comes out unchanged on both databases, or is refused with a reason."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Double, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from pipeline.errors import StoreError
from pipeline.timebase import require_utc

__all__ = ["FiniteFloat", "JsonValue", "PlainText", "UtcDateTime", "decode_text", "encode_text"]

_MARK = "\ufffd"
_UNSTORABLE = re.compile("[\ud800-\udfff\ufffd]")
_STORED = re.compile("\ufffd\\{([0-9a-f]*)\\}")


def encode_text(value: str) -> str:
    """Return `value` as both databases can hold it; StoreError when it holds a NUL character.

    A file name that is not UTF-8 reaches us with lone surrogates (PEP 383), which neither database
    takes. They are written as U+FFFD and the code in braces, and U+FFFD itself as U+FFFD and empty
    braces, so that every name comes back as it was.
    """
    if "\0" in value:
        raise StoreError(
            f"{value[:40]!r} holds a NUL character, which a database cannot keep; remove it"
        )
    if value.isascii():
        return value
    return _UNSTORABLE.sub(_encode_character, value)


def decode_text(value: str) -> str:
    """Return what `encode_text` was given."""
    if _MARK not in value:
        return value
    return _STORED.sub(lambda found: chr(int(found[1], 16)) if found[1] else _MARK, value)


def _encode_character(found: re.Match[str]) -> str:
    code = "" if found[0] == _MARK else format(ord(found[0]), "x")
    return _MARK + "{" + code + "}"


class PlainText(TypeDecorator[str]):
    """Text of any length, compared by its code points, the same on both databases."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        # Collation "C" is what SQLite does; without it PostgreSQL orders press-1 and press_1
        # as the locale of the server says.
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(Text(collation=collation))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        # str() makes a plain string of a StrEnum, which psycopg would write by its name.
        return None if value is None else encode_text(str(value))

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        return None if value is None else decode_text(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant to the microsecond; aware in UTC on both sides, ValueError for a naive one.

    SQLite holds the text `YYYY-MM-DD HH:MM:SS.ffffff`, which sorts by time.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        utc = require_utc(value)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        aware: datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC)


class FiniteFloat(TypeDecorator[float]):
    """A double that is a number; ValueError for NaN and infinities."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        return None if value is None else _finite(float(value))


class JsonValue(TypeDecorator[Any]):
    """A value that JSON can hold, without NaN and infinities (ValueError) and NUL (StoreError).

    On PostgreSQL it is JSON and not JSONB, which keeps numbers as decimals: there the double
    3.602879701896397e+16 comes back as the integer 36028797018963970, which is another number.
    """

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> Any:
        return _storable(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any:
        return _restored(value)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be stored; only finite numbers can")
    return value


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return encode_text(str(value))
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, Mapping):
        return {encode_text(str(key)): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value


def _restored(value: Any) -> Any:
    if isinstance(value, str):
        return decode_text(value)
    if isinstance(value, dict):
        return {decode_text(key): _restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return value
