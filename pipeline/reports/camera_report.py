"""The report of one camera: a single HTML file that needs nothing else to be read anywhere."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.assembly import Site
from pipeline.errors import KizashiError, SettingsError
from pipeline.files import inside, write_bytes
from pipeline.reports.facts import gather_facts
from pipeline.reports.views import report_view
from pipeline.reports.words import Words
from pipeline.timebase import require_utc

__all__ = ["write_camera_report"]


def write_camera_report(
    site: Site, camera_name: str, *, since: datetime, until: datetime, language: str
) -> Path:
    """Write the report of a camera for [since, until) and return its path.

    One HTML file below `site.reports_folder`/CAMERA, pictures and clips inside, no script, nothing
    loaded from anywhere. The same range and language replace the file. Raises SettingsError for an
    unknown language or an empty range, CameraError for an unknown camera.
    """
    since, until = require_utc(since), require_utc(until)
    if not since < until:
        raise SettingsError(f"a report from {since.isoformat()} to {until.isoformat()} is empty")
    camera = site.store.camera(camera_name)
    words = Words(language, camera.timezone)
    facts = gather_facts(site, camera.name, since, until)
    html = _template().render(**report_view(facts, words, site))
    name = f"{since:%Y%m%dT%H%M%SZ}_{until:%Y%m%dT%H%M%SZ}.{language}.html"
    path = inside(site.reports_folder, f"{camera.name}/{name}")
    try:
        write_bytes(path, html.encode("utf-8", "replace"))
    except OSError as error:
        raise KizashiError(f"{path}: report not written ({error.strerror or error})") from error
    return path


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("pipeline.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("camera_report.html")
