"""Frames that come at irregular times, and codecs of every kind: times are right to one frame."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.footage.admission import Verdict
from pipeline.footage.decoding import open_decoder
from tests import footage_maker as make
from tests.footage_site import FootageSite, footage_site

Promise = Callable[[str, str], None]

SECONDS = 6.0
RATE = 10.0
VFR = (
    "-c:v",
    "libx264",
    "-fps_mode",
    "vfr",
    "-enc_time_base",
    "1/1000",
    "-pix_fmt",
    "yuv420p",
    "-g",
    "10",
)


def times_where(kept: Callable[[int], bool]) -> list[float]:
    return [n / RATE for n in range(60) if kept(n)]


# name: (ffmpeg's filter, the times in seconds at which frames then are)
PATTERNS: dict[str, tuple[str, list[float]]] = {
    "every second one": ("select='not(mod(n,2))'", times_where(lambda n: n % 2 == 0)),
    "seven of ten": ("select='lt(mod(n,10),7)'", times_where(lambda n: n % 10 < 7)),
    "a hole of two seconds": (
        "select='not(between(n,20,39))'",
        times_where(lambda n: not 20 <= n <= 39),
    ),
    "two holes of 0.7 s": (
        "select='not(between(n,15,20)+between(n,40,45))'",
        times_where(lambda n: not (15 <= n <= 20 or 40 <= n <= 45)),
    ),
    "slower and slower": (
        "setpts='PTS*(1+0.05*T)'",
        [n / RATE * (1 + 0.05 * n / RATE) for n in range(60)],
    ),
    "jitter of 30 ms": (
        "setpts='PTS+if(mod(N,2),0.03/TB,0)'",
        [n / RATE + 0.03 * (n % 2) for n in range(60)],
    ),
}
HOLES = {"a hole of two seconds": 2, "two holes of 0.7 s": 3}
"""Pattern -> the segments that its holes leave."""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> FootageSite:
    """Return a site that took in a film of every pattern and codec."""
    with footage_site(tmp_path_factory.mktemp("times")) as opened:
        for number, (filter_, _) in enumerate(PATTERNS.values()):
            path = opened.source / f"vfr-{number}.mkv"
            make.encode(path, make.scene(number, 60), "-vf", f"settb=1/1000,{filter_}", *VFR)
        for name, options in CODECS.items():
            make.encode(opened.source / name, make.scene(9, 30, **SIZES.get(name, {})), *options)
        opened.ingest()
        yield opened


def test_frames_at_irregular_times_keep_them_to_one_frame(
    films: FootageSite, promise: Promise
) -> None:
    largest = 0.0
    for number, (name, (_, expected)) in enumerate(PATTERNS.items()):
        with open_decoder(films.source / f"vfr-{number}.mkv") as decoder:
            found = [frame.pts_us / 1e6 for frame in decoder]
        assert len(found) == len(expected), name
        wrong = max(abs(a - b) for a, b in zip(found, expected, strict=True))
        assert wrong <= 0.1, (name, wrong)
        largest = max(largest, wrong)
    promise("V10", f"{len(PATTERNS)} patterns of times: at most {largest * 1000:.0f} ms wrong")


def test_every_hole_of_half_a_second_divides_a_film(films: FootageSite) -> None:
    for number, name in enumerate(PATTERNS):
        told = films.told(f"vfr-{number}.mkv").split(", ")
        assert sum(part.startswith("seen") for part in told) == HOLES.get(name, 1), (name, told)
        assert sum(part.startswith("gap") for part in told) == HOLES.get(name, 1) - 1, (name, told)


YUV = ("-pix_fmt", "yuv420p")
CODECS = {
    "h264-b-frames.mp4": ("-c:v", "libx264", "-bf", "3", *YUV),
    "h264-ten-bit.mkv": ("-c:v", "libx264", "-pix_fmt", "yuv420p10le"),
    "h264-grey.mp4": ("-c:v", "libx264", "-pix_fmt", "gray"),
    "h264-late-start.ts": ("-c:v", "libx264", *YUV, "-output_ts_offset", "7"),
    "h264-edit-list.mp4": ("-c:v", "libx264", "-bf", "2", *YUV, "-movflags", "+faststart"),
    "h264-odd-size.mkv": ("-c:v", "libx264", "-pix_fmt", "yuv444p"),
    "hevc.mkv": ("-c:v", "libx265", "-x265-params", "log-level=none", *YUV),
    "mpeg2-interlaced.ts": ("-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-r", "25", *YUV),
    "mpeg4.avi": ("-c:v", "mpeg4", *YUV),
    "mjpeg.avi": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"),
    "vp8.webm": ("-c:v", "libvpx", "-b:v", "400k", *YUV),
    "ffv1.mkv": ("-c:v", "ffv1"),
}
SIZES = {"h264-odd-size.mkv": {"width_px": 161, "height_px": 121}}


def test_every_codec_of_cameras_is_seen_whole(films: FootageSite, promise: Promise) -> None:
    rows = films.footage()
    for name in CODECS:
        assert rows[name].verdict is Verdict.ADMITTED, name
        assert films.told(name) == "seen 0.0-3.0", name
    promise("V10", f"{len(CODECS)} codecs: seen whole, one verdict each")
