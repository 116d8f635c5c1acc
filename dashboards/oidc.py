"""OpenID Connect: the authorization code flow with PKCE, state and nonce, by authlib.

Everything that must be remembered between the two visits is derived from one random value in a
cookie of the browser that began: another browser has another one, and the server keeps nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import structlog

from pipeline.accounts.oidc_table import OidcTable
from pipeline.accounts.provider_login import Identity
from pipeline.assembly import Site
from pipeline.errors import AccessRefused, SettingsError
from pipeline.masking import masked
from pipeline.named_secret import Secret, secret_of
from pipeline.urls import check_https_url

__all__ = ["Chance", "Provider", "provider_of"]

_log = structlog.get_logger(__name__)

_LARGEST_BYTES = 1 << 20
_KEPT_SECONDS = 3600.0
_SKEW_SECONDS = 60
"""By how much the clocks of the provider and of this machine may differ."""
_ALGORITHMS = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
)
"""With a key pair alone: a token that our secret or nothing signs is nobody's word."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chance:
    """One random value, and what the flow derives from it."""

    seed: str

    @classmethod
    def drawn(cls) -> Chance:
        """Return a fresh one."""
        return cls(seed=secrets.token_urlsafe(32))

    def of(self, what: str) -> str:
        """Return a value of 43 letters that tells nothing of the seed or of the others."""
        made = hmac.digest(
            self.seed.encode("utf-8", "surrogatepass"), what.encode(), hashlib.sha256
        )
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


class Provider:
    """A provider: what it says of itself is kept for an hour, keys until one is unknown."""

    def __init__(self, table: OidcTable, secret: Secret | None, site: Site) -> None:
        self.table, self._secret, self._site = table, secret, site
        self._about: tuple[float, dict[str, Any]] | None = None
        self._keys: dict[str, Any] | None = None

    def address(self, redirect_uri: str, chance: Chance) -> str:
        """Return where the browser goes to log in; AccessRefused when the provider is not there."""
        where = self._endpoint("authorization_endpoint")
        with self._session(redirect_uri) as session:
            address, _ = session.create_authorization_url(
                where,
                state=chance.of("state"),
                nonce=chance.of("nonce"),
                code_verifier=chance.of("verifier"),
            )
        return str(address)

    def identity(
        self, answered: Mapping[str, str], redirect_uri: str, chance: Chance | None
    ) -> Identity:
        """Return whom the answer of the provider names.

        AccessRefused with the key of a text: `state` (not begun in this browser), `provider` (it
        refuses, or is not there), `token` (what it says is not for us, or no longer). The log says
        more, and no secret.
        """
        state = answered.get("state", "")
        if chance is None or not hmac.compare_digest(state.encode(), chance.of("state").encode()):
            raise _refused("state", "the state is not that of this browser")
        if "error" in answered or "code" not in answered:
            raise _refused("provider", f"answered {answered.get('error', 'without a code')[:80]}")
        if answered.get("iss", self.table.issuer) != self.table.issuer:
            raise _refused("token", "the answer names another issuer")
        token = self._token(answered["code"], redirect_uri, chance)
        claims = self._checked(token, chance)
        return self._named(claims, token)

    def _session(self, redirect_uri: str) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        session = OAuth2Session(
            self.table.client_id,
            self._secret.read() if self._secret else None,
            scope=" ".join(self.table.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            default_timeout=self.table.timeout_seconds,
        )
        session.verify = str(self._site.folder / self.table.ca_file) if self.table.ca_file else True
        return session

    def _token(self, code: str, redirect_uri: str, chance: Chance) -> dict[str, Any]:
        from authlib.common.errors import AuthlibBaseError
        from requests import RequestException

        where = self._endpoint("token_endpoint")
        try:
            with self._session(redirect_uri) as session:
                got = session.fetch_token(
                    where,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=chance.of("verifier"),
                    allow_redirects=False,
                )
        except (AuthlibBaseError, RequestException, ValueError) as error:
            # The kind alone: texts of these errors may repeat what was sent.
            raise _refused("provider", f"gives no token ({type(error).__name__})") from None
        if not isinstance(got.get("id_token"), str):
            raise _refused("token", "there is no ID token")
        return dict(got)

    def _checked(self, token: Mapping[str, Any], chance: Chance) -> dict[str, Any]:
        """Return the claims of an ID token of ours, signed by the provider, for this login."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError

        table = self.table
        offered = self._metadata().get("id_token_signing_alg_values_supported", ["RS256"])
        algorithms = sorted(_ALGORITHMS & set(offered))
        try:
            try:
                read = jwt.decode(token["id_token"], self._key_set(), algorithms=algorithms)
            except (JoseError, ValueError):  # a key may be new; one that is not helps no forger
                read = jwt.decode(
                    token["id_token"], self._key_set(anew=True), algorithms=algorithms
                )
            claims = CodeIDToken(
                read.claims,
                read.header,
                options={
                    "iss": {"essential": True, "value": table.issuer},
                    "aud": {"essential": True, "value": table.client_id},
                    "sub": {"essential": True},
                },
                params={
                    "nonce": chance.of("nonce"),
                    "client_id": table.client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(now=int(self._site.clock.now_utc().timestamp()), leeway=_SKEW_SECONDS)
        except (JoseError, ValueError, TypeError) as error:
            claim = getattr(error, "claim", "") or getattr(error, "description", "")
            raise _refused("token", f"{type(error).__name__} {masked(str(claim))[:80]}") from None
        return dict(claims)

    def _named(self, claims: dict[str, Any], token: Mapping[str, Any]) -> Identity:
        if _inside(claims, self.table.groups_claim) is None and token.get("access_token"):
            claims = {**self._user_info(str(token["access_token"]), claims), **claims}
        groups = _inside(claims, self.table.groups_claim)
        listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        email, username = claims.get("email"), claims.get("preferred_username")
        verified = isinstance(email, str) and claims.get("email_verified") is True
        return Identity(
            issuer=self.table.issuer,
            subject=str(claims["sub"]),
            email=email if verified else None,
            username=username if isinstance(username, str) else None,
            groups=tuple(group for group in listed if isinstance(group, str)),
        )

    def _user_info(self, access_token: str, claims: Mapping[str, Any]) -> dict[str, Any]:
        if "userinfo_endpoint" not in self._metadata():
            return {}
        info = self._get(self._endpoint("userinfo_endpoint"), access_token)
        if info.get("sub") != claims["sub"]:
            raise _refused("token", "userinfo is of somebody else")
        return info

    def _metadata(self) -> dict[str, Any]:
        now = time.monotonic()
        if self._about is None or now - self._about[0] > _KEPT_SECONDS:
            issuer = self.table.issuer
            found = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != issuer:
                raise _refused("provider", "its configuration names another issuer")
            self._about, self._keys = (now, found), None
        return self._about[1]

    def _endpoint(self, name: str) -> str:
        address = str(self._metadata().get(name, ""))
        try:
            check_https_url(address)
        except ValueError:
            raise _refused("provider", f"its {name} is no https address") from None
        return address

    def _key_set(self, *, anew: bool = False) -> Any:
        from joserfc.jwk import KeySet

        if self._keys is None or anew:
            self._keys = self._get(self._endpoint("jwks_uri"))
        keys = self._keys.get("keys", [])
        usable = [k for k in keys if k.get("kty") in ("RSA", "EC", "OKP") and k.get("use") != "enc"]
        return KeySet.import_key_set({"keys": usable})

    def _get(self, address: str, access_token: str | None = None) -> dict[str, Any]:
        """Return a JSON object of the provider, of a size that does no harm."""
        import requests

        headers = {"Accept": "application/json"}
        if access_token is not None:
            headers["Authorization"] = f"Bearer {access_token}"
        try:
            with requests.get(
                address,
                headers=headers,
                timeout=self.table.timeout_seconds,
                allow_redirects=False,
                stream=True,
                verify=str(self._site.folder / self.table.ca_file) if self.table.ca_file else True,
            ) as answer:
                content = answer.raw.read(_LARGEST_BYTES + 1, decode_content=True)
                found = json.loads(content) if answer.status_code == 200 else None
        except (requests.RequestException, OSError, ValueError) as error:
            raise _refused("provider", f"does not answer ({type(error).__name__})") from None
        if not isinstance(found, dict) or len(content) > _LARGEST_BYTES:
            raise _refused("provider", f"answers {answer.status_code} without what was asked for")
        return found


def provider_of(site: Site) -> Provider | None:
    """Return the provider that the settings name, None without one; SettingsError when it cannot
    be used as they say."""
    table = site.settings.dashboard.get("oidc")
    if table is None:
        return None
    if not all(find_spec(package) for package in ("authlib", "joserfc", "requests")):
        raise SettingsError(
            "[dashboard.oidc] needs more packages; install them with: pip install 'kizashi[oidc]'"
        )
    known = {camera.name for camera in site.store.cameras()} | {"*"}
    for group in table.groups:
        if unknown := sorted(set(group.cameras) - known):
            raise SettingsError(
                f"[dashboard.oidc] group {group.name}: there is no camera {', '.join(unknown)}"
            )
    secret = secret_of(table.client_secret_env, table.client_secret_file, site.folder)
    if secret is not None:
        try:
            secret.read()
        except SettingsError as error:
            raise SettingsError(f"[dashboard.oidc] {error}") from error
    return Provider(table, secret, site)


def _inside(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim; `a.b` is b inside a, unless there is a claim of that very name."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _refused(key: str, why: str) -> AccessRefused:
    _log.warning("oidc login refused", key=key, why=why)
    return AccessRefused(key)
