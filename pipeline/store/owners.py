"""Owners of leases: names of processes that another process of the same machine can check."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

__all__ = ["new_owner", "owner_is_dead"]

_PROC = Path("/proc")
_OWNER = re.compile(r"(?P<host>.+):(?P<pid>[0-9]{1,9}):(?P<ticks>[0-9]{1,18})")


def new_owner() -> str:
    """Return "host:pid:start-ticks" of this process.

    The host part carries the boot and the pid namespace too: in two containers of one host name
    the same pid is another process, and must not be taken for a dead one.
    """
    found = _stat(os.getpid())
    return f"{_host()}:{os.getpid()}:{found[1] if found else 0}"


def owner_is_dead(owner: str) -> bool:
    """Return True when `owner` is a process of this machine that runs no more; False when it runs
    or cannot be judged from here."""
    parts = _OWNER.fullmatch(owner)
    if parts is None or parts["host"] != _host() or parts["ticks"] == "0":
        return False
    found = _stat(int(parts["pid"]))
    if found is None:
        return not _answers(int(parts["pid"]))
    state, ticks = found
    return state in "ZX" or ticks != int(parts["ticks"])


def _host() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
        namespace = (_PROC / "self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}.{boot}.{namespace}"


def _stat(pid: int) -> tuple[str, int] | None:
    """Return the state of a process and its start in clock ticks since boot; None if not shown."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command in brackets may hold blanks and brackets; the fields begin after the last one.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _answers(pid: int) -> bool:
    # With hidepid=2 the processes of other users are not shown in /proc, yet they live.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
