"""The report of a trial: one HTML page that needs nothing else, and its figures as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from pipeline.assembly import Site
from pipeline.errors import KizashiError
from pipeline.files import inside, write_bytes, write_json
from pipeline.reports.words import Words
from pipeline.trial.decision import BarOutcome, bar_outcomes, is_go
from pipeline.trial.figures import Estimate, TrialFigures, trial_figures
from pipeline.trial.money import Case, cases
from pipeline.trial.trial import Trial
from pipeline.trial.views import trial_view

__all__ = ["TrialReport", "write_trial_report"]

_TEXTS = "pipeline.trial.text"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialReport:
    """What was written, and what it says."""

    page: Path
    figures: Path
    go: bool
    unmet: tuple[str, ...]
    """Keys of the bars that are not met."""


def write_trial_report(site: Site, trial: Trial, *, language: str) -> TrialReport:
    """Write the page and the figures of a trial as they are now, over those of before.

    Both lie in `site.reports_folder`/CAMERA. Raises SettingsError for an unknown language,
    CameraError for an unknown camera.
    """
    words = Words(language, site.store.camera(trial.camera).timezone, _TEXTS)
    figures = trial_figures(site, trial)
    money = cases(figures)
    outcomes = bar_outcomes(figures, money)
    html = _template().render(**trial_view(figures, money, outcomes, words, site.folder))
    page = inside(site.reports_folder, f"{trial.camera}/trial-{trial.name}.{language}.html")
    beside = inside(site.reports_folder, f"{trial.camera}/trial-{trial.name}.json")
    try:
        write_bytes(page, html.encode("utf-8", "replace"))
        write_json(beside, _figures_json(figures, money, outcomes))
    except OSError as error:
        raise KizashiError(f"{page}: report not written ({error.strerror or error})") from error
    unmet = tuple(outcome.key for outcome in outcomes if not outcome.met)
    return TrialReport(page=page, figures=beside, go=is_go(outcomes), unmet=unmet)


def _template() -> Any:
    environment = Environment(
        # The style of the camera report is shared.
        loader=ChoiceLoader([PackageLoader("pipeline.trial"), PackageLoader("pipeline.reports")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("trial_report.html")


def _figures_json(
    figures: TrialFigures, money: Mapping[str, Case], outcomes: Sequence[BarOutcome]
) -> dict[str, Any]:
    """Return every figure of the page, unrounded; times in UTC."""
    trial = figures.trial
    return {
        "trial": trial.name,
        "camera": trial.camera,
        "go": is_go(outcomes),
        "bars": [
            {**asdict(outcome), "met": outcome.met, "certain": outcome.certain}
            for outcome in outcomes
        ],
        "as_of_utc": figures.as_of_utc.isoformat(),
        "learn_start_utc": trial.learn_start_utc.isoformat(),
        "watch_start_utc": trial.watch_start_utc.isoformat(),
        "watch_end_utc": trial.watch_end_utc.isoformat(),
        "until_utc": figures.until_utc.isoformat(),
        "model_id": figures.model.model_id if figures.model else None,
        "learnt_seconds": figures.learnt_seconds,
        "range_seconds": figures.range_seconds,
        "watched_seconds": figures.watched_seconds,
        "unwatched_share": figures.unwatched_share,
        "seconds_by_state": dict(figures.seconds_by_state),
        "alarms": len(figures.alarms),
        "alarms_per_day": _estimate(figures.alarms_per_day),
        "verdicts": dict(figures.verdicts),
        "unreviewed": len(figures.unreviewed),
        "precision": _estimate(figures.precision),
        "faults": [
            {
                "alert_id": item.alert.alert_id,
                "start_utc": item.alert.start_utc.isoformat(),
                "score": item.alert.score,
                "minutes_earlier": figures.minutes_earlier(item),
            }
            for item in figures.faults
        ],
        "early_faults": figures.early_faults,
        "median_minutes_earlier": figures.median_minutes_earlier,
        "quality_bar": trial.bar.model_dump(),
        "assumptions": trial.assumptions.model_dump(),
        "cases": {name: _case(case) for name, case in money.items()},
    }


def _estimate(estimate: Estimate | None) -> dict[str, float] | None:
    return None if estimate is None else asdict(estimate)


def _case(case: Case) -> dict[str, float | None]:
    return {
        **asdict(case),
        "net_per_year": case.net_per_year,
        "payback_years": case.payback_years,
        "cost_over_years": case.cost_over_years,
        "gain_over_years": case.gain_over_years,
        "return_share": case.return_share,
    }
