"""Cycles in words, for the report and the page of a model."""

from __future__ import annotations

from pipeline.learning.registry import ModelRecord
from pipeline.reports.words import Words
from pipeline.scoring.anomaly import Place

__all__ = ["cycles_words"]


def cycles_words(record: ModelRecord, words: Words) -> str:
    """Return the cycles that a model has found and where, those of the most places first; empty for
    one that was made before they were looked for, or saw too little."""
    cycles = record.calibration.get("cycles")
    if cycles is None:
        return ""
    return "; ".join(
        words(
            "model.cycle", seconds=f"{one['seconds']:.2f}", place=words.place(Place(**one["place"]))
        )
        for one in cycles
    ) or words("model.cycles.none")
