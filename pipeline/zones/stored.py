"""What is stored already and shows what is masked now: found, and masked or removed when asked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.alerts.evidence import STRIP_GAP_PX, STRIP_PANELS, Evidence, EvidenceKind
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.errors import KizashiError
from pipeline.files import inside, sha256_of_file
from pipeline.footage.burning import burn_into_picture, burn_into_webm
from pipeline.synthesis.shelf import samples_folder, stored_samples

__all__ = ["MaskedStore", "mask_stored"]

_WITH_PICTURES = (".html", ".pdf")
"""Endings of written reports that hold pictures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskedStore:
    """What was done about what is stored."""

    alerts: int
    """Alerts whose evidence now has the masks burnt in."""
    removed: int
    """Files that could not be masked, or that nobody may be shown any more, and are gone."""
    reports: int
    """Written reports, which hold pictures and are left as they are."""


def mask_stored(
    site: Site,
    camera_name: str,
    *,
    who: str,
    progress: Callable[[str], None] = lambda line: None,
) -> MaskedStore:
    """Burn the privacy masks of a camera into its stored evidence, and remove the films of its
    models that were made behind other masks.

    What a file shows behind a mask is lost for good, but it may be in a backup. Footage is not
    touched, nor are reports and what was sent. Doing it again changes nothing that people see;
    killed in the middle, the next call does the rest.
    """
    camera = site.store.camera(camera_name)
    alerts = removed = 0
    if camera.privacy_masks:
        for alert in site.store.alerts(camera_name):
            files = site.store.evidence(alert.alert_id)
            kept = [file for file in files if _masked(site, camera, file, progress)]
            removed += len(files) - len(kept)
            if kept:
                fresh = [_described(site, file) for file in kept]
                site.store.add_alert(alert, fresh, ())
                alerts += 1
    removed += _without_old_films(site, camera)
    pages = (site.reports_folder / camera_name).glob("*")
    reports = sum(path.suffix in _WITH_PICTURES for path in pages)
    detail = {"alerts": alerts, "removed": removed, "reports_left": reports}
    site.store.audit(who, "mask stored", camera_name, detail)
    if reports:
        progress(
            f"{reports} reports in {site.reports_folder / camera_name} hold pictures of before and"
            " are left as they are; remove those that nobody needs"
        )
    return MaskedStore(alerts=alerts, removed=removed, reports=reports)


def _masked(site: Site, camera: Camera, file: Evidence, progress: Callable[[str], None]) -> bool:
    """Burn the masks into a file; return False when it is gone, now or since before."""
    path = inside(site.evidence_folder, site.folder / file.path)
    if not path.is_file():
        return False
    try:
        if file.kind is EvidenceKind.CLIP:
            burn_into_webm(path, camera.privacy_masks)
        elif file.kind is EvidenceKind.STRIP:
            masks = camera.privacy_masks
            burn_into_picture(path, masks, panels=STRIP_PANELS, gap_px=STRIP_GAP_PX)
        else:
            burn_into_picture(path, camera.privacy_masks)
    except KizashiError as error:
        # A picture that cannot be masked must not be shown.
        path.unlink(missing_ok=True)
        progress(f"removed: {error}")
        return False
    return True


def _described(site: Site, file: Evidence) -> Evidence:
    path = Path(site.folder / file.path)
    return Evidence(
        evidence_id=file.evidence_id,
        alert_id=file.alert_id,
        kind=file.kind,
        path=file.path,
        sha256=sha256_of_file(path),
        size_bytes=path.stat().st_size,
    )


def _without_old_films(site: Site, camera: Camera) -> int:
    gone = 0
    for record in site.store.models(camera.name):
        folder = samples_folder(site, record)
        if folder.is_dir() and stored_samples(site, record, camera.privacy_masks) is None:
            gone += len(list(folder.glob("*.webm")))
            shutil.rmtree(folder)
    return gone
