"""Stills for pages: which footage holds a moment, and the frame of it; the newest ones are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta

from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.errors import CameraError
from pipeline.files import inside
from pipeline.footage.names import footage_path
from pipeline.footage.segments import Segment
from pipeline.footage.still import still_jpeg
from pipeline.identity import content_id
from pipeline.timebase import microseconds, require_utc

__all__ = ["has_still", "still_of"]

_KEPT = 64
"""Pictures in memory, about 100 kB each. A page that is looked at asks for the same again."""
_BEFORE_END_US = 500_000

_pictures: OrderedDict[str, bytes] = OrderedDict()
_lock = threading.Lock()


def has_still(site: Site, camera: Camera) -> bool:
    """Tell whether the newest footage of `camera` is still there to be looked at."""
    newest = site.store.newest_segment(camera.name)
    if newest is None:
        return False
    footage = site.store.footage(newest.footage_id)
    return (
        footage.removed_utc is None and footage_path(site.source_of(camera), footage.path).exists()
    )


def still_of(site: Site, camera: Camera, at_utc: datetime | None) -> bytes:
    """Return a JPEG of what `camera` saw at a moment (None: the newest), masks burnt in.

    CameraError when nothing was seen then.
    """
    segment = _segment_at(site, camera, at_utc)
    if at_utc is None:
        at_us = max(segment.start_us, segment.end_us - _BEFORE_END_US)
    else:
        seen_us = microseconds((at_utc - segment.start_utc).total_seconds())
        at_us = segment.start_us + max(seen_us, 0)
    footage = site.store.footage(segment.footage_id)
    if footage.removed_utc is not None:  # nor from memory: it is to be forgotten
        raise CameraError(
            f"camera {camera.name}: the footage of that time was removed on"
            f" {footage.removed_utc:%Y-%m-%d}"
        )
    key = content_id("still", segment.segment_id, at_us, repr(camera.privacy_masks))
    with _lock:
        if key in _pictures:
            _pictures.move_to_end(key)
            return _pictures[key]
    folder = site.source_of(camera)
    source = inside(folder, footage_path(folder, footage.path))
    stall_seconds = site.settings.stall_seconds
    picture = still_jpeg(source, footage, camera, at_us, stall_seconds=stall_seconds)
    with _lock:
        _pictures[key] = picture
        while len(_pictures) > _KEPT:
            _pictures.popitem(last=False)
    return picture


def _segment_at(site: Site, camera: Camera, at_utc: datetime | None) -> Segment:
    if at_utc is None:
        newest = site.store.newest_segment(camera.name)
        found = [newest] if newest is not None else []
    else:
        at_utc = require_utc(at_utc)
        near = site.store.segments(camera.name, at_utc, at_utc + timedelta(seconds=1))
        # What holds the moment; only where nothing does, what begins in the second after it.
        found = [one for one in near if one.start_utc <= at_utc][-1:] or list(near[:1])
    if not found:
        raise CameraError(f"camera {camera.name}: nothing was seen at that time")
    return found[0]
