"""Register: a site's cameras are added and changed here, with a trace of who did it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from pipeline.assembly import Site
from pipeline.camera import Camera, Polygon, check_camera
from pipeline.errors import CameraError

__all__ = ["add_camera", "change_camera", "set_masks"]


def add_camera(site: Site, camera: Camera, *, who: str) -> Camera:
    """Register a new camera; CameraError when the name is taken or the register is incomplete."""
    if camera.name in {known.name for known in site.store.cameras()}:
        raise CameraError(
            f"camera {camera.name} is registered already; change it with: "
            f"kizashi camera set {camera.name}"
        )
    return _put(site, camera, who=who, what="camera add")


def change_camera(site: Site, name: str, changes: dict[str, Any], *, who: str) -> Camera:
    """Change the fields of a camera that `changes` names; the purpose is kept as history."""
    if not changes:
        raise CameraError(f"camera {name}: nothing to change; see kizashi camera set --help")
    return _put(site, replace(site.store.camera(name), **changes), who=who, what="camera set")


def set_masks(site: Site, name: str, masks: tuple[Polygon, ...], *, who: str) -> Camera:
    """Replace the privacy masks of a camera."""
    camera = replace(site.store.camera(name), privacy_masks=masks)
    return _put(site, camera, who=who, what="camera mask")


def _put(site: Site, camera: Camera, *, who: str, what: str) -> Camera:
    checked = check_camera(camera)
    source = site.source_of(checked)
    if not source.is_dir():
        raise CameraError(f"camera {checked.name}: no folder {source}; make it or give --source")
    site.store.put_camera(checked)
    detail = {key: _plain(value) for key, value in asdict(checked).items()}
    site.store.audit(who, what, checked.name, detail)
    return checked


def _plain(value: Any) -> Any:
    # What JSON can hold: the audit log is read by other programs.
    return value if isinstance(value, str | int | float | list | tuple | None) else str(value)
