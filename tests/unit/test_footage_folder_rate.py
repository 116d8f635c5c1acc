"""Folders of pictures are decoded at the rate that they were admitted with, by everyone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.clips.reader import ClipReader, view_for
from pipeline.cycles.changes import changes_of
from pipeline.errors import FootageError
from pipeline.evaluation.parts import real_parts
from pipeline.footage.decoding import open_decoder
from pipeline.footage.frames import View, working_frames
from pipeline.footage.still import still_jpeg
from tests import footage_maker as make
from tests.admitted_folder import admitted_folder
from tests.store_samples import camera

PICTURES, HEIGHT_PX, WIDTH_PX = 60, 64, 96
EVERY_PICTURE = View(width_px=WIDTH_PX, height_px=HEIGHT_PX, frame_rate=240.0)
CAMERA = camera("c", privacy_masks=())
RATES = (0.07, 5.0, 10.0, 25.0, 29.97)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pictures, each as bright as its number says."""
    made = tmp_path_factory.mktemp("rate") / "frames"
    shape = (PICTURES, HEIGHT_PX, WIDTH_PX, 3)
    video = np.broadcast_to(np.arange(PICTURES, dtype=np.uint8)[:, None, None, None], shape)
    return make.write_folder(made, np.ascontiguousarray(video), suffix=".png")


def number_of(picture: NDArray[np.uint8]) -> int:
    return round(float(picture.mean()))


@pytest.mark.parametrize("rate", [*RATES, 1 / 30])
def test_every_picture_is_decoded_again_at_its_own_time(folder: Path, rate: float) -> None:
    stretch = admitted_folder(folder, rate)
    assert stretch.footage.frame_rate == rate
    frames = list(stretch.frames(EVERY_PICTURE))
    assert [number_of(frame.image) for frame in frames] == list(range(PICTURES))
    assert [frame.pts_us for frame in frames] == [round(i * 1e6 / rate) for i in range(PICTURES)]


@pytest.mark.parametrize("rate", RATES)
def test_clips_reach_from_the_first_picture_to_the_last(folder: Path, rate: float) -> None:
    stretch = admitted_folder(folder, rate)
    view = view_for(stretch.footage, width_px=WIDTH_PX, frame_rate=240.0, grey=True)
    background = np.zeros((view.height_px, view.width_px), np.uint8)
    reader = ClipReader(view=view, frames=4, planes=("grey",), background_HW=background, flow=None)
    clips = [clip for clip, _ in reader.clips(stretch, stride=1)]
    assert len(clips) == PICTURES - 3
    assert clips[0].start_us == 0
    assert clips[-1].end_us == round((PICTURES - 1) * 1e6 / rate)


@pytest.mark.parametrize("rate", RATES)
def test_cycles_and_stills_and_trials_have_the_same_time(folder: Path, rate: float) -> None:
    stretch = admitted_folder(folder, rate)
    changes = changes_of(stretch, EVERY_PICTURE)
    if rate > 1.0:  # of a picture every few seconds nobody asks what repeats itself
        assert changes is not None
        assert len(changes.levels_TC) == PICTURES - 1
        assert changes.frame_rate == pytest.approx(rate, rel=1e-3)
    at_us = round(50 * 1e6 / rate)
    still = cv2.imdecode(
        np.frombuffer(still_jpeg(folder, stretch.footage, CAMERA, at_us), np.uint8), 0
    )
    assert still is not None
    assert number_of(still) == 50
    with real_parts({folder: stretch.footage.frame_rate}).decode(folder, True, at_us) as decoded:
        assert number_of(next(iter(decoded)).image) == 50


def test_a_folder_is_never_decoded_at_a_guessed_rate(folder: Path) -> None:
    with pytest.raises(FootageError, match="frame rate is not known"), open_decoder(folder):
        pytest.fail("the decoder was opened")
    with pytest.raises(FootageError, match="frame rate is not known"):
        next(working_frames(folder, EVERY_PICTURE))
    stretch = admitted_folder(folder, 10.0)
    unknown = replace(stretch, footage=replace(stretch.footage, frame_rate=0.0))
    with pytest.raises(FootageError, match="frame rate is not known"):
        next(unknown.frames(EVERY_PICTURE))
