"""Models whose files may be removed: nobody uses them, and they lie where models lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.errors import KizashiError
from pipeline.files import inside
from pipeline.footage.names import stored_path
from pipeline.retention.aside import put_aside
from pipeline.retention.nouns import ModelUse, StoredFile
from pipeline.retention.policy import Kind

__all__ = ["model_files"]


def model_files(site: Site, camera: Camera) -> Iterator[StoredFile]:
    """Yield the models of a camera that nobody uses, each with the moment since when.

    One that was removed before is among them only where a backup has put its files back.
    """
    uses = site.store.model_uses(camera.name)
    begun = {
        name
        for removal in site.store.open_removals(camera.name)
        if removal.kind is Kind.MODELS
        for name in removal.files
    }
    aside = put_aside(uses)
    for use in uses:
        since = aside.get(use.model_id)
        place = _place(site, use)
        if since is None or place is None:
            continue
        name = stored_path(place.relative_to(site.models_folder.resolve()))
        is_new = use.files_removed_utc is None or (place.exists() and name not in begun)
        if is_new:
            # Held with what it saw: a hold on an alert keeps the model that raised it.
            first = use.first_alert_utc or use.created_utc
            yield StoredFile(
                name=name,
                start_utc=min(first, use.created_utc, since),
                end_utc=since,
                size_bytes=_size(place),
                model_id=use.model_id,
            )


def _place(site: Site, use: ModelUse) -> Path | None:
    """Return where a model lies; None for a row that puts it elsewhere than models are."""
    try:
        place = inside(site.models_folder, site.folder.resolve() / use.path)
    except KizashiError:
        return None
    return place if place != site.models_folder.resolve() else None


def _size(place: Path) -> int:
    files = [place, *place.rglob("*")] if place.is_dir() else [place]
    return sum(one.lstat().st_size for one in files if one.is_file() and not one.is_symlink())
