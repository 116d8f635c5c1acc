"""Moments that addresses carry: with an offset, and within the years that clocks can be set to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator

from pipeline.errors import SettingsError

__all__ = ["Moment"]

_FIRST_YEAR, _LAST_YEAR = 1900, 9000
"""Nearer to the ends of the calendar no day could be added or taken away."""


def _checked(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise SettingsError(f"{moment.isoformat()} has no offset; give 2026-01-31T08:00:00Z")
    if not _FIRST_YEAR <= moment.year < _LAST_YEAR:
        raise SettingsError(
            f"{moment.isoformat()}: give a year from {_FIRST_YEAR} to {_LAST_YEAR - 1}"
        )
    return moment.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_checked)]
"""SettingsError for one without an offset, or so far away that nothing can be reckoned with it."""
