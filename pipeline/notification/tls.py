"""TLS: whom a sink trusts when it opens an encrypted line."""

from __future__ import annotations

import ssl
from pathlib import Path

from pipeline.errors import NotificationError

__all__ = ["trusting"]


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Return what checks names and certificates, against those of the system or of `ca_file`.

    Raises NotificationError when the file cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError):  # SSLError is an OSError
        raise NotificationError(
            f"{ca_file}: no certificates can be read there; ca_file names a file in PEM"
        ) from None
