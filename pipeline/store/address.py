"""Where a database is: its URL, read once, and what of it may be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from pipeline.errors import StoreError

__all__ = ["Address", "check_filesystem", "filesystem_type", "parse_address"]

_SQLITE = re.compile(r"sqlite(?:\+pysqlite)?:///(?P<path>.+)", re.DOTALL)
_POSTGRESQL = {"postgres", "postgresql", "postgresql+psycopg"}
_SHOWN_OPTIONS = {"host", "port"}
_NETWORK = {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """A database: an SQLite file, or a PostgreSQL database."""

    url: URL
    """With the driver, and for SQLite with an absolute path. It may hold a password."""
    path: Path | None
    """The file of an SQLite database; None for PostgreSQL."""
    shown: str
    """What messages say; never holds a password."""

    def without_secrets(self, text: str) -> str:
        """Return `text` with the password replaced by stars, in every form a URL can give it."""
        secrets = {self.url.password, *_options(self.url, "password")}
        for secret in sorted((s for s in secrets if s), key=len, reverse=True):
            for form in (secret, quote(secret, safe=""), quote_plus(secret)):
                text = text.replace(form, "***")
        return text


def parse_address(url: str) -> Address:
    """Return the address that `url` means: `sqlite:///PATH`, where everything after the third
    slash is the path, or `postgresql://USER:PASSWORD@HOST:PORT/NAME`.

    Raises StoreError, which does not repeat the text: it may hold a password.
    """
    file = _SQLITE.fullmatch(url)
    if file:
        path = Path(file["path"]).absolute()
        if path.name == ":memory:":
            raise StoreError("sqlite in memory cannot be shared; give sqlite:///PATH")
        return Address(
            url=URL.create("sqlite", database=str(path)), path=path, shown=f"sqlite:///{path}"
        )
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # `from None`: the error of the parser repeats parts of the text.
        raise StoreError(
            "database_url is not a URL; give sqlite:///PATH or postgresql://USER@HOST/NAME, with"
            " : / @ % in a user or password written as %3A %2F %40 %25"
        ) from None
    if parsed.drivername not in _POSTGRESQL:
        raise StoreError(
            f"database_url: {parsed.drivername!r} is not known;"
            " give sqlite:///PATH or postgresql://USER@HOST/NAME"
        )
    full = parsed.set(drivername="postgresql+psycopg")
    shown = full.set(query={key: full.query[key] for key in _SHOWN_OPTIONS & full.query.keys()})
    return Address(url=full, path=None, shown=shown.render_as_string(hide_password=True))


def filesystem_type(path: Path, mounts: str) -> str:
    """Return the type of the file system that holds `path`, given the text of /proc/mounts; ""
    when none of the mounts holds it."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1]))
        # >=: of two mounts on one point the later one is seen.
        if len(point.parts) >= best and path.is_relative_to(point):
            best, kind = len(point.parts), fields[2]
    return kind


def check_filesystem(path: Path, mounts: str) -> None:
    """Raise StoreError when `path` lies on a network file system: SQLite's locks do not hold
    there, and two machines would destroy the database."""
    kind = filesystem_type(path, mounts)
    if kind in _NETWORK:
        raise StoreError(
            f"{path} is on a network file system ({kind}), where SQLite loses data;"
            " use a local disk, or PostgreSQL"
        )


def _options(url: URL, name: str) -> tuple[str, ...]:
    value = url.query.get(name, ())
    return (value,) if isinstance(value, str) else tuple(value)
