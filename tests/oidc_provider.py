"""A provider of OpenID Connect on this machine: discovery, keys, codes with PKCE, userinfo."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

__all__ = ["CLIENT", "SECRET", "FakeProvider", "running_provider"]

CLIENT, SECRET = "kizashi", "canary-client-secret-51fe"


@cache
def key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": name})


class FakeProvider:
    """What it says can be bent: `claims` go over those of the ID token, `info` is its userinfo."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.claims: dict[str, Any] = {}
        self.left_out: set[str] = set()
        self.info: dict[str, Any] = {}
        self.about: dict[str, Any] = {}
        self.signs_with, self.shows = "first", ["first"]
        self.header: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            **self.about,
        }

    def authorized(self, query: dict[str, str]) -> str:
        """Return where the browser goes on to: everybody is logged in here already."""
        code = f"code-{len(self.codes)}-{time.monotonic_ns()}"
        self.codes[code] = query
        back = {"code": code, "state": query["state"], "iss": self.issuer}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        wanted = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        hashed = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
        good = (
            asked is not None
            and authorization == wanted
            and asked["code_challenge_method"] == "S256"
            and asked["code_challenge"] == challenge
            and asked["redirect_uri"] == form.get("redirect_uri")
        )
        if not good or asked is None:
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": "canary-access-token-77",
            "token_type": "Bearer",
            "id_token": self.id_token(asked),
        }

    def id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "subject-1",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "email": "rei@plant.example",
            "email_verified": True,
            "groups": ["everybody", "line-1-people"],
            **self.claims,
        }
        kept = {name: value for name, value in claims.items() if name not in self.left_out}
        header = {"alg": "RS256", "kid": self.signs_with, **self.header}
        return jwt.encode(header, kept, key(self.signs_with), algorithms=["RS256"])


@contextmanager
def running_provider(host: str = "127.0.0.1") -> Iterator[FakeProvider]:
    """Yield a provider that answers on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler())
    server.daemon_threads = True
    provider = FakeProvider(f"http://{host}:{server.server_port}")
    server.provider = provider  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler() -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        @property
        def provider(self) -> FakeProvider:
            return self.server.provider  # type: ignore[attr-defined, no-any-return]

        def log_message(self, format: str, *args: object) -> None:
            self.provider.asked.append(self.path)

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", self.provider.authorized(query))
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif parts.path == "/.well-known/openid-configuration":
                self._json(200, self.provider.metadata())
            elif parts.path == "/keys":
                shown = [key(name).as_dict(private=False) for name in self.provider.shows]
                self._json(200, {"keys": shown})
            elif parts.path == "/userinfo":
                good = self.headers["Authorization"] == "Bearer canary-access-token-77"
                self._json(200 if good else 401, {"sub": "subject-1", **self.provider.info})
            else:
                self._json(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._json(*self.provider.token(form, self.headers["Authorization"] or ""))

        def _json(self, status: int, value: dict[str, Any]) -> None:
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
