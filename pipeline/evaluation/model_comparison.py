"""Model comparison: whether a candidate is not worse than the active model, by one rule.

The rule has to be sure that nothing was lost, not that nothing is known to be: what is not shown is
refused, and a person may still promote the model by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scipy.special import betaincinv, gammainc

from pipeline.evaluation.model_trial import ModelTrial, kind_of
from pipeline.evaluation.refusals import Refusal

__all__ = ["TOLERANCE", "Comparison", "Reason", "compare_models"]

TOLERANCE = 0.2
"""Share of the injected faults that a candidate may find less, at most, with CONFIDENCE."""
CONFIDENCE = 0.9
_LEAST_FOUND = 0.25
"""Share of the injected faults that the active model must find: of what it misses a candidate can
lose nothing, so it would pass though it is blind."""
_CHANCE = 0.05
"""Below this chance more false alarms than the active model's, or the budget's, are no accident."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One of the reasons, with its figures."""

    why: Refusal
    figures: Mapping[str, Any]
    """Of the sentence that says it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A candidate beside the active model."""

    active: ModelTrial
    candidate: ModelTrial
    lost: int
    """Injected faults that the active model alone finds."""
    gained: int
    """Those that the candidate alone finds."""
    bound: float
    """Share of injected faults that the candidate finds less, at most, with 90 % confidence."""
    reasons: tuple[Reason, ...]
    """Why it is refused; none: it is not worse."""

    @property
    def not_worse(self) -> bool:
        """Whether the candidate may be promoted."""
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
        """Return values that JSON can hold."""
        return {
            "active": self.active.to_dict(),
            "candidate": self.candidate.to_dict(),
            "lost": self.lost,
            "gained": self.gained,
            "bound": round(self.bound, 4),
            "not_worse": self.not_worse,
            "reasons": [
                {"why": reason.why.value, "figures": dict(reason.figures)}
                for reason in self.reasons
            ],
        }


def compare_models(
    active: ModelTrial, candidate: ModelTrial, *, budget_per_day: float
) -> Comparison:
    """Return the comparison of two trials on the same footage.

    Not worse means all of: no more false alarms on normal footage than the larger of the active
    model's and the budget's, but by chance (Poisson, 5 %); every known anomaly found that the
    active model finds; no kind of fault lost of which the active model finds two or more; and at
    most 20 % of the injected faults lost, with 90 % confidence (Clopper-Pearson bound of the lost
    ones, less those gained).
    """
    names = sorted(active.faults)
    lost = [name for name in names if active.faults[name] and not candidate.faults[name]]
    gained = [name for name in names if candidate.faults[name] and not active.faults[name]]
    bound = _upper_bound(len(lost), len(names)) - len(gained) / max(1, len(names))
    reasons = [
        *_false_alarms(active, candidate, budget_per_day),
        *_known_missed(active, candidate),
        *_kinds_lost(active, candidate),
    ]
    if _upper_bound(0, len(names)) > TOLERANCE:
        needed = next(n for n in range(1, 1000) if _upper_bound(0, n) <= TOLERANCE)
        figures: dict[str, Any] = {"faults": len(names), "needed": needed}
        reasons.append(Reason(why=Refusal.TOO_FEW_FAULTS, figures=figures))
    elif sum(active.faults.values()) < _LEAST_FOUND * len(names):
        figures = {"found": sum(active.faults.values()), "faults": len(names)}
        reasons.append(Reason(why=Refusal.ACTIVE_FINDS_FEW, figures=figures))
    elif bound > TOLERANCE:
        figures = {
            "bound": round(bound, 4),
            "lost": len(lost),
            "gained": len(gained),
            "faults": len(names),
            "tolerance": TOLERANCE,
        }
        reasons.append(Reason(why=Refusal.FAULTS_LOST, figures=figures))
    return Comparison(
        active=active,
        candidate=candidate,
        lost=len(lost),
        gained=len(gained),
        bound=max(0.0, bound),
        reasons=tuple(reasons),
    )


def _upper_bound(count: int, of: int) -> float:
    """Return the one-sided Clopper-Pearson bound of a share."""
    return 1.0 if count >= of else float(betaincinv(count + 1, of - count, CONFIDENCE))


def _false_alarms(active: ModelTrial, candidate: ModelTrial, budget_per_day: float) -> list[Reason]:
    allowed = budget_per_day * candidate.normal_seconds / 86_400.0
    usual = max(float(active.false_alarms), allowed)
    count = candidate.false_alarms
    # Chance of so many or more (Poisson): the regularised lower incomplete gamma function.
    if count <= usual or float(gammainc(count, usual)) >= _CHANCE:
        return []
    figures = {
        "candidate": count,
        "active": active.false_alarms,
        "hours": round(candidate.normal_seconds / 3600.0, 4),
        "budget": round(allowed, 4),
    }
    return [Reason(why=Refusal.MORE_FALSE_ALARMS, figures=figures)]


def _known_missed(active: ModelTrial, candidate: ModelTrial) -> list[Reason]:
    missed = [name for name, found in active.known.items() if found and not candidate.known[name]]
    if not missed:
        return []
    figures = {
        "missed": len(missed),
        "known": len(active.known),
        "names": ", ".join(name[:12] for name in missed),
    }
    return [Reason(why=Refusal.KNOWN_MISSED, figures=figures)]


def _kinds_lost(active: ModelTrial, candidate: ModelTrial) -> list[Reason]:
    reasons = []
    for kind in sorted({kind_of(name) for name in active.faults}):
        names = [name for name in active.faults if kind_of(name) == kind and active.faults[name]]
        if len(names) >= 2 and not any(candidate.faults[name] for name in names):
            figures = {"kind": kind, "found": len(names)}
            reasons.append(Reason(why=Refusal.KIND_LOST, figures=figures))
    return reasons
