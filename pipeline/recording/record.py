"""Record: all live cameras of a site at once, each on its own."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from pipeline.assembly import Site
from pipeline.camera import Camera, ClockSource, check_camera
from pipeline.errors import CameraError, KizashiError, SettingsError, StoreUnavailable
from pipeline.masking import masked
from pipeline.recording.camera_recorder import CameraRecorder, Limits
from pipeline.recording.ffmpeg import OLDEST_VERSION, ffmpeg_version
from pipeline.zones.polygon import Polygon

__all__ = ["camera_recorder", "live_cameras", "record_cameras"]

_AGAIN_SECONDS = 30.0
_LOOK_SECONDS = 0.2


def live_cameras(site: Site, names: Sequence[str] | None = None) -> list[Camera]:
    """Return the cameras that kizashi.toml has a stream of: the named ones, or all.

    Raises SettingsError or CameraError when one has none, is unknown, or would not be timed by what
    the recorder writes.
    """
    tables = [table.camera for table in site.settings.record]
    if not tables:
        raise SettingsError(
            "no live camera: write a table [[record]] into kizashi.toml; see docs/recording.md"
        )
    for name in names or ():
        if name not in tables:
            raise SettingsError(
                f"camera {name} has no table [[record]] in kizashi.toml; {', '.join(tables)} have"
            )
    cameras = [check_camera(site.store.camera(name)) for name in names or tables]
    for camera in cameras:
        if camera.clock not in (ClockSource.AUTO, ClockSource.SIDECAR, ClockSource.NAME):
            raise CameraError(
                f"camera {camera.name}: its clock is {camera.clock}, which passes over the times"
                f" that are recorded; run: kizashi camera set {camera.name} --clock auto"
            )
        if not site.source_of(camera).is_dir():
            raise CameraError(
                f"camera {camera.name}: no folder {site.source_of(camera)}; make it or give another"
                f" one: kizashi camera set {camera.name} --source FOLDER"
            )
    return cameras


def record_cameras(
    site: Site,
    names: Sequence[str] | None = None,
    *,
    stop: threading.Event,
    seconds: float | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> None:
    """Record live cameras until `stop` is set, or for so many seconds.

    Raises SettingsError, CameraError, and LeaseHeld when one is being recorded already; whatever
    happens to a camera later never ends the others.
    """
    cameras = live_cameras(site, names)
    version = ffmpeg_version()
    if version is None or version < OLDEST_VERSION:
        raise SettingsError(
            f"recording needs the program ffmpeg, {OLDEST_VERSION} or newer;"
            " install it: apt-get install ffmpeg"
        )
    failed: list[KizashiError] = []
    threads = [
        threading.Thread(
            target=_supervise,
            args=(camera_recorder(site, camera, progress=progress), camera, stop, failed, progress),
            name=f"record-{camera.name}",
        )
        for camera in cameras
    ]
    begun = site.clock.monotonic()
    for thread in threads:
        thread.start()
    try:
        while not stop.wait(_LOOK_SECONDS):
            if seconds is not None and site.clock.monotonic() - begun >= seconds:
                break
            if not any(thread.is_alive() for thread in threads):
                break
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]


def camera_recorder(
    site: Site,
    camera: Camera,
    *,
    limits: Limits | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> CameraRecorder:
    """Return the recorder of a camera that has a stream."""
    settings = site.settings
    table = next(table for table in settings.record if table.camera == camera.name)
    return CameraRecorder(
        camera.name,
        table.stream(site.folder),
        source=site.source_of(camera),
        site_folder=site.folder,
        clock=site.clock,
        limits=limits
        or Limits(
            file_seconds=settings.record_file_seconds,
            stall_seconds=settings.record_stall_seconds,
            least_free_bytes=settings.record_least_free_mib << 20,
        ),
        chance=random.random,
        progress=progress,
        masks=_masks_of(site, camera),
    )


def _masks_of(site: Site, camera: Camera) -> Callable[[], tuple[Polygon, ...]]:
    """Return what gives the privacy masks of a camera; while the store does not answer, the last
    ones that are known."""
    known = camera.privacy_masks

    def masks() -> tuple[Polygon, ...]:
        nonlocal known
        with suppress(StoreUnavailable):
            known = site.store.camera(camera.name).privacy_masks
        return known

    return masks


def _supervise(
    recorder: CameraRecorder,
    camera: Camera,
    stop: threading.Event,
    failed: list[KizashiError],
    progress: Callable[[str], None],
) -> None:
    """Keep one recorder going: what fails unexpectedly is told, and begun anew."""
    while not stop.is_set():
        try:
            recorder.run(stop)
        except KizashiError as error:  # nothing that waiting would mend
            failed.append(error)
            progress(f"{camera.name}: {error}")
            return
        except Exception as error:
            progress(
                f"{camera.name}: {masked(f'{type(error).__name__}: {error}')}; beginning anew in"
                f" {_AGAIN_SECONDS:.0f} s"
            )
            stop.wait(_AGAIN_SECONDS)
