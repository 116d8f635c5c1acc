"""The decision is "go" only when every bar is met; the money is plain arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.assembly import Site
from pipeline.trial.decision import BARS, bar_outcomes, is_go
from pipeline.trial.figures import TrialFigures, trial_figures
from pipeline.trial.money import cases
from pipeline.trial.trial import Assumptions, QualityBar
from pipeline.trial.trial_file import load_trial
from tests.alerts_makers import NOON
from tests.trial_makers import at, morning_trial, site_of_a_morning

GENEROUS = QualityBar(most_alarms_a_day=40.0, longest_payback_years=1.0, least_watched_days=0.1)
DAYS = 9_780.0 / 86_400.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a site whose trial meets a generous bar: three alerts, two of them real."""
    opened, _ = site_of_a_morning(
        tmp_path_factory.mktemp("site"),
        *("anomaly", "anomaly", "false_alarm"),
        trial=morning_trial(bar=GENEROUS),
    )
    yield opened
    opened.close()


@pytest.fixture
def figures(site: Site) -> TrialFigures:
    """Return the figures of that trial when it is over."""
    return trial_figures(site, load_trial(site, "small"))


def unmet(figures: TrialFigures) -> list[str]:
    outcomes = bar_outcomes(figures, cases(figures))
    failed = [outcome.key for outcome in outcomes if not outcome.met]
    assert is_go(outcomes) == (failed == [])
    return failed


def with_bar(figures: TrialFigures, **changes: object) -> TrialFigures:
    bar = figures.trial.bar.model_copy(update=changes)
    return replace(figures, trial=figures.trial.model_copy(update={"bar": bar}))


def with_assumptions(figures: TrialFigures, **changes: object) -> TrialFigures:
    given = Assumptions(**{**figures.trial.assumptions.model_dump(), **changes})
    return replace(figures, trial=figures.trial.model_copy(update={"assumptions": given}))


def test_it_is_go_when_every_bar_is_met(figures: TrialFigures) -> None:
    assert [o.key for o in bar_outcomes(figures, cases(figures))] == list(BARS)
    assert unmet(figures) == []


@pytest.mark.parametrize(
    ("bar", "changes"),
    [
        ("alarms", {"most_alarms_a_day": 26.0}),
        ("precision", {"least_precision": 0.67}),
        ("faults", {"least_faults_found": 3}),
        ("payback", {"longest_payback_years": 0.0001}),
        ("verdicts", {"least_verdicts": 4}),
        ("days", {"least_watched_days": 0.12}),
        ("unwatched", {"most_unwatched_share": 0.09}),
    ],
)
def test_each_bar_can_say_not_yet_by_itself(
    figures: TrialFigures, bar: str, changes: dict[str, object]
) -> None:
    assert unmet(with_bar(figures, **changes)) == [bar]


def test_a_bar_that_is_just_met_is_met(figures: TrialFigures) -> None:
    assert unmet(with_bar(figures, least_precision=2 / 3, most_alarms_a_day=3 / DAYS)) == []


def test_an_alarm_without_verdict_is_not_passed_over(tmp_path: Path) -> None:
    loose = QualityBar(most_alarms_a_day=40.0, least_verdicts=2, least_watched_days=0.1)
    site, _ = site_of_a_morning(tmp_path, "anomaly", "anomaly", trial=morning_trial(bar=loose))
    assert unmet(trial_figures(site, load_trial(site, "small"))) == ["unreviewed"]
    site.close()


def test_a_model_that_learnt_from_the_watched_time_is_no_go(figures: TrialFigures) -> None:
    assert unmet(replace(figures, footage_learnt_from_watch=1)) == ["learnt_apart"]
    assert unmet(replace(figures, model=None)) == ["learnt_apart"]


def test_a_trial_that_still_runs_is_no_go(site: Site) -> None:
    running = trial_figures(
        at(site, NOON + timedelta(hours=2, minutes=59)), load_trial(site, "small")
    )
    assert unmet(running) == ["finished"]


def test_nothing_watched_meets_nothing_that_is_measured(site: Site) -> None:
    early = trial_figures(at(site, NOON - timedelta(hours=1)), load_trial(site, "small"))
    assert cases(early) == {}
    assert unmet(early) == [
        *("alarms", "precision", "faults", "payback", "verdicts", "days", "unwatched", "finished")
    ]


def test_by_interval_the_worse_end_is_judged(figures: TrialFigures) -> None:
    # 3 alarms in 2.7 hours may be 77 a day; 2 of 3 may be 9 %.
    strict = with_bar(figures, by_interval=True)
    assert unmet(strict) == ["alarms", "precision"]
    assert unmet(with_bar(strict, most_alarms_a_day=80.0, least_precision=0.09)) == []


def test_what_is_met_by_chance_perhaps_is_not_certain(figures: TrialFigures) -> None:
    outcomes = bar_outcomes(figures, cases(figures))
    assert is_go(outcomes)
    assert [outcome.key for outcome in outcomes if not outcome.certain] == ["alarms", "precision"]
    # Two faults seen may be far fewer in the long run: then it never pays back.
    poor = with_assumptions(figures, stop_cost_per_hour=20.0)
    payback = next(o for o in bar_outcomes(poor, cases(poor)) if o.key == "payback")
    assert (payback.met, payback.high, payback.certain) == (True, None, False)


def test_money_is_plain_arithmetic(figures: TrialFigures) -> None:
    given = {
        "stop_cost_per_hour": 600.0,
        "stop_hours_avoided_per_fault": 0.5,
        "minutes_per_alarm": 6.0,
        "wage_per_hour": 30.0,
        "setup_hours": 10.0,
        "upkeep_hours_per_month": 2.0,
        "hardware_price": 1_000.0,
        "power_watts": 100.0,
        "power_price_per_kwh": 0.2,
        "watched_hours_per_year": 2_400.0,
        "years": 4.0,
    }
    middle = cases(with_assumptions(figures, **given))["middle"]
    # 100 days a year of which DAYS held 2 faults and 3 alarms.
    assert middle.early_faults_per_year == pytest.approx(200 / DAYS)
    assert middle.saved_per_year == pytest.approx(200 / DAYS * 0.5 * 600)
    hours = 300 / DAYS * 0.1 + 24
    assert middle.people_cost_per_year == pytest.approx(hours * 30)
    assert middle.power_cost_per_year == pytest.approx(0.1 * 365.25 * 24 * 0.2)
    assert middle.cost_once == 1_300.0
    net = 200 / DAYS * 300 - hours * 30 - 0.1 * 8766 * 0.2
    assert middle.net_per_year == pytest.approx(net)
    assert middle.payback_years == pytest.approx(1_300 / net)
    assert middle.gain_over_years == pytest.approx(4 * net - 1_300)
    spent = 1_300 + 4 * (hours * 30 + 0.1 * 8766 * 0.2)
    assert middle.return_share == pytest.approx((4 * net - 1_300) / spent)


def test_the_low_case_has_few_faults_and_many_alarms(figures: TrialFigures) -> None:
    found = cases(figures)
    low, middle, high = (found[name] for name in ("low", "middle", "high"))
    assert low.early_faults_per_year < middle.early_faults_per_year < high.early_faults_per_year
    assert low.alarms_per_year > middle.alarms_per_year > high.alarms_per_year
    assert low.net_per_year < middle.net_per_year < high.net_per_year
    assert low.cost_once == high.cost_once


def test_what_costs_more_than_it_saves_never_pays_back(figures: TrialFigures) -> None:
    poor = with_assumptions(figures, stop_cost_per_hour=0.0)
    assert all(case.payback_years is None for case in cases(poor).values())
    assert unmet(poor) == ["payback"]


def test_no_cost_gives_no_return_and_no_division_by_nought(figures: TrialFigures) -> None:
    nothing = dict.fromkeys(
        ("wage_per_hour", "hardware_price", "power_watts", "stop_cost_per_hour"), 0.0
    )
    middle = cases(with_assumptions(figures, **nothing))["middle"]
    assert (middle.payback_years, middle.return_share) == (0.0, None)
    assert math.isfinite(middle.gain_over_years)
