"""Whatever bytes a file begins with and whatever its name is: admitted or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.errors import FootageError
from pipeline.footage.admission import Reason, admit, check_content
from pipeline.footage.names import footage_path, natural_key, shown_name, stored_path

BEGINNINGS = st.sampled_from(
    [
        b"",
        b"\x1aE\xdf\xa3",
        b"\0\0\0\x18ftypisom",
        b"RIFF\0\0\0\0AVI ",
        b"RIFF\0\0\0\0WAVE",
        b"\x47",
        b"ffconcat version 1.0\n",
        b"#EXTM3U\n",
        b"\xff\xd8\xff",
        b"PK\x03\x04",
        b"<!DOCTYPE html>",
    ]
)
HEADS = st.builds(bytes.__add__, BEGINNINGS, st.binary(max_size=800))
NAMES = st.text(min_size=1, max_size=40)
CONTAINERS = (b"\x1aE\xdf\xa3", b"RIFF")


def refusal_of(head: bytes, name: str) -> FootageError | None:
    try:
        check_content(head, name)
    except FootageError as error:
        return error
    return None


@settings(max_examples=300, deadline=None)
@given(head=HEADS, name=NAMES)
@example(head=b"\x47" * 600, name="\x1b[31m\n")
def test_any_beginning_is_a_container_or_refused_in_one_line(head: bytes, name: str) -> None:
    refusal = refusal_of(head, shown_name(name))
    if refusal is not None:
        assert refusal.reason == Reason.NOT_VIDEO
        assert str(refusal).isprintable()
        assert not head.startswith(b"\x1aE\xdf\xa3")
        return
    atom = head[4:8].isalpha() and len(head) >= 8
    packets = head.count(b"\x47") >= 3
    assert head.startswith(CONTAINERS) or atom or packets


def outcome_of(path: Path, root: Path) -> tuple[int, str]:
    """Return the size of what was admitted, or 0 and the reason of the refusal."""
    try:
        with admit(path, root=root) as candidate:
            assert not candidate.is_folder
            return candidate.about.st_size, ""
    except FootageError as error:
        return 0, error.reason


@settings(max_examples=150, deadline=None)
@given(content=HEADS)
def test_any_file_is_opened_once_or_refused_and_nothing_stays_open(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = folder / "fuzzed.mp4"
    path.write_bytes(content)
    before = len(list(Path("/proc/self/fd").iterdir()))
    size, reason = outcome_of(path, folder)
    if reason:
        assert reason == (Reason.NOT_VIDEO if content else Reason.EMPTY)
        assert not content or refusal_of(content, "fuzzed.mp4") is not None
    else:
        assert size == len(content)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


FILE_NAMES = (
    st.binary(min_size=1, max_size=60)
    .map(lambda raw: raw.replace(b"\0", b"\\x00").replace(b"/", b"\\x2f"))
    .filter(lambda raw: raw not in (b".", b".."))
    .map(lambda raw: raw.decode("utf-8", "surrogateescape"))
)


@settings(max_examples=400, deadline=None)
@given(parts=st.lists(FILE_NAMES, min_size=1, max_size=3))
def test_any_name_is_stored_as_text_and_found_again(parts: list[str]) -> None:
    relative, source = Path(*parts), Path("/footage")
    stored = stored_path(relative)
    stored.encode("utf-8")
    assert footage_path(source, stored) == source / relative
    assert shown_name(stored).isprintable()


@settings(max_examples=200, deadline=None)
@given(names=st.lists(FILE_NAMES, max_size=12))
def test_names_have_one_order_whatever_order_they_come_in(names: list[str]) -> None:
    unique = sorted(set(names))
    backwards = unique[::-1]
    assert sorted(unique, key=natural_key) == sorted(backwards, key=natural_key)
