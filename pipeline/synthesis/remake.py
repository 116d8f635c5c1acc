"""Remake: the samples of a model that is there already, made again."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.assembly import Site
from pipeline.camera import check_camera
from pipeline.clips.reader import Stretch
from pipeline.distillation.stored_models import load_model
from pipeline.errors import FootageError, ModelError
from pipeline.learning.learn import split_held_out
from pipeline.learning.promotion import find_model
from pipeline.learning.registry import ModelRecord
from pipeline.learning.train_camera import stretches_of
from pipeline.synthesis.samples import make_samples
from pipeline.synthesis.source import that_draws

__all__ = ["remake_samples"]


def remake_samples(
    site: Site, beginning: str, *, progress: Callable[[str], None] = lambda line: None
) -> ModelRecord:
    """Make the samples of a model again, behind the masks that its camera has now.

    Held-out footage is shown as long as all of what the model learnt from is there: of less, it
    cannot be told what was held out. Raises ModelError when there is no such model, when it draws
    nothing (a student), or when its samples cannot be made.
    """
    record = find_model(site, beginning)
    camera = check_camera(site.store.camera(record.camera))
    model = that_draws(
        load_model(record.place(site.folder), record.digest, device=site.settings.device)
    )
    said: list[str] = []
    held_out = _held_out(site, record, progress)
    if not make_samples(site, record, model, camera, held_out, progress=said.append):
        raise ModelError("; ".join(said))
    return record


def _held_out(
    site: Site, record: ModelRecord, progress: Callable[[str], None]
) -> tuple[Stretch, ...]:
    learnt = set(record.manifest.get("footage", ()))
    try:
        there = [
            stretch
            for stretch in stretches_of(site, record.camera)
            if stretch.footage.footage_id in learnt
        ]
    except FootageError:
        there = []
    if not learnt or {stretch.footage.footage_id for stretch in there} != learnt:
        progress("the footage that was held out is not all there any more: shown is what is drawn")
        return ()
    return split_held_out(there).held_out
