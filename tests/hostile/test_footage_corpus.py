"""Damaged, odd and hostile files: each has its verdict written here, and none harms another.

All of them lie in one folder and are ingested in one run, with healthy files among them.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.footage.ingest import IngestSummary
from pipeline.learning.learn import learn
from pipeline.learning.presets import preset_named
from pipeline.learning.registration import register
from pipeline.learning.train_camera import stretches_of
from pipeline.scoring.score_camera import score_camera
from tests import footage_maker as make
from tests.footage_site import CAMERA, FootageSite, footage_site

Maker = Callable[[Path], object]

PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\ncanary.ts\n#EXT-X-ENDLIST\n"
WEB_PAGE = b"<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>\n"
CFR = ("-pix_fmt", "yuv420p", "-g", "10")


def written(content: bytes) -> Maker:
    return lambda path: path.write_bytes(content)


def from_healthy(change: Callable[[Path, Path], object], suffix: str) -> Maker:
    """Return a maker that applies `change(path, source)` to a healthy file."""

    def made(path: Path) -> None:
        source = path.parent / f".source{suffix}"
        if not source.exists():
            make.healthy(source, seconds=6.0, seed=9)
        change(path, source)

    return made


def encoded(*options: str, rate: float = 10.0, seconds: float = 4.0, **size: int) -> Maker:
    def made(path: Path) -> None:
        make.encode(path, make.scene(5, round(rate * seconds), **size), *options, rate=rate)

    return made


def shared(share: float, suffix: str) -> Maker:
    return from_healthy(lambda path, source: make.cut(path, source, share), suffix)


def hollow(suffix: str) -> Maker:
    return from_healthy(
        lambda path, source: make.zero_hole(path, source, start=0.5, share=0.1), suffix
    )


def odd_codec(suffix: str, old: bytes, new: bytes) -> Maker:
    return from_healthy(lambda path, source: make.replaced(path, source, (old, new)), suffix)


def frozen(path: Path) -> None:
    make.encode(path, np.repeat(make.scene(6, 1), 40, axis=0), *make.H264)


def flat(level: int) -> Maker:
    return lambda path: make.encode(path, np.full((40, 64, 96, 3), level, np.uint8), *make.H264)


def flooded(path: Path) -> None:
    """Write a small MJPEG AVI that says in all its headers that pictures are 16000 x 16000."""
    make.encode(path, make.scene(5, 20), "-c:v", "mjpeg", "-pix_fmt", "yuvj420p")
    content = bytearray(path.read_bytes())
    for marker, offset, packing in ((b"strf", 12, "<ii"), (b"avih", 40, "<ii")):
        struct.pack_into(packing, content, content.index(marker) + offset, 16000, 16000)
    path.write_bytes(bytes(content).replace(b"\x00\x11\x08\x00\x40\x00\x60", jpeg_size(16000)))


def jpeg_size(side_px: int) -> bytes:
    return b"\x00\x11\x08" + struct.pack(">HH", side_px, side_px)


def mixed_sizes(path: Path) -> None:
    make.folder_of_frames(path, frames=20)
    make.write_picture(path / "frame16.png", np.zeros((32, 32, 3), np.uint8))


def sparse(path: Path) -> None:
    with path.open("wb") as opened:
        opened.truncate(100 << 30)


def bound_socket(path: Path) -> None:
    # Paths of sockets may have 107 bytes only; the folder of the test is often longer.
    listener = socket.socket(socket.AF_UNIX)
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        listener.bind(path.name)
    finally:
        os.chdir(before)
        listener.close()


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def no_frames(path: Path) -> None:
    """Write an MP4 whose index names not one frame."""
    source = make.encode(path.with_name(".none.mp4"), make.scene(1, 1), *make.H264)
    content = bytearray(source.read_bytes())
    for table in (b"stts", b"stsz", b"stsc", b"stco"):
        place = content.index(table) + (12 if table == b"stsz" else 8)
        struct.pack_into(">I", content, place, 0)
    path.write_bytes(content)


def rotated(path: Path) -> None:
    """Write an MP4 whose header turns the picture by a right angle."""
    make.healthy(path, seed=16)
    content = bytearray(path.read_bytes())
    turned = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    place = content.index(upright, content.index(b"tkhd"))
    content[place : place + len(turned)] = turned
    path.write_bytes(content)


def with_second_picture(path: Path) -> None:
    """Write an MKV with two video streams; the first one is larger."""
    make.from_lavfi(
        path,
        "testsrc2=d=4:r=10:s=96x64",
        *("-filter_complex", "[0:v]split[a][b];[b]scale=48:32[c]", "-map", "[a]", "-map", "[c]"),
        *("-c:v", "libx264", *CFR),
    )


# name: (maker, what ingest must say of it). A ~ stands before what depends on the version of the
# encoder: then only the kinds of stretches and the end of the last one are compared.
CORPUS: dict[str, tuple[Maker, str]] = {
    # whole
    "whole.mp4": (lambda p: make.healthy(p, seed=11), "seen 0.0-4.0"),
    "whole.mkv": (lambda p: make.healthy(p, seed=12), "seen 0.0-4.0"),
    "whole.ts": (lambda p: make.healthy(p, seed=13), "seen 0.0-4.0"),
    "whole.avi": (lambda p: make.healthy(p, seed=14), "seen 0.0-4.0"),
    "whole.mov": (lambda p: make.healthy(p, seed=15), "seen 0.0-4.0"),
    "whole.webm": (encoded("-c:v", "libvpx", "-b:v", "400k"), "seen 0.0-4.0"),
    "frames": (lambda p: make.folder_of_frames(p, frames=20), "seen 0.0-2.0"),
    "deep/er/inner.mp4": (lambda p: make.healthy(p, seed=33), "seen 0.0-4.0"),
    # of another kind than they say, and good
    "mp4 called.avi": (
        from_healthy(lambda p, s: p.write_bytes(s.read_bytes()), ".mp4"),
        "seen 0.0-6.0",
    ),
    "mkv called.txt": (
        from_healthy(lambda p, s: p.write_bytes(s.read_bytes()), ".mkv"),
        "seen 0.0-6.0",
    ),
    # odd and good
    "hevc.mp4": (
        encoded("-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p"),
        "seen 0.0-4.0",
    ),
    "b-frames.mp4": (encoded("-c:v", "libx264", "-bf", "3", *CFR), "seen 0.0-4.0"),
    "ten-bit.mp4": (encoded("-c:v", "libx264", "-pix_fmt", "yuv420p10le"), "seen 0.0-4.0"),
    "grey.mp4": (encoded("-c:v", "libx264", "-pix_fmt", "gray"), "seen 0.0-4.0"),
    "interlaced.ts": (
        encoded("-c:v", "mpeg2video", "-flags", "+ilme+ildct", *CFR, rate=25.0),
        "seen 0.0-4.0",
    ),
    "odd-size.mkv": (encoded("-c:v", "ffv1", width_px=161, height_px=121), "seen 0.0-4.0"),
    "one-a-second.mp4": (
        encoded("-c:v", "libx264", *CFR, rate=1.0, seconds=8.0),
        "seen 0.0-8.0",
    ),
    "fast.mp4": (encoded("-c:v", "libx264", *CFR, rate=120.0, seconds=2.0), "seen 0.0-2.0"),
    "late-start.ts": (
        encoded("-c:v", "libx264", *CFR, "-output_ts_offset", "3600"),
        "seen 0.0-4.0",
    ),
    "wrap-33-bit.ts": (
        encoded("-c:v", "libx264", *CFR, "-output_ts_offset", "95442"),
        "seen 0.0-4.0",
    ),
    "rotated.mp4": (rotated, "seen 0.0-4.0"),
    "two-pictures.mkv": (with_second_picture, "seen 0.0-4.0"),
    "edit-list.mp4": (
        from_healthy(
            lambda p, s: make.remux(
                p, s, "-output_ts_offset", "1.5", "-movflags", "use_metadata_tags"
            ),
            ".mp4",
        ),
        "seen 0.0-6.0",
    ),
    "black.mp4": (flat(0), "seen 0.0-4.0"),
    "white.mp4": (flat(255), "seen 0.0-4.0"),
    "frozen.mp4": (frozen, "seen 0.0-4.0"),
    # times that are not regular
    "hole.mp4": (
        encoded("-vf", "select='not(between(t,1.95,3.95))'", "-fps_mode", "vfr", seconds=8.0),
        "seen 0.0-2.0, gap 2.0-4.0, seen 4.0-8.0",
    ),
    "slowing.mp4": (
        encoded("-vf", "setpts=PTS*(1+0.1*T)", "-fps_mode", "vfr", seconds=6.0),
        "seen 0.0-9.5",
    ),
    "bursts.mkv": (
        encoded("-vf", "select='lt(mod(n,10),7)'", "-fps_mode", "vfr", seconds=6.0),
        "seen 0.0-5.7",
    ),
    "time-starts-again.ts": (
        lambda p: make.transport_stream_with_jump(p, seed=40),
        "~seen, damaged, seen 6.0",
    ),
    # too little
    "one-frame.mp4": (encoded("-c:v", "libx264", *CFR, seconds=0.1), "too_short 0.0-0.1"),
    "half-a-second.mp4": (encoded("-c:v", "libx264", *CFR, seconds=0.5), "too_short 0.0-0.5"),
    # cut
    "cut-35.mp4": (shared(0.35, ".mp4"), "~seen, damaged, truncated 6.0"),
    "cut-50.mp4": (shared(0.5, ".mp4"), "~seen, damaged, truncated 6.0"),
    "cut-75.mp4": (shared(0.75, ".mp4"), "~seen, damaged, truncated 6.0"),
    "cut-50.mkv": (shared(0.5, ".mkv"), "~seen, damaged, truncated 6.0"),
    "cut-50.avi": (shared(0.5, ".avi"), "~seen, damaged, truncated 6.0"),
    "cut-50.ts": (shared(0.5, ".ts"), "~seen"),
    # damaged
    "zeros-inside.mp4": (hollow(".mp4"), "~seen, damaged, truncated 6.0"),
    "zeros-inside.ts": (hollow(".ts"), "~seen, gap, damaged, seen 6.0"),
    "flipped.mp4": (
        from_healthy(
            lambda p, s: make.flip_bits(p, s, seed=3, count=5, start=0.5, end=0.6), ".mp4"
        ),
        "~seen, damaged, seen 6.0",
    ),
    "frames of two sizes": (mixed_sizes, "seen 0.0-1.5, size_changed 1.5-2.0"),
    # no video
    "empty.mp4": (written(b""), "refused empty"),
    "one-byte.mp4": (written(b"x"), "refused not_video"),
    "text.mp4": (written("これは動画ではない\n".encode()), "refused not_video"),
    "random.mp4": (written(np.random.default_rng(7).bytes(5000)), "refused not_video"),
    "zeros.mp4": (written(bytes(5000)), "refused not_video"),
    "web-page.mp4": (written(WEB_PAGE), "refused not_video"),
    "no-frames.mp4": (no_frames, "refused no_frames"),
    "locked-archive.mp4": (
        written(b"PK\x03\x04\x14\x00\x01\x00\x08\x00" + np.random.default_rng(2).bytes(4000)),
        "refused not_video",
    ),
    "archive.mp4": (written(b"PK\x03\x04" + bytes(500)), "refused not_video"),
    "picture.mp4": (
        lambda p: p.write_bytes(
            make.write_picture(p.with_name(".one.png"), make.scene(0, 1)[0]).read_bytes()
        ),
        "refused not_video",
    ),
    "sound.mp4": (lambda p: make.from_lavfi(p, "sine=d=2"), "refused not_video"),
    "sound.mkv": (lambda p: make.from_lavfi(p, "sine=d=2"), "refused not_video"),
    # other files by name
    "list.mp4": (written(b"ffconcat version 1.0\nfile canary.ts\n"), "refused not_video"),
    "playlist.m3u8": (written(PLAYLIST), "refused not_video"),
    "playlist.mp4": (written(PLAYLIST), "refused not_video"),
    "session.sdp": (written(b"v=0\nm=video 5000 RTP/AVP 96\n"), "refused not_video"),
    "manifest.mpd": (written(b'<?xml version="1.0"?><MPD></MPD>'), "refused not_video"),
    "shortcut.url": (written(b"[InternetShortcut]\nURL=file:canary.ts\n"), "refused not_video"),
    # containers with nothing to use
    "index-missing.mp4": (
        lambda p: p.write_bytes(
            make.encode(p.with_name(".end.mp4"), make.scene(1, 20), *make.H264).read_bytes()[:3000]
        ),
        "refused damaged",
    ),
    "magic-only.mp4": (
        written(b"\0\0\0\x20ftypisom" + np.random.default_rng(1).bytes(5000)),
        "refused damaged",
    ),
    "magic-only.mkv": (
        written(b"\x1aE\xdf\xa3" + np.random.default_rng(1).bytes(5000)),
        "refused damaged",
    ),
    "odd-codec.mp4": (odd_codec(".mp4", b"avc1", b"zq9z"), "refused unsupported_codec"),
    "odd-codec.mkv": (
        odd_codec(".mkv", b"V_MPEG4/ISO/AVC", b"V_ODDCODEC/X/YZ"),
        "refused unsupported_codec",
    ),
    "encrypted.mp4": (
        encoded(
            *make.H264,
            *("-encryption_scheme", "cenc-aes-ctr"),
            *("-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb"),
            *("-encryption_kid", "a7e61c373e219033c21091fa607bf3b8"),
        ),
        "refused damaged",
    ),
    # against memory, disk and patience
    "flood.avi": (flooded, "refused insane_dimensions"),
    "tiny.mkv": (encoded("-c:v", "ffv1", width_px=8, height_px=8), "refused insane_dimensions"),
    "sparse.mp4": (sparse, "refused too_large"),
    "weeks.mp4": (
        encoded("-c:v", "libx264", *CFR, rate=0.001, seconds=200_000.0),
        "refused too_large",
    ),
    # not files
    "pipe.mp4": (os.mkfifo, "refused not_regular"),
    "socket.mp4": (bound_socket, "refused not_regular"),
    "device.mp4": (lambda p: p.symlink_to("/dev/zero"), "refused outside_root"),
    "leads-out.mp4": (lambda p: p.symlink_to("/etc/passwd"), "refused outside_root"),
    "folder-out": (lambda p: p.symlink_to("/etc"), "refused outside_root"),
    "leads-nowhere.mp4": (lambda p: p.symlink_to("missing.mp4"), "refused unreadable"),
    "circle.mp4": (loop, "refused unreadable"),
}
NEIGHBOURS = {
    f"neighbours/{number:02d}{('.mp4', '.mkv', '.ts', '.avi')[number % 4]}": number + 100
    for number in range(20)
}
"""Healthy files among the others, with their seeds."""
HEALTHY = dict.fromkeys(NEIGHBOURS, "seen 0.0-3.0")
IGNORED = ("canary.ts.part", ".hidden.mp4", "whole.mp4.start.json")


def put_neighbours(site: FootageSite) -> None:
    for name, seed in NEIGHBOURS.items():
        path = site.source / name
        path.parent.mkdir(exist_ok=True)
        make.healthy(path, seed=seed, seconds=3.0)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FootageSite]:
    """Return a site that took in the healthy neighbours and nothing else."""
    with footage_site(tmp_path_factory.mktemp("alone")) as opened:
        put_neighbours(opened)
        opened.ingest()
        yield opened


@pytest.fixture(scope="module")
def ingested(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[FootageSite, IngestSummary]]:
    """Return the site after one ingest of the whole corpus."""
    with footage_site(tmp_path_factory.mktemp("corpus")) as opened:
        put_neighbours(opened)
        for name, (maker, _) in CORPUS.items():
            path = opened.source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            maker(path)
        for name in IGNORED:
            (opened.source / name).write_bytes(b"nothing to see")
        summary = opened.ingest()
        yield opened, summary


def summed_up(told: str, *, with_end: bool) -> str:
    """Return "seen, damaged, seen 6.0" of "seen 0.0-2.8, damaged 2.8-5.0, seen 5.0-6.0"."""
    kinds = ", ".join(part.split(" ")[0] for part in told.split(", "))
    return f"{kinds} {told.rpartition('-')[2]}" if with_end else kinds


@pytest.mark.parametrize("name", CORPUS)
def test_every_file_gets_its_verdict(
    name: str, ingested: tuple[FootageSite, IngestSummary]
) -> None:
    told, expected = ingested[0].told(name), CORPUS[name][1]
    if expected.startswith("~"):
        told = summed_up(told, with_end=expected[-1].isdigit())
    assert told == expected.removeprefix("~")


def test_every_file_is_named_in_one_line(
    ingested: tuple[FootageSite, IngestSummary], promise: Callable[[str, str], None]
) -> None:
    site, summary = ingested
    verdicts = {**{name: verdict for name, (_, verdict) in CORPUS.items()}, **HEALTHY}
    assert len(site.lines) == len(verdicts) == summary.admitted + summary.refused
    for name, verdict in verdicts.items():
        word = "refused" if verdict.startswith("refused") else "admitted"
        expected = re.compile(rf"{word} {re.escape(name)}(:| [0-9.]+ s,) .+")
        assert sum(bool(expected.fullmatch(line)) for line in site.lines) == 1
    promise(
        "V1", f"{len(CORPUS)} files and {len(NEIGHBOURS)} healthy ones: {len(site.lines)} lines"
    )
    codecs = ("odd-codec.mp4", "odd-codec.mkv")
    promise("V12", f"{len(codecs)} files without a decoder: refused as unsupported_codec")


def of_neighbours(site: FootageSite) -> list[object]:
    """Return all that is recorded of the healthy neighbours, but for when it was."""
    rows = {row.footage_id: row for name, row in site.footage().items() if name in NEIGHBOURS}
    segments = [part for part in site.site.store.segments(CAMERA) if part.footage_id in rows]
    blind = [part for part in site.site.store.blind(CAMERA) if part.footage_id in rows]
    assert blind == []
    return [
        sorted(repr(replace(row, start_utc=None)) for row in rows.values()),
        sorted((part.segment_id, part.start_us, part.end_us, part.frames) for part in segments),
    ]


def test_healthy_neighbours_are_taken_in_as_if_they_were_alone(
    alone: FootageSite, ingested: tuple[FootageSite, IngestSummary]
) -> None:
    assert {name: alone.told(name) for name in NEIGHBOURS} == HEALTHY
    assert of_neighbours(ingested[0]) == of_neighbours(alone)


Scored = dict[tuple[str, int], tuple[float, str]]


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_healthy_neighbours_get_the_scores_that_they_have_alone(
    alone: FootageSite,
    ingested: tuple[FootageSite, IngestSummary],
    tmp_path: Path,
    promise: Callable[[str, str], None],
) -> None:
    compact = replace(preset_named("compact"), working_width_px=96).with_effort(0.003)
    stretches = stretches_of(alone.site, CAMERA)
    learnt = learn(stretches, preset=compact, seed=0)
    scores: list[Scored] = []
    for number, site in enumerate((alone, ingested[0])):
        store = site.site.store
        fresh = tmp_path / f"fresh-{number}"
        record = register(site.site, CAMERA, learnt, fresh, preset="compact", manifest={})
        store.promote(record.model_id, site.clock.now_utc())
        done = score_camera(site.site, CAMERA)
        assert done.unreadable == 0
        films = {row.footage_id for name, row in site.footage().items() if name in NEIGHBOURS}
        segments = {s.segment_id for s in store.segments(CAMERA) if s.footage_id in films}
        scores.append(
            {
                (one.clip.clip_id, one.clip.start_us): (one.score, one.expert)
                for one in store.anomalies(CAMERA)
                if one.clip.segment_id in segments
            }
        )
    assert len(scores[0]) >= len(NEIGHBOURS)
    assert len({score for score, _ in scores[0].values()}) > 1
    assert scores[1] == scores[0]
    promise("V1", f"scores of {len(scores[0])} clips of {len(NEIGHBOURS)} neighbours as alone")


def test_a_refusal_says_what_to_do(ingested: tuple[FootageSite, IngestSummary]) -> None:
    for row in ingested[0].footage().values():
        if row.reason is not None:
            assert row.detail
            assert row.start_utc is None
            assert "\n" not in row.detail
            assert "0x" not in row.detail


def test_seen_and_blind_time_add_up_to_the_duration(
    ingested: tuple[FootageSite, IngestSummary],
) -> None:
    site, summary = ingested
    total = sum(row.duration_us for row in site.footage().values()) / 1e6
    assert summary.seen_seconds + summary.blind_seconds == pytest.approx(total, abs=1e-3)


def test_doing_it_again_adds_nothing(ingested: tuple[FootageSite, IngestSummary]) -> None:
    site, _ = ingested
    rows = site.site.store.row_counts()
    again = site.ingest()
    assert (again.admitted, again.refused, again.known) == (0, 0, len(CORPUS) + len(NEIGHBOURS))
    assert {**site.site.store.row_counts(), "leases": 0} == {**rows, "leases": 0}
