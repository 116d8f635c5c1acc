"""The demonstration: render a line, learn it, watch it, and lay what was found beside the truth."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.assembly import Site, open_site
from pipeline.camera import Camera, ClockSource
from pipeline.demo.outcome import LineOutcome, compare
from pipeline.demo.write_line import LineFile, WrittenLine, write_line
from pipeline.errors import FootageError
from pipeline.footage.admission import Reason

__all__ = ["DEMO_CAMERA", "DEMO_QUERY", "DemoResult", "run_demo"]

Progress = Callable[[str], None]

DEMO_CAMERA = "demo-line"

DEMO_QUERY = """\
SELECT start_utc, duration_seconds, severity, expert, expected_per_day, clip_path
FROM flagged_clips
WHERE camera = 'demo-line'
ORDER BY score DESC
LIMIT 5"""

_NORMAL_SECONDS = 480.0
_FAST_NORMAL_SECONDS = 180.0
_EFFORT = 0.25
"""Share of the preset's training steps: enough for a rendered line, in a few minutes."""
_FAST_EFFORT = 0.05
"""Share of the training steps in a fast run."""
_ARRIVAL_TRIES = 10
_ARRIVAL_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoResult:
    """Everything that the demonstration has to show. `str()` of it is the table for people."""

    folder: Path
    outcome: LineOutcome
    """Of the watched part."""
    learnt_seconds: float
    """Length of the normal part that the model learnt from."""
    database: str
    """Where the database is, without its password."""
    reports: tuple[Path, ...]
    truth_path: Path
    query: str
    query_columns: tuple[str, ...]
    query_rows: tuple[tuple[Any, ...], ...]
    model_id: str
    stage_seconds: tuple[tuple[str, float], ...]
    """How long each stage took, in their order."""

    @property
    def found(self) -> int:
        """How many faults were found."""
        return self.outcome.found

    @property
    def faults(self) -> int:
        """How many there were."""
        return len(self.outcome.faults)

    @property
    def false_alerts(self) -> int:
        """Alerts that belong to no fault."""
        return len(self.outcome.false_alerts)

    @property
    def normal_minutes(self) -> float:
        """Minutes of watched footage without a fault."""
        return self.outcome.normal_seconds / 60.0

    def __str__(self) -> str:
        from pipeline.demo.show import demo_text

        return demo_text(self)


def run_demo(
    folder: Path,
    *,
    fast: bool = False,
    seed: int = 0,
    progress: Progress = lambda line: None,
) -> DemoResult:
    """Do the whole job in `folder`, as a user would: register, ingest, learn, watch, report.

    What is there already is not done again: a killed run goes on, and a second one adds no rows.
    `fast` renders and learns less, and finds less. Whatever comes out is returned as it is.
    """
    stages = _Stages(progress)
    with stages.of("1/6 render the line"):
        line = write_line(
            folder / "line",
            seed=seed,
            normal_seconds=_FAST_NORMAL_SECONDS if fast else _NORMAL_SECONDS,
            progress=progress,
        )
    site = open_site(folder)
    try:
        camera = _registered(site)
        drop = site.source_of(camera)
        with stages.of("2/6 take in the normal part"):
            _arrive(site, drop, (f for f in line.files if not f.watched), progress)
        with stages.of("3/6 learn what is normal"):
            effort = _FAST_EFFORT if fast else _EFFORT
            model_id = _learn(site, line, effort=effort, progress=progress)
        with stages.of("4/6 take in the watched part"):
            _arrive(site, drop, (f for f in line.files if f.watched), progress)
        with stages.of("5/6 score the watched part"):
            _score(site, line, progress)
        with stages.of("6/6 write the reports"):
            reports = _reports(site, line)
        return _result(site, line, model_id, reports, stages)
    finally:
        site.close()


class _Stages:
    """Says which stage begins and how long it took."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._name = ""
        self._began = 0.0
        self.seconds: list[tuple[str, float]] = []

    def of(self, name: str) -> _Stages:
        self._name = name
        return self

    def __enter__(self) -> None:
        self._began = time.monotonic()
        self._progress(self._name)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            length = time.monotonic() - self._began
            self.seconds.append((self._name, length))
            self._progress(f"{self._name}: done in {length:.1f} s")


def _registered(site: Site) -> Camera:
    """Return the demo's camera, registered when it was not."""
    from pipeline.register import add_camera

    for known in site.store.cameras():
        if known.name == DEMO_CAMERA:
            return known
    camera = Camera(
        name=DEMO_CAMERA,
        source=Path("footage") / DEMO_CAMERA,
        timezone="Asia/Tokyo",
        purpose="Demonstration: notice faults of a rendered line. No real person is seen.",
        owner="whoever started kizashi demo",
        retention_days=3_650,
        clock=ClockSource.SIDECAR,
    )
    site.source_of(camera).mkdir(parents=True, exist_ok=True)
    return add_camera(site, camera, who="kizashi demo")


def _arrive(site: Site, drop: Path, files: Iterable[LineFile], progress: Progress) -> None:
    """Put files into the drop folder as a recorder does, and take them in."""
    from pipeline.footage.ingest import ingest_camera

    for file in files:
        for source in (file.side_car, file.path):  # the clock is there before the film
            if not (drop / source.name).exists():
                part = drop / f".{source.name}.part"
                shutil.copy2(source, part)
                part.replace(drop / source.name)
    for _ in range(_ARRIVAL_TRIES):
        summary = ingest_camera(site, DEMO_CAMERA, progress=progress)
        if not summary.waiting:
            return
        time.sleep(_ARRIVAL_SECONDS)  # a fresh file must be seen not to grow any more
    raise FootageError(
        f"camera {DEMO_CAMERA}: {summary.waiting} files in {drop} do not come to rest; "
        "is another program writing to them?",
        reason=Reason.UNSTABLE,
    )


def _learn(site: Site, line: WrittenLine, *, effort: float, progress: Progress) -> str:
    """Train on the normal part unless there is a model; return the id of the active one."""
    from pipeline.learning.train_camera import train_camera

    active = site.store.active_model(DEMO_CAMERA)
    if active is not None:
        progress(f"model {active.model_id[:12]} is there already")
        return active.model_id
    record = train_camera(
        site, DEMO_CAMERA, effort=effort, until=line.watched_start_utc, progress=progress
    )
    return record.model_id


def _score(site: Site, line: WrittenLine, progress: Progress) -> None:
    from pipeline.notification.deliver import deliver_pending
    from pipeline.scoring.score_camera import score_camera

    score_camera(site, DEMO_CAMERA, since=line.watched_start_utc, progress=progress)
    deliver_pending(site)


def _reports(site: Site, line: WrittenLine) -> tuple[Path, ...]:
    from pipeline.reports.camera_report import write_camera_report

    return tuple(
        write_camera_report(
            site,
            DEMO_CAMERA,
            since=line.watched_start_utc,
            until=line.end_utc,
            language=language,
        )
        for language in ("en", "ja")
    )


def _result(
    site: Site, line: WrittenLine, model_id: str, reports: tuple[Path, ...], stages: _Stages
) -> DemoResult:
    columns, rows = site.store.query(DEMO_QUERY)
    alerts = site.store.alerts(DEMO_CAMERA, *_around(line.watched_start_utc, line.end_utc))
    secret = site.settings.database_url is not None
    return DemoResult(
        folder=site.folder,
        outcome=compare(line.truth, alerts, since=line.watched_start_utc, until=line.end_utc),
        learnt_seconds=line.script.normal_seconds,
        database="the one of database_url" if secret else str(site.folder / "kizashi.db"),
        reports=reports,
        truth_path=line.truth_path,
        query=DEMO_QUERY,
        query_columns=tuple(columns),
        query_rows=tuple(rows),
        model_id=model_id,
        stage_seconds=tuple(stages.seconds),
    )


def _around(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    # Closed events may end with the last frame.
    return since, until + timedelta(seconds=1)
