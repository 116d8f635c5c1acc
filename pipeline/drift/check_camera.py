"""Check a camera for drift: recent footage beside what its active model learnt from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from pipeline.assembly import Site
from pipeline.clips.reader import ClipReader, Stretch
from pipeline.cycles.learn import cycles_of
from pipeline.drift.check import DriftCheck
from pipeline.drift.judge import judge, samples_a_year
from pipeline.drift.reference import FUSED, Sample
from pipeline.drift.samples import cut_samples, picture_values, score_values
from pipeline.errors import FootageError, ModelError
from pipeline.footage.admission import Reason
from pipeline.health.look import Looker, grey_of
from pipeline.learning.registry import ModelRecord
from pipeline.learning.rolling_window import blind_spans
from pipeline.learning.spans import without_spans
from pipeline.learning.train_camera import load_active_model, stretches_of
from pipeline.timebase import seconds

__all__ = ["check_drift"]

_EVERY_SECONDS = 3600.0
"""Between the begins of two samples; closer when there are only hours of footage."""
_MOST_SAMPLES = 200
"""The latest ones: a week and a day."""
_FEWER_SAMPLES = 100


def check_drift(
    site: Site, camera: str, *, progress: Callable[[str], None] = lambda line: None
) -> DriftCheck:
    """Return what has drifted since the footage that the active model of a camera learnt from, and
    keep it in the store instead of the check before.

    Raises ModelError without an active model, and when it has no drift reference,
    FootageError when there is no footage since then.
    """
    record, model = load_active_model(site, site.store, camera)
    reference = getattr(model, "drift", None)
    if reference is None:
        raise ModelError(
            f"model {record.model_id[:12]} of {camera} has no drift reference: it is a student, or "
            f"older than drift checks; learn one with: kizashi retrain {camera}"
        )
    recent = _recent(site, record, reference.sample_seconds, progress)
    samples, every = _samples(recent, camera, reference.sample_seconds)
    reader = model.reader(site.store.camera(camera).privacy_masks)
    looker = Looker(grey_of(reader.background_HW), reader.view.masks)
    pieces = cut_samples(recent, reference.cycle_sample_seconds, every) if reference.cycles else ()
    taken = sorted(
        [
            *_readable(samples, lambda one: _taken(site, record, one, reader, looker), progress),
            *_readable(
                list(pieces)[-_MOST_SAMPLES:],
                lambda one: Sample(
                    start_utc=one.segment.start_utc,
                    values=cycles_of(reference.cycles, one, reader.view),
                ),
                progress,
            ),
        ],
        key=lambda sample: sample.start_utc,
    )
    check = DriftCheck(
        camera=camera,
        model_id=record.model_id,
        checked_utc=site.clock.now_utc(),
        since_utc=samples[0].segment.start_utc,
        until_utc=samples[-1].segment.start_utc,
        statistics=tuple(judge(reference, taken, one_false_in=samples_a_year(every))),
    )
    site.store.put_drift(check)
    return check


def _readable(
    pieces: Sequence[Stretch],
    take: Callable[[Stretch], Sample],
    progress: Callable[[str], None],
) -> Iterator[Sample]:
    """Yield the samples of those pieces of footage that can be read."""
    for piece in pieces:
        try:
            yield take(piece)
        except FootageError as error:
            progress(f"a sample is left out: {error}")


def _recent(
    site: Site, record: ModelRecord, length_seconds: float, progress: Callable[[str], None]
) -> list[Stretch]:
    """Return the footage since a model's own in which the camera could see."""
    camera = record.camera
    since = _end_of_learnt(site, record)
    newest = site.store.newest_segment(camera)
    if newest is None or newest.end_utc <= since + timedelta(seconds=length_seconds):
        raise FootageError(
            f"{camera}: no footage yet since what its model learnt from; check again when some was "
            "ingested and scored",
            reason=Reason.TOO_SHORT,
        )
    since = max(since, newest.end_utc - timedelta(seconds=2 * _MOST_SAMPLES * _EVERY_SECONDS))
    end = newest.end_utc
    found = stretches_of(site, camera, since=since, until=end, progress=progress)
    before = (found[0].segment.start_utc - timedelta(seconds=1), since)
    return list(without_spans(found, [before, *blind_spans(site, camera, since, end)]))


def _samples(
    recent: Sequence[Stretch], camera: str, length_seconds: float
) -> tuple[list[Stretch], float]:
    """Return the samples of recent footage, and the seconds between two."""
    length = seconds(sum(one.segment.end_us - one.segment.start_us for one in recent))
    every = min(max(length / _FEWER_SAMPLES, length_seconds), _EVERY_SECONDS)
    samples = list(cut_samples(recent, length_seconds, every))[-_MOST_SAMPLES:]
    if not samples:
        raise FootageError(
            f"{camera}: no run of {length_seconds:.0f} s of footage since what its model learnt "
            "from; check again when more was ingested, or, where files have become shorter, run: "
            f"kizashi retrain {camera}",
            reason=Reason.TOO_SHORT,
        )
    return samples, every


def _end_of_learnt(site: Site, record: ModelRecord) -> datetime:
    """Return when the newest footage ends that a model learnt from."""
    until = record.manifest.get("window_until_utc")
    if isinstance(until, str):
        return datetime.fromisoformat(until)
    learnt = set(record.manifest.get("footage", ()))
    ends = [s.end_utc for s in site.store.segments(record.camera) if s.footage_id in learnt]
    return max(ends, default=record.created_utc)


def _taken(
    site: Site, record: ModelRecord, sample: Stretch, reader: ClipReader, looker: Looker
) -> Sample:
    segment = sample.segment
    clips = list(
        site.store.anomalies(record.camera, record.model_id, segment.start_utc, segment.end_utc)
    )
    rows: dict[str, Sequence[float]] = {FUSED: [clip.score for clip in clips]}
    for name in clips[0].scores if clips else ():
        rows[name] = [clip.scores[name] for clip in clips if name in clip.scores]
    return Sample(
        start_utc=segment.start_utc,
        values={**score_values(rows), **picture_values(sample, reader, looker)},
    )
