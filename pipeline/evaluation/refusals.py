"""Refusals: why a candidate is not promoted, in words that need no networks to be said."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

__all__ = ["Refusal", "reasons_of"]


class Refusal(StrEnum):
    """Why a candidate is not promoted."""

    MORE_FALSE_ALARMS = "more_false_alarms"
    KNOWN_MISSED = "known_missed"
    KIND_LOST = "kind_lost"
    FAULTS_LOST = "faults_lost"
    TOO_FEW_FAULTS = "too_few_faults"
    ACTIVE_FINDS_FEW = "active_finds_few"


_SENTENCES: Mapping[Refusal, str] = {
    Refusal.MORE_FALSE_ALARMS: "it raises {candidate} false alarms in {hours:.2f} h of normal "
    "footage, the active model {active}, the budget allows {budget:.2f}",
    Refusal.KNOWN_MISSED: "it does not find {missed} of {known} alerts that people called "
    "anomalies, which the active model finds: {names}",
    Refusal.KIND_LOST: "it finds none of the {found} injected faults of kind {kind} that the "
    "active model finds",
    Refusal.FAULTS_LOST: "it may find {bound:.0%} fewer of the injected faults (lost {lost}, gained"
    " {gained} of {faults}), more than the {tolerance:.0%} that are tolerated",
    Refusal.TOO_FEW_FAULTS: "only {faults} faults could be injected, {needed} are needed to say "
    "anything; held-out footage in which more happens is needed",
    Refusal.ACTIVE_FINDS_FEW: "the active model finds only {found} of {faults} injected faults, so "
    "nothing can be said of what a candidate would lose; a person has to decide",
}


def reasons_of(figures: Mapping[str, Any]) -> list[str]:
    """Return why a comparison (`Comparison.to_dict()`) refuses a candidate, in English."""
    return [
        _SENTENCES[Refusal(reason["why"])].format(**reason["figures"])
        for reason in figures["reasons"]
    ]
