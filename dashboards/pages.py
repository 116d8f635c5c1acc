"""Pages: templates, in the language of whoever reads, with what every page shows around them."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from dashboards.access import Who, rules_of, site_of
from dashboards.refusals import in_language
from pipeline.accounts.accounts import Role
from pipeline.reports.words import LANGUAGES, Words

__all__ = ["LANGUAGE_COOKIE", "error_for", "language_of", "page", "words_for"]

LANGUAGE_COOKIE = "kizashi-language"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("dashboards"), PackageLoader("pipeline.reports")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["path"] = lambda text: quote(str(text), safe="")
    return environment


def language_of(request: Request) -> str:
    """Return the language that was chosen, or that the browser asks for, or that of the site."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for wish in request.headers.get("accept-language", "").split(","):
        language = wish.split(";")[0].strip().lower()[:2]
        if language in LANGUAGES:
            return language
    return site_of(request).settings.language


def words_for(request: Request, timezone: str = "UTC", *packages: str) -> Words:
    """Return the words for whoever asks, with times in `timezone`; `packages` are of catalogues
    beside those of the dashboard and of reports."""
    return Words(language_of(request), timezone, "dashboards.text", *packages)


def error_for(request: Request, error: object) -> str:
    """Return what an error says, in the language of whoever asks, as far as it is translated."""
    return in_language(str(error), language_of(request))


def page(
    request: Request,
    template: str,
    who: Who | None = None,
    *,
    words: Words | None = None,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """Return a page. `who` is whoever is logged in; None on pages that need nobody."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    html = (
        _environment()
        .get_template(template)
        .render(
            t=words or words_for(request),
            who=who,
            is_reviewer=who is not None and who.may(Role.REVIEWER),
            is_admin=who is not None and who.may(Role.ADMIN),
            here=here,
            path=request.url.path,
            logs_in=rules_of(request).open_to is None,
            **values,
        )
    )
    return HTMLResponse(html, status_code=status)
