"""Files made to do harm hang nothing, open nothing else and take a bounded share of memory."""

from __future__ import annotations

import os
import random
import resource
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import FootageError
from pipeline.footage.admission import Footage, Reason, Verdict, admit
from pipeline.footage.decoding import open_decoder
from pipeline.footage.examine import identify, probe_footage
from pipeline.footage.frames import View, working_frames
from pipeline.footage.segments import Blind, Segment
from pipeline.timebase import shift_utc
from tests import footage_maker as make

Promise = Callable[[str, str], None]

START_UTC = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one healthy file of six seconds for each container."""
    folder = tmp_path_factory.mktemp("attacks")
    for suffix in (".mp4", ".mkv", ".ts", ".avi"):
        make.healthy(folder / f"whole{suffix}", seconds=6.0)
    return folder


def probe(path: Path) -> tuple[Footage, list[Segment], list[Blind]]:
    return probe_footage(
        path, camera="line-1", root=path.parent, start_utc=START_UTC, stall_seconds=20.0
    )


@pytest.mark.parametrize(
    "content",
    [
        "ffconcat version 1.0\nfile canary.ts\n",
        "ffconcat version 1.0\nfile {folder}/canary.ts\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\ncanary.ts\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{folder}/canary.ts\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 96\n",
    ],
    ids=["concat", "concat-absolute", "playlist", "playlist-absolute", "sdp"],
)
@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.ffconcat"])
def test_the_decoder_itself_opens_no_other_file(
    content: str, name: str, shelf: Path, tmp_path: Path
) -> None:
    # Admission refuses these by their first bytes; this is the second wall behind it.
    (tmp_path / "canary.ts").write_bytes((shelf / "whole.ts").read_bytes())
    (tmp_path / name).write_text(content.format(folder=tmp_path))
    with pytest.raises(FootageError) as caught, open_decoder(tmp_path / name) as decoder:
        list(decoder)
    assert caught.value.reason == Reason.NOT_VIDEO


@pytest.mark.parametrize("kind", ["pipe", "device", "folder-without-pictures"])
def test_what_is_no_file_is_given_up_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    began = time.monotonic()
    with pytest.raises(FootageError), open_decoder(path, stall_seconds=20.0) as decoder:
        list(decoder)
    assert time.monotonic() - began < 5.0


def test_a_pipe_among_the_frames_of_a_folder_is_a_damaged_frame(tmp_path: Path) -> None:
    folder = make.folder_of_frames(tmp_path / "frames", frames=4)
    (folder / "frame2.png").unlink()
    os.mkfifo(folder / "frame2.png")
    (folder / "frame3.png").unlink()
    (folder / "frame3.png").symlink_to("/etc/passwd")
    with open_decoder(folder, folder_frame_rate=10.0) as decoder:
        assert [frame.damaged for frame in decoder] == [False, True, True, False]
    assert probe(folder)[0].verdict is Verdict.ADMITTED


def test_a_file_exchanged_for_a_link_while_it_is_looked_at_never_leads_out(
    shelf: Path, tmp_path: Path, promise: Promise
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside.mp4"
    root.mkdir()
    outside.write_bytes((shelf / "whole.mp4").read_bytes())
    inside = make.healthy(tmp_path / "inside.mp4", seconds=1.0, seed=5)
    path, spare = root / "a.mp4", root / ".spare"
    path.write_bytes(inside.read_bytes())
    with admit(path, root=root) as candidate:
        expected = identify(candidate).sha256
    reasons: set[str] = set()
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            spare.symlink_to(outside)
            spare.replace(path)
            spare.write_bytes(inside.read_bytes())
            spare.replace(path)

    racer = threading.Thread(target=swap)
    racer.start()
    try:
        admitted = refused = 0
        for _ in range(200):
            try:
                with admit(path, root=root) as candidate:
                    assert identify(candidate).sha256 == expected
                    admitted += 1
            except FootageError as error:
                reasons.add(error.reason)
                refused += 1
    finally:
        stop.set()
        racer.join()
    assert admitted + refused == 200
    assert reasons <= {Reason.OUTSIDE_ROOT, Reason.UNREADABLE, Reason.NOT_REGULAR}
    promise("V7", "200 looks while a file is exchanged for a link: 0 led out")


def test_a_folder_above_exchanged_for_a_link_never_leads_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root / "day", outside):
        folder.mkdir(parents=True)
    make.healthy(root / "day" / "a.mp4", seconds=1.0)
    make.healthy(outside / "a.mp4", seconds=1.0, seed=8)
    (root / "day").rename(root / "moved")
    (root / "day").symlink_to(outside)
    with pytest.raises(FootageError) as caught, admit(root / "day" / "a.mp4", root=root):
        raise AssertionError("admitted")
    assert caught.value.reason == Reason.OUTSIDE_ROOT


@pytest.mark.parametrize("side_px", [7000, 16_000, 65_500])
def test_a_flood_of_pixels_is_refused_within_bounded_memory(side_px: int, tmp_path: Path) -> None:
    path = tmp_path / "flood.avi"
    make.encode(path, make.scene(0, 20), "-c:v", "mjpeg", "-pix_fmt", "yuvj420p")
    content = bytearray(path.read_bytes())
    struct.pack_into("<ii", content, content.index(b"strf") + 12, side_px, side_px)
    struct.pack_into("<ii", content, content.index(b"avih") + 40, side_px, side_px)
    small = b"\x00\x11\x08" + struct.pack(">HH", 64, 96)
    large = b"\x00\x11\x08" + struct.pack(">HH", side_px, side_px)
    assert small in content
    path.write_bytes(bytes(content).replace(small, large))
    code = (
        "import resource, sys; from pathlib import Path; from datetime import datetime, UTC; "
        "from pipeline.footage.examine import probe_footage; p = Path(sys.argv[1]); "
        "f, _, _ = probe_footage(p, camera='c', root=p.parent, start_utc=datetime.now(UTC)); "
        "print(f.reason, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    reason, child_mib = done.stdout.split()
    assert reason in ("insane_dimensions", "not_video", "damaged")
    assert int(child_mib) < 900


def test_memory_of_the_reader_does_not_grow_with_the_footage(tmp_path: Path) -> None:
    view = View(width_px=320, height_px=240, frame_rate=10.0)

    def peak_bytes(frames: int) -> int:
        video = make.scene(0, frames, width_px=320, height_px=240)
        source = make.encode(tmp_path / f"{frames}.mp4", video, *make.H264)
        del video
        tracemalloc.start()
        try:
            for _ in working_frames(source, view):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_bytes(20)
    short, long = peak_bytes(60), peak_bytes(480)
    # One frame is 77 kB; 420 more of them would be 32 MB.
    assert long < short + 400_000


SUFFIXES = (".mp4", ".mkv", ".avi", ".ts")
POINTS = (0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)


def check_cut(share: float, suffix: str, shelf: Path, folder: Path) -> None:
    """Fail unless a file that was cut there is seen up to the cut and blind behind it."""
    source = make.cut(folder / f"cut{suffix}", shelf / f"whole{suffix}", share)
    footage, segments, blind = probe(source)
    case = (share, suffix)
    if footage.verdict is Verdict.REFUSED:  # the cut lies in its index, or in the first frame
        assert share < 0.2, case
        assert make.decodable_frames(source) == 0, case
        assert footage.reason in (Reason.DAMAGED, Reason.NO_FRAMES, Reason.NOT_VIDEO), case
        return
    unseen = sum((part.end_utc - part.start_utc).total_seconds() for part in blind)
    seen = sum(segment.end_us - segment.start_us for segment in segments) / 1e6
    assert seen + unseen == pytest.approx(footage.duration_us / 1e6, abs=1e-3), case
    assert seen < 6.0 * share + 1.0, case
    if suffix == ".ts":
        # Nothing in it says how long it was: what there is of it is accounted for.
        assert footage.duration_us <= 6_100_000, case
        return
    # What is missing at the end is blind when it is more than a hole would be: half a second.
    assert footage.duration_us == pytest.approx(6_000_000, abs=500_001), case
    assert all(part.reason in ("damaged", "truncated", "too_short") for part in blind), case


def test_a_cut_file_is_seen_up_to_the_cut_and_blind_after_it(
    shelf: Path, tmp_path: Path, promise: Promise
) -> None:
    for share, suffix in product(POINTS, SUFFIXES):
        check_cut(share, suffix, shelf, tmp_path)
    promise("V3", f"cut at {len(POINTS)} points of {len(SUFFIXES)} containers: all accounted for")


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_cut_at_any_of_fifty_points_is_seen_up_to_the_cut(
    shelf: Path, tmp_path: Path, promise: Promise
) -> None:
    points = [0.02 * number - 0.003 for number in range(1, 51)]
    for share, suffix in product(points, SUFFIXES):
        check_cut(share, suffix, shelf, tmp_path)
    promise("V3", f"cut at {len(points)} points of {len(SUFFIXES)} containers: all accounted for")


def pictures(path: Path) -> dict[int, np.ndarray]:  # type: ignore[type-arg]
    """Return the frames that can be decoded, by time; none of a file that cannot be opened."""
    try:
        with open_decoder(path) as decoder:
            return {frame.pts_us: frame.image.astype(int) for frame in decoder}
    except FootageError:
        return {}


def test_broken_pixels_in_h264_are_blind_not_seen(
    shelf: Path, tmp_path: Path, promise: Promise
) -> None:
    whole = shelf / "whole.mp4"
    good = pictures(whole)
    wrong = trusted = 0
    for seed in range(6):
        broken = make.flip_bits(tmp_path / f"flip{seed}.mp4", whole, seed=seed, count=12)
        _, segments, _ = probe(broken)
        for time_us, image in pictures(broken).items():
            if time_us not in good or np.abs(good[time_us] - image).max() > 30:
                wrong += 1
                trusted += any(s.start_us <= time_us < s.end_us for s in segments)
    assert wrong > 60
    # Some damage is concealed without a word; nothing can be promised of that.
    assert trusted <= 0.05 * wrong
    promise("V4", f"{wrong} frames with broken pixels in 6 files: {trusted} of them trusted")


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_files_with_broken_pixels_are_flagged_and_clean_ones_are_not(
    tmp_path: Path, promise: Promise
) -> None:
    damaged = flagged = wrongly = 0
    for seed in range(200):
        suffix = (".mp4", ".mkv")[seed % 2]
        whole = make.healthy(tmp_path / f"whole{suffix}", seconds=2.0, seed=seed)
        _, segments, blind = probe(whole)
        wrongly += bool(blind)
        if seed >= 100:
            continue
        good = pictures(whole)
        broken = make.flip_bits(tmp_path / f"broken{suffix}", whole, seed=seed, count=12)
        _, segments, blind = probe(broken)
        found = pictures(broken)
        if any(t not in good or np.abs(good[t] - found[t]).max() > 30 for t in found):
            damaged += 1
            flagged += bool(blind) or not segments
    promise("V4", f"{flagged} of {damaged} damaged files flagged, {wrongly} of 200 clean ones")
    assert damaged >= 60
    assert flagged >= 0.95 * damaged
    assert wrongly == 0


@pytest.mark.parametrize("lost", [0.3, 0.5, 0.7])
def test_frames_after_lost_packets_are_not_trusted(
    lost: float, shelf: Path, tmp_path: Path
) -> None:
    # The decoder builds on pictures that it never had, and prints nothing.
    whole = shelf / "whole.ts"
    broken = make.zero_hole(tmp_path / "hole.ts", whole, start=lost, share=0.05)
    _, segments, _ = probe(broken)
    with open_decoder(whole) as decoder:
        good = {frame.pts_us: frame.image.astype(int) for frame in decoder}
    with open_decoder(broken) as decoder:
        for frame in decoder:
            if any(s.start_us <= frame.pts_us < s.end_us for s in segments):
                assert np.abs(good[frame.pts_us] - frame.image).max() <= 30


Mutation = Callable[[bytearray, random.Random], bytearray]


def _flip(content: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.choice((1, 10, 200))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def _cut(content: bytearray, rng: random.Random) -> bytearray:
    return content[: rng.randrange(len(content))]


def _remove(content: bytearray, rng: random.Random) -> bytearray:
    first = rng.randrange(len(content))
    del content[first : first + rng.randrange(1, 4000)]
    return content


def _insert(content: bytearray, rng: random.Random) -> bytearray:
    place = rng.randrange(len(content))
    content[place:place] = rng.randbytes(rng.randrange(1, 4000))
    return content


def _zero(content: bytearray, rng: random.Random) -> bytearray:
    first, count = rng.randrange(len(content)), rng.randrange(1, 4000)
    content[first : first + count] = bytes(count)
    return content


def _repeat(content: bytearray, rng: random.Random) -> bytearray:
    first = rng.randrange(len(content))
    part = content[first : first + rng.randrange(1, 8000)]
    content[first:first] = part
    return content


def _lengths(content: bytearray, rng: random.Random) -> bytearray:
    """Put extreme numbers where headers are."""
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(min(2000, len(content) - 8))
        extreme = rng.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\x80\0\0\0"))
        content[place : place + 4] = extreme
    return content


MUTATIONS: tuple[Mutation, ...] = (_flip, _cut, _remove, _insert, _zero, _repeat, _lengths)


def _probe_mutated(seed: int, shelf: Path, folder: Path) -> bool:
    """Return whether the file was admitted; fail unless all of its time is accounted for."""
    rng = random.Random(seed)
    suffix = rng.choice((".mp4", ".mkv", ".ts", ".avi"))
    content = bytearray((shelf / f"whole{suffix}").read_bytes())
    for mutation in rng.choices(MUTATIONS, k=rng.randrange(1, 3)):
        if len(content) > 16:
            content = mutation(content, rng)
    path = folder / f"mutated{suffix}"
    path.write_bytes(content)
    footage, segments, blind = probe(path)
    if footage.verdict is Verdict.REFUSED:
        assert footage.reason is not None, seed
        assert footage.detail.isprintable(), seed
        assert (segments, blind) == ([], []), seed
        return False
    spans = sorted(
        [(s.start_utc, s.end_utc) for s in segments] + [(b.start_utc, b.end_utc) for b in blind]
    )
    assert spans[0][0] == START_UTC, seed
    assert spans[-1][1] == shift_utc(START_UTC, footage.duration_us), seed
    assert all(a[1] == b[0] for a, b in pairwise(spans)), seed
    return True


def check_mutated(seeds: range, shelf: Path, folder: Path) -> str:
    """Probe files mutated with these seeds in a process of their own, for the memory of a child
    counts what its parent had when it was forked; return the figure of the promise."""
    code = (
        "import sys; from pathlib import Path; "
        "from tests.hostile.test_footage_attacks import mutated_figure; "
        "seeds = range(int(sys.argv[1]), int(sys.argv[2])); "
        "print(mutated_figure(seeds, *map(Path, sys.argv[3:])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(seeds.start), str(seeds.stop), str(shelf), str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def mutated_figure(seeds: Iterable[int], shelf: Path, folder: Path) -> str:
    """Probe files mutated with these seeds; return the figure."""
    verdicts: dict[bool, int] = {True: 0, False: 0}
    for seed in seeds:
        verdicts[_probe_mutated(seed, shelf, folder)] += 1
    largest_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    assert largest_mib <= 1024
    assert min(verdicts.values()) > 0
    return (
        f"{sum(verdicts.values())} mutated files: {verdicts[True]} admitted, {verdicts[False]} "
        f"refused, 0 without a verdict; largest child {largest_mib} MiB"
    )


def test_mutated_files_get_a_verdict_and_hurt_nobody(
    shelf: Path, tmp_path: Path, promise: Promise
) -> None:
    promise("V2", check_mutated(range(100), shelf, tmp_path))


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_two_thousand_mutated_files_get_a_verdict_and_hurt_nobody(
    shelf: Path, tmp_path: Path, promise: Promise
) -> None:
    promise("V2", check_mutated(range(1000, 3000), shelf, tmp_path))
