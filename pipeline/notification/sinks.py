"""Sinks: where messages go. One that is configured is a channel: a sink with its rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.assembly import Site
from pipeline.errors import NotificationError
from pipeline.files import write_json
from pipeline.named_secret import Secret, secret_of
from pipeline.notification.configuration import (
    EmailTable,
    FileTable,
    MqttTable,
    NotifyTable,
    WebhookTable,
)
from pipeline.notification.mail import EmailSink
from pipeline.notification.message import Message
from pipeline.notification.mqtt import MqttSink
from pipeline.notification.rules import DEFAULT_RULES, Rules
from pipeline.notification.webhook import WebhookSink

__all__ = ["Channel", "FileSink", "Sink", "SinkMaker", "channels_of", "sink_kinds"]


class Sink(Protocol):
    """Where messages go. To be given one twice must be harmless: `key` tells that it is one."""

    def send(self, message: Message) -> None:
        """Hand a message over; when this returns it has arrived. NotificationError, one line
        without secrets, when it has not."""


SinkMaker = Callable[[], Sink]


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """A sink and what it is told of."""

    sink: Sink
    kind: str
    rules: Rules

    @property
    def name(self) -> str:
        """The name under which attempts and receipts are recorded."""
        return self.rules.name


class FileSink:
    """A folder with one JSON file a message, KEY.json, for whatever picks files up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: Message) -> None:
        path = self._folder / f"{message.key}.json"
        try:
            write_json(path, message.body())
        except OSError as error:
            raise NotificationError(f"{path}: not written ({error.strerror or error})") from error


def sink_kinds(site: Site) -> dict[str, str]:
    """Return the kind of every sink by name: those of the settings, then those that settings no
    longer have and that alerts still wait for, as "not configured"."""
    kinds = {rules.name: "file" for rules in site.settings.notify_rules()}
    kinds |= {table.rules().name: table.kind for table in site.settings.notify}
    waiting = {state.sink for state in site.store.sink_states() if state.pending}
    return kinds | dict.fromkeys(sorted(waiting - set(kinds)), "not configured")


def channels_of(site: Site, makers: Mapping[str, SinkMaker] | None = None) -> list[Channel]:
    """Return the channels of a site; without a table `[[notify]]`, a folder of files.

    `makers` has the kinds that this room cannot make itself ("prefect": flows); a channel of a kind
    that nobody can make here is left to the program that can.
    """
    if not site.settings.notify:
        sink: Sink = FileSink(site.folder / "deliveries")
        return [Channel(sink=sink, kind="file", rules=DEFAULT_RULES)]
    made = [(table, _made(site, table, makers or {})) for table in site.settings.notify]
    return [
        Channel(sink=sink, kind=table.kind, rules=table.rules())
        for table, sink in made
        if sink is not None
    ]


def _made(site: Site, table: NotifyTable, makers: Mapping[str, SinkMaker]) -> Sink | None:
    if table.kind in makers:
        return makers[table.kind]()
    if isinstance(table, FileTable):
        return FileSink(site.folder / table.folder)
    if isinstance(table, WebhookTable):
        url = table.url or secret_of(table.url_env, table.url_file, site.folder)
        assert url is not None, "the table was checked"
        return WebhookSink(
            url,
            secret=secret_of(table.secret_env, table.secret_file, site.folder),
            ca_file=_certificates(site, table.ca_file),
            timeout_seconds=table.timeout_seconds,
        )
    if isinstance(table, EmailTable):
        return EmailSink(
            table,
            password=_password(site, table),
            ca_file=_certificates(site, table.ca_file),
            language=site.settings.language,
        )
    if isinstance(table, MqttTable):
        return MqttSink(
            table, password=_password(site, table), ca_file=_certificates(site, table.ca_file)
        )
    return None


def _password(site: Site, table: EmailTable | MqttTable) -> Secret | None:
    return secret_of(table.password_env, table.password_file, site.folder)


def _certificates(site: Site, file: Path | None) -> Path | None:
    return site.folder / file if file is not None else None
