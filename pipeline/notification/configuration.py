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
from pipeline.named_secret import at_most_one, refuse_written
from pipeline.notification.quiet import QuietHours, parse_quiet
from pipeline.notification.rules import Rules
from pipeline.urls import check_https_url

__all__ = [
    "EmailTable",
    "FileTable",
    "MqttTable",
    "NotifyTable",
    "PrefectTable",
    "WebhookTable",
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
        refuse_written(values, *_NEVER_WRITTEN)
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
        at_most_one(self, "secret")
        if self.url is not None:
            check_https_url(self.url)
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
        if (self.user is None) == at_most_one(self, "password"):
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
