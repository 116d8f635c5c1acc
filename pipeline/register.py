"""Register: a site's cameras are added and changed here, with a trace of who did it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from pipeline.assembly import Site
from pipeline.camera import Camera, check_camera
from pipeline.errors import CameraError

__all__ = ["add_camera", "change_camera", "put_changed"]


def add_camera(site: Site, camera: Camera, *, who: str) -> Camera:
    """Register a new camera; CameraError when the name is taken or the register is incomplete."""
    if camera.name in {known.name for known in site.store.cameras()}:
        raise CameraError(
            f"camera {camera.name} is registered already; change it with: "
            f"kizashi camera set {camera.name}"
        )
    return put_changed(site, None, camera, who=who, what="camera add")


def change_camera(site: Site, name: str, changes: dict[str, Any], *, who: str) -> Camera:
    """Change the fields of a camera that `changes` names; the purpose is kept as history.

    CameraChanged when somebody else changes it at the same moment."""
    if not changes:
        raise CameraError(f"camera {name}: nothing to change; see kizashi camera set --help")
    known = site.store.camera(name)
    return put_changed(site, known, replace(known, **changes), who=who, what="camera set")


def put_changed(site: Site, known: Camera | None, camera: Camera, *, who: str, what: str) -> Camera:
    """Register a camera instead of what is known of it, with a row of the audit log."""
    checked = check_camera(camera)
    source = site.source_of(checked)
    if not source.is_dir():
        raise CameraError(f"camera {checked.name}: no folder {source}; make it or give --source")
    detail = {key: _plain(value) for key, value in asdict(checked).items()}
    site.store.put_camera(checked, instead_of=known, noted=(who, what, detail))
    return checked


def _plain(value: Any) -> Any:
    # What JSON can hold: the audit log is read by other programs.
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | None) else str(value)
