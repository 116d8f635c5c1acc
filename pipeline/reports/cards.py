"""Cards: alerts as the report shows them, in words, with their evidence inside the file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.alerts.evidence import Evidence, EvidenceKind
from pipeline.errors import KizashiError
from pipeline.files import inside
from pipeline.reports.facts import AlertFacts, ReportFacts
from pipeline.reports.words import Words
from pipeline.retention.gone import Gone

__all__ = ["AlertCard", "alert_cards", "embedded_media", "gone_words", "missing_words"]

_MOST_CARDS = 60
_MOST_MEDIA_BYTES = 64 * 2**20
"""Evidence in one report: beyond this browsers grow slow and mail servers refuse."""
_TYPES = {".webm": "video/webm", ".png": "image/png", ".jpg": "image/jpeg"}


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertCard:
    """One alert in the words of the report's language."""

    alert_id: str
    anchor: str
    severity: str
    severity_words: str
    times: str
    peak: str
    length: str
    place: str
    expert: str
    expert_meaning: str
    how_often: str
    score: str
    of_a_sum: str
    """What a score that no single clip has is of, in words; empty for any other."""
    verdict: str
    verdict_words: str
    note: str
    model_id: str
    """Empty when the active model raised it."""
    media: Mapping[str, str]
    """Kind -> data: URI."""
    missing: str
    """Evidence that is not there or not what was recorded, in words; empty when all is well."""
    gone: str = ""
    """Since when and why evidence was removed by retention, in words."""


def alert_cards(
    facts: ReportFacts, words: Words, site_folder: Path
) -> tuple[list[AlertCard], list[AlertCard]]:
    """Return the alerts with embedded evidence, and the rest without, each by time.

    When there are too many, those with the highest scores are embedded.
    """
    by_score = sorted(facts.alerts, key=lambda item: (-item.alert.score, item.alert.alert_id))
    left_bytes = _MOST_MEDIA_BYTES
    embedded: set[str] = set()
    for item in by_score[:_MOST_CARDS]:
        left_bytes -= sum(file.size_bytes for file in item.evidence)
        if left_bytes < 0 and embedded:
            break
        embedded.add(item.alert.alert_id)
    active = facts.model.model_id if facts.model else ""
    cards, rows = [], []
    for item in facts.alerts:
        if item.alert.alert_id in embedded:
            cards.append(
                _card(item, words, active, *embedded_media(item.evidence, words, site_folder))
            )
        else:
            rows.append(_card(item, words, active, {}, ""))
    return cards, rows


def _card(
    item: AlertFacts, words: Words, active: str, media: Mapping[str, str], missing: str
) -> AlertCard:
    alert = item.alert
    return AlertCard(
        alert_id=alert.alert_id,
        anchor=f"alert-{alert.alert_id}",
        severity=alert.severity.value,
        severity_words=words(f"alert.severity.{alert.severity}"),
        times=words.times(alert.start_utc, alert.end_utc),
        peak=words.time(alert.peak_utc, "clock"),
        length=words.length((alert.end_utc - alert.start_utc).total_seconds()),
        place=words.where(alert),
        expert=words.expert(alert.expert),
        expert_meaning=words.expert_meaning(alert.expert),
        how_often=words.often(alert.expected_per_day),
        score=f"{alert.score:.1f}",
        of_a_sum=words("alert.score.of_a_sum") if item.of_a_sum else "",
        verdict=item.review.verdict if item.review else "none",
        verdict_words=_verdict_words(item, words),
        note=item.review.note if item.review else "",
        model_id=alert.model_id if alert.model_id != active else "",
        media=media,
        missing=missing_words(item.evidence, missing, words),
        gone=gone_words(item.gone, words),
    )


def missing_words(evidence: Sequence[Evidence], kinds: str, words: Words) -> str:
    """Return what is wrong with the evidence of an alert, in words; `kinds` that are not as they
    were recorded. Where none was ever made nobody has taken anything away."""
    if not kinds:
        return ""
    if not evidence:
        return words("alert.evidence_never")
    return words("alert.evidence_missing", kinds=kinds)


def gone_words(gone: Gone | None, words: Words) -> str:
    """Return since when and why evidence is gone, in words; empty while it is kept."""
    if gone is None:
        return ""
    return words(f"evidence.removed.{gone.why.value}", at=words.time(gone.at_utc, "minute"))


def _verdict_words(item: AlertFacts, words: Words) -> str:
    if item.review is None:
        return words("verdict.none")
    return words(
        "alert.verdict.by",
        verdict=words(f"verdict.{item.review.verdict}"),
        reviewer=item.review.reviewer,
        at=words.time(item.review.at_utc, "minute"),
    )


def embedded_media(
    evidence: Sequence[Evidence], words: Words, site_folder: Path
) -> tuple[dict[str, str], str]:
    """Return kind -> data: URI of the intact files, and the kinds of the others in words."""
    media: dict[str, str] = {}
    for file in evidence:
        content = _intact_content(file, site_folder)
        if content is not None:
            encoded = base64.b64encode(content).decode("ascii")
            media[file.kind.value] = f"data:{_TYPES[Path(file.path).suffix]};base64,{encoded}"
    missing = [words(f"evidence.{kind}") for kind in EvidenceKind if kind.value not in media]
    return media, words("list.comma").join(missing)


def _intact_content(file: Evidence, site_folder: Path) -> bytes | None:
    """Return the bytes of an evidence file; None when it is gone, moved outside or changed."""
    try:
        content = inside(site_folder, file.path).read_bytes()
    except (OSError, KizashiError):
        return None
    same = hashlib.sha256(content).hexdigest() == file.sha256
    return content if same and Path(file.path).suffix in _TYPES else None
