"""The public views: what people and tools query. docs/sql.md describes every column.

They are an interface: a column may be added in a new migration, and is not renamed or dropped.
The text is the same for both databases but for four words, written in capitals with brackets:

EPOCH_US[t]    whole microseconds since 1970 of a time
UTC_OF_US[n]   the time of a whole number of seconds, given in microseconds since 1970
HOUR_OF[t]     the beginning of the UTC hour that holds a time
DAY_BEFORE[t]  24 hours earlier

Names that begin with `kz_inner_` are for `pipeline.store.query_sqlite`, which trusts them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.store.drift_views import CAMERA_DRIFT, MODEL_COMPARISONS
from pipeline.store.retention_views import DELETIONS, HOLDS, SCORE_HOURS

__all__ = ["INNER_PREFIX", "PUBLIC_VIEWS", "view_texts"]

INNER_PREFIX = "kz_inner_"

_WORDS: Mapping[str, Mapping[str, str]] = {
    "sqlite": {
        "EPOCH_US": (
            r"(CAST(strftime('%s', \1) AS BIGINT) * 1000000 + CAST(substr(\1, 21) AS BIGINT))"
        ),
        "UTC_OF_US": r"(strftime('%Y-%m-%d %H:%M:%S', (\1) / 1000000, 'unixepoch') || '.000000')",
        "HOUR_OF": r"(substr(\1, 1, 13) || ':00:00.000000')",
        "DAY_BEFORE": r"(strftime('%Y-%m-%d %H:%M:%S', \1, '-1 day') || substr(\1, 20))",
    },
    "postgresql": {
        "EPOCH_US": r"CAST(extract(epoch FROM \1) * 1000000 AS BIGINT)",
        "UTC_OF_US": r"to_timestamp((\1) / 1000000)",
        "HOUR_OF": r"date_trunc('hour', \1, 'UTC')",
        "DAY_BEFORE": r"(\1 - INTERVAL '24 hours')",
    },
}

_FLAGGED_CLIPS = """
SELECT
    a.alert_id,
    a.camera,
    a.severity,
    a.start_utc,
    a.end_utc,
    a.peak_utc,
    CAST(EPOCH_US[a.end_utc] - EPOCH_US[a.start_utc] AS DOUBLE PRECISION) / 1000000
        AS duration_seconds,
    a.score,
    a.p_value,
    a.expected_per_day,
    a.expert,
    a.place_x,
    a.place_y,
    a.place_width,
    a.place_height,
    CASE WHEN clip.removed_utc IS NULL THEN clip.path END AS clip_path,
    CASE WHEN heat_map.removed_utc IS NULL THEN heat_map.path END AS heat_map_path,
    CASE WHEN strip.removed_utc IS NULL THEN strip.path END AS strip_path,
    CASE WHEN peak_frame.removed_utc IS NULL THEN peak_frame.path END AS peak_frame_path,
    review.verdict,
    review.reviewer,
    a.model_id,
    m.preset,
    f.path AS footage_path,
    f.sha256 AS footage_sha256,
    quiet.pattern_id AS suppressed_by,
    COALESCE(clip.removed_utc, heat_map.removed_utc, strip.removed_utc, peak_frame.removed_utc)
        AS evidence_removed_utc,
    f.removed_utc AS footage_removed_utc,
    a.zone
FROM alerts AS a
JOIN models AS m ON m.model_id = a.model_id
JOIN events AS e ON e.event_id = a.event_id
JOIN anomalies AS peak ON peak.anomaly_id = e.peak_anomaly_id
JOIN segments AS s ON s.segment_id = peak.segment_id
JOIN footage AS f ON f.footage_id = s.footage_id
LEFT JOIN evidence AS clip ON clip.alert_id = a.alert_id AND clip.kind = 'clip'
LEFT JOIN evidence AS heat_map
    ON heat_map.alert_id = a.alert_id AND heat_map.kind = 'heat_map'
LEFT JOIN evidence AS strip ON strip.alert_id = a.alert_id AND strip.kind = 'strip'
LEFT JOIN evidence AS peak_frame
    ON peak_frame.alert_id = a.alert_id AND peak_frame.kind = 'peak_frame'
LEFT JOIN alert_suppressions AS quiet
    ON quiet.alert_id = a.alert_id AND quiet.ended_utc IS NULL
LEFT JOIN reviews AS review ON review.review_id = (
    SELECT r.review_id FROM reviews AS r
    WHERE r.alert_id = a.alert_id
        AND NOT EXISTS (SELECT 1 FROM withdrawn_reviews AS w WHERE w.review_id = r.review_id)
    ORDER BY r.at_utc DESC, r.review_id DESC
    LIMIT 1
)
"""

_OPEN_ALERTS = """
SELECT
    alert_id, camera, severity, start_utc, end_utc, peak_utc, duration_seconds, score, p_value,
    expected_per_day, expert, place_x, place_y, place_width, place_height, clip_path,
    heat_map_path, strip_path, peak_frame_path, model_id, preset, footage_path, footage_sha256,
    evidence_removed_utc, footage_removed_utc, zone
FROM flagged_clips
WHERE verdict IS NULL AND suppressed_by IS NULL
"""

# A stretch that crosses the end of an hour is cut there, again and again until its own end.
_CAMERA_HOURS = """
WITH RECURSIVE kz_inner_stretches(camera, seen, from_us, until_us) AS (
    SELECT camera, 1, EPOCH_US[start_utc], EPOCH_US[end_utc] FROM segments
    UNION ALL
    SELECT camera, 0, EPOCH_US[start_utc], EPOCH_US[end_utc] FROM blind_intervals
    UNION ALL
    -- A part of a segment that was not seen after all.
    SELECT camera, -1, EPOCH_US[start_utc], EPOCH_US[end_utc] FROM health_events
    WHERE trouble <> 'moved_slightly'
    UNION ALL
    SELECT camera, seen, (from_us / 3600000000 + 1) * 3600000000, until_us
    FROM kz_inner_stretches
    WHERE until_us > (from_us / 3600000000 + 1) * 3600000000
)
SELECT
    parts.camera,
    parts.hour_utc,
    CAST(sum(parts.seen_us) AS DOUBLE PRECISION) / 1000000 AS seen_seconds,
    CAST(sum(parts.blind_us) AS DOUBLE PRECISION) / 1000000 AS blind_seconds,
    CAST(sum(parts.clips) AS BIGINT) AS clips,
    CAST(sum(parts.alerts) AS BIGINT) AS alerts
FROM (
    SELECT
        cut.camera,
        UTC_OF_US[cut.hour * 3600000000] AS hour_utc,
        sum(cut.seen * cut.length_us) AS seen_us,
        sum(CASE WHEN cut.seen < 1 THEN cut.length_us ELSE 0 END) AS blind_us,
        0 AS clips,
        0 AS alerts
    FROM (
        SELECT
            camera,
            seen,
            from_us / 3600000000 AS hour,
            CASE
                WHEN until_us > (from_us / 3600000000 + 1) * 3600000000
                    THEN (from_us / 3600000000 + 1) * 3600000000 - from_us
                ELSE until_us - from_us
            END AS length_us
        FROM kz_inner_stretches
    ) AS cut
    GROUP BY cut.camera, cut.hour
    UNION ALL
    SELECT scored.camera, scored.hour_utc, 0, 0, max(scored.clips), 0
    FROM (
        SELECT camera, hour_utc, clips FROM score_hours
    ) AS scored
    GROUP BY scored.camera, scored.hour_utc
    UNION ALL
    SELECT camera, HOUR_OF[start_utc], 0, 0, 0, count(*)
    FROM alerts
    GROUP BY camera, HOUR_OF[start_utc]
) AS parts
GROUP BY parts.camera, parts.hour_utc
"""

# Sums for all cameras at once: a subquery for each camera was worked out again for every segment.
# But for footage, whose indices know the newest file and the refused ones: there are half a million
# files of a minute in a year.
_CAMERA_HEALTH = """
WITH kz_inner_days AS (
    SELECT camera, end_utc, DAY_BEFORE[end_utc] AS day_utc, refused
    FROM (
        SELECT
            k.name AS camera,
            (SELECT max(f.end_utc) FROM footage AS f WHERE f.camera = k.name) AS end_utc,
            (
                SELECT count(*) FROM footage AS r
                WHERE r.camera = k.name AND r.verdict = 'refused'
            ) AS refused
        FROM cameras AS k
    ) AS kz_inner_newest
)
SELECT
    c.name AS camera,
    d.end_utc AS last_footage_end_utc,
    COALESCE(
        (SELECT max(p.end_utc) FROM anomalies AS p WHERE p.camera = c.name),
        (SELECT max(h.last_utc) FROM score_summaries AS h WHERE h.camera = c.name)
    ) AS last_scored_utc,
    m.model_id AS active_model_id,
    m.created_utc AS active_model_created_utc,
    COALESCE(segment_counts.segments, 0) AS segments_to_score,
    COALESCE(d.refused, 0) AS footage_refused,
    COALESCE(open_counts.alerts, 0) AS open_alerts,
    COALESCE(day_alerts.alerts, 0) AS alerts_last_day,
    COALESCE(seen.seconds, 0) - COALESCE(unwell.seconds, 0) AS seen_seconds_last_day,
    COALESCE(blind.seconds, 0) + COALESCE(unwell.seconds, 0) AS blind_seconds_last_day,
    CASE WHEN COALESCE(seen.seconds, 0) + COALESCE(blind.seconds, 0) > 0
        THEN (COALESCE(blind.seconds, 0) + COALESCE(unwell.seconds, 0))
            / (COALESCE(seen.seconds, 0) + COALESCE(blind.seconds, 0))
    END AS blind_share_last_day
FROM cameras AS c
LEFT JOIN kz_inner_days AS d ON d.camera = c.name
LEFT JOIN models AS m ON m.camera = c.name AND m.state = 'active'
LEFT JOIN (
    SELECT s.camera, count(*) AS segments
    FROM segments AS s
    JOIN footage AS g ON g.footage_id = s.footage_id AND g.removed_utc IS NULL
    WHERE s.settled_utc IS NULL AND NOT EXISTS (
        SELECT done.clips
        FROM scored_segments AS done
        JOIN models AS watcher
            ON watcher.model_id = done.model_id AND watcher.activated_utc IS NOT NULL
        WHERE done.segment_id = s.segment_id
    )
    GROUP BY s.camera
) AS segment_counts ON segment_counts.camera = c.name
LEFT JOIN (
    SELECT o.camera, count(*) AS alerts FROM open_alerts AS o GROUP BY o.camera
) AS open_counts ON open_counts.camera = c.name
LEFT JOIN (
    SELECT a.camera, count(*) AS alerts
    FROM alerts AS a
    JOIN kz_inner_days AS t ON t.camera = a.camera AND a.start_utc >= t.day_utc
    GROUP BY a.camera
) AS day_alerts ON day_alerts.camera = c.name
LEFT JOIN (
    SELECT s.camera, CAST(sum(
        EPOCH_US[s.end_utc] - CASE
            WHEN s.start_utc < t.day_utc THEN EPOCH_US[t.day_utc] ELSE EPOCH_US[s.start_utc]
        END
    ) AS DOUBLE PRECISION) / 1000000 AS seconds
    FROM segments AS s
    JOIN kz_inner_days AS t ON t.camera = s.camera AND s.end_utc > t.day_utc
    GROUP BY s.camera
) AS seen ON seen.camera = c.name
LEFT JOIN (
    SELECT b.camera, CAST(sum(
        EPOCH_US[b.end_utc] - CASE
            WHEN b.start_utc < t.day_utc THEN EPOCH_US[t.day_utc] ELSE EPOCH_US[b.start_utc]
        END
    ) AS DOUBLE PRECISION) / 1000000 AS seconds
    FROM blind_intervals AS b
    JOIN kz_inner_days AS t ON t.camera = b.camera AND b.end_utc > t.day_utc
    GROUP BY b.camera
) AS blind ON blind.camera = c.name
LEFT JOIN (
    SELECT h.camera, CAST(sum(
        EPOCH_US[h.end_utc] - CASE
            WHEN h.start_utc < t.day_utc THEN EPOCH_US[t.day_utc] ELSE EPOCH_US[h.start_utc]
        END
    ) AS DOUBLE PRECISION) / 1000000 AS seconds
    FROM health_events AS h
    JOIN kz_inner_days AS t ON t.camera = h.camera AND h.end_utc > t.day_utc
    WHERE h.trouble <> 'moved_slightly'
    GROUP BY h.camera
) AS unwell ON unwell.camera = c.name
-- Names are never empty. Asked for count(*) only, SQLite would read no column of `cameras`
-- otherwise, and then asks its authorizer about it without saying for which view.
WHERE c.name <> ''
"""

_MODEL_PERFORMANCE = """
SELECT
    m.model_id,
    m.camera,
    m.preset,
    m.state,
    m.created_utc,
    m.activated_utc,
    m.retired_utc,
    COALESCE(scored.clips, 0) AS clips_scored,
    COALESCE(scored.hours, 0) AS hours_scored,
    COALESCE(judged.alerts, 0) AS alerts,
    COALESCE(judged.anomaly, 0) AS verdict_anomaly,
    COALESCE(judged.known_harmless, 0) AS verdict_known_harmless,
    COALESCE(judged.false_alarm, 0) AS verdict_false_alarm,
    COALESCE(judged.unreviewed, 0) AS unreviewed,
    CASE WHEN judged.alerts > judged.unreviewed
        THEN CAST(judged.anomaly AS DOUBLE PRECISION) / (judged.alerts - judged.unreviewed)
    END AS precision,
    CASE WHEN scored.hours > 0 THEN COALESCE(judged.alerts, 0) * 24 / scored.hours END
        AS alerts_per_day,
    k.budget_per_day
FROM models AS m
JOIN calibrations AS k ON k.calibration_id = m.calibration_id
LEFT JOIN (
    SELECT
        d.model_id,
        CAST(sum(d.clips) AS BIGINT) AS clips,
        CAST(sum(s.end_us - s.start_us) AS DOUBLE PRECISION) / 3600000000 AS hours
    FROM scored_segments AS d
    JOIN segments AS s ON s.segment_id = d.segment_id
    GROUP BY d.model_id
) AS scored ON scored.model_id = m.model_id
LEFT JOIN (
    SELECT
        c.model_id,
        count(*) AS alerts,
        count(CASE WHEN c.verdict = 'anomaly' THEN 1 END) AS anomaly,
        count(CASE WHEN c.verdict = 'known_harmless' THEN 1 END) AS known_harmless,
        count(CASE WHEN c.verdict = 'false_alarm' THEN 1 END) AS false_alarm,
        count(CASE WHEN c.verdict IS NULL THEN 1 END) AS unreviewed
    FROM flagged_clips AS c
    GROUP BY c.model_id
) AS judged ON judged.model_id = m.model_id
"""

_RUNS = """
SELECT
    r.run_id,
    r.model_id,
    r.camera,
    r.preset,
    m.state,
    r.seed,
    r.footage_count,
    r.footage_seconds,
    r.work_seconds,
    r.finished_utc,
    r.logged_steps,
    r.last_step,
    CAST(r.last_figures AS TEXT) AS last_figures,
    k.held_out_seconds,
    k.budget_per_day
FROM training_runs AS r
JOIN models AS m ON m.model_id = r.model_id
JOIN calibrations AS k ON k.calibration_id = m.calibration_id
"""

_CAMERA_TROUBLES = """
SELECT
    h.camera,
    h.trouble,
    CASE WHEN h.trouble = 'moved_slightly' THEN 0 ELSE 1 END AS blind,
    h.start_utc,
    h.end_utc,
    CAST(EPOCH_US[h.end_utc] - EPOCH_US[h.start_utc] AS DOUBLE PRECISION) / 1000000
        AS duration_seconds,
    h.detail,
    f.path AS footage_path
FROM health_events AS h
JOIN footage AS f ON f.footage_id = h.footage_id
"""

_SUPPRESSIONS = """
SELECT
    q.alert_id,
    a.camera,
    a.severity,
    a.start_utc,
    a.end_utc,
    a.score,
    q.at_utc AS suppressed_utc,
    q.pattern_id,
    q.nearness,
    p.alert_id AS pattern_alert_id,
    p.model_id,
    r.reviewer,
    r.note,
    r.at_utc AS reviewed_utc,
    q.ended_utc,
    q.ended_by,
    q.ended_why
FROM alert_suppressions AS q
JOIN alerts AS a ON a.alert_id = q.alert_id
JOIN harmless_patterns AS p ON p.pattern_id = q.pattern_id
JOIN reviews AS r ON r.review_id = p.review_id
"""

PUBLIC_VIEWS: Mapping[str, str] = {
    "flagged_clips": _FLAGGED_CLIPS,
    "open_alerts": _OPEN_ALERTS,
    "score_hours": SCORE_HOURS,
    "camera_hours": _CAMERA_HOURS,
    "camera_health": _CAMERA_HEALTH,
    "model_performance": _MODEL_PERFORMANCE,
    "runs": _RUNS,
    "camera_troubles": _CAMERA_TROUBLES,
    "suppressions": _SUPPRESSIONS,
    "deletions": DELETIONS,
    "holds": HOLDS,
    "camera_drift": CAMERA_DRIFT,
    "model_comparisons": MODEL_COMPARISONS,
}
"""Name -> text, before the words above are replaced; a view comes after those it reads."""


def view_texts(dialect: str) -> Mapping[str, str]:
    """Return name -> SELECT of every public view for "sqlite" or "postgresql"."""
    return {name: _in_dialect(text, dialect) for name, text in PUBLIC_VIEWS.items()}


def _in_dialect(text: str, dialect: str) -> str:
    for word, meaning in _WORDS[dialect].items():
        text = re.sub(word + r"\[([^\[\]]+)\]", meaning, text)
    return text.strip()
