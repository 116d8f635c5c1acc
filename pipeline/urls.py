"""URLs of servers that are told secrets: encrypted, or on this machine."""

from __future__ import annotations

from urllib.parse import urlsplit

from pipeline.loopback import is_loopback

__all__ = ["check_https_url"]


def check_https_url(url: str) -> None:
    """Raise ValueError, without the URL in it, unless it is https, or http on this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the url is none; write https://host/path") from None
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("the url is none; write https://host/path")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError("the url must begin with https://; http:// only on this machine")
