"""Candidates: retrained models, tried beside the active one before anybody relies on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.assembly import Site
from pipeline.camera import Camera, Polygon, check_camera
from pipeline.clips.masks import burn_masks
from pipeline.clips.reader import Stretch
from pipeline.drift.samples import cut_samples, thinned
from pipeline.errors import FootageError, ModelError
from pipeline.evaluation.model_comparison import compare_models
from pipeline.evaluation.model_trial import KnownAnomaly, TrialFootage, try_models
from pipeline.evaluation.parts import Frame, Parts, real_parts
from pipeline.footage.admission import Reason
from pipeline.identity import content_id, digest_of
from pipeline.learning.learn import length_seconds
from pipeline.learning.presets import preset_named
from pipeline.learning.promotion import find_model, last_comparison, promote_compared
from pipeline.learning.registry import ComparisonRecord, ModelRecord, ModelState
from pipeline.learning.rolling_window import NormalWindow, normal_window
from pipeline.learning.train_camera import stretches_of, train_on
from pipeline.store.contract import AlertFilter
from pipeline.timebase import microseconds

if TYPE_CHECKING:
    from pipeline.distillation.stored_models import AnyModel

__all__ = ["compare_candidate", "promote_if_not_worse", "retrain_camera"]

TRIAL_SHARE = 0.2
"""Of the window: its newest part is kept from learning, to try models on."""

_MOST_NORMAL_SECONDS = 3600.0
"""Of normal footage that models are tried on; of more, pieces that are evenly spread."""
_PIECE_SECONDS = 120.0
"""A file that is shorter is a piece by itself."""
_MOST_KNOWN = 20
"""Alerts with the verdict anomaly that models are tried on, the newest."""
_DAY = timedelta(days=1)

Progress = Callable[[str], None]


def retrain_camera(
    site: Site,
    camera_name: str,
    *,
    days: float,
    preset: str | None = None,
    seed: int | None = None,
    effort: float = 1.0,
    progress: Progress = lambda line: None,
) -> ModelRecord:
    """Learn a candidate from the last `days` days of a camera's normal footage; the active model
    stays.

    The newest fifth of that footage is kept from learning: `compare_candidate` tries models on it.
    `preset` None takes that of the active model. Raises FootageError when there is too little.
    """
    camera = check_camera(site.store.camera(camera_name))
    window = normal_window(site, camera_name, days=days, progress=progress)
    learnt = _older_part(window)
    progress(
        f"the last {days:g} days of footage, without {window.left_out_alerts} alerts and time "
        f"without sight ({window.left_out_seconds:.0f} s); {TRIAL_SHARE:.0%} is held out"
    )
    active = site.store.active_model(camera_name)
    _warn_of_learnt(window, learnt, active, progress)
    known = _own_preset(active) or site.settings.preset
    chosen = preset_named(preset or known).with_effort(effort)
    trial_since = learnt[-1].segment.end_utc
    record = train_on(
        site,
        camera,
        learnt,
        chosen,
        seed=seed,
        activate=False,
        notes={
            "window_since_utc": window.since_utc.isoformat(),
            "window_until_utc": trial_since.isoformat(),
            "trial_since_utc": trial_since.isoformat(),
            "trial_until_utc": window.until_utc.isoformat(),
            "left_out_seconds": window.left_out_seconds,
            "left_out_alerts": window.left_out_alerts,
        },
        progress=progress,
    )
    site.store.audit("kizashi", "retrain", record.model_id, {"camera": camera_name, "days": days})
    progress(f"model {record.model_id[:12]} of camera {camera_name} is a candidate")
    return record


def compare_candidate(
    site: Site,
    beginning: str,
    *,
    who: str,
    instances: int = 3,
    progress: Progress = lambda line: None,
) -> ComparisonRecord:
    """Try a model beside the active one of its camera, and keep what came out.

    Both score the same held-out normal footage, the same faults injected into it, and the alerts
    that people called anomalies, as far as their footage is there. ModelError when the model is the
    active one or there is none, FootageError when there is no held-out footage.
    """
    record = find_model(site, beginning)
    active = site.store.active_model(record.camera)
    if active is None or record.state is ModelState.ACTIVE:
        why = "is the active one" if active else f"has none beside it: {record.camera} has no other"
        raise ModelError(
            f"model {record.model_id[:12]} {why}; give a candidate: kizashi model list "
            f"{record.camera}"
        )
    record.place(site.folder)  # said before footage is looked for
    camera = site.store.camera(record.camera)
    normal = _held_out(site, record, active, progress)
    known, gone = _known_anomalies(site, camera.name)
    models = [_loaded(site, one, camera) for one in (active, record)]
    trials = try_models(
        models,
        TrialFootage(normal=normal, known=known, instances=instances),
        site.models_folder / camera.name / "trial",
        _parts(camera.privacy_masks, [*normal, *(one.stretch for one in known)]),
        progress,
    )
    compared = compare_models(*trials, budget_per_day=camera.budget_per_day)
    figures = {
        **compared.to_dict(),
        "footage": {
            "since_utc": normal[0].segment.start_utc.isoformat(),
            "until_utc": normal[-1].segment.end_utc.isoformat(),
            "known_without_footage": gone,
        },
    }
    made = ComparisonRecord(
        comparison_id=content_id(
            "comparison", record.model_id, active.model_id, digest_of(figures)
        ),
        camera=camera.name,
        candidate_id=record.model_id,
        active_id=active.model_id,
        at_utc=site.clock.now_utc(),
        who=who,
        not_worse=compared.not_worse,
        figures=figures,
    )
    site.store.add_comparison(made)
    return made


def promote_if_not_worse(
    site: Site,
    beginning: str,
    *,
    who: str,
    instances: int = 3,
    progress: Progress = lambda line: None,
) -> ModelRecord:
    """Make a candidate the active model when it was not worse beside the one that is active now.

    A comparison that was made already counts; otherwise one is made. Raises as `promote_compared`
    and `compare_candidate` do.
    """
    record = find_model(site, beginning)
    if last_comparison(site, record) is None:
        compare_candidate(site, record.model_id, who=who, instances=instances, progress=progress)
    return promote_compared(site, record.model_id, who=who)


def _older_part(window: NormalWindow) -> list[Stretch]:
    """Return the window without its newest fifth, by length."""
    lengths = [s.segment.end_us - s.segment.start_us for s in window.stretches]
    left_us = round(sum(lengths) * (1.0 - TRIAL_SHARE))
    kept = []
    for stretch, length_us in zip(window.stretches, lengths, strict=True):
        if left_us <= 0:
            break
        start_us = stretch.segment.start_us
        kept.append(stretch.part(start_us, start_us + min(length_us, left_us)))
        left_us -= length_us
    if not kept:
        raise FootageError(
            "no normal footage is left in the window; give more days, or review the alerts in it",
            reason=Reason.TOO_SHORT,
        )
    return kept


def _warn_of_learnt(
    window: NormalWindow, learnt: Sequence[Stretch], active: ModelRecord | None, progress: Progress
) -> None:
    """Say before the hours of learning when there will be nothing to compare the models on."""
    end_utc = learnt[-1].segment.end_utc
    held_out = [one for one in window.stretches if one.segment.end_utc > end_utc]
    if active is not None and not _unlearnt(held_out, active):
        progress(
            f"warning: the active model {active.model_id[:12]} learnt from all of the footage that "
            "is held out, so the candidate cannot be compared with it; better retrain when newer "
            f"footage was taken in (kizashi ingest {active.camera})"
        )


def _unlearnt(stretches: Iterable[Stretch], model: ModelRecord) -> list[Stretch]:
    """Return those of files that a model has not learnt from."""
    own = set(model.manifest.get("footage", ()))
    return [one for one in stretches if one.footage.footage_id not in own]


def _own_preset(record: ModelRecord | None) -> str | None:
    """Return the preset of a model that was trained; students have none to train with."""
    if record is None or "teacher" in record.manifest:
        return None
    return record.preset


def _held_out(
    site: Site, record: ModelRecord, active: ModelRecord, progress: Progress
) -> list[Stretch]:
    """Return normal footage that neither model has learnt from."""
    since, until = (record.manifest.get(f"trial_{end}_utc") for end in ("since", "until"))
    if not (isinstance(since, str) and isinstance(until, str)):
        raise FootageError(
            f"model {record.model_id[:12]} was not made by kizashi retrain, so no footage was held "
            "out to try it on; retrain, or promote it by hand",
            reason=Reason.TOO_SHORT,
        )
    start, end = datetime.fromisoformat(since), datetime.fromisoformat(until)
    window = normal_window(site, record.camera, days=(end - start) / _DAY, until=end)
    fresh = _unlearnt(window.stretches, active)
    if window.stretches and not fresh:
        raise FootageError(
            f"{record.camera}: the active model {active.model_id[:12]} learnt from all of the "
            f"footage that was held out for model {record.model_id[:12]}, so they cannot be "
            f"compared; take in newer footage and run: kizashi retrain {record.camera}",
            reason=Reason.TOO_SHORT,
        )
    if len(fresh) < len(window.stretches):
        progress("the active model learnt from a part of the held-out footage; that is left out")
    fresh = _an_hour(fresh)
    if not fresh:
        raise FootageError(
            f"{record.camera}: none of the footage that was held out is normal and there any more; "
            f"run: kizashi retrain {record.camera}",
            reason=Reason.TOO_SHORT,
        )
    return fresh


def _an_hour(stretches: list[Stretch]) -> list[Stretch]:
    """Return about an hour of this footage, in pieces of two minutes or whole files where they are
    shorter; all of it where there is no more."""
    if length_seconds(stretches) <= _MOST_NORMAL_SECONDS:
        return stretches
    pieces = [
        piece for one in stretches for piece in list(cut_samples([one], _PIECE_SECONDS)) or [one]
    ]
    usual_seconds = length_seconds(pieces) / len(pieces)
    return thinned(pieces, max(1, round(_MOST_NORMAL_SECONDS / usual_seconds)))


def _known_anomalies(site: Site, camera: str) -> tuple[list[KnownAnomaly], int]:
    """Return the newest alerts that people called anomalies, and of how many the footage is
    gone."""
    wanted = AlertFilter(cameras=[camera], verdict="anomaly")
    found, gone = [], 0
    for item in site.store.browse_alerts(wanted, limit=_MOST_KNOWN):
        alert = item.alert
        try:
            stretches = stretches_of(site, camera, since=alert.start_utc, until=alert.end_utc)
        except FootageError:
            gone += 1
            continue
        segment = stretches[0].segment
        start_us = segment.start_us + microseconds(
            (alert.start_utc - segment.start_utc).total_seconds()
        )
        length_us = microseconds((alert.end_utc - alert.start_utc).total_seconds())
        found.append(
            KnownAnomaly(
                name=alert.alert_id,
                stretch=stretches[0],
                start_us=max(segment.start_us, start_us),
                end_us=min(segment.end_us, max(start_us + length_us, start_us + 1)),
            )
        )
    return found, gone


def _loaded(site: Site, record: ModelRecord, camera: Camera) -> AnyModel:
    from pipeline.distillation.stored_models import load_model

    model = load_model(record.place(site.folder), record.digest, device=site.settings.device)
    return model.with_budget(camera.budget_per_day)


def _parts(masks: tuple[Polygon, ...], stretches: Sequence[Stretch]) -> Parts:
    """Return the parts of a trial of these stretches: privacy masks are burnt into everything that
    it reads or writes."""
    from pipeline.scoring.scorer import score_stretch

    real = real_parts({one.source: one.footage.frame_rate for one in stretches})

    @contextmanager
    def decode(video: Path, grey: bool, start_us: int) -> Iterator[Iterable[Frame]]:
        with real.decode(video, grey, start_us) as frames:
            yield (_masked(frame, masks) for frame in frames)

    return replace(
        real,
        decode=decode,
        score=lambda model, stretch: score_stretch(
            model,  # type: ignore[arg-type]
            stretch,
            model_id="trial",
            masks=masks,
        ),
    )


def _masked(frame: Any, masks: tuple[Polygon, ...]) -> Frame:
    masked: Frame = replace(frame, image=burn_masks(frame.image, masks))
    return masked
