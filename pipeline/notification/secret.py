"""Secrets: named in the settings by an environment variable or a file, read when they are used."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import NotificationError
from pipeline.masking import HIDDEN

__all__ = ["Secret", "without_secrets"]

_LARGEST_BYTES = 64 << 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """Where a secret lies; never the secret itself, so printing it shows nothing."""

    env: str | None = None
    file: Path | None = None

    def read(self) -> str:
        """Return the secret, without the line's end; NotificationError when it is not there.

        It is read at every use: a changed password needs no restart.
        """
        if self.env is not None:
            value = os.environ.get(self.env, "").strip()
            if not value:
                raise NotificationError(
                    f"environment variable {self.env} holds no secret; set it where Kizashi runs"
                )
            return value
        assert self.file is not None, "one of the two is always named"
        try:
            with self.file.open("rb") as opened:
                content = opened.read(_LARGEST_BYTES)
            value = content.decode("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not text"
            raise NotificationError(
                f"{self.file}: the secret cannot be read ({why}); let this user read it"
            ) from None
        if not value:
            raise NotificationError(f"{self.file}: holds no secret; write it there")
        return value


def without_secrets(text: str, *secrets: str) -> str:
    """Return `text` with every occurrence of the secrets replaced."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
