"""Files that name another file: a canary next door is never opened, by admission or the decoder."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.footage.decode_process import child_environment
from pipeline.footage.ingest import ingest_camera
from tests import footage_maker as make
from tests.footage_site import CAMERA, footage_site
from tests.opened_files import watched

Promise = Callable[[str, str], None]

CANARY = "canary.ts"
SMIL = '<smil><body><video src="{place}"/></body></smil>'
XSPF = (
    '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList><track>'
    "<location>file://{place}</location></track></trackList></playlist>"
)
MPD = (
    '<?xml version="1.0"?><MPD type="static" mediaPresentationDuration="PT6S" '
    'xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet mimeType="video/mp2t">'
    '<Representation id="1" bandwidth="1"><BaseURL>{place}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>"
)
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{place}\n#EXT-X-ENDLIST\n"

# name: what stands in it; {place} is the canary, {name} its name.
LISTS = {
    "concat.mp4": "ffconcat version 1.0\nfile {name}\n",
    "concat-absolute.ffconcat": "ffconcat version 1.0\nfile '{place}'\n",
    "hls.m3u8": HLS.replace("{place}", "{name}"),
    "hls-absolute.mp4": HLS,
    "hls-url.ts": HLS.replace("{place}", "file://{place}"),
    "hls-concat.mp4": HLS.replace("{place}", "concat:{place}|{place}"),
    "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 96\n",
    "list.xspf": XSPF,
    "manifest.mpd": MPD,
    "shortcut.url": "[InternetShortcut]\nURL=file://{place}\n",
    "list.smil": SMIL,
    "list.pls": "[playlist]\nFile1={place}\nNumberOfEntries=1\n",
}


def chain_of_links(folder: Path, canary: Path) -> None:
    """Put three links, one after the other, that end at the canary outside of the folder."""
    (folder / ".one").symlink_to(canary)
    (folder / ".two").symlink_to(".one")
    (folder / "chain.mp4").symlink_to(".two")


def mp4_with_its_pictures_elsewhere(folder: Path, canary: Path) -> None:
    """Write an MP4 whose index says that the samples lie in the canary (a QuickTime alias)."""
    whole = make.encode(folder / ".whole.mp4", make.scene(3, 40), *make.H264).read_bytes()
    place = os.fsencode(canary)
    alias = bytearray(150)
    alias[10], alias[11:15] = 4, b"disk"
    alias[50], alias[51:60] = 9, os.fsencode(CANARY)
    struct.pack_into(">hh", alias, 130, 1, 1)
    text = place + b"\0" * (len(place) % 2)
    alias += struct.pack(">HH", 2, len(place)) + text + struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I", 12 + len(alias)) + b"alis" + bytes(4) + bytes(alias)
    (folder / "alias.mp4").write_bytes(_with_entry(whole, entry))


def _with_entry(content: bytes, entry: bytes) -> bytes:
    """Return an MP4 whose one data reference is `entry`; its index comes last, so no offset of a
    sample changes."""
    changed = bytearray(content)
    place = content.index(b"dref") + 12
    old = int.from_bytes(content[place : place + 4])
    changed[place : place + old] = entry
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        size_at = content.index(box) - 4
        size = int.from_bytes(content[size_at : size_at + 4])
        struct.pack_into(">I", changed, size_at, size + len(entry) - old)
    return bytes(changed)


DECODE = """
import sys, cv2
for path in sys.argv[1:]:
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
    capture.grab()
"""


def decode_by_name(folder: Path, files: Sequence[str], environment: dict[str, str]) -> None:
    """Give the files to the decoding library by their own names, with nothing before it."""
    code = [sys.executable, "-c", DECODE, *files]
    subprocess.run(code, cwd=folder, env=environment, capture_output=True, check=True)


def test_no_file_that_names_another_one_gets_it_opened(tmp_path: Path, promise: Promise) -> None:
    with footage_site(tmp_path) as opened:
        source = opened.source
        (tmp_path / "outside").mkdir()
        # The second one lies in the folder, under a name that is not looked at.
        canaries = (tmp_path / "outside" / CANARY, source / f".{CANARY}")
        for canary in canaries:
            make.healthy(canary, seconds=3.0)
        for name, text in LISTS.items():
            said = text.format(place=canaries[0], name=canaries[1].name)
            (source / name).write_text(said, encoding="utf-8")
        mp4_with_its_pictures_elsewhere(source, canaries[0])
        files = sorted(path.name for path in source.iterdir() if not path.name.startswith("."))
        chain_of_links(source, canaries[0])
        assert len(files) == 13
        allowed = child_environment()
        with watched(*canaries) as openings:
            summary = ingest_camera(opened.site, CAMERA)
            assert openings.opened == 0
            # Behind admission stands the decoder's list of formats, which is enough by itself.
            decode_by_name(source, files, allowed)
            assert openings.opened == 0
            # Without the list these files do what they were made for.
            everything = {k: v for k, v in allowed.items() if "CAPTURE_OPTIONS" not in k}
            decode_by_name(source, files, everything)
            assert openings.opened > 0
        assert (summary.admitted, summary.refused) == (0, 14)
    promise("V5", f"{summary.refused} files that name another: canary opened 0 times")


def test_the_child_is_told_which_formats_and_protocols_it_may_open() -> None:
    said = child_environment()["OPENCV_FFMPEG_CAPTURE_OPTIONS"]
    formats, protocols = (dict([part.split(";")]) for part in said.split("|"))
    assert protocols == {"protocol_whitelist": "file"}
    allowed = set(formats["format_whitelist"].split(","))
    assert not allowed & {"concat", "hls", "dash", "sdp", "image2", "lavfi", "rtsp", "applehttp"}
