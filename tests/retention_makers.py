"""A site with recorded days: a real store and real small files, on a clock that tests move."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.alerts.alerts import Alert
from pipeline.alerts.evidence import Evidence, EvidenceKind
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.footage.admission import Footage
from pipeline.footage.segments import Segment
from pipeline.identity import content_id, digest_of
from pipeline.recording.films import publish, work_folder
from pipeline.recording.session import Film
from pipeline.scoring.anomaly import Anomaly
from pipeline.settings import load_settings
from pipeline.store.sql import SqlStore
from tests import store_samples as make
from tests.fakes import FakeClock

__all__ = ["FIRST_DAY", "Recorded", "RetentionSite", "retention_site"]

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
FILM_SECONDS = 60.0
EVIDENCE = b"a picture of somebody"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """One film of the recorder with everything that came of it."""

    path: Path
    footage: Footage
    segment: Segment
    anomalies: Sequence[Anomaly]


@dataclass
class RetentionSite:
    """An open site whose store is any SQL store."""

    site: Site
    clock: FakeClock

    @property
    def store(self) -> SqlStore:
        """The store, with all its methods."""
        assert isinstance(self.site.store, SqlStore)
        return self.site.store

    def add_camera(self, name: str = "press-1", **changes: object) -> Camera:
        """Register a camera whose folder lies in the site, with an active model."""
        camera = make.camera(name, **{"source": Path("footage") / name, **changes})
        self.site.source_of(camera).mkdir(parents=True, exist_ok=True)
        self.store.put_camera(camera)
        model = make.model(name)
        self.store.add_model(model, [])
        self.store.promote(model.model_id, make.MORNING)
        return camera

    def record(
        self,
        at_utc: datetime,
        name: str = "press-1",
        *,
        scores: Sequence[float] = (0.5, 1.5, 0.25),
        scored: bool = True,
        size_bytes: int = 1000,
    ) -> Recorded:
        """Let the recorder publish a film of a minute, take it in, and score it."""
        camera = self.store.camera(name)
        source = self.site.source_of(camera)
        work_folder(source).mkdir(exist_ok=True)
        content = f"{name} {at_utc.isoformat()}".encode().ljust(size_bytes, b".")
        (work_folder(source) / "film.mkv").write_bytes(content)
        end_utc = at_utc + timedelta(seconds=FILM_SECONDS)
        film = Film(name="film.mkv", start_utc=at_utc, end_utc=end_utc, frames=600)
        path = publish(source, film)
        assert path is not None
        os.utime(path, (end_utc.timestamp(),) * 2)
        footage, good = self.take_in(path, at_utc, name)
        model = make.model(name)
        anomalies = [
            replace(make.anomaly(good, model, number), score=score, p_value=10**-score)
            for number, score in enumerate(scores)
        ]
        self.store.add_anomalies(anomalies)
        if scored:
            self.store.mark_scored(
                good.segment_id, model.model_id, len(scores), self.clock.now_utc()
            )
        return Recorded(path=path, footage=footage, segment=good, anomalies=anomalies)

    def take_in(self, path: Path, at_utc: datetime, name: str) -> tuple[Footage, Segment]:
        """Record a file as footage of a minute, as ingest does."""
        source = self.site.source_of(self.store.camera(name))
        sha256 = digest_of([name, path.name, at_utc.isoformat()])
        footage = make.footage(
            name,
            footage_id=content_id("footage", name, sha256),
            sha256=sha256,
            path=path.relative_to(source).as_posix(),
            size_bytes=path.stat().st_size,
            start_utc=at_utc,
            duration_us=round(FILM_SECONDS * 1e6),
        )
        good = make.segment(footage, 0, round(FILM_SECONDS * 1e6))
        self.store.add_footage(footage, [good], [])
        return footage, good

    def raise_alert(self, of: Recorded) -> Alert:
        """Raise the alert of a film's clips, with four files of evidence."""
        joined = make.event(of.anomalies[0], of.anomalies[-1], closed=True)
        self.store.put_events([joined])
        raised = make.alert(joined)
        folder = self.site.evidence_folder / raised.camera / raised.alert_id
        folder.mkdir(parents=True)
        files = []
        for kind in EvidenceKind:
            path = folder / f"{kind.value}.bin"
            path.write_bytes(EVIDENCE)
            files.append(
                Evidence(
                    evidence_id=content_id("evidence", raised.alert_id, kind),
                    alert_id=raised.alert_id,
                    kind=kind,
                    path=path.relative_to(self.site.folder).as_posix(),
                    sha256=digest_of(kind),
                    size_bytes=len(EVIDENCE),
                )
            )
        self.store.add_alert(raised, files)
        return raised

    def films(self, name: str = "press-1") -> list[str]:
        """Return the names of the films that are there."""
        source = self.site.source_of(self.store.camera(name))
        return sorted(path.name for path in source.glob("*.mkv"))

    def audit(self) -> list[tuple[str, str, str]]:
        """Return (who, what, subject) of the audit log, in order."""
        from sqlalchemy import select

        from pipeline.store.schema import AuditRow

        query = select(AuditRow.who, AuditRow.what, AuditRow.subject).order_by(AuditRow.audit_id)
        return self.store._sessions.read(lambda s: [tuple(r) for r in s.execute(query)])  # type: ignore[misc]


def retention_site(folder: Path, store: SqlStore, now: datetime = FIRST_DAY) -> RetentionSite:
    """Return a site in `folder` over a store."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = FakeClock(now)
    site = Site(folder=folder, settings=load_settings(folder), store=store, clock=clock)
    return RetentionSite(site=site, clock=clock)
