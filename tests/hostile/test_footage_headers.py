"""Headers that lie: sizes, rates, counts and lengths that no film has are refused at small cost."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests import footage_maker as make

Promise = Callable[[str, str], None]

MJPEG = ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")
PROBE = """
import json, os, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from pipeline.footage.examine import probe_footage

def used():
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime, spent.ru_maxrss // 1024

for name in sys.argv[1:]:
    before, _ = used()
    path = Path(name)
    footage, _, _ = probe_footage(path, camera="c", root=path.parent, start_utc=datetime.now(UTC))
    after, largest_mib = used()
    said = {"verdict": footage.verdict, "reason": footage.reason, "frames": footage.frames}
    print(json.dumps({**said, "seconds": after - before, "mib": largest_mib}))
"""


def avi(path: Path, **fields: int) -> None:
    """Write a small MJPEG AVI with these fields of its headers changed."""
    make.encode(path, make.scene(5, 20), *MJPEG)
    content = bytearray(path.read_bytes())
    header, stream = content.index(b"avih") + 8, content.index(b"strh") + 8
    places = {
        "us_a_frame": ("<I", header),
        "frames": ("<I", header + 16),
        "width": ("<i", header + 32),
        "height": ("<i", header + 36),
        "scale": ("<I", stream + 20),
        "rate": ("<I", stream + 24),
        "length": ("<I", stream + 32),
    }
    for name, value in fields.items():
        packing, place = places[name]
        struct.pack_into(packing, content, place, value)
    if "width" in fields:
        struct.pack_into(
            "<ii", content, content.index(b"strf") + 12, fields["width"], fields["height"]
        )
        large = struct.pack(">HH", fields["height"], fields["width"])
        content = content.replace(b"\x00\x11\x08\x00\x40\x00\x60", b"\x00\x11\x08" + large)
    path.write_bytes(content)


def mp4_of_hours(path: Path, hours: int) -> None:
    """Write an MP4 whose header says that every frame lasts for so long that there are `hours`."""
    make.healthy(path, seconds=2.0)
    content = bytearray(path.read_bytes())
    for box in (b"mvhd", b"mdhd"):  # one tick a second
        struct.pack_into(">II", content, content.index(box) + 16, 1, hours * 3600)
    struct.pack_into(">I", content, content.index(b"tkhd") + 24, hours * 3600)
    struct.pack_into(">I", content, content.index(b"elst") + 12, hours * 3600)
    struct.pack_into(">I", content, content.index(b"stts") + 16, hours * 3600 // 20)
    path.write_bytes(content)


HUGE = 0x7FFFFFFF
NOTHING: set[str | None] = {"insane_dimensions", "no_frames", "damaged"}
# name: (how it is made, reasons that will do; None: admitted, and then by what is in it)
LIES: dict[str, tuple[Callable[[Path], object], set[str | None]]] = {
    "16000x16000.avi": (lambda p: avi(p, width=16000, height=16000), {"insane_dimensions"}),
    "65500x65500.avi": (
        lambda p: avi(p, width=65500, height=65500),
        {"insane_dimensions", "damaged", "not_video"},
    ),
    "65535x16.avi": (lambda p: avi(p, width=65535, height=16), NOTHING),
    "1x65535.avi": (lambda p: avi(p, width=1, height=65535), NOTHING),
    "0x0.avi": (lambda p: avi(p, width=0, height=0), {None, "insane_dimensions", "damaged"}),
    "10000-a-second.avi": (lambda p: avi(p, us_a_frame=100, scale=1, rate=10000), {None}),
    "0-a-second.avi": (
        lambda p: avi(p, us_a_frame=0, scale=1, rate=0),
        {None, "damaged", "no_frames"},
    ),
    "scale-0.avi": (lambda p: avi(p, us_a_frame=0, scale=0, rate=10), {None, "damaged"}),
    "huge-count.avi": (lambda p: avi(p, frames=HUGE, length=HUGE), {"too_large"}),
    "negative-count.avi": (
        lambda p: avi(p, frames=0xFFFFFFFF, length=0xFFFFFFFF),
        {None, "too_large"},
    ),
    "200-hours.mp4": (lambda p: mp4_of_hours(p, 200), {"too_large"}),
}


def test_headers_that_lie_cost_little_and_get_a_verdict(tmp_path: Path, promise: Promise) -> None:
    paths = []
    for name, (maker, _) in LIES.items():
        maker(tmp_path / name)
        paths.append(str(tmp_path / name))
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *paths], capture_output=True, text=True, check=True
    )
    found = dict(zip(LIES, map(json.loads, done.stdout.splitlines()), strict=True))
    for name, (_, expected) in LIES.items():
        said = found[name]
        assert said["reason"] in expected, (name, said)
        assert said["frames"] <= 20, name
        # Processor time of the decoder, its start with its libraries included.
        assert said["seconds"] < 5.0, (name, said)
    largest_mib = max(said["mib"] for said in found.values())
    assert largest_mib < 300, found
    slowest = max(said["seconds"] for said in found.values())
    promise("V6", f"{len(LIES)} lying headers: at most {slowest:.2f} CPU s and {largest_mib} MiB")
