"""The first tables.

Revision ID: r0001
Revises:
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from pipeline.store.types import FiniteFloat, JsonValue, PlainText, UtcDateTime

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None

_REASONS = (
    "not_regular",
    "outside_root",
    "unreadable",
    "unstable",
    "empty",
    "too_large",
    "not_video",
    "unsupported_codec",
    "insane_dimensions",
    "no_frames",
    "too_short",
    "ambiguous_time",
    "damaged",
    "truncated",
    "gap",
    "stalled",
    "size_changed",
    "not_recorded",
)


def upgrade() -> None:
    """Make all tables, each after those that it refers to."""
    _cameras()
    _purposes()
    _footage()
    _segments()
    _blind_intervals()
    _calibrations()
    _models()
    _training_runs()
    _training_metrics()
    _anomalies()
    _scored_segments()
    _events()
    _alerts()
    _evidence()
    _reviews()
    _deliveries()
    _leases()
    _audit_log()
    if op.get_bind().dialect.name == "sqlite":
        _keep_audit_log_on_sqlite()
    else:
        _keep_audit_log_on_postgresql()


def _cameras() -> None:
    op.create_table(
        "cameras",
        *_text("name", "source", "timezone", "purpose", "owner"),
        *_whole("retention_days"),
        *_number("budget_per_day"),
        *_text("clock"),
        *_time("sequence_start_utc", nullable=True),
        *_json("privacy_masks"),
        _one_of("cameras", "clock", "auto", "sidecar", "name", "mtime", "sequence"),
        sa.PrimaryKeyConstraint("name", name="pk_cameras"),
    )


def _purposes() -> None:
    op.create_table(
        "purposes",
        *_text("camera"),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        *_text("purpose", "owner"),
        *_whole("retention_days"),
        *_time("since_utc"),
        _refers("purposes", "camera", "cameras", "name"),
        sa.PrimaryKeyConstraint("camera", "revision", name="pk_purposes"),
    )


def _footage() -> None:
    op.create_table(
        "footage",
        *_text("footage_id", "camera", "sha256", "path"),
        *_whole("size_bytes"),
        *_text("verdict"),
        *_text("reason", nullable=True),
        *_text("detail"),
        *_time("start_utc", "end_utc", nullable=True),
        *_whole("duration_us", "frames", "width_px", "height_px"),
        *_number("frame_rate"),
        _one_of("footage", "reason", *_REASONS),
        _one_of("footage", "verdict", "admitted", "refused"),
        _refers("footage", "camera", "cameras", "name"),
        sa.PrimaryKeyConstraint("footage_id", name="pk_footage"),
    )
    op.create_index("ix_footage_camera_end_utc", "footage", ["camera", "end_utc"])


def _segments() -> None:
    op.create_table(
        "segments",
        *_text("segment_id", "footage_id", "camera"),
        *_whole("start_us", "end_us", "frames"),
        *_time("start_utc", "end_utc"),
        _refers("segments", "camera", "cameras", "name"),
        _refers("segments", "footage_id", "footage", "footage_id"),
        sa.PrimaryKeyConstraint("segment_id", name="pk_segments"),
    )
    op.create_index("ix_segments_camera_end_utc", "segments", ["camera", "end_utc"])
    op.create_index("ix_segments_footage_id", "segments", ["footage_id"])


def _blind_intervals() -> None:
    op.create_table(
        "blind_intervals",
        *_text("blind_id", "camera"),
        *_text("footage_id", nullable=True),
        *_time("start_utc", "end_utc"),
        *_text("reason", "detail"),
        _one_of("blind_intervals", "reason", *_REASONS),
        _refers("blind_intervals", "camera", "cameras", "name"),
        _refers("blind_intervals", "footage_id", "footage", "footage_id"),
        sa.PrimaryKeyConstraint("blind_id", name="pk_blind_intervals"),
    )
    op.create_index("ix_blind_intervals_camera_end_utc", "blind_intervals", ["camera", "end_utc"])


def _calibrations() -> None:
    op.create_table(
        "calibrations",
        *_text("calibration_id", "camera"),
        *_number("budget_per_day", "held_out_seconds", nullable=True),
        *_json("summary"),
        _refers("calibrations", "camera", "cameras", "name"),
        sa.PrimaryKeyConstraint("calibration_id", name="pk_calibrations"),
    )


def _models() -> None:
    op.create_table(
        "models",
        *_text("model_id", "camera", "state", "preset", "path", "digest"),
        *_time("created_utc"),
        *_time("activated_utc", "retired_utc", nullable=True),
        *_text("calibration_id"),
        *_json("manifest"),
        _one_of("models", "state", "candidate", "active", "retired"),
        _refers("models", "calibration_id", "calibrations", "calibration_id"),
        _refers("models", "camera", "cameras", "name"),
        sa.PrimaryKeyConstraint("model_id", name="pk_models"),
    )
    op.create_index("ix_models_camera_created_utc", "models", ["camera", "created_utc"])
    active = sa.column("state") == "active"
    op.create_index(
        "uq_models_active_camera",
        "models",
        ["camera"],
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )


def _training_runs() -> None:
    op.create_table(
        "training_runs",
        *_text("run_id", "model_id", "camera", "preset"),
        *_whole("seed", nullable=True),
        *_whole("footage_count"),
        *_number("footage_seconds", "work_seconds", nullable=True),
        *_time("finished_utc"),
        *_whole("logged_steps"),
        *_number("last_step", nullable=True),
        *_json("last_figures"),
        _refers("training_runs", "camera", "cameras", "name"),
        _refers("training_runs", "model_id", "models", "model_id"),
        sa.PrimaryKeyConstraint("run_id", name="pk_training_runs"),
        sa.UniqueConstraint("model_id", name="uq_training_runs_model_id"),
    )


def _training_metrics() -> None:
    op.create_table(
        "training_metrics",
        *_text("run_id"),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        *_json("figures"),
        _refers("training_metrics", "run_id", "training_runs", "run_id"),
        sa.PrimaryKeyConstraint("run_id", "position", name="pk_training_metrics"),
    )


def _anomalies() -> None:
    op.create_table(
        "anomalies",
        *_text("anomaly_id", "model_id", "camera", "segment_id", "clip_id"),
        *_whole("start_us", "end_us"),
        *_time("start_utc", "end_utc"),
        *_json("scores"),
        *_number("score", "p_value"),
        *_text("expert"),
        *_number("place_x", "place_y", "place_width", "place_height"),
        _refers("anomalies", "camera", "cameras", "name"),
        _refers("anomalies", "model_id", "models", "model_id"),
        _refers("anomalies", "segment_id", "segments", "segment_id"),
        sa.PrimaryKeyConstraint("anomaly_id", name="pk_anomalies"),
    )
    op.create_index(
        "ix_anomalies_camera_end_utc_anomaly_id", "anomalies", ["camera", "end_utc", "anomaly_id"]
    )


def _scored_segments() -> None:
    op.create_table(
        "scored_segments",
        *_text("segment_id", "model_id"),
        *_whole("clips"),
        *_time("at_utc"),
        _refers("scored_segments", "model_id", "models", "model_id"),
        _refers("scored_segments", "segment_id", "segments", "segment_id"),
        sa.PrimaryKeyConstraint("segment_id", "model_id", name="pk_scored_segments"),
    )
    op.create_index("ix_scored_segments_model_id", "scored_segments", ["model_id"])


def _events() -> None:
    op.create_table(
        "events",
        *_text(
            "event_id", "camera", "model_id", "policy_id", "first_anomaly_id", "peak_anomaly_id"
        ),
        *_time("start_utc", "end_utc", "peak_utc"),
        *_number("peak_score"),
        *_whole("clips"),
        *_text("expert"),
        sa.Column("closed", sa.Boolean(), nullable=False),
        *_number("place_x", "place_y", "place_width", "place_height"),
        _refers("events", "camera", "cameras", "name"),
        _refers("events", "first_anomaly_id", "anomalies", "anomaly_id"),
        _refers("events", "model_id", "models", "model_id"),
        _refers("events", "peak_anomaly_id", "anomalies", "anomaly_id"),
        sa.PrimaryKeyConstraint("event_id", name="pk_events"),
    )
    op.create_index("ix_events_camera_end_utc", "events", ["camera", "end_utc"])


def _alerts() -> None:
    op.create_table(
        "alerts",
        *_text("alert_id", "event_id", "camera", "model_id", "severity"),
        *_time("start_utc", "end_utc", "peak_utc"),
        *_number("score", "p_value", "expected_per_day"),
        *_text("expert"),
        *_number("place_x", "place_y", "place_width", "place_height"),
        _one_of("alerts", "severity", "notice", "warning", "critical"),
        _refers("alerts", "camera", "cameras", "name"),
        _refers("alerts", "event_id", "events", "event_id"),
        _refers("alerts", "model_id", "models", "model_id"),
        sa.PrimaryKeyConstraint("alert_id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_camera_start_utc", "alerts", ["camera", "start_utc"])
    op.create_index("ix_alerts_start_utc", "alerts", ["start_utc"])


def _evidence() -> None:
    op.create_table(
        "evidence",
        *_text("evidence_id", "alert_id", "kind", "path", "sha256"),
        *_whole("size_bytes"),
        _one_of("evidence", "kind", "clip", "heat_map", "strip", "peak_frame"),
        _refers("evidence", "alert_id", "alerts", "alert_id"),
        sa.PrimaryKeyConstraint("evidence_id", name="pk_evidence"),
        sa.UniqueConstraint("alert_id", "kind", name="uq_evidence_alert_id_kind"),
    )


def _reviews() -> None:
    op.create_table(
        "reviews",
        *_text("review_id", "alert_id", "verdict", "reviewer", "note"),
        *_time("at_utc"),
        _one_of("reviews", "verdict", "anomaly", "known_harmless", "false_alarm"),
        _refers("reviews", "alert_id", "alerts", "alert_id"),
        sa.PrimaryKeyConstraint("review_id", name="pk_reviews"),
    )
    op.create_index("ix_reviews_alert_id_at_utc", "reviews", ["alert_id", "at_utc"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        *_text("alert_id"),
        *_text("sink", nullable=True),
        *_whole("attempts"),
        *_time("last_attempt_utc", nullable=True),
        *_text("last_error", nullable=True),
        *_time("delivered_utc", nullable=True),
        _refers("deliveries", "alert_id", "alerts", "alert_id"),
        sa.PrimaryKeyConstraint("alert_id", name="pk_deliveries"),
    )


def _leases() -> None:
    op.create_table(
        "leases",
        *_text("name", "owner"),
        *_whole("fence"),
        *_time("expires_utc"),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("audit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *_time("at_utc"),
        *_text("who", "what", "subject"),
        *_json("detail"),
        sa.PrimaryKeyConstraint("audit_id", name="pk_audit_log"),
    )


def _text(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, PlainText(), nullable=nullable) for name in names]


def _time(*names: str, nullable: bool = False) -> list[sa.Column[datetime]]:
    return [sa.Column(name, UtcDateTime(), nullable=nullable) for name in names]


def _whole(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]


def _number(*names: str, nullable: bool = False) -> list[sa.Column[float]]:
    return [sa.Column(name, FiniteFloat(), nullable=nullable) for name in names]


def _json(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, JsonValue(), nullable=False) for name in names]


def _refers(table: str, column: str, target: str, key: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.{key}"], name=op.f(f"fk_{table}_{column}"))


def _one_of(table: str, column: str, *values: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(sa.column(column).in_(values), name=op.f(f"ck_{table}_{column}"))


def _keep_audit_log_on_sqlite() -> None:
    for name, deed in (("no_update", "UPDATE"), ("no_delete", "DELETE")):
        op.execute(
            " ".join(
                (
                    "CREATE TRIGGER",
                    f"audit_log_{name}",
                    "BEFORE",
                    deed,
                    "ON audit_log BEGIN SELECT RAISE(ABORT, 'audit rows are never changed'); END",
                )
            )
        )


def _keep_audit_log_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_log_stays() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'audit rows are never changed'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_log_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_log_stays()"
    )
