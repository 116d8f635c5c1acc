"""The composition root: the one place that chooses the real store, clock and folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.camera import Camera
from pipeline.errors import SettingsError
from pipeline.settings import Settings, load_settings
from pipeline.site_folder import check_site_folder
from pipeline.store.contract import Store
from pipeline.timebase import Clock, SystemClock

__all__ = ["Site", "open_site", "store_url"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """One installation: a folder with settings, database, models, evidence and reports."""

    folder: Path
    settings: Settings
    store: Store
    clock: Clock

    @property
    def models_folder(self) -> Path:
        """`models/CAMERA/MODEL_ID/` lie below it."""
        return self.folder / "models"

    @property
    def evidence_folder(self) -> Path:
        """`evidence/CAMERA/ALERT_ID/` lie below it."""
        return self.folder / "evidence"

    @property
    def reports_folder(self) -> Path:
        """Reports lie below it."""
        return self.folder / "reports"

    def source_of(self, camera: Camera) -> Path:
        """Return the folder of a camera's footage; a relative one is meant from the site folder."""
        return camera.source if camera.source.is_absolute() else self.folder / camera.source

    def close(self) -> None:
        """Give the database connections back."""
        self.store.close()


def store_url(folder: Path, settings: Settings) -> str:
    """Return the URL of a site's database. It may hold a password."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return f"sqlite:///{folder / 'kizashi.db'}"


def open_site(folder: Path | None = None, *, clock: Clock | None = None) -> Site:
    """Open the site in `folder` (None: the current one), with its database brought up to date."""
    from pipeline.store.sql import open_store

    place = (folder or Path.cwd()).resolve()
    check_site_folder(place)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{place} cannot be made ({error.strerror}); give this user the right to, or choose "
            "another --site"
        ) from error
    settings = load_settings(place)
    store = open_store(store_url(place, settings))
    return Site(folder=place, settings=settings, store=store, clock=clock or SystemClock())
