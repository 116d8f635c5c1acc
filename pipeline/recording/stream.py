"""Stream: where a live camera is reached. Its secrets are read when it is opened, and not kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from pipeline.errors import SettingsError
from pipeline.named_secret import Secret

__all__ = ["DEFAULT_PORT", "Place", "Stream", "check_stream_url", "place_of"]

DEFAULT_PORT = 554
_FORBIDDEN = frozenset("'\"\\<>`{}|^ ")


@dataclass(frozen=True, slots=True)
class Place:
    """Who answers: all of a URL that is ever shown."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"rtsp://{host}:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """Where the URL, the user and the password of a stream lie; printing it shows no secret."""

    url: str | None = None
    url_env: str | None = None
    url_file: Path | None = None
    user: str | None = None
    password_env: str | None = None
    password_file: Path | None = None

    def address(self) -> str:
        """Return the URL with user and password in it: to be handed to the reader, never shown.

        They are read at every connection: a changed password needs no restart. Raises
        SettingsError, without the secrets in it, when one is not there or the URL is none.
        """
        url = self.url or Secret(env=self.url_env, file=self.url_file).read()
        try:
            check_stream_url(url)
        except ValueError as error:
            raise SettingsError(f"{self._where()}: {error}") from None
        if self.user is None:
            return url
        password = Secret(env=self.password_env, file=self.password_file).read()
        parts = urlsplit(url)
        place = parts.netloc.rpartition("@")[2]
        user = f"{quote(self.user, safe='')}:{quote(password, safe='')}"
        return urlunsplit((parts.scheme, f"{user}@{place}", parts.path, parts.query, ""))

    def _where(self) -> str:
        if self.url_env is not None:
            return f"environment variable {self.url_env}"
        return str(self.url_file) if self.url_file is not None else "url"


def check_stream_url(url: str) -> None:
    """Raise ValueError, without the URL in it, unless it is rtsp://host[:port]/path in plain
    characters."""
    if not url.isascii() or not url.isprintable() or _FORBIDDEN & set(url):
        raise ValueError("the url has characters that must be written as %20 and the like")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            "the url is none; write rtsp://host:port/path, user and password percent-encoded"
        ) from None
    if parts.scheme != "rtsp" or not host or port == 0:
        raise ValueError("the url must begin with rtsp:// and name a host")


def place_of(address: str) -> Place:
    """Return host and port of a checked URL."""
    parts = urlsplit(address)
    return Place(host=parts.hostname or "", port=parts.port or DEFAULT_PORT)
