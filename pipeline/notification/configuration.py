"""Configuration of sinks: the tables `[[notify]]` of kizashi.toml."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.alerts.alerts import Severity
from pipeline.loopback import is_loopback
from pipeline.masking import is_secret_name
from pipeline.notification.quiet import QuietHours, parse_quiet
from pipeline.notification.rules import Rules
from pipeline.notification.secret import Secret

__all__ = [
    "EmailTable",
    "FileTable",
    "MqttTable",
    "NotifyTable",
    "PrefectTable",
    "WebhookTable",
    "check_webhook_url",
    "secret_of",
]

_NEVER_WRITTEN = ("secret", "password", "token")
_ADDRESS = re.compile(r"[^@\s<>,;\"()]+@[^@\s<>,;\"()]+")


class _Table(BaseModel):
    """What a table of every kind may say."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    kind: str
    name: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9_-]{0,62})?$")
    cameras: tuple[str, ...] = Field(default=("*",), min_length=1)
    least_severity: Severity = Severity.NOTICE
    quiet: tuple[QuietHours, ...] = ()
    at_most: int | None = Field(default=None, ge=1)
    per_seconds: int = Field(default=3600, ge=1)
    digest_at: time | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_plain_secrets(cls, values: Any) -> Any:
        for name in _NEVER_WRITTEN:
            if isinstance(values, dict) and name in values:
                raise ValueError(
                    f"{name} is never written here; name an environment variable"
                    " (secret_env, password_env) or a file (secret_file, password_file)"
                )
        return values

    @field_validator("quiet", mode="before")
    @classmethod
    def _parsed_quiet(cls, value: Any) -> Any:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list | tuple):
            raise ValueError("write a text or a list of texts such as 22:00-06:00")
        return tuple(one if isinstance(one, QuietHours) else parse_quiet(str(one)) for one in texts)

    @field_validator("digest_at", mode="before")
    @classmethod
    def _parsed_time(cls, value: Any) -> Any:
        if isinstance(value, str) and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError("write a time of day such as 07:00")
        if isinstance(value, int | float):
            raise ValueError("write a time of day in quotes, such as '07:00'")
        return value

    def rules(self) -> Rules:
        """Return what does not depend on the kind."""
        return Rules(
            name=self.name or self.kind,
            cameras=self.cameras,
            least_severity=self.least_severity,
            quiet=self.quiet,
            at_most=self.at_most,
            per_seconds=self.per_seconds,
            digest_at=self.digest_at,
        )


class FileTable(_Table):
    """A folder with one JSON file a message."""

    kind: Literal["file"]
    folder: Path = Path("deliveries")


class WebhookTable(_Table):
    """An HTTPS address that messages are posted to."""

    kind: Literal["webhook"]
    url: str | None = None
    url_env: str | None = None
    url_file: Path | None = None
    secret_env: str | None = None
    secret_file: Path | None = None
    ca_file: Path | None = None
    timeout_seconds: float = Field(default=10.0, gt=0, le=60)

    @model_validator(mode="after")
    def _checked(self) -> WebhookTable:
        if sum(one is not None for one in (self.url, self.url_env, self.url_file)) != 1:
            raise ValueError("give exactly one of url, url_env, url_file")
        _at_most_one(self, "secret")
        if self.url is not None:
            check_webhook_url(self.url)
            parts = urlsplit(self.url)
            if parts.username is not None or any(
                is_secret_name(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True)
            ):
                raise ValueError("url holds a secret; name it with url_env or url_file instead")
        return self


class _ServerTable(_Table):
    """What a table says of a server that one logs in to."""

    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65_535)
    user: str | None = None
    password_env: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    timeout_seconds: float = Field(default=10.0, gt=0, le=60)

    @model_validator(mode="after")
    def _user_with_password(self) -> Self:
        if (self.user is None) == _at_most_one(self, "password"):
            raise ValueError("give user together with password_env or password_file")
        return self


class EmailTable(_ServerTable):
    """A mail server that messages are handed to."""

    kind: Literal["email"]
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str
    to: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _checked(self) -> EmailTable:
        if self.user is not None and self.security == "none":
            raise ValueError("a password needs security 'starttls' or 'tls'")
        if not all(_ADDRESS.fullmatch(one) for one in (self.sender, *self.to)):
            raise ValueError("sender and to are plain addresses such as line3@plant.example")
        return self


class MqttTable(_ServerTable):
    """An MQTT broker that messages are published to."""

    kind: Literal["mqtt"]
    tls: bool = True
    topic: str = Field(default="kizashi", pattern=r"^[^#+\x00/$][^#+\x00/]*(/[^#+\x00/]+)*$")

    @model_validator(mode="after")
    def _checked(self) -> MqttTable:
        if self.user is not None and not self.tls and not is_loopback(self.host):
            raise ValueError("a password needs tls = true, or a broker on this machine")
        return self


class PrefectTable(_Table):
    """Events of the Prefect server that runs the flows."""

    kind: Literal["prefect"]


NotifyTable = Annotated[
    FileTable | WebhookTable | EmailTable | MqttTable | PrefectTable,
    Field(discriminator="kind"),
]


def secret_of(env: str | None, file: Path | None, folder: Path) -> Secret | None:
    """Return where a secret lies, a relative file meant from the site's `folder`."""
    if env is None and file is None:
        return None
    return Secret(env=env, file=folder / file if file is not None else None)


def check_webhook_url(url: str) -> None:
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


def _at_most_one(table: Any, what: str) -> bool:
    """Return whether WHAT_env or WHAT_file is given; ValueError when both are."""
    env, file = getattr(table, f"{what}_env"), getattr(table, f"{what}_file")
    if env is not None and file is not None:
        raise ValueError(f"give {what}_env or {what}_file, not both")
    return env is not None or file is not None
