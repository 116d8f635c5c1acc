"""Decision: "go" when every bar of a trial is met, else "not yet" and which bars are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.trial.figures import TrialFigures
from pipeline.trial.money import Case

__all__ = ["BARS", "BarOutcome", "bar_outcomes", "is_go"]

BARS = (
    *("alarms", "precision", "faults", "payback"),
    *("verdicts", "unreviewed", "days", "unwatched", "finished", "learnt_apart"),
)
"""What a manager asks first, then what the figures need to be worth something."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BarOutcome:
    """What became of one bar."""

    key: str
    limit: float
    """What the file of the trial asks for."""
    at_most: bool
    """Whether `limit` is an upper one."""
    value: float | None
    """What was measured; None when it is not known, or when it never comes (payback)."""
    low: float | None = None
    high: float | None = None
    """Ends of the 95 % interval, where there is one."""
    judged: float | None = None
    """What is held against the limit: the value, or the worse end of the interval."""

    @property
    def met(self) -> bool:
        """Tell whether the bar is met; what is not known never is."""
        if self.judged is None:
            return False
        return self._holds(self.judged)

    @property
    def certain(self) -> bool:
        """Tell whether it is met at the worse end of the interval too; without one, as it is."""
        if self.low is None and self.high is None:
            return self.met
        worse = self.high if self.at_most else self.low
        return worse is not None and self._holds(worse)

    def _holds(self, value: float) -> bool:
        return value <= self.limit if self.at_most else value >= self.limit


def bar_outcomes(figures: TrialFigures, money: Mapping[str, Case]) -> list[BarOutcome]:
    """Return every bar in the order of BARS; `money` are the cases of the same figures."""
    bar = figures.trial.bar
    counted = {
        "faults": (bar.least_faults_found, False, len(figures.faults)),
        "verdicts": (bar.least_verdicts, False, figures.reviewed),
        "unreviewed": (bar.most_unreviewed, True, len(figures.unreviewed)),
        "days": (bar.least_watched_days, False, figures.watched_days),
        "unwatched": (bar.most_unwatched_share, True, figures.unwatched_share),
        "finished": (1, False, int(figures.finished)),
        "learnt_apart": (0, True, _learnt(figures)),
    }
    outcomes = {
        key: BarOutcome(key=key, limit=limit, at_most=at_most, value=value, judged=value)
        for key, (limit, at_most, value) in counted.items()
    }
    outcomes["alarms"] = _of_alarms(figures)
    outcomes["precision"] = _of_precision(figures)
    outcomes["payback"] = _of_payback(figures, money)
    return [outcomes[key] for key in BARS]


def is_go(outcomes: Sequence[BarOutcome]) -> bool:
    """Tell whether every bar is met."""
    return all(outcome.met for outcome in outcomes)


def _of_alarms(figures: TrialFigures) -> BarOutcome:
    bar, rate = figures.trial.bar, figures.alarms_per_day
    return BarOutcome(
        key="alarms",
        limit=bar.most_alarms_a_day,
        at_most=True,
        value=rate.value if rate else None,
        low=rate.low if rate else None,
        high=rate.high if rate else None,
        judged=(rate.high if bar.by_interval else rate.value) if rate else None,
    )


def _of_precision(figures: TrialFigures) -> BarOutcome:
    bar, share = figures.trial.bar, figures.precision
    return BarOutcome(
        key="precision",
        limit=bar.least_precision,
        at_most=False,
        value=share.value if share else None,
        low=share.low if share else None,
        high=share.high if share else None,
        judged=(share.low if bar.by_interval else share.value) if share else None,
    )


def _of_payback(figures: TrialFigures, money: Mapping[str, Case]) -> BarOutcome:
    bar = figures.trial.bar
    years = {name: case.payback_years for name, case in money.items()}
    return BarOutcome(
        key="payback",
        limit=bar.longest_payback_years,
        at_most=True,
        value=years.get("middle"),
        # The case with the highest return pays back first.
        low=years.get("high"),
        high=years.get("low"),
        judged=years.get("low" if bar.by_interval else "middle"),
    )


def _learnt(figures: TrialFigures) -> int | None:
    """Return how many watched files the model learnt from; None without a model."""
    return None if figures.model is None else figures.footage_learnt_from_watch
