"""Drift checks, and comparisons of candidates with active models."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pipeline.drift.check import DriftCheck
from pipeline.drift.judge import Severity, Statistic
from pipeline.identity import content_id
from pipeline.learning.registry import ComparisonRecord
from pipeline.store.drift_rows import ComparisonRow, DriftRow
from pipeline.store.parts import StorePart
from pipeline.store.rows import plain_row
from pipeline.store.upsert import insert_new

__all__ = ["DriftTable"]


class DriftTable(StorePart):
    """The last drift check of each model, and comparisons."""

    def put_drift(self, check: DriftCheck) -> None:
        """See `Store`."""
        rows = [
            {
                **plain_row(one, ["name"]),
                "drift_id": content_id("drift", check.model_id, one.name),
                "model_id": check.model_id,
                "camera": check.camera,
                "statistic": one.name,
                "first_utc": check.since_utc,
                "last_utc": check.until_utc,
                "checked_utc": check.checked_utc,
            }
            for one in check.statistics
        ]

        def work(session: Session) -> None:
            session.execute(delete(DriftRow).where(DriftRow.model_id == check.model_id))
            insert_new(session, DriftRow, rows)

        self._sessions.write(work)

    def drift(self, camera: str, model_id: str) -> DriftCheck | None:
        """See `Store`."""
        query = (
            select(DriftRow)
            .where(DriftRow.camera == camera, DriftRow.model_id == model_id)
            .order_by(DriftRow.statistic)
        )

        def work(session: Session) -> DriftCheck | None:
            rows = session.scalars(query).all()
            if not rows:
                return None
            return DriftCheck(
                camera=camera,
                model_id=model_id,
                checked_utc=rows[0].checked_utc,
                since_utc=rows[0].first_utc,
                until_utc=rows[0].last_utc,
                statistics=tuple(_statistic_of(row) for row in rows),
            )

        return self._sessions.read(work)

    def add_comparison(self, comparison: ComparisonRecord) -> int:
        """See `Store`."""
        row = {**plain_row(comparison), "figures": dict(comparison.figures)}
        return self._sessions.write(lambda session: insert_new(session, ComparisonRow, [row]))

    def comparisons(
        self, camera: str, candidate_id: str | None = None
    ) -> Sequence[ComparisonRecord]:
        """See `Store`."""
        query = (
            select(ComparisonRow)
            .where(ComparisonRow.camera == camera)
            .order_by(ComparisonRow.at_utc, ComparisonRow.comparison_id)
        )
        if candidate_id is not None:
            query = query.where(ComparisonRow.candidate_id == candidate_id)
        return self._sessions.read(
            lambda session: [
                ComparisonRecord(
                    comparison_id=row.comparison_id,
                    camera=row.camera,
                    candidate_id=row.candidate_id,
                    active_id=row.active_id,
                    at_utc=row.at_utc,
                    who=row.who,
                    not_worse=row.not_worse,
                    figures=row.figures,
                )
                for row in session.scalars(query)
            ]
        )


def _statistic_of(row: DriftRow) -> Statistic:
    return Statistic(
        name=row.statistic,
        reference_samples=row.reference_samples,
        samples=row.samples,
        evidence=row.evidence,
        severity=Severity(row.severity) if row.severity is not None else None,
        since_utc=row.since_utc,
        found_utc=row.found_utc,
        usual=row.usual,
        recent=row.recent,
        spreads=row.spreads,
    )
