"""The demo line on disk: exact files and times, rendered once."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.camera import Camera, ClockSource
from pipeline.demo.factory import Factory
from pipeline.demo.script import FaultKind
from pipeline.demo.write_line import LineFile, WrittenLine, write_line
from pipeline.errors import SettingsError
from pipeline.footage.admission import Verdict
from pipeline.footage.examine import probe_footage
from pipeline.footage.start_time import known_start_utc

ARGUMENTS = {"seed": 3, "normal_seconds": 10.0, "file_seconds": 25.0, "kinds": (FaultKind.STOP,)}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> WrittenLine:
    return write_line(tmp_path_factory.mktemp("line"), **ARGUMENTS)


def _decode(file: LineFile) -> tuple[list[float], list[np.ndarray]]:
    capture = cv2.VideoCapture(str(file.path), cv2.CAP_FFMPEG)
    times, frames = [], []
    while True:
        good, frame = capture.read()
        if not good:
            break
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC))
        frames.append(frame)
    capture.release()
    return times, frames


def test_files_decode_with_exact_count_and_times(line: WrittenLine) -> None:
    for file in line.files:
        times, _ = _decode(file)
        assert len(times) == round((file.end_seconds - file.start_seconds) * 10)
        assert times == pytest.approx([100.0 * n for n in range(len(times))])


def test_the_footage_room_takes_each_file_as_one_whole_segment(line: WrittenLine) -> None:
    camera = Camera(
        name="demo-line",
        source=line.files[0].path.parent,
        purpose="test",
        owner="test",
        retention_days=1,
        clock=ClockSource.SIDECAR,
    )
    for file in line.files:
        start_utc = known_start_utc(camera, file.path)
        assert start_utc == file.start_utc
        footage, segments, blind = probe_footage(
            file.path, camera="demo-line", root=file.path.parent, start_utc=start_utc
        )
        assert (footage.verdict, footage.reason) == (Verdict.ADMITTED, None)
        length_us = round((file.end_seconds - file.start_seconds) * 1_000_000)
        assert [(s.start_us, s.end_us) for s in segments] == [(0, length_us)]
        assert blind == []


def test_decoded_frames_are_those_of_the_factory_but_for_the_encoder(line: WrittenLine) -> None:
    factory = Factory(line.script)
    _, frames = _decode(line.files[1])
    for number in (0, 57, 249):
        rendered = factory.frame(100 + number)
        assert cv2.PSNR(frames[number], rendered) > 25.0
        assert cv2.PSNR(frames[number], rendered) > cv2.PSNR(frames[number], factory.frame(94))


def test_side_cars_say_consecutive_starts_without_holes(line: WrittenLine) -> None:
    starts = [json.loads(file.side_car.read_text())["start_utc"] for file in line.files]
    assert starts == [
        "2026-01-05T08:00:00Z",
        "2026-01-05T08:00:10Z",
        "2026-01-05T08:00:35Z",
        "2026-01-05T08:01:00Z",
    ]
    assert [file.watched for file in line.files] == [False, True, True, True]
    assert line.files[0].side_car.name == "line-001.mp4.start.json"
    assert line.files[-1].end_seconds == line.script.duration_seconds == 80.0


def test_the_truth_names_kind_time_file_and_place(line: WrittenLine) -> None:
    with line.truth_path.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert rows == [
        {
            "kind": "stop",
            "start_utc": "2026-01-05T08:00:52.000Z",
            "end_utc": "2026-01-05T08:01:00.500Z",
            "start_seconds": "52.0",
            "end_seconds": "60.5",
            "file": "line-003.mp4",
            "x": "0.0000",
            "y": "0.3958",
            "width": "1.0000",
            "height": "0.3021",
        }
    ]


def test_a_second_run_renders_only_what_is_missing(line: WrittenLine) -> None:
    folder = line.truth_path.parent
    lost = line.files[0]
    _, before = _decode(lost)
    kept = {file.path: file.path.stat().st_mtime_ns for file in line.files[1:]}
    lost.path.unlink()
    said: list[str] = []
    again = write_line(folder, **ARGUMENTS, progress=said.append)
    assert said == ["rendered line-001.mp4 (1 of 1)"]
    assert again == line
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert all(np.array_equal(a, b) for a, b in zip(before, _decode(lost)[1], strict=True))
    assert sorted(p.name for p in (folder / "footage").iterdir() if p.name.startswith(".")) == []


def test_a_folder_with_another_line_is_refused(line: WrittenLine) -> None:
    with pytest.raises(SettingsError, match="another demo line; choose an empty folder"):
        write_line(line.truth_path.parent, **{**ARGUMENTS, "seed": 4})


def test_a_torn_note_of_the_folder_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "line.json").write_text("{")
    with pytest.raises(SettingsError, match="not readable"):
        write_line(tmp_path, **ARGUMENTS)


def test_files_shorter_than_a_second_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="file_seconds"):
        write_line(tmp_path, **{**ARGUMENTS, "file_seconds": 0.5})
