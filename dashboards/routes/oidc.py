"""Logging in at a provider of OpenID Connect: there, and back. Open to everybody."""

from __future__ import annotations

import base64
import binascii

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from dashboards.access import SiteHere, rules_of
from dashboards.oidc import Chance, Provider
from dashboards.pages import page
from dashboards.routes.login import inside_only, login_form, set_session
from pipeline.accounts.provider_login import log_in_identity
from pipeline.errors import AccessRefused

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_LIFE_SECONDS = 600
_LONGEST_TARGET = 1000
_BACK = "/login/oidc/callback"


@router.get("/login/oidc")
def begin(request: Request, next: str = "/") -> Response:
    """Send the browser to the provider, with a fresh value that only this browser keeps."""
    provider, chance = _provider(request), Chance.drawn()
    try:
        address = provider.address(_redirect_uri(request), chance)
    except AccessRefused as refused:
        return login_form(request, next, f"oidc.{refused}", status=503)
    target = inside_only(next)
    kept = target if len(target) <= _LONGEST_TARGET else "/"
    packed = base64.urlsafe_b64encode(kept.encode("utf-8", "replace")).decode()
    answer = RedirectResponse(address, status_code=303)
    # Not strict: the browser comes back from another site, and must bring it along.
    answer.set_cookie(
        _cookie(request),
        f"{chance.seed}.{packed}",
        max_age=_LIFE_SECONDS,
        path="/",
        secure=rules_of(request).secure,
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get(_BACK)
def come_back(request: Request, site: SiteHere) -> Response:
    """Begin a session for whom the provider names, under a new token; or say why not."""
    provider = _provider(request)
    chance, target = _kept(request)
    try:
        identity = provider.identity(request.query_params, _redirect_uri(request), chance)
        begun = log_in_identity(site, provider.table, identity)
    except AccessRefused as refused:
        answer: Response = login_form(request, target, f"oidc.{refused}", status=403)
    else:
        # A page and not a redirect: the cookie of the session is strict, and what another site has
        # led to does not carry it.
        answer = page(request, "logged_in.html", target=target)
        set_session(request, answer, begun)
    secure = rules_of(request).secure
    answer.delete_cookie(_cookie(request), path="/", secure=secure, httponly=True, samesite="lax")
    return answer


def _provider(request: Request) -> Provider:
    provider = rules_of(request).provider
    if provider is None:
        raise HTTPException(404, "no provider of logins is configured")
    return provider


def _cookie(request: Request) -> str:
    return f"{'__Host-' if rules_of(request).secure else ''}kizashi-oidc"


def _redirect_uri(request: Request) -> str:
    """Return the address to come back to; the host is one of ours, for no other is answered."""
    scheme = "https" if rules_of(request).secure else "http"
    return f"{scheme}://{request.headers['host']}{_BACK}"


def _kept(request: Request) -> tuple[Chance | None, str]:
    seed, dot, packed = request.cookies.get(_cookie(request), "").partition(".")
    if not dot or len(seed) < 32:
        return None, "/"
    try:
        target = base64.urlsafe_b64decode(packed).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None, "/"
    return Chance(seed=seed), inside_only(target)
