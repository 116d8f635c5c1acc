"""Run: remove of one camera what its policy no longer keeps, and nothing that is held.

The order makes it safe to kill: rows say that files are gone (in one transaction with the list of
the files), then the files go, then it is recorded as done. What is between is finished first by
the next run. Scores go and are added to the summaries in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from pipeline.assembly import Site
from pipeline.camera import Camera, ClockSource, check_camera
from pipeline.errors import LeaseHeld, RetentionError
from pipeline.identity import content_id
from pipeline.retention.files import Stock, files_of, remove_files, sharers_of
from pipeline.retention.nouns import Hold, Removal, StoredFile
from pipeline.retention.policy import Kind, RetentionPolicy, Why
from pipeline.store.leases import lease_kept

__all__ = ["RetentionSummary", "plan_retention", "run_retention", "run_scheduled", "told"]

_FILES = (Kind.FOOTAGE, Kind.EVIDENCE, Kind.REPORTS, Kind.DELIVERIES)
_MODELS = (Kind.MODELS,)
_NOTICE = timedelta(hours=20)
"""Between the schedule's announcement and its first removal; less than a day, so that a schedule of
once a day is not put off by two."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionSummary:
    """What one run did, or would do."""

    camera: str
    removals: Sequence[Removal]
    announced: bool = False
    """The schedule has only announced them."""

    def items(self, kind: Kind) -> int:
        """Return how many things of a kind went."""
        return sum(one.items for one in self.removals if one.kind is kind)

    @property
    def size_bytes(self) -> int:
        """What the files took."""
        return sum(one.size_bytes for one in self.removals)

    @property
    def unscored_segments(self) -> int:
        """Segments of footage that went before any model had scored them."""
        return sum(one.unscored_segments for one in self.removals)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Batch:
    """Files that go together."""

    removal: Removal
    files: Sequence[StoredFile]


def run_retention(
    site: Site, camera_name: str, *, progress: Callable[[str], None] = lambda line: None
) -> RetentionSummary:
    """Remove what a camera's policy no longer keeps, finishing first what a killed run began.

    `progress` gets one line for each removal. Doing it again removes nothing more. Raises
    CameraError, LeaseHeld, and RetentionError at the end when files could not be removed: they are
    tried again by the next run, and the doctor names them.
    """
    camera = check_camera(site.store.camera(camera_name))
    failed: list[str] = []
    done: list[Removal] = []
    with lease_kept(site.store, f"retention/{camera_name}", site.settings.lease_seconds):
        now = site.clock.now_utc()
        done += _files_removed(site, camera, _FILES, now, failed, progress)
        done += _models_removed(site, camera, now, failed, progress)
        for removal in _rows_removed(site, camera, now):
            progress(told(removal))
            done.append(removal)
    if failed:
        raise RetentionError(
            f"camera {camera_name}: {len(failed)} files cannot be removed, such as {failed[0]};"
            " give the user who runs Kizashi the right, then run it again"
        )
    return RetentionSummary(camera=camera_name, removals=done)


def plan_retention(
    site: Site, camera_name: str, *, progress: Callable[[str], None] = lambda line: None
) -> RetentionSummary:
    """Return what a run would remove now; nothing is changed."""
    camera = check_camera(site.store.camera(camera_name))
    now = site.clock.now_utc()
    planned = [*site.store.open_removals(camera_name)]
    for batch in _batches(site, camera, (*_FILES, *_MODELS), now, progress):
        planned.append(batch.removal)
    policy = site.store.retention_policy(camera_name)
    for kind, due in _ROWS.items():
        until = _cut(policy, camera, kind, now)
        counted = None if until is None else due(site, camera_name, until)
        if counted is not None:
            items, first, last = counted
            whole = _removal(camera, kind, Why.POLICY, first, now)
            planned.append(replace(whole, items=items, since_utc=first, until_utc=last))
    for removal in planned:
        progress(f"would go: {told(removal)}")
    return RetentionSummary(camera=camera_name, removals=planned)


def run_scheduled(
    site: Site, camera_name: str, *, progress: Callable[[str], None] = lambda line: None
) -> RetentionSummary:
    """Do what the schedule does: the first time, and after the policy was changed, say what will go
    and remove nothing for 20 hours; otherwise remove it."""
    announced = site.store.retention_announced(camera_name)
    now = site.clock.now_utc()
    if announced is not None and now - announced >= _NOTICE:
        return run_retention(site, camera_name, progress=progress)
    planned = plan_retention(site, camera_name, progress=progress)
    site.store.announce_retention(camera_name, now)
    if not planned.removals:
        return planned
    progress(
        f"{camera_name}: announced, not removed; it goes with the first run after 20 hours. To keep"
        f" it longer: kizashi retention set {camera_name}, or kizashi retention hold"
    )
    return replace(planned, announced=True)


def told(removal: Removal) -> str:
    """Return a removal in one line."""
    more = f", {removal.size_bytes / 2**20:.1f} MiB" if removal.size_bytes else ""
    unscored = f"; {removal.unscored_segments} segments were never scored"
    return (
        f"{removal.camera}: {removal.items} {removal.kind.value} of"
        f" {removal.since_utc:%Y-%m-%d %H:%M} to {removal.until_utc:%Y-%m-%d %H:%M} UTC{more},"
        f" by {removal.why.value}{unscored if removal.unscored_segments else ''}"
    )


def _models_removed(
    site: Site,
    camera: Camera,
    now: datetime,
    failed: list[str],
    progress: Callable[[str], None],
) -> list[Removal]:
    """Remove the models that are over while nobody trains the camera: what is learnt just now may
    turn out to be one of them, and what is tried may be one."""
    begun = any(one.kind is Kind.MODELS for one in site.store.open_removals(camera.name))
    if not begun and not any(_batches(site, camera, _MODELS, now, progress)):
        return []
    with ExitStack() as stack:
        lease = lease_kept(site.store, f"train/{camera.name}", site.settings.lease_seconds)
        try:
            stack.enter_context(lease)
        except LeaseHeld:
            progress(f"{camera.name}: it is being trained; its models are left to the next run")
            return []
        return _files_removed(site, camera, _MODELS, now, failed, progress)


def _files_removed(
    site: Site,
    camera: Camera,
    kinds: Sequence[Kind],
    now: datetime,
    failed: list[str],
    progress: Callable[[str], None],
) -> list[Removal]:
    """Finish removals of these kinds that were begun, then remove what else is over."""
    done: list[Removal] = []
    for removal in site.store.open_removals(camera.name):
        if removal.kind in kinds:
            progress(f"{camera.name}: finishing what was begun {removal.planned_utc:%Y-%m-%d}")
            done += _carried_out(site, removal, failed, progress)
    for batch in _batches(site, camera, kinds, now, progress):
        begun = site.store.begin_removal(batch.removal, batch.files)
        if begun is not None:
            done += _carried_out(site, begun, failed, progress)
    return done


def _carried_out(
    site: Site, removal: Removal, failed: list[str], progress: Callable[[str], None]
) -> list[Removal]:
    """Remove the files that rows say are gone; return the removal once it is done."""
    problems = remove_files(site, removal)
    if problems:
        failed += problems
        return []
    site.store.finish_removal(removal.removal_id, site.clock.now_utc())
    progress(told(removal))
    return [removal]


def _batches(
    site: Site,
    camera: Camera,
    kinds: Sequence[Kind],
    now: datetime,
    progress: Callable[[str], None],
) -> Iterator[_Batch]:
    """Yield the files of these kinds to go, by kind and day: first what is over its time, then what
    is too much."""
    policy = site.store.retention_policy(camera.name)
    held = site.store.holds(camera.name)
    if Kind.FOOTAGE in kinds and (sharers := sharers_of(site, camera)):
        progress(
            f"{camera.name}: shares its footage with {', '.join(sharers)}; none of it is removed"
        )
    stocks = {kind: files_of(site, camera, policy, kind) for kind in kinds}
    left: dict[Kind, list[StoredFile]] = {}
    for kind, stock in stocks.items():
        until = _cut(policy, camera, kind, now)
        free = [file for file in stock.files if not _is_held(file, held)]
        over = [file for file in free if until is not None and file.end_utc < until]
        left[kind] = [file for file in free if until is None or file.end_utc >= until]
        yield from _by_day(camera, stock, Why.POLICY, over, now)
    if policy.budget_bytes is None or Kind.FOOTAGE not in kinds:
        return
    excess = -policy.budget_bytes
    for kind in (Kind.FOOTAGE, Kind.EVIDENCE):
        excess += sum(file.size_bytes for file in left[kind])
        excess += sum(file.size_bytes for file in stocks[kind].files if _is_held(file, held))
    for kind in (Kind.FOOTAGE, Kind.EVIDENCE):
        too_much = _oldest(kind, left[kind], excess)
        excess -= sum(file.size_bytes for file in too_much)
        yield from _by_day(camera, stocks[kind], Why.BUDGET, too_much, now)


def _oldest(kind: Kind, files: Sequence[StoredFile], excess: int) -> list[StoredFile]:
    """Return the oldest files that together take at least `excess` bytes; of an alert all evidence
    or none."""
    chosen: list[StoredFile] = []
    for _, some in groupby(
        files, key=lambda f: f.name.rpartition("/")[0] if kind is Kind.EVIDENCE else f.name
    ):
        if excess <= 0:
            break
        together = list(some)
        chosen += together
        excess -= sum(file.size_bytes for file in together)
    return chosen


def _by_day(
    camera: Camera, stock: Stock, why: Why, files: Sequence[StoredFile], now: datetime
) -> Iterator[_Batch]:
    # Of one alert all files end together, so an alert never loses half of its evidence.
    for day, some in groupby(files, key=lambda file: file.end_utc.astimezone(UTC).date()):
        together = list(some)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        names = [file.name for file in together]
        removal = _removal(camera, stock.kind, why, start, now, stock.root, names)
        counted = replace(
            removal,
            since_utc=min(file.start_utc for file in together),
            until_utc=max(file.end_utc for file in together),
            items=len(together),
            size_bytes=sum(file.size_bytes for file in together),
        )
        yield _Batch(removal=counted, files=together)


def _removal(
    camera: Camera,
    kind: Kind,
    why: Why,
    day: datetime,
    now: datetime,
    root: str = "",
    names: Sequence[str] = (),
) -> Removal:
    parts = (kind.value, why.value, day.isoformat(), now.isoformat(), *names)
    return Removal(
        removal_id=content_id("removal", camera.name, *parts),
        camera=camera.name,
        kind=kind,
        why=why,
        since_utc=day,
        until_utc=day,
        items=0,
        size_bytes=0,
        planned_utc=now,
        root=root,
    )


def _rows_removed(site: Site, camera: Camera, now: datetime) -> Iterator[Removal]:
    policy = site.store.retention_policy(camera.name)
    for kind, remove in _ROWS_REMOVED.items():
        until = _cut(policy, camera, kind, now)
        while until is not None and (removal := remove(site, camera.name, until, now)):
            yield removal


_ROWS: dict[Kind, Callable[[Site, str, datetime], tuple[int, datetime, datetime] | None]] = {
    Kind.SCORES: lambda site, camera, until: site.store.scores_due(camera, until),
    Kind.SUMMARIES: lambda site, camera, until: site.store.summaries_due(camera, until),
}
_ROWS_REMOVED: dict[Kind, Callable[[Site, str, datetime, datetime], Removal | None]] = {
    Kind.SCORES: lambda site, camera, until, now: site.store.remove_scores(camera, until, now),
    Kind.SUMMARIES: lambda site, camera, until, now: site.store.remove_summaries(
        camera, until, now
    ),
}


def _cut(policy: RetentionPolicy, camera: Camera, kind: Kind, now: datetime) -> datetime | None:
    """Return before when things of a kind go; None when nothing goes by its age.

    Times of a camera whose footage is laid one after the other are made up: its year 2000 is no
    reason to forget anything.
    """
    if camera.clock is ClockSource.SEQUENCE:
        return None
    return now - policy.length(kind, camera)


def _is_held(file: StoredFile, held: Sequence[Hold]) -> bool:
    return any(hold.covers(file.start_utc, file.end_utc) for hold in held)
