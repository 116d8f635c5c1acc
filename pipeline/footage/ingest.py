"""Ingest: everything that arrived for a camera becomes footage, segments and blind intervals."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from pipeline.assembly import Site
from pipeline.camera import Camera, ClockSource, check_camera
from pipeline.errors import CameraError, FootageError
from pipeline.footage.admission import Candidate, Footage, Reason, admit
from pipeline.footage.discovery import discover
from pipeline.footage.examine import (
    Content,
    as_footage,
    examine,
    identify,
    probe_footage,
    refused,
)
from pipeline.footage.gaps import forget_gaps, noted_gaps, recording_folder
from pipeline.footage.hash_cache import HashCache
from pipeline.footage.names import shown_name, stored_path
from pipeline.footage.segments import Blind, Segment
from pipeline.footage.start_time import known_start_utc
from pipeline.identity import content_id
from pipeline.store.leases import lease_kept
from pipeline.timebase import seconds, shift_utc

__all__ = ["IngestSummary", "ingest_camera", "probe_footage"]

_SEQUENCE_START_UTC = datetime(2000, 1, 1, tzinfo=UTC)
_SEQUENCE_PAUSE = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestSummary:
    """What one run of ingest did."""

    admitted: int = 0
    refused: int = 0
    known: int = 0
    """Files whose bytes were recorded before; they get no line of progress."""
    waiting: int = 0
    """Files that are still being written; they are looked at next time."""
    segments: int = 0
    seen_seconds: float = 0.0
    blind_seconds: float = 0.0


class _Waiting(Exception):
    """The file is still changing."""


class _Known(Exception):
    """The same bytes were recorded before."""


def ingest_camera(
    site: Site, camera_name: str, *, progress: Callable[[str], None] = lambda line: None
) -> IngestSummary:
    """Record everything new in a camera's source folder, one transaction a file.

    `progress` gets one line for each file that was admitted, refused or is waiting. A bad file
    never stops its neighbours. Doing it again adds nothing; killed in the middle, the next call
    takes in the rest. Raises CameraError, LeaseHeld and StoreError.
    """
    camera = check_camera(site.store.camera(camera_name))
    source = site.source_of(camera)
    if not source.is_dir():
        raise CameraError(
            f"camera {camera_name}: its source {source} is not a folder; create it or run: "
            f"kizashi camera set {camera_name} --source FOLDER"
        )
    summary = IngestSummary()
    with lease_kept(site.store, f"ingest/{camera_name}", site.settings.lease_seconds):
        intake = _Intake(site, camera, source)
        try:
            for path in discover(source):
                summary = intake.take_in(path, summary, progress)
        finally:
            intake.cache.save()
        unseen = _take_in_gaps(site, camera_name, progress)
    return replace(summary, blind_seconds=summary.blind_seconds + unseen)


def _take_in_gaps(site: Site, camera_name: str, progress: Callable[[str], None]) -> float:
    """Record the blind time that the recorder of a live camera noted; return its seconds."""
    gaps, broken = noted_gaps(recording_folder(site.folder, camera_name), camera_name)
    for path in broken:
        progress(f"waiting {path}: not a gap as the recorder notes it; correct or remove it")
    blind = [gap for _, gap in gaps]
    if not blind:
        return 0.0
    site.store.add_blind(blind)
    for gap in blind:
        length = (gap.end_utc - gap.start_utc).total_seconds()
        progress(f"blind {gap.start_utc:%Y-%m-%d %H:%M:%S} UTC for {length:.1f} s, {gap.detail}")
    forget_gaps([path for path, _ in gaps])
    return sum((gap.end_utc - gap.start_utc).total_seconds() for gap in blind)


class _Intake:
    """One run over a camera's folder."""

    def __init__(self, site: Site, camera: Camera, source: Path) -> None:
        self._site = site
        self._camera = camera
        self._source = source
        self._known = site.store.footage_ids(camera.name)
        self._next_utc = self._end_of_sequence()
        self.cache = HashCache(site.folder / "cache" / f"hashes-{camera.name}.json")

    def take_in(
        self, path: Path, summary: IngestSummary, progress: Callable[[str], None]
    ) -> IngestSummary:
        """Record one file or folder; return the summary with it counted."""
        relative = path.relative_to(self._source)
        shown = shown_name(relative.as_posix())
        try:
            footage, segments, blind = self._examined(path, relative)
        except _Waiting:
            progress(f"waiting {shown}: still being written")
            return replace(summary, waiting=summary.waiting + 1)
        except _Known:
            return replace(summary, known=summary.known + 1)
        added = self._site.store.add_footage(footage, segments, blind)
        self._known.add(footage.footage_id)
        if not added:
            return replace(summary, known=summary.known + 1)
        if footage.reason is not None:
            # The message begins with the name already.
            detail = footage.detail.removeprefix(f"{shown_name(path.name)}: ")
            progress(f"refused {shown}: {detail}")
            return replace(summary, refused=summary.refused + 1)
        if self._camera.clock is ClockSource.SEQUENCE and footage.start_utc is not None:
            self._next_utc = shift_utc(footage.start_utc, footage.duration_us) + _SEQUENCE_PAUSE
        seen = sum(seconds(segment.end_us - segment.start_us) for segment in segments)
        unseen = sum((part.end_utc - part.start_utc).total_seconds() for part in blind)
        progress(f"admitted {shown} {_told(footage, segments, blind, unseen)}")
        return replace(
            summary,
            admitted=summary.admitted + 1,
            segments=summary.segments + len(segments),
            seen_seconds=summary.seen_seconds + seen,
            blind_seconds=summary.blind_seconds + unseen,
        )

    def _examined(self, path: Path, relative: Path) -> tuple[Footage, list[Segment], list[Blind]]:
        """Return what to record. Raises _Waiting and _Known; a refusal is a Footage too."""
        self._require_settled(path)
        stored = stored_path(relative)
        content: Content | None = None
        try:
            with admit(path, root=self._source) as candidate:
                content = self._identify(stored, candidate)
                self._require_new(content)
                start_utc = known_start_utc(self._camera, path)
                examined = examine(
                    candidate,
                    folder_frame_rate=self._site.settings.folder_frame_rate,
                    stall_seconds=self._site.settings.stall_seconds,
                )
                now = os.fstat(candidate.descriptor)
                before = candidate.about
                if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                    raise _Waiting
        except FootageError as error:
            return self._refused(error, relative, content), [], []
        if start_utc is None:
            start_utc = self._start_utc(content, examined.duration_us)
        return as_footage(
            examined, content, camera=self._camera.name, path=stored, start_utc=start_utc
        )

    def _require_settled(self, path: Path) -> None:
        """Raise _Waiting when a file has changed just now, or is gone."""
        try:
            about = path.stat()
        except OSError:
            if not os.path.lexists(path):
                raise _Waiting from None  # renamed or removed since it was listed
            return  # a link to nothing, or not allowed: a refusal says so
        if stat.S_ISREG(about.st_mode):
            self._require_old(about.st_mtime)

    def _require_old(self, changed_seconds: float) -> None:
        # The absolute value: another machine's clock may run ahead by any amount, and what it
        # wrote must not wait for ever.
        age_seconds = abs(self._site.clock.now_utc().timestamp() - changed_seconds)
        if age_seconds < self._site.settings.stable_seconds:
            raise _Waiting

    def _identify(self, stored: str, candidate: Candidate) -> Content:
        content = self.cache.get(stored, candidate) or identify(candidate)
        if candidate.is_folder:
            newest_ns = max(content.changed_ns, candidate.about.st_mtime_ns)
            self._require_old(newest_ns / 1e9)
        self.cache.put(stored, candidate, content)
        return content

    def _require_new(self, content: Content) -> None:
        if content_id("footage", self._camera.name, content.sha256) in self._known:
            raise _Known

    def _refused(self, error: FootageError, relative: Path, content: Content | None) -> Footage:
        if content is not None and error.reason == Reason.AMBIGUOUS_TIME:
            # Named by the circumstances too: when they are put right, the same bytes are admitted.
            told = sha256(f"{content.sha256} {error}".encode("utf-8", "surrogateescape"))
            content = replace(content, sha256=told.hexdigest())
        footage = refused(
            error,
            camera=self._camera.name,
            path=stored_path(relative),
            content=content,
            name_bytes=os.fsencode(relative),
        )
        if footage.footage_id in self._known:
            raise _Known
        return footage

    def _start_utc(self, content: Content, duration_us: int) -> datetime:
        if self._camera.clock is ClockSource.SEQUENCE:
            return self._next_utc
        changed_utc = datetime.fromtimestamp(content.changed_ns // 1000 / 1e6, UTC)
        return shift_utc(changed_utc, -duration_us)

    def _end_of_sequence(self) -> datetime:
        start_utc = self._camera.sequence_start_utc or _SEQUENCE_START_UTC
        if self._camera.clock is not ClockSource.SEQUENCE:
            return start_utc
        ends = [
            shift_utc(footage.start_utc, footage.duration_us)
            for footage in self._site.store.footage_of(self._camera.name)
            if footage.start_utc is not None
        ]
        return max(ends) + _SEQUENCE_PAUSE if ends else start_utc


def _told(
    footage: Footage, segments: list[Segment], blind: list[Blind], unseen_seconds: float
) -> str:
    count = f"{len(segments)} segment" + ("" if len(segments) == 1 else "s")
    told = f"{seconds(footage.duration_us):.1f} s, {count}"
    if not blind:
        return told
    reasons = ", ".join(sorted({part.reason.value.replace("_", " ") for part in blind}))
    return f"{told}, {unseen_seconds:.1f} s blind ({reasons})"
