"""Labels and masks: read strictly, with the line or file named in every complaint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import EvaluationError
from pipeline.evaluation.labels import (
    Interval,
    check_intervals,
    frame_labels,
    mask_path,
    read_labels,
    read_mask,
)

HEADER = "video,start_seconds,end_seconds\n"


def _labels(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_intervals_are_read_in_order_of_time_and_a_video_without_a_row_is_normal(
    tmp_path: Path,
) -> None:
    path = _labels(tmp_path, HEADER + "b.mp4,7.5,9\nb.mp4,1.25,2.5\n")
    assert read_labels(path, ["a.mp4", "b.mp4"]) == {
        "a.mp4": (),
        "b.mp4": (
            Interval(start_us=1_250_000, end_us=2_500_000, line=3),
            Interval(start_us=7_500_000, end_us=9_000_000, line=2),
        ),
    }


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    path = _labels(tmp_path, "\ufeff" + (HEADER + "ライン.mp4,0,1\n").replace("\n", "\r\n"))
    assert len(read_labels(path, ["ライン.mp4"])["ライン.mp4"]) == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        pytest.param("a.mp4,1\n", "line 2: 2 fields", id="field missing"),
        pytest.param("a.mp4,1,2,3\n", "line 2: 4 fields", id="field too many"),
        pytest.param("a.mp4,0,1\nz.mp4,0,1\n", "line 3: 'z.mp4' is not in the test", id="unknown"),
        pytest.param("a.mp4,one,2\n", "line 2: start_seconds 'one'", id="no number"),
        pytest.param("a.mp4,0,nan\n", "line 2: end_seconds 'nan'", id="nan"),
        pytest.param("a.mp4,0,inf\n", "line 2: end_seconds 'inf'", id="infinite"),
        pytest.param("a.mp4,-1,2\n", "line 2: from -1 to 2", id="before the start"),
        pytest.param("a.mp4,2,2\n", "line 2: from 2 to 2", id="empty"),
        pytest.param("a.mp4,3,2\n", "line 2: from 3 to 2", id="backwards"),
        pytest.param("a.mp4,5,9\na.mp4,1,6\n", "line 2: overlaps line 3", id="overlap"),
    ],
)
def test_a_wrong_row_is_refused_by_its_line(tmp_path: Path, rows: str, words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        read_labels(_labels(tmp_path, HEADER + rows), ["a.mp4"])


@pytest.mark.parametrize("text", ["", "video,start,end\n", "a.mp4,0,1\n"])
def test_a_wrong_header_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(EvaluationError, match="line 1: the header must be video,start_seconds"):
        read_labels(_labels(tmp_path, text), ["a.mp4"])


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(EvaluationError, match="not readable as a CSV file"):
        read_labels(path, [])
    with pytest.raises(EvaluationError, match="not readable as a CSV file"):
        read_labels(tmp_path / "missing.csv", [])


def test_an_interval_is_half_open() -> None:
    pts_us = np.array([0, 100_000, 200_000, 300_000])
    interval = Interval(start_us=100_000, end_us=300_000, line=2)
    assert frame_labels(pts_us, [interval]).tolist() == [False, True, True, False]


def test_an_interval_after_the_last_frame_is_refused_by_its_line() -> None:
    pts_us = np.array([0, 100_000, 200_000])
    beyond = Interval(start_us=250_000, end_us=900_000, line=7)
    with pytest.raises(EvaluationError, match=r"line 7: 'a.mp4' has no frame between 0.25 and 0.9"):
        check_intervals(Path("labels.csv"), "a.mp4", [beyond], pts_us)
    check_intervals(
        Path("labels.csv"), "a.mp4", [Interval(start_us=150_000, end_us=900_000, line=7)], pts_us
    )


def test_the_mask_of_a_file_has_its_stem_and_that_of_a_folder_its_whole_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "Test.01").mkdir()
    assert mask_path(Path("masks"), tmp_path / "01.mp4") == Path("masks/01.npz")
    assert mask_path(Path("masks"), tmp_path / "Test.01") == Path("masks/Test.01.npz")


def test_a_mask_is_read_as_it_was_written(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((3, 4, 5)) > 0.5
    np.savez_compressed(tmp_path / "01.npz", mask=mask)
    read = read_mask(tmp_path / "01.npz", frames=3, height_px=4, width_px=5)
    assert np.array_equal(read, mask)


def test_a_mask_of_another_shape_or_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "01.npz"
    np.savez_compressed(path, mask=np.zeros((3, 4, 5), dtype=np.bool_))
    with pytest.raises(EvaluationError, match=r"01.npz: mask is bool \(3, 4, 5\), but the video"):
        read_mask(path, frames=4, height_px=4, width_px=5)
    np.savez_compressed(path, mask=np.zeros((3, 4, 5), dtype=np.uint8))
    with pytest.raises(EvaluationError, match="mask is uint8"):
        read_mask(path, frames=3, height_px=4, width_px=5)


def test_a_mask_file_that_is_damaged_or_runs_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "01.npz"
    np.savez_compressed(path, other=np.zeros(3))
    with pytest.raises(EvaluationError, match="no array `mask`"):
        read_mask(path, frames=3, height_px=4, width_px=5)
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(EvaluationError, match="no array `mask`"):
        read_mask(path, frames=3, height_px=4, width_px=5)
    with path.open("wb") as opened:
        np.save(opened, np.zeros((3, 4, 5), dtype=np.bool_))
    with pytest.raises(EvaluationError, match=r"not an \.npz archive"):
        read_mask(path, frames=3, height_px=4, width_px=5)
    np.savez_compressed(path, mask=np.array([{"a": 1}], dtype=object))
    with pytest.raises(EvaluationError, match="no array `mask`"):
        read_mask(path, frames=3, height_px=4, width_px=5)
