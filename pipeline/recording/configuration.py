"""Configuration of live cameras: the tables `[[record]]` of kizashi.toml."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.masking import masked
from pipeline.named_secret import at_most_one, refuse_written
from pipeline.recording.stream import Stream, check_stream_url

__all__ = ["RecordTable"]


class RecordTable(BaseModel):
    """Where the live stream of one camera is, and where its password lies; never the password."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    camera: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    url: str | None = None
    url_env: str | None = None
    url_file: Path | None = None
    user: str | None = Field(default=None, min_length=1)
    password_env: str | None = None
    password_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_plain_secrets(cls, values: object) -> object:
        refuse_written(values, "password")
        return values

    @model_validator(mode="after")
    def _checked(self) -> RecordTable:
        if sum(one is not None for one in (self.url, self.url_env, self.url_file)) != 1:
            raise ValueError("give exactly one of url, url_env, url_file")
        if at_most_one(self, "password") != (self.user is not None):
            raise ValueError("give user together with one of password_env, password_file")
        if self.url is not None:
            # The secret comes first: what is wrong with a URL is said without showing it anyway.
            if masked(self.url) != self.url:
                raise ValueError(
                    "url holds a secret; give user and password_env, or the whole of it as url_env"
                    " or url_file"
                )
            check_stream_url(self.url)
        return self

    def stream(self, folder: Path) -> Stream:
        """Return the stream, relative files meant from the site's `folder`."""
        return Stream(
            url=self.url,
            url_env=self.url_env,
            url_file=_below(folder, self.url_file),
            user=self.user,
            password_env=self.password_env,
            password_file=_below(folder, self.password_file),
        )


def _below(folder: Path, file: Path | None) -> Path | None:
    return None if file is None else folder / file
