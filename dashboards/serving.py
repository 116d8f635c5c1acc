"""Serving: refuses to start where it would be open to people that nobody meant."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dashboards.access import Rules
from dashboards.app import create_app
from dashboards.oidc import provider_of
from pipeline.accounts.accounts import ALL_CAMERAS, Role, User
from pipeline.assembly import Site
from pipeline.errors import SettingsError
from pipeline.loopback import is_loopback

__all__ = ["Place", "check_free", "check_place", "serve_dashboard"]

_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the dashboard listens and how it is reached."""

    host: str = "127.0.0.1"
    port: int = 8400
    names: tuple[str, ...] = ()
    """Host names under which browsers ask for it, beside those of this machine."""
    without_login: bool = False
    """Everybody on this machine is an administrator."""
    behind_proxy: bool = False
    """A proxy on this machine holds the certificate."""
    certificate: Path | None = None
    key: Path | None = None

    @property
    def secure(self) -> bool:
        """Whether browsers reach it through TLS."""
        return self.behind_proxy or self.certificate is not None

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)


def check_place(place: Place, users: int) -> None:
    """Raise SettingsError when the dashboard must not be started like this.

    `users`: how many may log in; a provider that logs people in counts as one.
    """
    if (place.certificate is None) != (place.key is None):
        raise SettingsError("--certificate and --key belong together; give both")
    for path in (place.certificate, place.key):
        if path is not None and not path.is_file():
            raise SettingsError(f"{path} is not there; give the files of the certificate")
    if place.without_login and (not place.is_local or place.behind_proxy or place.names):
        raise SettingsError(
            "--without-login is for this machine alone; leave out --host, --name and --behind-proxy"
        )
    if not place.is_local and not place.secure:
        raise SettingsError(
            f"others reach {place.host}: passwords need TLS; give --certificate and --key, or put a"
            " proxy before it and give --behind-proxy"
        )
    if place.behind_proxy and not place.names:
        raise SettingsError("--behind-proxy needs the --name under which browsers ask for it")
    if not place.without_login and not users:
        raise SettingsError(
            "nobody could log in; make an account with: kizashi user add NAME --role admin"
        )


def serve_dashboard(site: Site, place: Place, say: Callable[[str], None]) -> None:
    """Serve the dashboard of a site until stopped; SettingsError when `place` will not do."""
    import uvicorn

    provider = provider_of(site)
    users = sum(not user.disabled for user in site.store.users())
    check_place(place, users + (provider is not None))
    everybody = User(
        name="local",
        role=Role.ADMIN,
        cameras=(ALL_CAMERAS,),
        password_hash="",
        created_utc=site.clock.now_utc(),
    )
    rules = Rules(
        secure=place.secure,
        open_to=everybody if place.without_login else None,
        provider=provider,
    )
    named = () if place.host in ("0.0.0.0", "::") else (place.host,)
    app = create_app(site, rules, (*_LOCAL_NAMES, *named, *place.names))
    check_free(place)
    say(f"dashboard: {'https' if place.certificate else 'http'}://{place.host}:{place.port}/")
    uvicorn.run(
        app,
        host=place.host,
        port=place.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=place.behind_proxy,
        forwarded_allow_ips="127.0.0.1",
        ssl_certfile=str(place.certificate) if place.certificate else None,
        ssl_keyfile=str(place.key) if place.key else None,
    )


def check_free(place: Place) -> None:
    """Raise SettingsError when the port cannot be had; the server itself would say so in its log
    alone, after the address was shown."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        said = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({error})"
        raise SettingsError(
            f"port {place.port} of {place.host} {said}; give another --port or --host"
        ) from error
