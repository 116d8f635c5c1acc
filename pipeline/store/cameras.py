"""The register of cameras, with the history of what each was for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.camera import Camera, check_camera
from pipeline.errors import CameraChanged, CameraError
from pipeline.store.parts import StorePart, database_now
from pipeline.store.rows import camera_of, camera_row
from pipeline.store.schema import AuditRow, CameraRow, PurposeRow
from pipeline.store.upsert import insert_or_update

__all__ = ["CameraTable"]

Noted = tuple[str, str, dict[str, Any]]


class CameraTable(StorePart):
    """Cameras and purposes."""

    def put_camera(
        self, camera: Camera, *, instead_of: Camera | None = None, noted: Noted | None = None
    ) -> None:
        """See `Store`. CameraError when the register of the camera is incomplete."""
        row = camera_row(check_camera(camera))

        def work(session: Session) -> None:
            if instead_of is not None:
                _check_unchanged(session, instead_of)
            if noted is not None:
                who, what, detail = noted
                now = database_now(session)
                session.add(
                    AuditRow(at_utc=now, who=who, what=what, subject=camera.name, detail=detail)
                )
            insert_or_update(session, CameraRow, [row], update=[k for k in row if k != "name"])
            # The row above is locked until the commit, so the revision cannot be taken twice.
            last = session.scalars(
                select(PurposeRow)
                .where(PurposeRow.camera == camera.name)
                .order_by(PurposeRow.revision.desc())
                .limit(1)
            ).one_or_none()
            said = (camera.purpose, camera.owner, camera.retention_days)
            if last is not None and (last.purpose, last.owner, last.retention_days) == said:
                return
            session.add(
                PurposeRow(
                    camera=camera.name,
                    revision=1 if last is None else last.revision + 1,
                    purpose=camera.purpose,
                    owner=camera.owner,
                    retention_days=camera.retention_days,
                    since_utc=database_now(session),
                )
            )

        self._sessions.write(work)

    def camera(self, name: str) -> Camera:
        """See `Store`."""

        def work(session: Session) -> Camera:
            row = session.get(CameraRow, name)
            if row is None:
                known = session.scalars(select(CameraRow.name).order_by(CameraRow.name)).all()
                raise CameraError(
                    f"no camera {name!r}; known: {', '.join(known)}"
                    if known
                    else f"no camera {name!r}; register it with: kizashi camera add"
                )
            return camera_of(row)

        return self._sessions.read(work)

    def cameras(self) -> Sequence[Camera]:
        """See `Store`."""

        def work(session: Session) -> list[Camera]:
            rows = session.scalars(select(CameraRow).order_by(CameraRow.name))
            return [camera_of(row) for row in rows]

        return self._sessions.read(work)


def _check_unchanged(session: Session, known: Camera) -> None:
    # Locked until the commit: of two who look at the same moment one waits.
    row = session.get(CameraRow, known.name, with_for_update=True)
    if row is None or camera_of(row) != known:
        raise CameraChanged(
            f"camera {known.name}: somebody else has changed it meanwhile; look again, and repeat"
            " what you wanted"
        )
