"""Ledger: a camera's time without a hole. What is in no file is blind, with its cause."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipeline.footage.gaps import blind_without_footage
from pipeline.footage.segments import Blind
from pipeline.recording.outage import Cause, reason_of, told

__all__ = ["Ledger"]

_SHORTEST = timedelta(milliseconds=250)
"""Less than this between two files is the frame rate and the drift of clocks."""


@dataclass
class Ledger:
    """Everything before `known_until_utc` is in a file or noted as blind."""

    camera: str
    known_until_utc: datetime
    changes: list[tuple[datetime, Cause]] = field(default_factory=list)
    """Since when which cause holds, in order of time; the first one holds from the beginning."""

    @property
    def cause(self) -> Cause | None:
        """The cause that holds now."""
        return self.changes[-1][1] if self.changes else None

    def note(self, cause: Cause, at_utc: datetime) -> None:
        """From `at_utc` on nothing is recorded, because of `cause`."""
        if cause is not self.cause:
            self.changes.append((at_utc, cause))

    def recorded(self, start_utc: datetime, end_utc: datetime) -> list[Blind]:
        """Take in a file of [start_utc, end_utc); return what was blind before it."""
        blind = []
        if start_utc - self.known_until_utc >= _SHORTEST:
            blind = self._pieces(start_utc)
        self.known_until_utc = max(self.known_until_utc, end_utc)
        # A file is taken in late: what was noted for a time after its first frame stays.
        self.changes = [change for change in self.changes if change[0] > start_utc]
        return blind

    def blind_until(self, until_utc: datetime) -> list[Blind]:
        """Return all time up to `until_utc` that is not known yet as blind; it is known then."""
        if until_utc - self.known_until_utc < _SHORTEST:
            return []
        blind = self._pieces(until_utc)
        self.known_until_utc = until_utc
        self.changes = [] if self.cause is None else [(until_utc, self.cause)]
        return blind

    def _pieces(self, until_utc: datetime) -> list[Blind]:
        changes = self.changes or [(self.known_until_utc, Cause.LOST)]
        borders = [self.known_until_utc, *(at for at, _ in changes[1:]), until_utc]
        pieces = []
        for (_, cause), start, end in zip(changes, borders[:-1], borders[1:], strict=True):
            begin, finish = max(start, self.known_until_utc), min(end, until_utc)
            if finish > begin:
                detail = f"{cause.value}: {told(cause)}"
                pieces.append(
                    blind_without_footage(self.camera, begin, finish, reason_of(cause), detail)
                )
        return pieces
