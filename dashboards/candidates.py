"""Candidates in words: what they did beside the active model, for the page of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.assembly import Site
from pipeline.learning.promotion import last_comparison
from pipeline.learning.registry import ComparisonRecord, ModelRecord, ModelState
from pipeline.reports.words import Words

__all__ = ["CandidateView", "candidate_views"]

_MOST = 3
"""Candidates shown, the newest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRow:
    """What one of the two models did."""

    role: str
    model_id: str
    false_alarms: str
    faults: str
    known: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CandidateView:
    """A candidate; without rows it was not tried beside the model that is active now."""

    model_id: str
    rows: Sequence[TrialRow] = ()
    verdict: str = ""
    reasons: Sequence[str] = ()
    by: str = ""
    not_worse: bool = False


def candidate_views(
    site: Site, records: Sequence[ModelRecord], words: Words
) -> list[CandidateView]:
    """Return the newest candidates of a camera, from its models."""
    if not any(record.state is ModelState.ACTIVE for record in records):
        return []
    candidates = [
        record
        for record in records
        if record.state is ModelState.CANDIDATE and record.files_removed_utc is None
    ]
    newest = sorted(candidates, key=lambda record: record.created_utc, reverse=True)[:_MOST]
    return [_view(record, last_comparison(site, record), words) for record in newest]


def _view(record: ModelRecord, compared: ComparisonRecord | None, words: Words) -> CandidateView:
    if compared is None:
        return CandidateView(model_id=record.model_id)
    figures = compared.figures
    verdict = (
        words("compare.not_worse", lost=figures["lost"], gained=figures["gained"])
        if compared.not_worse
        else words("compare.refused")
    )
    return CandidateView(
        model_id=record.model_id,
        rows=[
            _row("active", compared.active_id, figures["active"], words),
            _row("candidate", compared.candidate_id, figures["candidate"], words),
        ],
        verdict=verdict,
        reasons=[
            words(f"compare.why.{reason['why']}", **reason["figures"])
            for reason in figures["reasons"]
        ],
        by=words("compare.by", at=words.time(compared.at_utc, "minute"), who=compared.who),
        not_worse=compared.not_worse,
    )


def _row(role: str, model_id: str, trial: dict[str, Any], words: Words) -> TrialRow:
    def found(of: dict[str, bool]) -> str:
        return words("compare.of", found=sum(of.values()), all=len(of))

    return TrialRow(
        role=words(f"models.state.{role}"),
        model_id=model_id,
        false_alarms=words(
            "compare.false_alarms.value",
            count=trial["false_alarms"],
            length=words.length(trial["normal_seconds"]),
        ),
        faults=found(trial["faults"]),
        known=found(trial["known"]),
    )
