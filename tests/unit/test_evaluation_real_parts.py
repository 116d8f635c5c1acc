"""The evaluation on real footage and, where the data is at hand, with a real model."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.cli import main
from pipeline.errors import EvaluationError, FootageError, ModelDamaged
from pipeline.evaluation.parts import real_parts
from pipeline.evaluation.protocol import evaluate
from pipeline.evaluation.videos import list_videos, load_test_videos, stretches_of_folder

ROOT = Path(__file__).parents[2]


def _pictures(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    background = generator.integers(60, 180, (48, 64), dtype=np.uint8)
    for index in range(count):
        picture = background.copy()
        picture[10:20, 2 * index : 2 * index + 10] = 250
        assert cv2.imwrite(str(folder / f"{index:03d}.png"), picture)


def test_a_folder_of_pictures_is_read_through_the_real_decoder(tmp_path: Path) -> None:
    _pictures(tmp_path / "test" / "01", 20)
    labels = tmp_path / "labels.csv"
    labels.write_text("video,start_seconds,end_seconds\n01,0.5,1.0\n")
    (video,) = load_test_videos(tmp_path / "test", labels, None, real_parts(), lambda line: None)
    assert video.pts_us.tolist() == [index * 100_000 for index in range(20)]
    assert (video.height_px, video.width_px) == (48, 64)
    assert np.flatnonzero(video.labels).tolist() == [5, 6, 7, 8, 9]
    assert video.trivial["largest_frame_difference"].min() > 5.0
    assert [stretch.segment.end_us for stretch in video.stretches] == [2_000_000]


@pytest.mark.parametrize("rate", [4.0, 16.0])
def test_a_folder_of_pictures_has_the_rate_that_is_asked_for(tmp_path: Path, rate: float) -> None:
    _pictures(tmp_path / "test" / "01", 20)
    labels = tmp_path / "labels.csv"
    labels.write_text("video,start_seconds,end_seconds\n01,0.3,0.7\n")
    parts = real_parts(folder_rate=rate)
    (video,) = load_test_videos(tmp_path / "test", labels, None, parts, lambda line: None)
    assert video.pts_us.tolist() == [round(index * 1e6 / rate) for index in range(20)]
    (stretch,) = video.stretches
    assert stretch.footage.frame_rate == rate
    assert stretch.segment.end_us == round(20e6 / rate)


def test_an_evaluation_counts_labels_at_the_rate_of_its_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twenty pictures last 0.8 s at 25 a second, and two at ten."""
    _pictures(tmp_path / "test" / "01", 20)
    labels = tmp_path / "labels.csv"
    labels.write_text("video,start_seconds,end_seconds\n01,1.5,1.9\n")
    model, out = tmp_path / "no-model", tmp_path / "out"
    arguments = (None, tmp_path / "test", labels, None, "compact", [], model, out)
    with pytest.raises(EvaluationError, match=r"no frame between 1\.5 and 1\.9 s"):
        evaluate(*arguments, folder_rate=25.0)
    paths = ("--test", str(tmp_path / "test"), "--labels", str(labels), "--out", str(out))
    assert main(["evaluate", *paths, "--model", str(model), "--folder-rate", "25"]) == 8
    assert "its last frame is at 0.76 s" in capsys.readouterr().err
    lines: list[str] = []
    with pytest.raises(ModelDamaged):
        evaluate(*arguments, lines.append)
    assert lines == ["test video 1/1 01: 20 frames, 4 labelled"]


def test_folders_of_masks_beside_their_videos_are_no_videos(tmp_path: Path) -> None:
    """As UCSD is laid out; a mask that is scored counts as normal footage."""
    test = tmp_path / "test"
    for name in ("Test001", "Test001_gt", "Hall_gt"):
        _pictures(test / name, 20)
    for index in range(20):
        os.rename(
            test / "Test001_gt" / f"{index:03d}.png", test / "Test001_gt" / f"{index:03d}.bmp"
        )
    # No folder `Hall` stands beside it: who calls a video so has it scored.
    assert [path.name for path in list_videos(test)] == ["Hall_gt", "Test001"]
    labels = tmp_path / "labels.csv"
    labels.write_text("video,start_seconds,end_seconds\nTest001,0.5,1.0\n")
    lines: list[str] = []
    videos = load_test_videos(test, labels, None, real_parts(), lines.append)
    assert [video.name for video in videos] == ["Hall_gt", "Test001"]
    assert lines[0] == f"{test}: folders NAME_gt beside NAME are masks, left out: 1"
    assert len(lines) == 3


def test_footage_that_is_none_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("not a video")
    with pytest.raises(FootageError, match=r"a\.mp4"):
        stretches_of_folder(tmp_path, real_parts())


@pytest.mark.full
def test_the_accuracy_benchmark_says_when_it_has_no_footage() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "KIZASHI_DATA"}
    done = subprocess.run(
        [sys.executable, "benchmarks/accuracy.py"],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "no benchmark footage: set KIZASHI_DATA" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.data
@pytest.mark.full
@pytest.mark.timeout(1200)
def test_a_real_model_is_trained_and_measured_from_end_to_end(
    data_folder: Path, tmp_path: Path
) -> None:
    """A hundredth of the training: what it finds does not matter here, that all of it runs does."""
    ped2 = data_folder / "ucsd_ped2"
    for part, names in (("train", ["01", "02", "03", "04", "05"]), ("test", ["02"])):
        (tmp_path / part).mkdir()
        for name in names:
            shutil.copy(ped2 / part / f"{name}.mp4", tmp_path / part)
    (tmp_path / "masks").mkdir()
    shutil.copy(ped2 / "test_masks" / "02.npz", tmp_path / "masks")
    labels = tmp_path / "labels.csv"
    labels.write_text("video,start_seconds,end_seconds\n02.mp4,9.4,18.0\n")
    arguments = (tmp_path / "test", labels, tmp_path / "masks", "compact")
    trained = evaluate(tmp_path / "train", *arguments, [0], None, tmp_path / "out", effort=0.005)
    assert trained["settings"]["frames"] == 180
    assert trained["seconds"]["calibrate"] > 0
    assert set(trained["strict"]) >= {"fused", "tgan", "critic", "reconstruction"}
    for figures in trained["strict"].values():
        assert figures["micro_auc"]["mean"] is not None
        assert figures["rbdc"] is not None
    again = evaluate(
        None, *arguments, [], tmp_path / "out" / "models" / "seed-0", tmp_path / "again"
    )
    assert again["strict"] == trained["strict"]
