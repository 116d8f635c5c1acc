"""The evaluation report: one HTML file that needs nothing beside it, in English and Japanese."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.evaluation.curves import draw_curve, score_scale
from pipeline.evaluation.parts import Parts
from pipeline.evaluation.report_texts import TEXTS
from pipeline.evaluation.run import FUSED, VideoRun
from pipeline.evaluation.showcase import Kind, choose_moments, show_moments
from pipeline.evaluation.spool import MapSpool
from pipeline.evaluation.tables import FIGURE_NAMES, format_figure
from pipeline.evaluation.videos import TestVideo
from pipeline.files import write_bytes

__all__ = ["write_report"]

_TEMPLATES = Path(__file__).parent / "templates"
_TEMPLATE = "evaluation_report.html.j2"


def write_report(
    path: Path,
    result: Mapping[str, Any],
    videos: Sequence[TestVideo],
    runs: Sequence[VideoRun],
    threshold: float,
    spool: MapSpool,
    parts: Parts,
) -> None:
    """Write the report of a result: figures, curves per video, best and worst events with pictures.

    `runs`, `threshold` (the alert score) and `spool` are those of the first seed.
    """
    scores = [run.rows[FUSED].score for run in runs]
    top_score = score_scale(scores, threshold)
    curves = [
        draw_curve(
            video.name,
            video.pts_us,
            run.rows[FUSED].score,
            run.rows[FUSED].alert,
            video.intervals,
            threshold=threshold,
            top_score=top_score,
        )
        for video, run in zip(videos, runs, strict=True)
    ]
    shown, full = show_moments(choose_moments(videos, runs), videos, runs, spool, parts)
    page = (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            result=result,
            figure_names={table: _measured(result[table]) for table in ("strict", "literature")},
            best_trivial=_best_trivial(result["trivial"]),
            curves=curves,
            threshold=threshold,
            moments={kind: [moment for moment in shown if moment.kind is kind] for kind in Kind},
            heat_full=full,
        )
    )
    write_bytes(path, page.encode("utf-8", "surrogateescape"))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["t"] = _both
    environment.globals["text_en"] = lambda key: TEXTS[key][0]
    environment.globals["known_text"] = lambda key: key in TEXTS
    environment.filters["figure"] = _figure
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
    return environment


def _both(key: str) -> Markup:
    """Return a text in both languages; the style sheet shows the chosen one."""
    english, japanese = TEXTS[key]
    return Markup('<span lang="en">{}</span><span lang="ja">{}</span>').format(english, japanese)


def _figure(value: float | None, name: str) -> str:
    text = format_figure(name, value)
    return "–" if text == "-" else text


def _measured(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the figures that at least one row of a table has, the micro AUC always."""
    return [
        name
        for name in FIGURE_NAMES
        if name == "micro_auc" or any(figures[name] is not None for figures in rows.values())
    ]


def _best_trivial(rows: Mapping[str, Mapping[str, Any]]) -> tuple[str, float] | None:
    """Return name and micro AUC of the best trivial score; None when no AUC exists."""
    areas = {
        name: figures["micro_auc"]["mean"]
        for name, figures in rows.items()
        if figures["micro_auc"]["mean"] is not None
    }
    if not areas:
        return None
    best = max(areas, key=lambda name: areas[name])
    return best, areas[best]
