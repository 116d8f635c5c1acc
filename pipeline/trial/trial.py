"""Trial: one camera learnt and watched for some days, with a quality bar that was set before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

__all__ = ["Assumptions", "Noticed", "QualityBar", "Trial"]


_MOST = 1e12
"""Of any amount: what is larger is a slip, and in the end no number any more."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class QualityBar(_Part):
    """What must hold for "go"; the descriptions are the comments of the trial's file."""

    most_alarms_a_day: float = Field(
        default=1.0, gt=0, description="Alarms (alerts of any kind) in 24 watched hours."
    )
    least_precision: float = Field(
        default=0.5, ge=0, le=1, description="Share of the reviewed alarms that were real."
    )
    least_verdicts: int = Field(
        default=3, ge=1, description="With fewer verdicts than this, a precision says nothing."
    )
    least_faults_found: int = Field(
        default=1, ge=0, description="Alarms that people called a real anomaly."
    )
    most_unwatched_share: float = Field(
        default=0.2, ge=0, le=1, description="Share of the watching time without usable footage."
    )
    most_unreviewed: int = Field(default=0, ge=0, description="Alarms that nobody looked at.")
    least_watched_days: float = Field(
        default=3.0, ge=0, description="Watched days of 24 hours; of less, every rate is a guess."
    )
    longest_payback_years: float = Field(
        default=2.0, gt=0, description="Years until the savings have paid for everything."
    )
    by_interval: bool = Field(
        default=False,
        description="true: alarms, precision and payback must hold at the worse end of the 95 % "
        "interval. A trial needs weeks for that.",
    )


class Assumptions(_Part):
    """What the return is worked out with. None of it is measured: a person puts in their own."""

    currency: str = Field(
        default="EUR", pattern=r"^[^\W\d_]{1,8}$", description="Of every amount below; a word."
    )
    stop_cost_per_hour: float = Field(
        default=1_000.0, ge=0, le=_MOST, description="What an hour of unplanned stop costs."
    )
    stop_hours_avoided_per_fault: float = Field(
        default=0.5, ge=0, le=_MOST, description="Hours of stop that one fault found early saves."
    )
    faults_without_note_are_early: bool = Field(
        default=True,
        description="Whether a real anomaly counts as found early when nobody noted when people "
        "noticed it (kizashi trial noticed).",
    )
    minutes_per_alarm: float = Field(
        default=3.0, ge=0, le=_MOST, description="Minutes that a person needs to look at one alarm."
    )
    wage_per_hour: float = Field(
        default=40.0, ge=0, le=_MOST, description="Cost of a person's hour."
    )
    setup_hours: float = Field(
        default=16.0, ge=0, le=_MOST, description="Hours of people to set it up, once."
    )
    upkeep_hours_per_month: float = Field(
        default=1.0,
        ge=0,
        le=_MOST,
        description="Hours of people to keep it running, besides alarms.",
    )
    hardware_price: float = Field(
        default=1_500.0, ge=0, le=_MOST, description="Camera and computer of this one camera, once."
    )
    power_watts: float = Field(
        default=60.0, ge=0, le=_MOST, description="Power that they draw, day and night."
    )
    power_price_per_kwh: float = Field(
        default=0.3, ge=0, le=_MOST, description="Price of electricity."
    )
    watched_hours_per_year: float = Field(
        default=6_000.0,
        gt=0,
        le=8_784,
        description="Hours a year that the line runs and is watched.",
    )
    years: float = Field(
        default=3.0, gt=0, le=1_000, description="Years over which the return is counted."
    )


class Noticed(_Part):
    """When people noticed by themselves what an alert showed."""

    alert_id: str = Field(min_length=6)
    noticed_utc: AwareDatetime


class Trial(_Part):
    """A trial as its file says: `trials/NAME.toml` in the folder of the site."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    camera: str
    start_utc: AwareDatetime
    """From here on it learns."""
    learn_days: float = Field(gt=0, le=3_650)
    watch_days: float = Field(gt=0, le=3_650)
    bar: QualityBar = QualityBar()
    assumptions: Assumptions = Assumptions()
    noticed: tuple[Noticed, ...] = ()
    """In the order they were given; of one alert the last counts."""

    @model_validator(mode="after")
    def _ends_in_the_calendar(self) -> Self:
        try:
            _ = self.watch_end_utc
        except OverflowError as error:
            raise ValueError("start_utc: the trial ends beyond the calendar") from error
        return self

    @property
    def learn_start_utc(self) -> datetime:
        """Begin of the footage to learn from, in UTC."""
        return self.start_utc.astimezone(UTC)

    @property
    def watch_start_utc(self) -> datetime:
        """End of learning and begin of watching."""
        return self.learn_start_utc + timedelta(days=self.learn_days)

    @property
    def watch_end_utc(self) -> datetime:
        """End of watching (not included)."""
        return self.watch_start_utc + timedelta(days=self.watch_days)

    def noticed_utc(self, alert_id: str) -> datetime | None:
        """Return when people noticed what an alert showed; None when nobody said so."""
        times = {item.alert_id: item.noticed_utc.astimezone(UTC) for item in self.noticed}
        return times.get(alert_id)
