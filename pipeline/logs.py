"""Logs: one line an event, on standard error, with secrets masked by parsing what is written."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog

from pipeline.masking import HIDDEN, is_secret_name, masked

__all__ = ["configure_logs", "mask_event"]


def mask_event(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask every value of a structlog event: by the name of its key, and by what it says."""
    for name, value in event.items():
        if not name.startswith("_"):  # structlog keeps its own objects under such names
            event[name] = _masked_value(name, value)
    return event


def _masked_value(name: str, value: Any) -> Any:
    if value is not None and is_secret_name(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: _masked_value(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked_value("", item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return masked(str(value))


def configure_logs(*, debug: bool = False, stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logs to `stream` (None: standard error), masked.

    Warnings and worse are written; with `debug` everything is, as JSON lines.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.PositionalArgumentsFormatter()],
        processors=[
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            mask_event,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    handler.set_name("kizashi")
    root = logging.getLogger()
    for known in [each for each in root.handlers if each.get_name() == "kizashi"]:
        root.removeHandler(known)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if debug else logging.WARNING)
