"""Secrets: named in the settings by an environment variable or a file, read when they are used.

Tables of settings that name some share these rules: a secret is never written there itself, and one
place is named, not two.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import SettingsError
from pipeline.masking import HIDDEN

__all__ = ["Secret", "at_most_one", "refuse_written", "secret_of", "without_secrets"]

_LARGEST_BYTES = 64 << 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """Where a secret lies; never the secret itself, so printing it shows nothing."""

    env: str | None = None
    file: Path | None = None

    def read(self) -> str:
        """Return the secret, without the line's end; SettingsError when it is not there.

        It is read at every use: a changed password needs no restart.
        """
        if self.env is not None:
            value = os.environ.get(self.env, "").strip()
            if not value:
                raise SettingsError(
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
            raise SettingsError(
                f"{self.file}: the secret cannot be read ({why}); let this user read it"
            ) from None
        if not value:
            raise SettingsError(f"{self.file}: holds no secret; write it there")
        return value


def without_secrets(text: str, *secrets: str) -> str:
    """Return `text` with every occurrence of the secrets replaced."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def secret_of(env: str | None, file: Path | None, folder: Path) -> Secret | None:
    """Return where a secret lies, a relative file meant from the site's `folder`."""
    if env is None and file is None:
        return None
    return Secret(env=env, file=folder / file if file is not None else None)


def refuse_written(table: Any, *names: str) -> None:
    """Raise ValueError when a table of settings, not yet checked, holds a secret itself."""
    for name in names:
        if isinstance(table, dict) and name in table:
            raise ValueError(
                f"{name} is never written here; name an environment variable ({name}_env)"
                f" or a file ({name}_file)"
            )


def at_most_one(table: Any, name: str) -> bool:
    """Return whether a checked table has NAME_env or NAME_file; ValueError when it has both."""
    env, file = getattr(table, f"{name}_env"), getattr(table, f"{name}_file")
    if env is not None and file is not None:
        raise ValueError(f"give {name}_env or {name}_file, not both")
    return env is not None or file is not None
