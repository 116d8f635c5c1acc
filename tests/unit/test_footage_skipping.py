"""A part of a long file is the same whether what comes before it is decoded or skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.footage.decode_sources import ErrorLines, Video
from pipeline.footage.decoding import DecodedFrame, open_decoder
from tests import footage_maker as make

SECONDS = 50
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
UNEVEN = ("-vf", r"setpts='PTS+0.004*sin(N)/TB'", "-fps_mode", "passthrough")
SPARSE = ("-vf", r"select='lt(t\,40)+not(mod(n\,5))'", "-fps_mode", "passthrough")
KINDS = {
    "key frame a second.mp4": (*H264, "-g", "10", "-bf", "0"),
    "b frames.mp4": (*H264, "-g", "50", "-bf", "3"),
    "open groups.mp4": (*H264, "-g", "30", "-bf", "3", "-x264-params", "open-gop=1"),
    "one key frame.mp4": (*H264, "-g", "9999", "-sc_threshold", "0"),
    "fragments.mp4": (*H264, "-g", "20", "-movflags", "frag_keyframe+empty_moov"),
    "open groups of hevc.mp4": ("-c:v", "libx265", "-x265-params", "log-level=none:keyint=30"),
    "mpeg4.mp4": ("-c:v", "mpeg4", "-g", "12", "-bf", "2"),
    "b frames.mkv": (*H264, "-g", "25", "-bf", "3"),
    "no index.mkv": (*H264, "-g", "25", "-f", "matroska", "-live", "1"),
    "lossless.mkv": ("-c:v", "ffv1", "-pix_fmt", "bgr0"),
    "vp8.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "40"),
    "uneven.mkv": (*H264, "-g", "25", *UNEVEN),
    "uneven.mp4": (*H264, "-g", "25", *UNEVEN),
    "sparse at the end.mkv": (*H264, "-g", "25", *SPARSE),
    "no times.avi": ("-c:v", "mpeg4", "-g", "12"),
}


QUICK = ("b frames.mp4", "fragments.mp4", "no index.mkv", "vp8.webm", "uneven.mkv", "no times.avi")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for long files, one of each kind that was asked for."""
    return tmp_path_factory.mktemp("skipping")


def long_file(shelf: Path, kind: str) -> Path:
    path = shelf / kind
    return (
        path
        if path.exists()
        else make.encode(path, make.scene(1, SECONDS * 10, width_px=64, height_px=48), *KINDS[kind])
    )


def read(source: Path, start_us: int, *, sound_before: bool, rate: float) -> list[DecodedFrame]:
    with open_decoder(
        source,
        start_us=start_us,
        end_us=start_us + 3_000_000,
        grid_us=0,
        frame_rate=rate,
        folder_frame_rate=10.0,
        sound_before=sound_before,
    ) as decoder:
        return list(decoder)


def seen(frames: list[DecodedFrame]) -> list[tuple[int, int, bool, bytes]]:
    return [(one.pts_us, one.step_us, one.damaged, one.image.tobytes()) for one in frames]


@pytest.mark.parametrize(
    "kind",
    [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.full) for kind in KINDS],
)
def test_the_frames_of_a_part_are_the_same_at_the_same_times(shelf: Path, kind: str) -> None:
    source = long_file(shelf, kind)
    for start_us, rate in ((31_000_000, 10.0), (44_321_000, 3.7)):
        whole = read(source, start_us, sound_before=False, rate=rate)
        assert whole
        assert seen(read(source, start_us, sound_before=True, rate=rate)) == seen(whole)


def test_the_pictures_of_a_folder_are_the_same_at_the_same_times(tmp_path: Path) -> None:
    folder = make.folder_of_frames(tmp_path / "frames", frames=400)
    whole = read(folder, 30_050_000, sound_before=False, rate=4.0)
    assert whole
    assert seen(read(folder, 30_050_000, sound_before=True, rate=4.0)) == seen(whole)


@pytest.mark.parametrize("kind", ["b frames.mp4", "uneven.mkv", "vp8.webm"])
def test_most_of_what_comes_before_is_not_decoded(shelf: Path, kind: str) -> None:
    with long_file(shelf, kind).open("rb") as opened:
        video = Video(opened.fileno(), Quiet())
        assert video.can_skip
        assert video.skip_to(44_000_000, lambda: None)
        first = next(video.frames())
        assert 35_000_000 <= first.time_us <= 44_000_000


def test_a_container_without_times_of_its_own_is_read_from_its_beginning(shelf: Path) -> None:
    with long_file(shelf, "no times.avi").open("rb") as opened:
        assert not Video(opened.fileno(), Quiet()).can_skip


class Quiet(ErrorLines):
    """Leaves the messages of this process where they go."""

    def __init__(self) -> None:
        self.messages = []
        self._descriptor = os.open(os.devnull, os.O_RDWR)
