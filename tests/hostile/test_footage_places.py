"""What lies in a drop folder and is no settled file is refused at once, or waited for."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.errors import FootageError
from pipeline.footage.admission import Candidate, Reason, admit
from pipeline.footage.examine import examine, identify
from tests import footage_maker as make
from tests.footage_site import CAMERA, FootageSite, footage_site
from tests.nobody import as_nobody

Promise = Callable[[str, str], None]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[FootageSite]:
    with footage_site(tmp_path) as site:
        yield site


def bound_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the paths of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(before)


def link_around(path: Path) -> None:
    path.with_name("other.mp4").symlink_to(path.name)
    path.symlink_to("other.mp4")


PLACES: dict[str, tuple[Callable[[Path], object], Reason]] = {
    "pipe": (os.mkfifo, Reason.NOT_REGULAR),
    "socket": (bound_socket, Reason.NOT_REGULAR),
    "device": (lambda p: p.symlink_to("/dev/zero"), Reason.OUTSIDE_ROOT),
    "link to nothing": (lambda p: p.symlink_to("nothing.mp4"), Reason.UNREADABLE),
    "link to itself": (lambda p: p.symlink_to(p.name), Reason.UNREADABLE),
    "links in a circle": (link_around, Reason.UNREADABLE),
    "link that leads out": (lambda p: p.symlink_to("/etc/passwd"), Reason.OUTSIDE_ROOT),
    "folder that leads out": (lambda p: p.symlink_to("/etc"), Reason.OUTSIDE_ROOT),
}


def test_what_is_no_file_is_refused_without_waiting_for_it(
    tmp_path: Path, promise: Promise
) -> None:
    spent: list[float] = []
    for number, (make_it, reason) in enumerate(PLACES.values()):
        root = tmp_path / str(number)
        root.mkdir()
        make_it(root / "a.mp4")
        before = time.process_time()
        with pytest.raises(FootageError) as caught, admit(root / "a.mp4", root=root):
            pass
        spent.append(time.process_time() - before)
        assert caught.value.reason == reason
    promise("V7", f"{len(PLACES)} kinds of no file: refused in {max(spent) * 1000:.0f} ms at most")


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    root = Path(os.path.realpath(tmp_path))
    path = make.healthy(root / "a.mp4", seconds=1.0)
    path.chmod(0)
    for folder in (root, *root.parents):
        if folder != Path("/") and folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o111)
    with as_nobody(), pytest.raises(FootageError) as caught, admit(path, root=root):
        pass
    assert caught.value.reason == Reason.UNREADABLE
    assert "a.mp4" in str(caught.value)


def test_a_file_that_goes_or_changes_while_it_is_read_harms_nothing(tmp_path: Path) -> None:
    path = make.healthy(tmp_path / "a.mp4", seconds=2.0)
    other = make.healthy(tmp_path / "b.mp4", seconds=1.0, seed=4).read_bytes()

    def looked_at(candidate: Candidate) -> tuple[str, int]:
        return identify(candidate).sha256, examine(candidate).report.frames

    with admit(path, root=tmp_path) as candidate:
        whole = looked_at(candidate)
    assert whole[1] == 20
    with admit(path, root=tmp_path) as candidate:
        path.unlink()
        path.write_bytes(other)  # another file under its name
        assert looked_at(candidate) == whole
    with admit(path, root=tmp_path) as candidate:
        path.unlink()
        assert looked_at(candidate)[1] == 10


def test_a_file_that_is_copied_for_twenty_seconds_is_taken_in_once_and_never_early(
    opened: FootageSite, promise: Promise
) -> None:
    content = make.healthy(opened.source.parent / "whole.mkv", seconds=4.0).read_bytes()
    path, looks = opened.source / "a.mkv", []
    piece = -(-len(content) // 20)
    for second in range(20):
        with path.open("ab") as growing:
            growing.write(content[second * piece : (second + 1) * piece])
        now = opened.clock.now_utc().timestamp()
        os.utime(path, (now, now))
        opened.clock.advance(1.0)
        looks.append(opened.ingest())
    assert [(look.waiting, look.admitted, look.refused) for look in looks] == [(1, 0, 0)] * 20
    opened.clock.advance(1.5)
    after = [opened.ingest() for _ in range(3)]
    assert [(look.admitted, look.known) for look in after] == [(1, 0), (0, 1), (0, 1)]
    assert opened.told("a.mkv") == "seen 0.0-4.0"
    assert len(opened.site.store.footage_of(CAMERA)) == 1
    promise("V8", "a file copied for 20 s: looked at 20 times too early, taken in once")


def test_a_copy_that_is_given_up_is_taken_in_as_far_as_it_came(opened: FootageSite) -> None:
    content = make.healthy(opened.source.parent / "whole.mkv", seconds=4.0).read_bytes()
    (opened.source / "a.mkv").write_bytes(content[: len(content) // 2])
    assert opened.ingest().admitted == 1
    assert opened.told("a.mkv").endswith("-4.0")
    assert "truncated" in opened.told("a.mkv") or "damaged" in opened.told("a.mkv")
    # Copied again, whole: other bytes under the same name are another footage.
    (opened.source / "a.mkv").write_bytes(content)
    assert opened.ingest().admitted == 1


def test_a_copy_under_another_name_is_not_looked_at_until_it_is_renamed(
    opened: FootageSite,
) -> None:
    content = make.healthy(opened.source.parent / "whole.mp4", seconds=4.0).read_bytes()
    for name in (".a.mp4", "a.mp4.part", "a.mp4.tmp"):
        (opened.source / name).write_bytes(content[: len(content) // 2])
    assert opened.ingest().admitted == opened.ingest().refused == 0
    assert opened.lines == []
    (opened.source / "a.mp4.part").write_bytes(content)
    (opened.source / "a.mp4.part").rename(opened.source / "a.mp4")
    assert [opened.ingest().admitted for _ in range(2)] == [1, 0]


def test_footage_is_named_by_its_bytes_and_not_by_its_name(
    opened: FootageSite, promise: Promise
) -> None:
    one = make.healthy(opened.source / "a.mp4", seconds=1.0)
    other = make.healthy(opened.source.parent / "other.mp4", seconds=1.0, seed=7).read_bytes()

    def count() -> int:
        opened.ingest()
        return len(opened.site.store.footage_of(CAMERA))

    counts = [count(), count()]  # twice the same
    (opened.source / "b.mp4").write_bytes(one.read_bytes())  # the same bytes under two names
    counts.append(count())
    one.write_bytes(other)  # other bytes under a name that was there
    counts.append(count())
    assert counts == [1, 1, 1, 2]
    promise("V11", "twice, under two names, other bytes under one name: 1, 1 and 2 footages")
