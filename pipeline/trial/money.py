"""Money: what a trial's counts would save and cost a year, by the assumptions of its file.

Three cases: the counts of the trial as they are, and the two ends of their 95 % intervals. The low
case has the fewest faults and the most alarms that the counts allow, the high case the reverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.trial.figures import TrialFigures, rate_estimate
from pipeline.trial.trial import Assumptions

__all__ = ["CASES", "Case", "cases"]

CASES = ("low", "middle", "high")
_HOURS_PER_YEAR = 8_766.0
"""365.25 days: power is drawn day and night."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One year of one camera, in the currency of the assumptions."""

    early_faults_per_year: float
    alarms_per_year: float
    stop_hours_avoided_per_year: float
    people_hours_per_year: float
    """Looking at alarms, and upkeep."""
    saved_per_year: float
    people_cost_per_year: float
    power_cost_per_year: float
    cost_once: float
    """Hardware, and the hours to set it up."""
    years: float

    @property
    def net_per_year(self) -> float:
        """What is left of a year's savings after its costs."""
        return self.saved_per_year - self.people_cost_per_year - self.power_cost_per_year

    @property
    def payback_years(self) -> float | None:
        """Years until the first cost is paid back; None when that never happens."""
        if self.net_per_year <= 0:
            return 0.0 if self.cost_once == 0 and self.net_per_year == 0 else None
        return self.cost_once / self.net_per_year

    @property
    def cost_over_years(self) -> float:
        """Everything that is spent over the years that are counted."""
        yearly = self.people_cost_per_year + self.power_cost_per_year
        return self.cost_once + yearly * self.years

    @property
    def gain_over_years(self) -> float:
        """Savings less everything that is spent, over the years that are counted."""
        return self.saved_per_year * self.years - self.cost_over_years

    @property
    def return_share(self) -> float | None:
        """Gain over everything that is spent; None when nothing is."""
        return self.gain_over_years / self.cost_over_years if self.cost_over_years > 0 else None


def cases(figures: TrialFigures) -> Mapping[str, Case]:
    """Return the three cases by name; none when no time was watched, for then nothing is known."""
    alarms = rate_estimate(len(figures.alarms), figures.watched_days)
    faults = rate_estimate(figures.early_faults, figures.watched_days)
    if alarms is None or faults is None:
        return {}
    given = figures.trial.assumptions
    return {
        "low": _case(given, faults.low, alarms.high),
        "middle": _case(given, faults.value, alarms.value),
        "high": _case(given, faults.high, alarms.low),
    }


def _case(given: Assumptions, faults_per_day: float, alarms_per_day: float) -> Case:
    days = given.watched_hours_per_year / 24.0
    faults, alarms = faults_per_day * days, alarms_per_day * days
    hours_avoided = faults * given.stop_hours_avoided_per_fault
    hours = alarms * given.minutes_per_alarm / 60.0 + 12.0 * given.upkeep_hours_per_month
    return Case(
        early_faults_per_year=faults,
        alarms_per_year=alarms,
        stop_hours_avoided_per_year=hours_avoided,
        people_hours_per_year=hours,
        saved_per_year=hours_avoided * given.stop_cost_per_hour,
        people_cost_per_year=hours * given.wage_per_hour,
        power_cost_per_year=(
            given.power_watts / 1000.0 * _HOURS_PER_YEAR * given.power_price_per_kwh
        ),
        cost_once=given.hardware_price + given.setup_hours * given.wage_per_hour,
        years=given.years,
    )
