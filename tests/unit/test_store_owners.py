"""Owners of leases: a process is dead only when that is certain."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from pipeline.store.owners import new_owner, owner_is_dead


def test_this_process_lives_and_its_name_stays_the_same() -> None:
    assert new_owner() == new_owner()
    assert re.fullmatch(r".+:\d+:\d+", new_owner())
    assert not owner_is_dead(new_owner())


def test_the_same_pid_with_another_start_is_another_process_and_the_first_is_dead() -> None:
    host, pid, ticks = new_owner().rsplit(":", 2)
    assert owner_is_dead(f"{host}:{pid}:{int(ticks) - 1}")


def test_a_process_that_ended_is_dead_even_as_a_zombie() -> None:
    command = "from pipeline.store.owners import new_owner; print(new_owner(), flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        owner = process.stdout.readline().strip()
        assert not owner_is_dead(owner)
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert owner_is_dead(owner)  # a zombie: it has ended, and nobody has asked for its status
    assert owner_is_dead(owner)


def test_what_cannot_be_judged_from_here_is_not_dead() -> None:
    host, pid, _ = new_owner().rsplit(":", 2)
    for owner in (
        "", "me", "a:b:c", ":::", f"other{host}:{pid}:1", f"{host}:x:1", f"{host}:{pid}:0",
        f"{host}:{pid}:-1", f"{host}:{'9' * 30}:5", f"{host}:{pid}:1:1",
    ):  # fmt: skip
        assert not owner_is_dead(owner)
