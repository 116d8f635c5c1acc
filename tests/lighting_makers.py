"""A room with something that moves, under lamps and under infrared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.reader import Stretch
from pipeline.footage.frames import WorkingFrame
from pipeline.footage.ingest import probe_footage
from pipeline.footage.segments import Segment
from pipeline.lighting.judge import Lighting, with_misfits
from pipeline.lighting.light import Light, light_of
from pipeline.lighting.states import find_states
from tests import footage_maker as make

HEIGHT_PX, WIDTH_PX = 64, 96
RATE = 10
Video = NDArray[np.uint8]


def room() -> Video:
    """Return the room under lamps, HWC: boxes of many colours."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(60, 190, (HEIGHT_PX // 8, WIDTH_PX // 8, 3))
    return np.asarray(coarse.repeat(8, axis=0).repeat(8, axis=1), np.uint8)


def lit(seconds: float, lights: Sequence[str], *, seed: int = 0, strange: bool = False) -> Video:
    """Return video_THWC with as many seconds of each light: a square goes to and fro, and with
    `strange` a bright bar jumps about in the middle second of each light."""
    rng = np.random.default_rng(seed)
    each = round(seconds * RATE)
    frames = []
    for index in range(each * len(lights)):
        image = room().astype(np.float32)
        left = 10 + round(25 * (1 + np.sin(index / 7)))
        image[24:36, left : left + 12] = (230.0, 40.0, 40.0)
        if strange and each // 2 <= index % each < each // 2 + RATE:
            top = int(rng.integers(38, 48))
            image[top : top + 14, 60:90] = 250.0 * (index % 2)
        frames.append(under(lights[index // each], image, rng))
    return np.stack(frames)


def under(light: str, image: NDArray[np.float32], rng: np.random.Generator) -> Video:
    """Return a picture of the room in a light, with the noise of a camera."""
    if light == "infrared":
        # Lamps of the camera light the middle, and fabrics look otherwise than in colour.
        grey = image[..., 1] * 0.2 + image[..., 0] * 0.4
        rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
        near = np.hypot(rows - HEIGHT_PX / 2, columns - WIDTH_PX / 2)
        image = np.repeat((grey + 90.0 - 0.8 * near)[..., None], 3, axis=-1)
    elif light == "dusk":
        image = 0.4 * image * (1.0, 0.6, 0.3) + 20.0
    noise = rng.standard_normal(image.shape[:2])[..., None]
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


def stretch_of(path: Path, video: Video) -> Stretch:
    """Return the one segment of a video, written to `path`."""
    make.encode(path, video, rate=RATE)
    start = datetime(2026, 3, 2, 8, tzinfo=UTC)
    footage, (segment,), _ = probe_footage(path, camera="room", root=path.parent, start_utc=start)
    return Stretch(source=path, footage=footage, segment=segment)


def frames_of(video: Video) -> Iterator[WorkingFrame]:
    """Yield the frames of a video as a reader that sees grey gets them."""
    for index, image in enumerate(video):
        colour = float((image.max(axis=-1) - image.min(axis=-1)).mean())
        grey = np.asarray(image @ (0.299, 0.587, 0.114), np.uint8)
        yield WorkingFrame(pts_us=index * 1_000_000 // RATE, image=grey, colour=colour)


def segment_of(video: Video) -> Segment:
    """Return the segment that a video is."""
    return Segment(
        segment_id="s",
        footage_id="f",
        camera="room",
        start_us=0,
        end_us=len(video) * 1_000_000 // RATE,
        frames=len(video),
        start_utc=datetime(2026, 3, 2, 8, tzinfo=UTC),
    )


def two_states() -> Lighting:
    """Return what is learnt of a room that was seen under lamps and under infrared."""
    moments, pictures = [], {}
    for light, name in (("lamps", "bright"), ("infrared", "infrared")):
        seen = list(frames_of(lit(4.0, [light])))
        pictures[name] = [frame.image for frame in seen]
        moments += [light_values(frame) for frame in seen]
    states = find_states([np.stack(moments)], seed=0)
    assert states is not None
    assert {state.name for state in states.states} == {"bright", "infrared"}
    backgrounds = {
        name: np.asarray(np.median(images, axis=0), np.uint8) for name, images in pictures.items()
    }
    return with_misfits(states, backgrounds, pictures)


def light_values(frame: WorkingFrame) -> NDArray[np.float64]:
    """Return the light of a frame as numbers."""
    return light_of(frame).values()


def light(level: float, colour: float = 40.0, *, contrast: float = 50.0) -> Light:
    """Return a light of some brightness."""
    return Light(dark=level - 60, level=level, bright=level + 60, contrast=contrast, colour=colour)
