"""Aside: since when nobody uses a model, and nobody is about to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipeline.learning.registry import ModelState, last_active
from pipeline.retention.nouns import ModelUse

__all__ = ["put_aside"]


def put_aside(uses: Sequence[ModelUse]) -> dict[str, datetime]:
    """Return by model of one camera since when nobody uses it; those that are used are left out.

    Used are the active model, the one that a roll-back would bring back, candidates that were not
    refused and that no newer one has overtaken, and what a student that is used learnt from: a new
    camera starts from the networks of that.
    """
    own = {use.model_id: since for use in uses if (since := _given_up(use, uses)) is not None}
    if (before := _before(uses)) is not None:
        own.pop(before, None)
    together = dict(own)
    for student in uses:
        if student.teacher not in together or student.files_removed_utc is not None:
            continue
        if student.model_id in own:
            together[student.teacher] = max(together[student.teacher], own[student.model_id])
        else:
            del together[student.teacher]
    return together


def _given_up(use: ModelUse, uses: Sequence[ModelUse]) -> datetime | None:
    """Return when a model was retired, refused or overtaken; None when it was not."""
    if use.state is ModelState.RETIRED:
        return use.retired_utc
    if use.state is ModelState.ACTIVE:
        return None
    refused = [at_utc for at_utc, not_worse in use.trials[-1:] if not not_worse]
    # Of several that retraining made, only the newest is ever tried or offered.
    overtaken = [
        newer.trials[0][0]
        for newer in uses
        if use.for_trial
        and newer.for_trial
        and newer.trials
        and newer.created_utc > use.created_utc
    ]
    return min([*refused, *overtaken], default=None)


def _before(uses: Sequence[ModelUse]) -> str | None:
    """Return the model that a roll-back would make the active one."""
    others = {
        use.model_id: use.activated_utc
        for use in uses
        if use.activated_utc is not None
        and use.state is not ModelState.ACTIVE
        and use.files_removed_utc is None
    }
    return last_active(others)
