"""Makes every test clip from a seed, with the ffmpeg program; nothing binary is kept in git.

The pictures are a belt with parts: a still, textured background and bright squares that move.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "cut",
    "encode",
    "flip_bits",
    "folder_of_frames",
    "from_lavfi",
    "healthy",
    "remux",
    "replaced",
    "scene",
    "transport_stream_with_jump",
    "write_folder",
    "write_picture",
    "zero_hole",
]

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "10")
FASTSTART = ("-movflags", "+faststart")


def scene(seed: int, frames: int, *, width_px: int = 96, height_px: int = 64) -> NDArray[np.uint8]:
    """Return video_THWC, uint8 RGB: three squares that move over a textured background."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 120, (height_px // 8 + 1, width_px // 8 + 1, 3))
    background = coarse.repeat(8, axis=0).repeat(8, axis=1)[:height_px, :width_px]
    video = np.repeat(background[None].astype(np.uint8), frames, axis=0)
    side = max(4, height_px // 6)
    for _ in range(3):
        top = int(rng.integers(0, height_px - side))
        left = int(rng.integers(0, width_px))
        speed = int(rng.integers(1, 4))
        colour = rng.integers(150, 255, 3).astype(np.uint8)
        for t in range(frames):
            x = (left + speed * t) % (width_px - side)
            video[t, top : top + side, x : x + side] = colour
    return video


def encode(path: Path, video_THWC: NDArray[np.uint8], *options: str, rate: float = 10.0) -> Path:
    """Encode frames to `path`; `options` are ffmpeg's output options, without any: H.264."""
    _, height_px, width_px, _ = video_THWC.shape
    pictures = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width_px}x{height_px}")
    _ffmpeg(*pictures, "-r", str(rate), "-i", "-", *(options or H264), out=path, feed=video_THWC)
    return path


def healthy(
    path: Path, *, seed: int = 0, seconds: float = 4.0, rate: float = 10.0, **size: int
) -> Path:
    """Write a whole and short H.264 file; the container is chosen by the extension."""
    options = (*H264, *FASTSTART) if path.suffix in (".mp4", ".mov") else H264
    return encode(path, scene(seed, round(seconds * rate), **size), *options, rate=rate)


def from_lavfi(path: Path, source: str, *options: str) -> Path:
    """Write what one of ffmpeg's own sources gives, for example sine=d=2."""
    _ffmpeg("-f", "lavfi", "-i", source, *options, out=path)
    return path


def remux(path: Path, source: Path, *options: str) -> Path:
    """Write the streams of `source` to another container without encoding again."""
    _ffmpeg("-i", str(source), "-c", "copy", *options, out=path)
    return path


def write_folder(folder: Path, video_THWC: NDArray[np.uint8], *, suffix: str = ".png") -> Path:
    """Write one picture a frame: frame1, frame2, ... frame10, so that sorting matters."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(video_THWC, start=1):
        write_picture(folder / f"frame{index}{suffix}", image)
    return folder


def folder_of_frames(
    folder: Path, *, seed: int = 0, frames: int = 20, suffix: str = ".png"
) -> Path:
    """Write a folder of pictures that is one footage."""
    return write_folder(folder, scene(seed, frames), suffix=suffix)


def write_picture(path: Path, image_HWC: NDArray[np.uint8]) -> Path:
    """Write one picture (RGB) in the format of the extension; a .pgm is grey."""
    code = cv2.COLOR_RGB2GRAY if path.suffix == ".pgm" else cv2.COLOR_RGB2BGR
    image: Any = cv2.cvtColor(image_HWC, code)
    ok, encoded = cv2.imencode(path.suffix, image)
    assert ok, path
    path.write_bytes(encoded.tobytes())
    return path


def decodable_frames(path: Path) -> int:
    """Return how many frames ffmpeg itself can decode; 0 of what it cannot open."""
    asked = "-v quiet -count_frames -select_streams v:0 -show_entries stream=nb_read_frames"
    told = subprocess.run(
        ["ffprobe", *asked.split(), "-of", "csv=p=0", str(path)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return int(told) if told.isdigit() else 0


def cut(path: Path, source: Path, share: float) -> Path:
    """Write the first `share` of the bytes."""
    content = source.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def zero_hole(path: Path, source: Path, *, start: float, share: float) -> Path:
    """Write the bytes with a stretch in the middle set to zero."""
    content = bytearray(source.read_bytes())
    first, count = int(len(content) * start), int(len(content) * share)
    content[first : first + count] = bytes(count)
    path.write_bytes(content)
    return path


def flip_bits(
    path: Path, source: Path, *, seed: int, count: int, start: float = 0.3, end: float = 0.9
) -> Path:
    """Write the bytes with `count` random bits between two shares of the file turned over."""
    rng = random.Random(seed)
    content = bytearray(source.read_bytes())
    for _ in range(count):
        place = rng.randrange(int(len(content) * start), int(len(content) * end))
        content[place] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return path


def replaced(path: Path, source: Path, *pairs: tuple[bytes, bytes]) -> Path:
    """Write the bytes with each first of a pair replaced by its second, of the same length."""
    content = source.read_bytes()
    for old, new in pairs:
        assert old in content, old
        assert len(old) == len(new)
        content = content.replace(old, new)
    path.write_bytes(content)
    return path


def transport_stream_with_jump(path: Path, *, seed: int = 0, seconds: float = 3.0) -> Path:
    """Write two MPEG-TS recordings one after the other: time starts again in the middle."""
    first = healthy(path.with_name(path.name + ".1.ts"), seed=seed, seconds=seconds)
    second = healthy(path.with_name(path.name + ".2.ts"), seed=seed + 1, seconds=seconds)
    path.write_bytes(first.read_bytes() + second.read_bytes())
    first.unlink()
    second.unlink()
    return path


def _ffmpeg(*arguments: str, out: Path, feed: NDArray[np.uint8] | None = None) -> None:
    program = shutil.which("ffmpeg")
    if program is None:
        raise RuntimeError("the program ffmpeg makes the test footage; install the package ffmpeg")
    command = [program, "-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-threads", "1"]
    # A protocol before the name, so that no name is taken for an option, a pattern or a URL.
    target = [*arguments[_inputs_end(arguments) :], f"file:{out}"]
    done = subprocess.run(
        [*command, *arguments[: _inputs_end(arguments)], "-bitexact", "-threads", "1", *target],
        input=feed.tobytes() if feed is not None else b"",
        capture_output=True,
        timeout=60,
        check=False,
    )
    if done.returncode or done.stderr:
        raise RuntimeError(
            f"ffmpeg {' '.join(arguments)}: {done.stderr.decode('utf-8', 'replace')}"
        )


def _inputs_end(arguments: tuple[str, ...]) -> int:
    return len(arguments) - arguments[::-1].index("-i") + 1
