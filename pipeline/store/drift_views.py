"""The public views of drift and of candidates; see `pipeline.store.views`."""

from __future__ import annotations

__all__ = ["CAMERA_DRIFT", "MODEL_COMPARISONS"]

CAMERA_DRIFT = """
SELECT
    d.camera,
    d.statistic,
    d.severity,
    d.since_utc,
    d.found_utc,
    d.usual,
    d.recent,
    d.spreads,
    d.evidence,
    d.reference_samples,
    d.samples,
    d.first_utc,
    d.last_utc,
    d.checked_utc,
    d.model_id
FROM drift AS d
JOIN models AS m ON m.model_id = d.model_id
WHERE m.state = 'active'
"""

MODEL_COMPARISONS = """
SELECT
    t.comparison_id,
    t.camera,
    t.candidate_id,
    c.state AS candidate_state,
    c.activated_utc AS candidate_activated_utc,
    t.active_id,
    t.at_utc,
    t.who,
    CASE WHEN t.not_worse THEN 1 ELSE 0 END AS not_worse,
    CAST(t.figures AS TEXT) AS figures
FROM model_trials AS t
JOIN models AS c ON c.model_id = t.candidate_id
"""
