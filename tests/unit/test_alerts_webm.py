"""Clips of evidence written twice are the same bytes."""

from pathlib import Path

import numpy as np

from pipeline.alerts.evidence import _frames_in, _write_clip
from pipeline.alerts.webm import name_track_by_number


def write_clip(path: Path) -> bytes:
    chance = np.random.default_rng(0)
    pictures = (chance.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(12))
    _write_clip(path, pictures, 10.0)
    return path.read_bytes()


def test_the_same_pictures_are_the_same_file(tmp_path: Path) -> None:
    first, second = (write_clip(tmp_path / name) for name in ("a.webm", "b.webm"))
    assert first == second
    assert _frames_in(tmp_path / "a.webm") == 12


def test_naming_the_track_again_changes_nothing(tmp_path: Path) -> None:
    clip = tmp_path / "a.webm"
    before = write_clip(clip)
    assert name_track_by_number(clip)
    assert clip.read_bytes() == before


def test_a_file_without_a_track_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "text.webm"
    path.write_bytes(b"no clip")
    assert name_track_by_number(path)
    assert path.read_bytes() == b"no clip"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert not name_track_by_number(tmp_path / "none.webm")
