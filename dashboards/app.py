"""The application: every route with its rule, headers on every answer, errors in one line."""

from __future__ import annotations

from http import HTTPStatus
from importlib import resources
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware

from dashboards.access import NotSignedIn, Rules, signed_in
from dashboards.pages import error_for, page, words_for
from dashboards.routes import (
    alerts,
    api,
    areas,
    cameras,
    keeping,
    login,
    media,
    models,
    oidc,
    overview,
    queries,
    reports,
    settings,
    trials,
)
from pipeline.assembly import Site
from pipeline.errors import (
    AccessRefused,
    CameraChanged,
    CameraError,
    KizashiError,
    ModelDamaged,
    ModelError,
    NotPromoted,
    QueryRefused,
    ReviewConflict,
    SettingsError,
    StoreError,
    StoreUnavailable,
)
from pipeline.masking import masked
from pipeline.plain_words import in_words

__all__ = ["create_app"]

_LONGEST_TARGET = 1_800
"""Of an address to come back to after the login; the form takes 2,000 characters."""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with that browsers do not say either where a form comes from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_STATUS = (
    (AccessRefused, 403),
    (ReviewConflict, 409),
    (CameraChanged, 409),
    (StoreUnavailable, 503),
    (CameraError, 404),
    (ModelDamaged, 422),
    (NotPromoted, 422),
    (ModelError, 404),
    (QueryRefused, 422),
    (SettingsError, 422),
    (StoreError, 404),
)
"""Status by kind of error; the first that fits."""

_FOR_PHRASES = {
    404: "there is nothing at this address",
    405: "this address cannot be asked in that way",
}


def create_app(site: Site, rules: Rules, hosts: tuple[str, ...]) -> FastAPI:
    """Return the dashboard of a site. `hosts`: names under which it may be asked for."""
    app = FastAPI(title="Kizashi", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site, app.state.rules = site, rules
    app.include_router(login.router)
    app.include_router(oidc.router)
    watched = (overview, cameras, keeping, areas, alerts, media)
    rooms = (*watched, models, trials, reports, queries, settings)
    for room in (*rooms, api):
        app.include_router(room.router, dependencies=[Depends(signed_in)])
    static = resources.files("dashboards").joinpath("static")
    app.mount("/static", StaticFiles(directory=str(static)), name="static")
    _answer_errors(app)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))

    @app.middleware("http")
    async def add_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
        answer = await call_next(request)
        for name, value in _HEADERS.items():
            answer.headers.setdefault(name, value)
        # What cameras saw is kept by no browser and no proxy; scripts and styles may be.
        kept = request.url.path.startswith("/static/")
        answer.headers.setdefault("Cache-Control", "max-age=3600" if kept else "no-store")
        if rules.secure:
            answer.headers["Strict-Transport-Security"] = "max-age=31536000"
        return answer

    return app


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(NotSignedIn)
    def not_signed_in(request: Request, error: NotSignedIn) -> Response:
        if _wants_json(request):
            return JSONResponse({"error": "not logged in"}, status_code=401)
        if request.headers.get("hx-request"):
            return _ended_meanwhile(request)
        return RedirectResponse(_login_for(request.url), status_code=303)

    @app.exception_handler(KizashiError)
    def refused(request: Request, error: KizashiError) -> Response:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 400)
        return _said(request, status, masked(str(error)))

    @app.exception_handler(HTTPException)
    def not_found(request: Request, error: HTTPException) -> Response:
        return _said(request, error.status_code, _own_words(error))

    @app.exception_handler(RequestValidationError)
    def not_valid(request: Request, error: RequestValidationError) -> Response:
        parts = [f"{item['loc'][-1]}: {in_words(item)}" for item in error.errors()]
        return _said(request, 422, "; ".join(parts))

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        # Without the text: it may hold anything. The log has it.
        return _said(request, 500, f"unexpected {type(error).__name__}; the log says more")


def _own_words(error: HTTPException) -> str:
    """Return what an error says; where the framework has put its own phrase, a sentence of ours,
    which is known in every language of the pages."""
    detail = str(error.detail)
    if detail != HTTPStatus(error.status_code).phrase:
        return detail
    return _FOR_PHRASES.get(error.status_code, detail)


def _login_for(page_asked: URL) -> str:
    """Return the address of the form to log in that leads on to a page, with what it was asked."""
    target = f"{page_asked.path}?{page_asked.query}" if page_asked.query else page_asked.path
    kept = target if len(target) <= _LONGEST_TARGET else page_asked.path
    return f"/login?next={quote(kept, safe='/')}"


def _ended_meanwhile(request: Request) -> Response:
    """Return what a script makes of a session that has ended: a page that refreshes itself goes to
    the form to log in; beside a form it is said, for what was typed is in no other place."""
    if request.method == "GET" or request.url.path == "/logout":
        here = URL(request.headers.get("hx-current-url", "/"))
        return Response(status_code=401, headers={"HX-Redirect": _login_for(here)})
    words = words_for(request)
    return _beside_the_form(request, 401, words("login.ended"))


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/") or "application/json" in request.headers.get(
        "accept", ""
    )


def _said(request: Request, status: int, text: str) -> Response:
    text = error_for(request, text)
    if _wants_json(request):
        return JSONResponse({"error": text}, status_code=status)
    if request.headers.get("hx-request"):
        return _beside_the_form(request, status, text)
    return page(request, "error.html", status=status, error=text, code=status)


def _beside_the_form(request: Request, status: int, text: str) -> Response:
    """Return what a script puts into the page that is there, so that nothing typed is lost."""
    answer = page(request, "problem.html", status=status, error=text)
    if request.method == "GET":  # a refresh of a part: it is tried again, what is there stays
        answer.headers["HX-Reswap"] = "none"
    else:
        answer.headers["HX-Retarget"] = "#problem"
        answer.headers["HX-Reselect"] = "p"
        answer.headers["HX-Reswap"] = "innerHTML show:window:top"
    return answer
