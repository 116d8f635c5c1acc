-- One day of every camera; see _filled_store.py, which replaces the words in capitals. Cameras take
-- turns minute by minute, as they do in operation: rows of one camera do not lie together.
-- c.n camera, m.n minute of the day, i.n score of the minute.

INSERT INTO footage (footage_id, camera, sha256, path, size_bytes, verdict, detail, start_utc,
    end_utc, duration_us, frames, width_px, height_px, frame_rate)
SELECT MINUTE_KEY[file], 'line-' || c.n, MINUTE_KEY[file] || MINUTE_KEY[file],
    'line/' || c.n || '-DAY-' || m.n || '.mp4', 3000000, 'admitted', '', AT[BEGINS],
    AT[BEGINS + 60], 60000000, 600, 640, 360, 10.0
FROM UPTO[1440, m] CROSS JOIN UPTO[CAMERAS, c];

INSERT INTO segments (segment_id, footage_id, camera, start_us, end_us, frames, start_utc, end_utc,
    settled_utc)
SELECT MINUTE_KEY[segment], MINUTE_KEY[file], 'line-' || c.n, 0, 60000000, 600, AT[BEGINS],
    AT[BEGINS + 60], AT[BEGINS + 90]
FROM UPTO[1440, m] CROSS JOIN UPTO[CAMERAS, c];

INSERT INTO scored_segments (segment_id, model_id, clips, at_utc)
SELECT MINUTE_KEY[segment], md5('modelline-' || c.n), SCORES_A_MINUTE, AT[BEGINS + 90]
FROM UPTO[1440, m] CROSS JOIN UPTO[CAMERAS, c];

INSERT INTO anomalies (anomaly_id, model_id, camera, segment_id, clip_id, start_us, end_us,
    start_utc, end_utc, scores, score, p_value, expert, place_x, place_y, place_width, place_height)
SELECT md5('anomaly' || c.n || '-DAY-' || m.n || '-' || i.n), md5('modelline-' || c.n),
    'line-' || c.n, MINUTE_KEY[segment], md5('clip' || c.n || '-DAY-' || m.n || '-' || i.n),
    i.n * SPACING * 1000000, (i.n * SPACING + 1) * 1000000, AT[BEGINS + i.n * SPACING],
    AT[BEGINS + i.n * SPACING + 1],
    JSON['{"critic": 0.758912, "reconstruction": 1.088167, "features": 0.0, "motion": 1.105987, "continuity": 0.0, "rhythm": 0.440914}'],
    CASE WHEN m.n % ALERT_MINUTES = 180 AND i.n = 0 THEN 6.0
        ELSE 0.4 + (m.n * 7919 + i.n * 31 + c.n) % 100 / 50.0 END,
    CASE WHEN m.n % ALERT_MINUTES = 180 AND i.n = 0 THEN 1e-6 ELSE 0.1 END,
    'critic', 0.25, 0.25, 0.25, 0.25
FROM UPTO[1440, m] CROSS JOIN UPTO[CAMERAS, c] CROSS JOIN UPTO[SCORES_A_MINUTE, i];

INSERT INTO events (event_id, camera, model_id, policy_id, first_anomaly_id, peak_anomaly_id,
    start_utc, end_utc, peak_utc, peak_score, clips, expert, closed, place_x, place_y, place_width,
    place_height)
SELECT MINUTE_KEY[event], 'line-' || c.n, md5('modelline-' || c.n), 'policy',
    md5('anomaly' || c.n || '-DAY-' || m.n || '-0'),
    md5('anomaly' || c.n || '-DAY-' || m.n || '-0'), AT[BEGINS], AT[BEGINS + 1], AT[BEGINS + 1],
    6.0, 1, 'critic', TRUE, 0.25, 0.25, 0.25, 0.25
FROM UPTO[1440, m] CROSS JOIN UPTO[CAMERAS, c]
WHERE m.n % ALERT_MINUTES = 180;

INSERT INTO alerts (alert_id, event_id, camera, model_id, severity, start_utc, end_utc, peak_utc,
    score, p_value, expected_per_day, expert, place_x, place_y, place_width, place_height)
SELECT MINUTE_KEY[alert], MINUTE_KEY[event], 'line-' || c.n, md5('modelline-' || c.n), 'warning',
    AT[BEGINS], AT[BEGINS + 1], AT[BEGINS + 1], 6.0, 1e-6, 0.1, 'critic', 0.25, 0.25, 0.25, 0.25
FROM UPTO[1440, m] CROSS JOIN UPTO[CAMERAS, c]
WHERE m.n % ALERT_MINUTES = 180;

INSERT INTO evidence (evidence_id, alert_id, kind, path, sha256, size_bytes)
SELECT md5(kinds.kind || c.n || '-DAY-' || m.n), MINUTE_KEY[alert], kinds.kind,
    'evidence/' || MINUTE_KEY[alert] || '/' || kinds.kind, MINUTE_KEY[alert] || MINUTE_KEY[alert],
    50000
FROM UPTO[1440, m] CROSS JOIN UPTO[CAMERAS, c]
CROSS JOIN (
    SELECT 'clip' AS kind UNION ALL SELECT 'heat_map' UNION ALL SELECT 'strip'
    UNION ALL SELECT 'peak_frame'
) AS kinds
WHERE m.n % ALERT_MINUTES = 180;

INSERT INTO reviews (review_id, alert_id, verdict, reviewer, note, at_utc)
SELECT MINUTE_KEY[review], MINUTE_KEY[alert], 'anomaly', 'somebody', '', AT[BEGINS + 3600]
FROM UPTO[1440, m] CROSS JOIN UPTO[CAMERAS, c]
WHERE m.n % ALERT_MINUTES = 180 AND m.n < 720;
