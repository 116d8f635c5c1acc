"""Masking: what a line of text keeps secret is replaced before the line is written anywhere."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["HIDDEN", "is_secret_name", "masked"]

HIDDEN = "***"

# One slash is enough: a URL that was taken for a path has lost the other.
_URL = re.compile(r"(?P<head>[A-Za-z][A-Za-z0-9+.\-]*:/{1,2})(?P<rest>[^\s\"'<>]+)")
_WORDS = r"passwords?|passwd|passphrase|pwd|pass|tokens?|secrets?|credentials?|signature|sig|auth"
_SECRET_NAME = re.compile(
    rf"(?:^|[_\-.])(?:{_WORDS}|api[_-]?key|access[_-]?key|secret[_-]?key|session[_-]?key|key)$",
    re.IGNORECASE,
)
# name=value, name: value, "name": "value". The value runs to the next blank, quote, & or comma:
# cheap cameras write user=a_password=b_channel=1 in a path, and hiding too much does no harm.
_ASSIGNMENT = re.compile(
    rf"(?P<name>(?:{_WORDS}|(?:api|access|secret|session)[_-]?key)[\"']?\s*[=:]\s*[\"']?)"
    r"(?P<value>(?:bearer\s+|basic\s+)?[^\s\"'&,;}]+)",
    re.IGNORECASE,
)
_LONG_PART = 20
"""A part of an http path this long, of letters and digits mixed, is taken for a webhook's token."""


def masked(text: str) -> str:
    """Return `text` on one line with what a URL or an assignment in it keeps secret replaced.

    User and password of a URL, the values of its secret-looking parameters, long random parts of an
    http path, and the values of `password=`, `token:` and their like anywhere. When in doubt it
    hides too much.
    """
    without_urls = _URL.sub(lambda match: _masked_url(match["head"], match["rest"]), text)
    hidden = _ASSIGNMENT.sub(lambda match: match["name"] + HIDDEN, without_urls)
    return hidden.replace("\r", "\\r").replace("\n", "\\n")


def _masked_url(head: str, rest: str) -> str:
    # A password may hold an unescaped / ? or #, where a strict parser would end the host: the user
    # information is all up to the last @.
    _user, at, place = rest.rpartition("@")
    try:
        parts = urlsplit(f"//{place}")
    except ValueError:
        return f"{head}{HIDDEN}"
    web = head.lower().startswith("http")
    path = _masked_path(parts.path) if web else parts.path
    query = "&".join(_masked_pair(pair) for pair in parts.query.split("&"))
    # Put together by hand: urlunsplit drops the empty host of sqlite:///kizashi.db.
    return "".join(
        (
            head,
            f"{HIDDEN}@" if at else "",
            parts.netloc,
            path,
            f"?{query}" if query else "",
            f"#{_masked_pair(parts.fragment)}" if parts.fragment else "",
        )
    )


def _masked_path(path: str) -> str:
    return "/".join(HIDDEN if _looks_random(part) else part for part in path.split("/"))


def _looks_random(part: str) -> bool:
    return (
        len(part) >= _LONG_PART
        and any(letter.isdigit() for letter in part)
        and any(letter.isalpha() for letter in part)
    )


def _masked_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={HIDDEN}" if equals and is_secret_name(name) else pair


def is_secret_name(name: str) -> bool:
    """Return whether a thing of this name (password, webhook_token, key) is to be hidden."""
    return _SECRET_NAME.search(name) is not None
