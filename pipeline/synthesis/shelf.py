"""Shelf: the samples of a model that lie beside its files, for whoever shows them.

    models/CAMERA/MODEL/samples/drawn.webm      clips that the generator draws from chance alone
                                rebuilt.webm    held-out normal clips, each beside what the model
                                                makes of it
                                samples.json    of which model, and behind which privacy masks

Nothing here needs torch: what was written is looked up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.assembly import Site
from pipeline.camera import Polygon
from pipeline.files import inside
from pipeline.identity import digest_of
from pipeline.learning.registry import ModelRecord

__all__ = [
    "NOTE",
    "SampleKind",
    "StoredSamples",
    "learnt_behind",
    "masks_digest",
    "samples_folder",
    "stored_samples",
]

NOTE = "samples.json"


class SampleKind(StrEnum):
    """What a sample shows."""

    DRAWN = "drawn"
    REBUILT = "rebuilt"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSamples:
    """The samples that there are of a model."""

    made_utc: datetime
    files: Mapping[SampleKind, Path]


def samples_folder(site: Site, record: ModelRecord) -> Path:
    """Return where the samples of a model lie, whether or not there are any; KizashiError for a
    row that puts its model outside the site."""
    return inside(site.models_folder, site.folder.resolve() / record.path / "samples")


def masks_digest(masks: tuple[Polygon, ...]) -> str:
    """Return what tells one set of privacy masks from another."""
    return digest_of([[list(corner) for corner in polygon] for polygon in masks])


def learnt_behind(record: ModelRecord, masks: tuple[Polygon, ...]) -> bool:
    """Tell whether a model has learnt behind just these masks; of one that does not say, whether
    there are none."""
    said = record.manifest.get("masks")
    return not masks if said is None else said == masks_digest(masks)


def stored_samples(
    site: Site, record: ModelRecord, masks: tuple[Polygon, ...]
) -> StoredSamples | None:
    """Return the samples of a model, or None when there are none to be shown.

    None too when they were made behind other masks than those that the camera has now: what a mask
    hides today must not be seen in a clip of yesterday.
    """
    folder = samples_folder(site, record)
    try:
        note: dict[str, Any] = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        behind = note["masks"]
        # Not in the note: the same model and footage give the same bytes, whenever.
        made_utc = datetime.fromtimestamp((folder / NOTE).stat().st_mtime, UTC)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if behind != masks_digest(masks):
        return None
    files = {kind: folder / f"{kind}.webm" for kind in SampleKind}
    return StoredSamples(
        made_utc=made_utc, files={kind: path for kind, path in files.items() if path.is_file()}
    )
