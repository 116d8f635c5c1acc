"""Decoding in a child: exact times, pictures as asked for, damage noticed, no hanging."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import FootageError
from pipeline.footage.decode_process import child_environment
from pipeline.footage.decoding import DecodedFrame, DecodeReport, Ended, open_decoder
from tests import footage_maker as make

LOSSLESS = ("-c:v", "ffv1", "-pix_fmt", "bgr0")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with clips that several tests read."""
    folder = tmp_path_factory.mktemp("decoding")
    video = make.scene(1, 40)
    make.healthy(folder / "whole.mp4", seed=1)
    make.encode(folder / "lossless.mkv", video, *LOSSLESS)
    make.folder_of_frames(folder / "frames", seed=1, frames=20)
    return folder


def read(source: Path, **options: object) -> tuple[list[DecodedFrame], DecodeReport]:
    with open_decoder(source, **options) as decoder:  # type: ignore[arg-type]
        frames = list(decoder)
    return frames, decoder.report


def test_a_whole_file_gives_every_frame_at_its_exact_time(shelf: Path) -> None:
    frames, report = read(shelf / "whole.mp4")
    assert [frame.pts_us for frame in frames] == list(range(0, 4_000_000, 100_000))
    assert [frame.key for frame in frames] == ([True] + [False] * 9) * 4
    assert not any(frame.damaged for frame in frames)
    assert frames[0].image.shape == (64, 96, 3)
    assert report == DecodeReport(
        frames=40,
        claimed_frames=40,
        claimed_duration_us=4_000_000,
        duration_us=4_000_000,
        width_px=96,
        height_px=64,
        frame_rate=10.0,
        damage_lines=0,
        ended=Ended.END,
        codec="h264",
    )


def test_pictures_come_out_as_they_went_in(shelf: Path) -> None:
    frames, _ = read(shelf / "lossless.mkv")
    video_bgr = make.scene(1, 40)[..., ::-1]
    assert all(np.array_equal(f.image, v) for f, v in zip(frames, video_bgr, strict=True))


def test_pictures_are_resized_by_area_and_made_grey_in_the_child(shelf: Path) -> None:
    frames, _ = read(shelf / "lossless.mkv", size_px=(48, 32), grey=True)
    assert frames[0].image.shape == (32, 48)
    video = make.scene(1, 40).astype(float)
    grey = video @ [0.299, 0.587, 0.114]
    blocks = grey.reshape(40, 32, 2, 48, 2).mean(axis=(2, 4))
    worst = max(np.abs(f.image - b).max() for f, b in zip(frames, blocks, strict=True))
    assert worst <= 1.0


def test_only_the_frames_of_a_window_are_given(shelf: Path) -> None:
    frames, report = read(shelf / "whole.mp4", start_us=1_000_000, end_us=1_500_000)
    assert [frame.pts_us for frame in frames] == [1_000_000 + i * 100_000 for i in range(5)]
    assert report.duration_us == 1_500_000
    whole, _ = read(shelf / "whole.mp4")
    assert np.array_equal(frames[0].image, whole[10].image)


def test_without_pictures_only_times_come(shelf: Path) -> None:
    frames, report = read(shelf / "whole.mp4", pictures=False)
    assert len(frames) == 40
    assert frames[0].image.size == 0
    assert (report.width_px, report.height_px) == (96, 64)


def test_a_folder_of_pictures_is_read_in_natural_order(shelf: Path) -> None:
    frames, report = read(shelf / "frames", folder_frame_rate=5.0)
    assert [frame.pts_us for frame in frames] == list(range(0, 4_000_000, 200_000))
    video_bgr = make.scene(1, 20)[..., ::-1]
    assert all(np.array_equal(f.image, v) for f, v in zip(frames, video_bgr, strict=True))
    assert report.frame_rate == 5.0
    assert report.claimed_duration_us == report.duration_us == 4_000_000


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".pgm"])
def test_every_kind_of_picture_can_be_a_frame(suffix: str, tmp_path: Path) -> None:
    make.folder_of_frames(tmp_path / "frames", frames=3, suffix=suffix)
    (tmp_path / "frames" / ".hidden.png").write_bytes(b"not a picture")
    (tmp_path / "frames" / "notes.txt").write_text("not a picture")
    frames, report = read(tmp_path / "frames", folder_frame_rate=10.0)
    assert len(frames) == report.claimed_frames == 3


def test_a_picture_that_cannot_be_read_is_a_damaged_frame_in_its_place(tmp_path: Path) -> None:
    folder = make.folder_of_frames(tmp_path / "frames", frames=5)
    (folder / "frame3.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    frames, _ = read(folder, folder_frame_rate=10.0)
    assert [frame.damaged for frame in frames] == [False, False, True, False, False]
    assert frames[2].pts_us == 200_000
    assert frames[2].image.shape == frames[1].image.shape


def test_a_picture_of_another_size_ends_the_footage(tmp_path: Path) -> None:
    folder = make.folder_of_frames(tmp_path / "frames", frames=5)
    make.write_picture(folder / "frame4.png", np.zeros((32, 32, 3), np.uint8))
    frames, report = read(folder, folder_frame_rate=10.0)
    assert len(frames) == 3
    assert report.ended is Ended.SIZE_CHANGED


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi", ".mov"])
def test_exact_times_in_every_container(suffix: str, tmp_path: Path) -> None:
    source = make.healthy(tmp_path / f"clip{suffix}", seconds=2.0)
    frames, report = read(source)
    assert [round(frame.pts_us, -3) for frame in frames] == list(range(0, 2_000_000, 100_000))
    assert report.damage_lines == 0


def test_avi_with_b_frames_has_a_beginning_and_an_end(tmp_path: Path) -> None:
    # Here OpenCV 5.0.0 gives 66.7 ms for the first frame and 0 for the last one.
    source = make.encode(
        tmp_path / "b.avi", make.scene(0, 30), "-c:v", "mpeg4", "-bf", "2", rate=15.0
    )
    frames, _ = read(source)
    assert len(frames) == 30
    assert all(abs(f.pts_us - i * 1e6 / 15) <= 2 for i, f in enumerate(frames))


def test_damage_marks_the_frames_and_is_counted(shelf: Path, tmp_path: Path) -> None:
    broken = make.flip_bits(tmp_path / "flip.mp4", shelf / "whole.mp4", seed=1, count=40)
    frames, report = read(broken)
    assert report.damage_lines > 0
    assert any(frame.damaged for frame in frames)
    assert report.messages
    assert not any("0x" in message for message in report.messages)


def test_a_stopped_child_is_given_up_and_killed(shelf: Path) -> None:
    with open_decoder(shelf / "whole.mp4", stall_seconds=2.0) as decoder:
        frames = iter(decoder)
        next(frames)
        os.kill(decoder.process_id, signal.SIGSTOP)
        # What was written before the stop still comes; then nothing does.
        began = time.monotonic()
        list(frames)
        assert time.monotonic() - began < 20.0
        ended = decoder.report.ended
    assert ended in (Ended.STALLED, Ended.END)
    assert_gone(decoder.process_id)


def test_a_child_that_hangs_before_the_end_is_reported_as_stalled(tmp_path: Path) -> None:
    # Larger than the pipe, so that the child is certainly not done when it is stopped.
    source = make.encode(tmp_path / "large.mkv", make.scene(0, 30, width_px=640, height_px=480))
    with open_decoder(source, stall_seconds=2.0) as decoder:
        frames = iter(decoder)
        next(frames)
        os.kill(decoder.process_id, signal.SIGSTOP)
        seen = 1 + len(list(frames))
        assert decoder.report.ended is Ended.STALLED
    assert seen < 30
    assert_gone(decoder.process_id)


def test_a_child_that_dies_is_reported(tmp_path: Path) -> None:
    source = make.encode(tmp_path / "large.mkv", make.scene(0, 30, width_px=640, height_px=480))
    with open_decoder(source) as decoder:
        frames = iter(decoder)
        next(frames)
        os.kill(decoder.process_id, signal.SIGKILL)
        list(frames)
        assert decoder.report.ended is Ended.ERROR


def test_leaving_early_ends_the_child(shelf: Path) -> None:
    with open_decoder(shelf / "whole.mp4") as decoder:
        next(iter(decoder))
    assert_gone(decoder.process_id)


def test_no_descriptor_stays_open(shelf: Path) -> None:
    read(shelf / "whole.mp4")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        read(shelf / "whole.mp4")
        with pytest.raises(FootageError):
            read(shelf / "missing.mp4")
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_child_knows_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIZASHI_DATABASE_URL", "postgresql://user:secret@host/db")
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "format_whitelist;concat")
    told = child_environment()
    assert not any("secret" in value for value in told.values())
    assert told["OPENCV_FFMPEG_CAPTURE_OPTIONS"].startswith("format_whitelist;mov,mp4,")
    assert "concat" not in told["OPENCV_FFMPEG_CAPTURE_OPTIONS"]
    assert told["OPENCV_FFMPEG_CAPTURE_OPTIONS"].endswith("|protocol_whitelist;file")


def test_the_child_starts_in_no_time_because_it_imports_little() -> None:
    code = (
        "import sys; import pipeline.footage.decode_child; "
        "heavy = {'torch', 'pydantic', 'sqlalchemy', 'scipy', 'sklearn'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]"


def test_modules_lying_in_the_working_folder_are_not_imported(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cv2.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    assert len(read(shelf / "whole.mp4")[0]) == 40


def assert_gone(process_id: int) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)
