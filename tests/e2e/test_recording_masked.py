"""Promise: what a privacy mask hides is in no file that the recorder writes, also when the mask is
drawn while it records."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.footage.ingest import ingest_camera
from pipeline.recording.camera_recorder import Limits
from pipeline.recording.mask_filter import mask_filter
from tests.e2e.test_recording import check_ledger
from tests.rtsp_camera import LiveCamera, Recording, live_site, now, until

LIMITS = Limits(file_seconds=2.0, stall_seconds=4.0, healthy_seconds=0.5, least_free_bytes=1)
LOWER_LEFT = ((0.0, 0.1), (0.9, 1.0), (0.0, 1.0))
"""The ball of the live camera goes round the whole of the picture."""


def brightest(film: Path) -> tuple[int, int, int]:
    """Return the largest grey level within the mask and outside of it, and the frames."""
    capture = cv2.VideoCapture(str(film))
    inside = outside = frames = 0
    while True:
        there, frame = capture.read()
        if not there:
            break
        height, width = frame.shape[:2]
        corners = [(round(x * width), round(y * height)) for x, y in LOWER_LEFT]
        masked = np.zeros((height, width), np.uint8)
        cv2.fillPoly(masked, [np.array(corners, np.int32)], 1)
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        inside = max(inside, int(grey[masked == 1].max()))
        outside = max(outside, int(grey[masked == 0].max()))
        frames += 1
    capture.release()
    return inside, outside, frames


def films(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.mkv"), *folder.glob(".recording/*.mkv")])


def test_a_mask_that_is_drawn_while_recording_is_in_every_later_file(tmp_path: Path) -> None:
    camera = LiveCamera()
    try:
        with live_site(tmp_path, {"belt": camera.url}) as site:
            folder = site.folder / "belt"
            with Recording(site, "belt", LIMITS) as recording:
                recording.until_recording(1)
                begun = now()
                until(lambda: len(list(folder.glob("*.mkv"))) >= 2, "two files without a mask")
                known = site.store.camera("belt")
                site.store.put_camera(replace(known, privacy_masks=(LOWER_LEFT,)))
                recording.until_recording(2)
                before = set(films(folder))
                until(lambda: len(set(folder.glob("*.mkv")) - before) >= 3, "three files behind it")
            bare = [brightest(film) for film in sorted(before)[:2]]
            assert max(inside for inside, _, _ in bare) > 200
            masked = [brightest(film) for film in sorted(set(films(folder)) - before)]
            assert len(masked) >= 3
            assert max(outside for _, outside, _ in masked) > 200
            assert max(inside for inside, _, _ in masked) < 24
            assert min(frames for _, _, frames in masked[:-1]) >= 5
            check_ledger(site, "belt", [], begun=begun)
            assert ingest_camera(site, "belt").refused == 0
    finally:
        camera.kill()


def _value(expression: str, names: dict[str, int]) -> int:
    """Return what FFmpeg makes of `iw*3/128+2`."""
    name, part, whole, more = re.fullmatch(r"(iw|ih)\*(\d+)/(\d+)(?:\+(\d+))?", expression).groups()  # type: ignore[union-attr]
    return names[name] * int(part) // int(whole) + int(more or 0)


@pytest.mark.parametrize(
    "mask",
    [
        ((0.25, 0.25), (0.5, 0.25), (0.5, 0.5), (0.25, 0.5)),
        LOWER_LEFT,
        ((0.5, 0.05), (0.9, 0.9), (0.5, 0.4), (0.1, 0.9)),
    ],
)
def test_the_boxes_of_a_mask_cover_all_of_it_and_little_more(
    mask: tuple[tuple[float, float], ...],
) -> None:
    height, width = 320, 512
    wanted = np.zeros((height, width), np.uint8)
    corners = [(x * width, y * height) for x, y in mask]
    cv2.fillPoly(wanted, [np.array(corners).astype(np.int32)], 1)
    painted = np.zeros((height, width), np.uint8)
    names = {"iw": width, "ih": height}
    for box in mask_filter((mask,)).split(","):
        parts = dict(part.split("=") for part in box.removeprefix("drawbox=").split(":"))
        x, y, w, h = (_value(parts[key], names) for key in "xywh")
        painted[y : y + h, x : x + w] = 1
    inner = cv2.erode(wanted, np.ones((3, 3), np.uint8))
    assert not (inner & ~painted.astype(bool)).any()
    near = cv2.dilate(wanted, np.ones((17, 17), np.uint8))
    assert not (painted & ~near.astype(bool)).any()
    assert mask_filter(()) == ""
