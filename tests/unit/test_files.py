"""A file is old or new, never torn; a writer that was killed leaves nothing that grows."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.files import replace_file, write_bytes


def die_while_writing(path: Path) -> None:
    """Write half of a file in a child that is killed."""
    child = os.fork()
    if child == 0:
        with replace_file(path) as temporary:
            temporary.write_bytes(b"half of something longer")
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_killed_writers_leave_one_temporary_file_and_the_next_writer_takes_it_up(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.json"
    write_bytes(path, b"old")
    for _ in range(3):
        die_while_writing(path)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    write_bytes(path, b"new")
    assert [found.name for found in tmp_path.iterdir()] == ["state.json"]
    assert path.read_bytes() == b"new"


def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_bytes(path, b"old")

    def fail() -> None:
        with replace_file(path) as temporary:
            temporary.write_bytes(b"new")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert [found.name for found in tmp_path.iterdir()] == ["state.json"]
    assert path.read_bytes() == b"old"


def test_writers_of_one_file_at_once_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "state.json"

    def write(number: int) -> None:
        for _ in range(20):
            write_bytes(path, bytes([number]) * 50_000)
            content = path.read_bytes()
            assert len(content) == 50_000
            assert len(set(content)) == 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert [found.name for found in tmp_path.iterdir()] == ["state.json"]


def test_a_link_that_waits_where_the_temporary_file_goes_is_not_followed(tmp_path: Path) -> None:
    path, victim = tmp_path / "state.json", tmp_path / "victim"
    victim.write_bytes(b"precious")
    with replace_file(path) as temporary:
        name = temporary.name
        temporary.write_bytes(b"first")
    (tmp_path / name).symlink_to(victim)
    with pytest.raises(OSError, match="symbolic link"):
        write_bytes(path, b"second")
    assert victim.read_bytes() == b"precious"
