"""Logging in and out, the language of pages, and whether the server lives: open to everybody."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from dashboards.access import Asking, SiteHere, check_origin, rules_of, token_of
from dashboards.pages import LANGUAGE_COOKIE, page
from pipeline.accounts.login import SESSION_LIFE, NewSession, log_in, log_out
from pipeline.errors import AccessRefused

__all__ = ["inside_only", "login_form", "router", "set_session"]

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def healthz() -> Response:
    """Say that the server answers, and nothing else."""
    return PlainTextResponse("ok")


@router.get("/login")
def login_page(request: Request, next: str = "/") -> Response:
    """Show the form."""
    return login_form(request, next)


@router.post("/login")
def login(
    request: Request,
    site: SiteHere,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=2000)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Begin a session, under a new token whatever the browser had before."""
    check_origin(request)
    try:
        begun = log_in(site, name, password)
    except AccessRefused as error:
        return login_form(request, next, str(error), status=403)
    answer = RedirectResponse(inside_only(next), status_code=303)
    set_session(request, answer, begun)
    return answer


def login_form(request: Request, next: str, problem: str = "", *, status: int = 200) -> Response:
    """Return the page to log in; `problem` is the end of the key of a text."""
    return page(
        request,
        "login.html",
        next=inside_only(next),
        problem=problem,
        provider=rules_of(request).provider,
        status=status,
    )


def set_session(request: Request, answer: Response, begun: NewSession) -> None:
    """Give the token of a new session to the browser, for this server alone."""
    rules = rules_of(request)
    answer.set_cookie(
        rules.cookie,
        begun.token,
        max_age=int(SESSION_LIFE.total_seconds()),
        path="/",
        secure=rules.secure,
        httponly=True,
        samesite="strict",
    )


@router.post("/logout")
def logout(request: Request, site: SiteHere, who: Asking) -> Response:
    """End the session; the token is worth nothing afterwards."""
    rules = rules_of(request)
    log_out(site, token_of(request))
    answer = Response(status_code=204, headers={"HX-Redirect": "/login"})
    answer.delete_cookie(rules.cookie, path="/", secure=rules.secure, httponly=True)
    return answer


@router.get("/language/{language}")
def choose_language(language: Literal["en", "ja"], next: str = "/") -> Response:
    """Remember the language in the browser."""
    answer = RedirectResponse(inside_only(next), status_code=303)
    answer.set_cookie(LANGUAGE_COOKIE, language, max_age=31_536_000, samesite="lax", httponly=True)
    return answer


def inside_only(target: str) -> str:
    """Return a path of this server; the first page for anything else."""
    parts = urlsplit(target)
    leads_out = parts.scheme or parts.netloc or not target.startswith("/")
    return "/" if leads_out or target.startswith(("//", "/\\")) or "\n" in target else target
