"""WebM: the same pictures are the same bytes, and whatever is written plays."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import KizashiError
from pipeline.footage.panels import grid_of, side_by_side
from pipeline.footage.webm_writer import frames_in_webm, name_track_by_number, write_webm


def write_clip(path: Path) -> bytes:
    chance = np.random.default_rng(0)
    pictures = (chance.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(12))
    write_webm(path, pictures, 10.0)
    return path.read_bytes()


def test_the_same_pictures_are_the_same_file(tmp_path: Path) -> None:
    first, second = (write_clip(tmp_path / name) for name in ("a.webm", "b.webm"))
    assert first == second
    assert frames_in_webm(tmp_path / "a.webm") == 12


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


def test_grey_pictures_play_as_grey(tmp_path: Path) -> None:
    path = tmp_path / "grey.webm"
    assert write_webm(path, [np.full((48, 64), level, np.uint8) for level in (40, 200)], 5.0) == 2
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(5.0)
    for level in (40, 200):
        ok, frame = capture.read()
        assert ok
        assert np.abs(frame.astype(int) - level).max() <= 4


def test_a_picture_of_another_size_is_not_left_out_in_silence(tmp_path: Path) -> None:
    sizes = ((48, 64), (48, 64), (64, 48))
    with pytest.raises(KizashiError, match=r"a\.webm: the video cannot be written"):
        write_webm(tmp_path / "a.webm", [np.zeros(size, np.uint8) for size in sizes], 5.0)


def test_nothing_to_write_is_our_mistake_and_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no frame"):
        write_webm(tmp_path / "a.webm", [], 5.0)
    with pytest.raises(KizashiError, match="cannot be written"):
        write_webm(tmp_path / "gone" / "a.webm", [np.zeros((48, 64), np.uint8)], 5.0)


def test_a_grid_is_nearly_square_with_even_sides() -> None:
    pictures = [np.full((32, 33), 10 * number, np.uint8) for number in range(1, 6)]
    sheet = grid_of(pictures)
    assert sheet.shape == (2 * 96 + 4, 3 * 99 + 2 * 4 + 1, 3)
    for number in range(5):
        row, column = number // 3, number % 3
        assert sheet[row * 100 + 50, column * 103 + 50].tolist() == [10 * (number + 1)] * 3
    assert sheet[196 - 50, 2 * 103 + 50].tolist() == [24] * 3


def test_panels_stand_under_their_captions() -> None:
    panels = {"one": np.full((96, 100), 90, np.uint8), "two": np.full((96, 100, 3), 30, np.uint8)}
    sheet = side_by_side(panels)
    assert sheet.shape == (116, 204, 3)
    assert sheet[60, 50].tolist() == [90] * 3
    assert sheet[60, 154].tolist() == [30] * 3
    for left in (0, 104):
        assert sheet[:20, left : left + 40].max() > 150
