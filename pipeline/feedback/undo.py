"""Undoing: a pattern that somebody removes opens what it had suppressed."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.assembly import Site
from pipeline.errors import SettingsError
from pipeline.feedback.patterns import Pattern

__all__ = ["remove_pattern"]


def remove_pattern(site: Site, pattern_id: str, who: str) -> tuple[Pattern, Sequence[str]]:
    """Remove a pattern and return it as it was, and the alerts that are open again: nobody was told
    of them, so every sink that would have been is told now.

    `pattern_id` may be a unique beginning of at least 6 characters. Raises StoreError for an
    unknown one, SettingsError when it ended already or nobody says who removes it.
    """
    pattern = site.store.pattern(pattern_id)
    name = f"pattern {pattern.pattern_id[:12]}"
    if not who.strip():
        raise SettingsError(f"{name}: removing it needs the name of whoever does")
    if pattern.ended_utc is not None:
        why = pattern.ended_why.value if pattern.ended_why else "unknown"
        raise SettingsError(f"{name} ended already, by {pattern.ended_by} ({why})")
    return pattern, site.store.end_pattern(pattern.pattern_id, who.strip(), site.clock.now_utc())
