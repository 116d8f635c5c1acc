"""Trivial scores: what they see, and what they reach on the benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from pipeline.errors import EvaluationError
from pipeline.evaluation.labels import frame_labels, read_labels
from pipeline.evaluation.trivial import TRIVIAL_NAMES, trivial_scores
from tests.evaluation_makers import FakeFrame

HEIGHT, WIDTH = 64, 96


def _texture() -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (7, 7), 0), dtype=np.uint8)


def _frames(*pictures: NDArray[np.uint8]) -> list[FakeFrame]:
    return [FakeFrame(pts_us=i * 100_000, image=picture) for i, picture in enumerate(pictures)]


def test_the_rows_are_the_four_of_the_protocol_and_have_a_value_for_every_frame() -> None:
    found = trivial_scores(_frames(*[_texture()] * 6))
    assert tuple(found.scores) == TRIVIAL_NAMES
    assert all(len(values) == 6 for values in found.scores.values())
    assert found.pts_us.tolist() == [0, 100_000, 200_000, 300_000, 400_000, 500_000]
    assert (found.height_px, found.width_px) == (HEIGHT, WIDTH)
    assert found.scores["frame_index"].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_still_picture_moves_nothing() -> None:
    found = trivial_scores(_frames(*[_texture()] * 4))
    assert found.scores["largest_frame_difference"].tolist() == [0.0] * 4
    assert found.scores["brightness_change"].tolist() == [0.0] * 4
    assert np.abs(found.scores["largest_optical_flow"]).max() < 0.05


def test_the_frame_difference_is_the_largest_mean_over_16_by_16_pixels() -> None:
    before = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    after = before.copy()
    after[20:28, 30:46] = 100  # half of a window
    found = trivial_scores(_frames(before, before, after))
    assert found.scores["largest_frame_difference"].tolist() == pytest.approx([0.0, 0.0, 50.0])


def test_the_brightness_change_is_that_of_the_mean() -> None:
    dark = np.full((HEIGHT, WIDTH), 100, dtype=np.uint8)
    found = trivial_scores(_frames(dark, dark + 7, dark + 2))
    assert found.scores["brightness_change"].tolist() == pytest.approx([7.0, 7.0, 5.0])


def test_the_flow_is_the_speed_in_pixels_a_frame_over_the_last_five_frames() -> None:
    texture = _texture()
    still, moving = [texture] * 8, [np.roll(texture, 2 * i, axis=1) for i in range(1, 9)]
    flow = trivial_scores(_frames(*still, *moving)).scores["largest_optical_flow"]
    assert flow[:8].max() < 0.1
    # One of five frames moves, then two, ... from the fifth on all.
    assert flow[8:13] == pytest.approx(np.array([0.4, 0.8, 1.2, 1.6, 2.0]), abs=0.15)
    assert flow[13:] == pytest.approx(2.0, abs=0.15)


def test_pictures_too_small_for_flow_are_refused() -> None:
    tiny = np.zeros((8, 8), dtype=np.uint8)
    with pytest.raises(EvaluationError, match="8 x 8 px are too small"):
        trivial_scores(_frames(tiny, tiny))


def test_no_frame_gives_empty_scores() -> None:
    found = trivial_scores([])
    assert len(found.pts_us) == 0
    assert all(len(values) == 0 for values in found.scores.values())


def _grey_frames(path: Path) -> Iterator[FakeFrame]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        while True:
            good, picture = capture.read()
            if not good:
                return
            pts_us = round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1000)
            yield FakeFrame(
                pts_us=pts_us,
                image=np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), dtype=np.uint8),
            )
    finally:
        capture.release()


@pytest.mark.data
@pytest.mark.full
def test_on_ped2_the_trivial_scores_reach_what_is_known_of_them(data_folder: Path) -> None:
    """Known: .742, .885 and .972; the window's edge rule is free, hence one point of play."""
    ped2 = data_folder / "ucsd_ped2"
    paths = sorted((ped2 / "test").glob("*.mp4"))
    intervals = read_labels(ped2 / "labels.csv", [path.name for path in paths])
    labels, scores = [], []
    for path in paths:
        found = trivial_scores(_grey_frames(path))
        labels.append(frame_labels(found.pts_us, intervals[path.name]))
        scores.append(found.scores)
    label = np.concatenate(labels)
    assert (len(label), int(label.sum())) == (2010, 1648)
    auc = {
        name: roc_auc_score(label, np.concatenate([score[name] for score in scores]))
        for name in TRIVIAL_NAMES
    }
    assert auc["frame_index"] == pytest.approx(0.742, abs=0.001)
    assert auc["largest_frame_difference"] == pytest.approx(0.885, abs=0.01)
    assert auc["largest_optical_flow"] == pytest.approx(0.972, abs=0.01)


@pytest.mark.data
def test_on_ped2_the_labels_are_read_and_the_frame_index_reaches_what_is_known(
    data_folder: Path,
) -> None:
    ped2 = data_folder / "ucsd_ped2"
    lengths = (180, 180, 150, 180, 150, 180, 180, 180, 120, 150, 180, 180)
    names = [f"{number:02d}.mp4" for number in range(1, 13)]
    intervals = read_labels(ped2 / "labels.csv", names)
    labels = [
        frame_labels(np.arange(length) * 100_000, intervals[name])
        for name, length in zip(names, lengths, strict=True)
    ]
    label = np.concatenate(labels)
    index = np.concatenate([np.arange(length) for length in lengths])
    assert (len(label), int(label.sum())) == (2010, 1648)
    assert roc_auc_score(label, index) == pytest.approx(0.742, abs=0.001)
