"""The PDF of a report: the same page as a browser would print it."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from pipeline.errors import KizashiError, SettingsError
from pipeline.files import write_bytes

__all__ = ["require_pdf_writer", "write_pdf"]

_FIGURES = Path(__file__).parent / "templates" / "figures.css"
# Lines that keep their width however a figure is stretched, and letters over their own edge, are
# drawn by browsers only.
_ONLY_HERE = ".line { stroke-width: .3; } svg text.threshold-words { stroke: none; }"


def require_pdf_writer() -> Any:
    """Return the library that writes PDF; raises SettingsError that names what to install."""
    try:
        import weasyprint
    except (ImportError, OSError) as error:
        # OSError: the Python part is there, the Pango libraries of the system are not.
        raise SettingsError(
            "PDF needs WeasyPrint and Pango; install them with: pip install 'kizashi[pdf]', and of "
            f"the system libpango-1.0-0 and libpangoft2-1.0-0 ({str(error).splitlines()[0]})"
        ) from error
    return weasyprint


def write_pdf(page: Path) -> Path:
    """Write a report's HTML file as PDF beside it, under the same name, and return its path.

    Nothing is loaded but what the page holds. Raises SettingsError without WeasyPrint, KizashiError
    when the file cannot be written.
    """
    library = require_pdf_writer()
    # It tells at length which styles it knows not of.
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)
    logging.getLogger("fontTools").setLevel(logging.CRITICAL)
    html = _for_print(page.read_text(encoding="utf-8"))
    fetch = library.URLFetcher(allowed_protocols=("data",))
    content = library.HTML(string=html, url_fetcher=fetch).write_pdf()
    path = page.with_suffix(".pdf")
    try:
        write_bytes(path, content)
    except OSError as error:
        raise KizashiError(f"{path}: PDF not written ({error.strerror or error})") from error
    return path


def _for_print(html: str) -> str:
    """Return a page without what only browsers do: clips become their picture, and figures carry
    their own styles with the colours written out."""
    html = re.sub(r'<video [^>]*?poster="([^"]+)"[^>]*></video>', r'<img alt="" src="\1">', html)
    html = re.sub(r"<video [^>]*></video>", "", html)
    styles = _written_out(_FIGURES.read_text(encoding="utf-8"), html) + _ONLY_HERE
    figure = r'(<svg class="(?:bar|levels|curve)"[^>]*>)'
    return re.sub(figure, lambda found: f"{found[1]}<style>{styles}</style>", html)


def _written_out(styles: str, html: str) -> str:
    """Return styles with the colours of the page, as its last definitions, those of print, say."""
    # Of its style sheet alone: what people wrote further down sets no colours.
    sheet = html.partition("</style>")[0]
    colours = dict(re.findall(r"(--[a-z-]+):\s*([^;]+);", sheet))
    return re.sub(r"var\((--[a-z-]+)\)", lambda found: colours[found[1]], styles)
