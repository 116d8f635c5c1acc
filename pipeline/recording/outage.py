"""Outage: why a live camera was not recorded."""

from __future__ import annotations

from enum import StrEnum

from pipeline.footage.admission import Reason

__all__ = ["Cause", "cause_of_message", "reason_of", "told"]


class Cause(StrEnum):
    """Why nothing is recorded. In the ledger it is the first word of a blind interval's detail."""

    LOST = "lost"
    """The connection ended."""
    STALLED = "stalled"
    """The connection stands, and nothing comes."""
    REFUSED = "refused"
    """Nothing listens there, or it has no such stream."""
    UNAUTHORISED = "unauthorised"
    """User or password are wrong."""
    UNREACHABLE = "unreachable"
    """No answer, no way there, or no such name."""
    UNUSABLE = "unusable"
    """It answers, but with nothing that can be recorded, or a secret is missing here."""
    DISK_FULL = "disk_full"
    """Too little free space is left."""
    RESTARTING = "restarting"
    """A connection is being made: the first one, or anew after a jump of the camera's clock."""
    NOT_RUNNING = "not_running"
    """The recorder itself did not run."""


_TOLD = {
    Cause.LOST: "the connection ended",
    Cause.STALLED: "connected, but no frame came",
    Cause.REFUSED: "nothing listens there, or it has no such stream",
    Cause.UNAUTHORISED: "user or password are wrong",
    Cause.UNREACHABLE: "no answer from there",
    Cause.UNUSABLE: "no stream that can be recorded",
    Cause.DISK_FULL: "too little free space",
    Cause.RESTARTING: "a connection was being made",
    Cause.NOT_RUNNING: "kizashi record did not run",
}

# What FFmpeg prints, in lower case. Its lines hold the whole URL: they are only ever compared.
_MESSAGES = (
    ("401 unauthorized", Cause.UNAUTHORISED),
    ("authorization failed", Cause.UNAUTHORISED),
    ("403 forbidden", Cause.UNAUTHORISED),
    ("no space left", Cause.DISK_FULL),
    ("connection refused", Cause.REFUSED),
    ("404 ", Cause.REFUSED),
    ("server returned 4", Cause.REFUSED),
    ("server returned 5", Cause.REFUSED),
    ("no route to host", Cause.UNREACHABLE),
    ("network is unreachable", Cause.UNREACHABLE),
    ("failed to resolve", Cause.UNREACHABLE),
    ("timed out", Cause.UNREACHABLE),
    ("connection reset", Cause.LOST),
    ("incorrect codec parameters", Cause.STALLED),
    ("invalid data found", Cause.UNUSABLE),
    ("matches no streams", Cause.UNUSABLE),
)


def cause_of_message(line: str) -> Cause | None:
    """Return what a line of FFmpeg says of the connection; None when it says nothing of it."""
    lowered = line.lower()
    return next((cause for text, cause in _MESSAGES if text in lowered), None)


def reason_of(cause: Cause) -> Reason:
    """Return the reason under which the ledger keeps an outage; its detail says the cause."""
    return Reason.STALLED if cause is Cause.STALLED else Reason.NOT_RECORDED


def told(cause: Cause) -> str:
    """Return one line for people."""
    return _TOLD[cause]
