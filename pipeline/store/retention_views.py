"""The public views of retention; see `pipeline.store.views`, whose words they use."""

from __future__ import annotations

__all__ = ["DELETIONS", "HOLDS", "SCORE_HOURS"]

# Where a condition says only that a name is not empty: see the end of camera_health.

# Scores that are there, and what those that were removed came to: together every clip ever scored.
SCORE_HOURS = """
SELECT
    parts.camera,
    parts.model_id,
    parts.hour_utc,
    CAST(sum(parts.clips) AS BIGINT) AS clips,
    sum(parts.score_sum) / sum(parts.clips) AS mean_score,
    max(parts.score_max) AS largest_score,
    min(parts.p_value_min) AS smallest_p_value,
    CAST(sum(parts.removed) AS BIGINT) AS removed_clips
FROM (
    SELECT
        camera, model_id, hour_utc, clips, score_sum, score_max, p_value_min, clips AS removed
    FROM score_summaries
    UNION ALL
    SELECT
        camera, model_id, HOUR_OF[end_utc], count(*), sum(score), max(score), min(p_value), 0
    FROM anomalies
    GROUP BY camera, model_id, HOUR_OF[end_utc]
) AS parts
GROUP BY parts.camera, parts.model_id, parts.hour_utc
"""

DELETIONS = """
SELECT
    removal_id AS deletion_id,
    camera,
    kind,
    why,
    since_utc,
    until_utc,
    items,
    size_bytes,
    unscored_segments,
    planned_utc,
    finished_utc
FROM removals
WHERE removal_id <> ''
"""

HOLDS = """
SELECT
    h.hold_id,
    h.camera,
    h.alert_id,
    CASE WHEN a.start_utc < h.since_utc THEN a.start_utc ELSE h.since_utc END AS since_utc,
    CASE WHEN a.end_utc > h.until_utc THEN a.end_utc ELSE h.until_utc END AS until_utc,
    h.reason,
    h.who,
    h.at_utc,
    h.released_utc,
    h.released_by
FROM retention_holds AS h
LEFT JOIN alerts AS a ON a.alert_id = h.alert_id
WHERE h.hold_id <> ''
"""
