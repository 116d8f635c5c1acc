"""Asking the kernel as a user without rights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["as_nobody"]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user without rights for a while, where these tests run as root."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(mine)
