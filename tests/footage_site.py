"""A site with one camera, for tests of ingest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.assembly import Site, open_site
from pipeline.camera import Camera, ClockSource
from pipeline.footage.admission import Footage
from pipeline.footage.ingest import IngestSummary, ingest_camera
from tests.fakes import FakeClock

__all__ = ["CAMERA", "FootageSite", "footage_site"]

CAMERA = "line-1"


@dataclass
class FootageSite:
    """An open site whose clock is an hour ahead, so that files just made are old enough."""

    site: Site
    clock: FakeClock
    source: Path
    lines: list[str] = field(default_factory=list)

    def ingest(self) -> IngestSummary:
        """Ingest the camera; the lines of progress of this run are in `lines`."""
        self.lines = []
        return ingest_camera(self.site, CAMERA, progress=self.lines.append)

    def footage(self) -> dict[str, Footage]:
        """Return everything recorded, by path."""
        return {row.path: row for row in self.site.store.footage_of(CAMERA)}

    def told(self, path: str) -> str:
        """Return what became of a footage in one line: verdict, segments and blind in seconds."""
        row = self.footage()[path]
        if row.reason is not None:
            return f"refused {row.reason.value}"
        assert row.start_utc is not None
        parts = [
            (s.start_utc, s.end_utc, "seen")
            for s in self.site.store.segments(CAMERA)
            if s.footage_id == row.footage_id
        ] + [
            (b.start_utc, b.end_utc, b.reason.value)
            for b in self.site.store.blind(CAMERA)
            if b.footage_id == row.footage_id
        ]
        start = row.start_utc
        told = []
        for begins, ends, what in sorted(parts):
            first, last = (begins - start).total_seconds(), (ends - start).total_seconds()
            told.append(f"{what} {first:.1f}-{last:.1f}")
        return ", ".join(told)


@contextmanager
def footage_site(
    folder: Path, *, clock: ClockSource = ClockSource.SEQUENCE, **camera: Any
) -> Iterator[FootageSite]:
    """Open a site in `folder` with one camera whose source is `folder / "in"`."""
    now = FakeClock(datetime.now(UTC) + timedelta(hours=1))
    source = folder / "in"
    source.mkdir(exist_ok=True)  # or a link to a folder
    site = open_site(folder / "site", clock=now)
    site.store.put_camera(
        Camera(
            name=CAMERA,
            source=source,
            purpose="tests",
            owner="tests",
            retention_days=1,
            clock=clock,
            **camera,
        )
    )
    try:
        yield FootageSite(site=site, clock=now, source=source)
    finally:
        site.close()
