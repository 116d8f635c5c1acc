"""Spreadsheet: cells of CSV that no program takes for a formula."""

from __future__ import annotations

__all__ = ["harmless_text"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless_text(text: str) -> str:
    """Return `text`, with a ' before it when a spreadsheet would take it for a formula."""
    return "'" + text if text.startswith(_FORMULA) else text
