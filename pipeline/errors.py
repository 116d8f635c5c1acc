"""Every error that Kizashi raises on purpose.

KizashiError                      exit code
|-- SettingsError                 2   a setting, option or file of settings is wrong
|-- CameraError                   3   a camera is unknown, or its register is incomplete
|   |-- CameraChanged                 somebody else has changed it meanwhile
|   `-- ShowsMore                     a mask would hide less, and nobody has said that it may
|-- FootageError                  4   footage cannot be used; carries a Reason
|-- ModelError                    5   no model, or a model that must not be used
|   |-- ModelDamaged                  a stored model differs from its digest
|   |-- NotPromoted                   a candidate is worse, or not known not to be
|   `-- TrainingDiverged              a non-finite number was stopped before an update
|-- StoreError                    6   the database cannot do what is asked
|   |-- StoreUnavailable              it does not answer; trying again later may help
|   |-- MigrationNeeded               its schema is older or newer than this program
|   |-- QueryRefused                  not a single reading statement over the public views
|   `-- ReviewConflict                somebody else has given a verdict meanwhile
|-- LeaseHeld                     7   another worker is doing this now
|   `-- LeaseLost                     it took the work over; what came too late was not recorded
|-- EvaluationError               8   labels, masks or footage to compare do not fit
|-- NotificationError             9   a message could not be handed over
|-- AccessRefused                 10  no right to see or do this
`-- RetentionError                11  what must be forgotten could not be removed

A message is one line: what happened, to which file or camera, and what to do.
"""

from __future__ import annotations

__all__ = [
    "AccessRefused",
    "CameraChanged",
    "CameraError",
    "EvaluationError",
    "FootageError",
    "KizashiError",
    "LeaseHeld",
    "LeaseLost",
    "MigrationNeeded",
    "ModelDamaged",
    "ModelError",
    "NotPromoted",
    "NotificationError",
    "QueryRefused",
    "RetentionError",
    "ReviewConflict",
    "SettingsError",
    "ShowsMore",
    "StoreError",
    "StoreUnavailable",
    "TrainingDiverged",
]


class KizashiError(Exception):
    """Base of every error with a message meant for the user."""

    exit_code = 1


class SettingsError(KizashiError):
    """A setting, an option or a file of settings is wrong."""

    exit_code = 2


class CameraError(KizashiError):
    """A camera is unknown, or its register (purpose, owner, retention) is incomplete."""

    exit_code = 3


class CameraChanged(CameraError):
    """Somebody else has changed what is registered of the camera meanwhile."""


class ShowsMore(CameraError):
    """A change of privacy masks would show what they hide, and nobody has said that it may."""


class FootageError(KizashiError):
    """Footage cannot be used; `reason` is one of `pipeline.footage.admission.Reason`."""

    exit_code = 4

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ModelError(KizashiError):
    """There is no model to use, or the one there must not be used."""

    exit_code = 5


class ModelDamaged(ModelError):
    """A stored model differs from the digest that was recorded for it."""


class NotPromoted(ModelError):
    """A candidate is worse than the active model, or is not known not to be."""


class TrainingDiverged(ModelError):
    """A non-finite number was met in training and stopped before the update."""


class StoreError(KizashiError):
    """The database cannot do what is asked."""

    exit_code = 6


class StoreUnavailable(StoreError):
    """The database does not answer; trying again later may help."""


class MigrationNeeded(StoreError):
    """The schema of the database is not the one that this program needs."""


class QueryRefused(StoreError):
    """The text is not a single reading statement over the public views."""


class ReviewConflict(StoreError):
    """Somebody else has given a verdict on the alert meanwhile."""


class LeaseHeld(KizashiError):
    """Another worker holds the lease for this work."""

    exit_code = 7


class LeaseLost(LeaseHeld):
    """Another worker took the work over; what this one would have recorded was refused."""


class EvaluationError(KizashiError):
    """Labels, masks and footage that are to be compared do not fit together."""

    exit_code = 8


class NotificationError(KizashiError):
    """A message could not be handed over; it is tried again."""

    exit_code = 9


class AccessRefused(KizashiError):
    """Whoever asks has no right to see or do this."""

    exit_code = 10


class RetentionError(KizashiError):
    """Files that must be forgotten could not be removed; the next run tries again."""

    exit_code = 11
