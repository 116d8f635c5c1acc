"""Where a site lies, or could be made: looked at before anything is opened or written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pipeline.errors import SettingsError

__all__ = ["check_site_folder"]


def check_site_folder(folder: Path) -> None:
    """Raise SettingsError, naming what is in the way, unless a site is in `folder` or may be made
    there as far as can be seen."""
    for place in (folder, *folder.parents):
        try:
            mode = place.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue  # what lies above it decides
        except OSError as error:
            raise SettingsError(
                f"{place} cannot be looked at ({error.strerror}); give this user the right to, or "
                "choose another --site"
            ) from error
        if not stat.S_ISDIR(mode):
            raise SettingsError(f"{place} is not a folder; choose another --site")
        if not os.access(place, os.R_OK | os.X_OK):
            raise SettingsError(
                f"this user may not look into {place}; give it the right to read and enter that "
                "folder, or choose another --site"
            )
        return
