"""Models with their calibration and training run; at most one of a camera is active."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.errors import StoreError
from pipeline.identity import content_id
from pipeline.learning.registry import ModelRecord, ModelState
from pipeline.store.parts import StorePart, database_now
from pipeline.store.retention_marks import files_are_back
from pipeline.store.rows import plain_row
from pipeline.store.schema import (
    AuditRow,
    CalibrationRow,
    ModelRow,
    SegmentRow,
    TrainingMetricRow,
    TrainingRunRow,
)
from pipeline.store.settled import scored_by, settle
from pipeline.store.upsert import insert_new

__all__ = ["ModelTable"]


class ModelTable(StorePart):
    """Models, calibrations, training runs and training metrics."""

    def add_model(self, model: ModelRecord, metrics: Sequence[Mapping[str, float]]) -> int:
        """See `Store`."""
        figures = [{key: float(value) for key, value in step.items()} for step in metrics]
        run = _run_row(model, figures)
        steps = [
            {"run_id": run["run_id"], "position": position, "figures": step}
            for position, step in enumerate(figures)
        ]
        row = {
            **plain_row(model, ["calibration"]),
            "activated_utc": None,
            "retired_utc": None,
        }

        def work(session: Session) -> int:
            new = insert_new(session, CalibrationRow, [_calibration_row(model)])
            added = insert_new(session, ModelRow, [row])
            if added == 0:
                files_are_back(session, model)
                return new
            added += insert_new(session, TrainingRunRow, [run])
            return new + added + insert_new(session, TrainingMetricRow, steps)

        return self._sessions.write(work)

    def promote(
        self, model_id: str, at_utc: datetime, *, who: str | None = None, by: str = "training"
    ) -> None:
        """See `Store`. StoreError when the model is unknown."""

        def work(session: Session) -> None:
            model = session.get(ModelRow, model_id)
            if model is None:
                raise StoreError(
                    f"no model {model_id!r} is recorded; list them with: kizashi model list"
                )
            # All rows of the camera in one order, so that two promotions wait for one another.
            rows = session.scalars(
                select(ModelRow)
                .where(ModelRow.camera == model.camera)
                .order_by(ModelRow.model_id)
                .with_for_update()
                .execution_options(populate_existing=True)
            ).all()
            if model.state == ModelState.ACTIVE:
                return
            if model.files_removed_utc is not None:
                raise StoreError(
                    f"the files of model {model_id[:12]} were removed by retention; choose another:"
                    f" kizashi model list {model.camera}"
                )
            for row in rows:
                if row.state == ModelState.ACTIVE:
                    row.state, row.retired_utc = ModelState.RETIRED, at_utc
            session.flush()  # the index allows one active model at every moment
            model.state, model.activated_utc, model.retired_utc = ModelState.ACTIVE, at_utc, None
            settle(session, at_utc, SegmentRow.camera == model.camera, scored_by(model_id))
            if who is not None:
                session.add(
                    AuditRow(
                        at_utc=database_now(session),
                        who=who,
                        what="promote",
                        subject=model_id,
                        detail={"camera": model.camera, "by": by},
                    )
                )

        self._sessions.write(work)

    def active_model(self, camera: str) -> ModelRecord | None:
        """See `Store`."""
        found = self.models(camera, ModelState.ACTIVE)
        return found[0] if found else None

    def models(self, camera: str, state: ModelState | None = None) -> Sequence[ModelRecord]:
        """See `Store`."""
        query = (
            select(ModelRow, CalibrationRow)
            .join(CalibrationRow, CalibrationRow.calibration_id == ModelRow.calibration_id)
            .where(ModelRow.camera == camera)
            .order_by(ModelRow.created_utc, ModelRow.model_id)
        )
        if state is not None:
            query = query.where(ModelRow.state == state)

        def work(session: Session) -> list[ModelRecord]:
            return [_model_of(model, calibration) for model, calibration in session.execute(query)]

        return self._sessions.read(work)

    def training_metrics(self, model_id: str) -> Sequence[Mapping[str, float]]:
        """See `Store`."""
        query = (
            select(TrainingMetricRow.figures)
            .where(TrainingMetricRow.run_id == _run_id(model_id))
            .order_by(TrainingMetricRow.position)
        )

        def work(session: Session) -> list[Mapping[str, float]]:
            return [
                {key: float(value) for key, value in step.items()}
                for step in session.scalars(query)
            ]

        return self._sessions.read(work)


def _run_id(model_id: str) -> str:
    return content_id("run", model_id)


def _run_row(model: ModelRecord, figures: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    manifest = model.manifest
    last: dict[str, float] = {}
    for step in figures:
        last.update(step)  # phases of a training log figures of their own
    stages = manifest.get("stage_seconds")
    return {
        "run_id": _run_id(model.model_id),
        "model_id": model.model_id,
        "camera": model.camera,
        "preset": model.preset,
        "seed": manifest.get("seed"),
        "footage_count": len(manifest.get("footage", ())),
        "footage_seconds": manifest.get("training_seconds"),
        "work_seconds": sum(stages.values()) if stages else None,
        "finished_utc": model.created_utc,
        "logged_steps": len(figures),
        "last_step": last.get("step"),
        "last_figures": last,
    }


def _calibration_row(model: ModelRecord) -> dict[str, Any]:
    summary = model.calibration
    return {
        "calibration_id": model.calibration_id,
        "camera": model.camera,
        "budget_per_day": summary.get("budget_per_day"),
        "held_out_seconds": summary.get("held_out_seconds"),
        "summary": dict(summary),
    }


def _model_of(row: ModelRow, calibration: CalibrationRow) -> ModelRecord:
    return ModelRecord(
        model_id=row.model_id,
        camera=row.camera,
        state=ModelState(row.state),
        preset=row.preset,
        path=row.path,
        digest=row.digest,
        created_utc=row.created_utc,
        calibration_id=row.calibration_id,
        calibration=calibration.summary,
        manifest=row.manifest,
        files_removed_utc=row.files_removed_utc,
    )
