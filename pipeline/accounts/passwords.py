"""Passwords: kept as scrypt hashes, compared in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from pipeline.errors import SettingsError

__all__ = ["SHORTEST_PASSWORD", "hash_password", "password_fits"]

SHORTEST_PASSWORD = 10
_LONGEST_PASSWORD = 1024
_COST, _BLOCK, _PARALLEL = 2**15, 8, 1
"""About 80 ms and 32 MiB a try (RFC 7914; OWASP asks for 2**17 or this with more lanes)."""
_MEMORY_BYTES = 64 * 2**20
_TOO_COMMON = frozenset({"password", "kizashi", "changeme", "administrator", "1234567890"})


def hash_password(password: str, *, user: str = "") -> str:
    """Return the hash to keep: `scrypt$N$r$p$SALT$HASH`.

    Raises SettingsError for a password that is too short, too long, the name of the user, or one
    that everybody tries first.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise SettingsError(
            f"the password is too short; use {SHORTEST_PASSWORD} characters or more"
        )
    if len(password) > _LONGEST_PASSWORD:
        raise SettingsError(f"the password is longer than {_LONGEST_PASSWORD} characters")
    small = password.casefold().rstrip("0123456789!.")
    if small in _TOO_COMMON or password.casefold() in _TOO_COMMON or small == user.casefold():
        raise SettingsError("the password is one that everybody tries first; use another")
    salt = secrets.token_bytes(16)
    parts = (base64.b64encode(part).decode() for part in (salt, _scrypt(password, salt)))
    return "$".join(("scrypt", str(_COST), str(_BLOCK), str(_PARALLEL), *parts))


def password_fits(password: str, kept: str) -> bool:
    """Tell whether `password` is the one that `kept` is the hash of.

    An empty or unreadable hash fits nothing, and takes as long to say so.
    """
    kind, *numbers = kept.split("$")
    wanted, salt = b"\0" * 64, b"\0" * 16
    if kind == "scrypt" and len(numbers) == 5:
        salt, wanted = base64.b64decode(numbers[3]), base64.b64decode(numbers[4])
    return hmac.compare_digest(_scrypt(password[:_LONGEST_PASSWORD], salt), wanted)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=_COST,
        r=_BLOCK,
        p=_PARALLEL,
        maxmem=_MEMORY_BYTES,
        dklen=64,
    )
