"""kizashi generate and interpolate: files that play, one seed one result, clear errors."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors import safe_open

from pipeline.assembly import open_site
from pipeline.cli import main
from pipeline.learning.presets import preset_named
from pipeline.learning.registry import ModelRecord, ModelState
from tests import footage_maker as make
from tests.command_line import Run, command_line
from tests.store_samples import MORNING
from tests.synthesis_makers import HEIGHT_PX, WIDTH_PX, camera_model, moving_square

REGISTER = ("--purpose", "see jams", "--owner", "line 3", "--retention-days", "30")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small stored model."""
    folder = tmp_path_factory.mktemp("model")
    camera_model().save(folder)
    return folder


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one normal video of 2.4 s, in the size of the model."""
    folder = tmp_path_factory.mktemp("normal")
    pictures = np.stack(moving_square(24, speed_px=3))
    make.encode(folder / "belt.mp4", np.repeat(pictures[..., None], 3, axis=3))
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "in").mkdir(parents=True)
    assert main(["--site", str(folder), "init"]) == 0
    assert main(["--site", str(folder), "camera", "add", "belt", "--source", "in", *REGISTER]) == 0
    return folder


@pytest.fixture
def kizashi(site: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return command_line(site, capsys)


def activate(folder: Path) -> str:
    """Store a small model and make it the active one of the camera; return its id."""
    digest = camera_model().save(folder / "models" / "belt" / "made")
    record = ModelRecord(
        model_id=digest[:32],
        camera="belt",
        state=ModelState.CANDIDATE,
        preset="compact",
        path="models/belt/made",
        digest=digest,
        created_utc=MORNING,
        calibration_id="calibration",
        calibration={},
        manifest={},
    )
    opened = open_site(folder)
    opened.store.add_model(record, [])
    opened.store.promote(record.model_id, MORNING, who="test", by="hand")
    opened.close()
    return record.model_id


def frames_of(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames = []
    while True:
        ok, frame = capture.read()
        if not ok:
            return frames
        frames.append(frame)


def test_a_camera_is_drawn_by_its_active_model(kizashi: Run, site: Path) -> None:
    model_id = activate(site)
    code, out, _ = kizashi("generate", "belt", "--clips", "5", "--tensors")
    folder = site / "synthetic" / "belt" / model_id[:12]
    assert code == 0
    assert out == f"belt: {folder / 'clips.webm'}\nbelt: {folder / 'clips.safetensors'}\n"
    frames = frames_of(folder / "clips.webm")
    assert len(frames) == 8
    # Five clips of 32 px, three times as large, in three columns and two rows.
    assert frames[0].shape == (2 * 96 + 4, 3 * 96 + 2 * 4, 3)
    assert max(np.abs(a.astype(int) - b).max() for a, b in pairwise(frames)) > 8


def test_the_same_seed_gives_the_same_files_and_another_gives_others(
    kizashi: Run, stored: Path, tmp_path: Path
) -> None:
    names = ("clips.webm", "clips.safetensors")
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        arguments = ("--clips", 2, "--seed", seed, "--tensors", "--out", tmp_path / folder)
        assert kizashi("generate", "--model", stored, *arguments)[0] == 0
    a, b, c = ([(tmp_path / f / name).read_bytes() for name in names] for f in ("a", "b", "c"))
    assert a == b
    assert a[0] != c[0]
    assert a[1] != c[1]


def test_the_tensors_are_as_documented(kizashi: Run, stored: Path, tmp_path: Path) -> None:
    arguments = ("--clips", "3", "--tensors", "--out", tmp_path, "--seed", "5")
    assert kizashi("generate", "--model", stored, *arguments)[0] == 0
    with safe_open(tmp_path / "clips.safetensors", "np") as opened:
        about = json.loads(opened.metadata()["about"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    assert {name: (value.shape, str(value.dtype)) for name, value in tensors.items()} == {
        "latent_BZ": ((3, 6), "float32"),
        "frame_latents_BZT": ((3, 6, 8), "float32"),
        "video_BCTHW": ((3, 2, 8, 32, 32), "float32"),
        "background_BHW": ((3, 32, 32), "uint8"),
        "pictures_BTHW": ((3, 8, 32, 32), "uint8"),
        "place_B2": ((3, 2), "int64"),
    }
    assert about["planes"] == list(preset_named("compact").planes)
    assert (about["frame_rate"], about["frames"], about["seed"]) == (10.0, 8, 5)
    for name in ("latent_BZ", "frame_latents_BZT", "video_BCTHW"):
        assert np.abs(tensors[name]).max() <= 1.0
    # What people see is the first plane in grey levels, the middle of them at 0.
    levels = tensors["video_BCTHW"][:, 0] * 128.0 + 128.0
    shown = tensors["pictures_BTHW"].astype(float)
    assert np.abs(shown - levels.clip(0, 255)).max() <= 0.51
    tops, lefts = tensors["place_B2"].T
    assert tops.max() <= HEIGHT_PX - 32
    assert lefts.max() <= WIDTH_PX - 32
    whole = moving_square(1, side_px=0)[0]
    for top, left, background in zip(tops, lefts, tensors["background_BHW"], strict=True):
        assert np.array_equal(background, whole[top : top + 32, left : left + 32])


def test_masks_of_today_are_burnt_into_the_background(kizashi: Run, site: Path) -> None:
    activate(site)
    assert kizashi("camera", "mask", "belt", "--polygon", "0,0 1,0 1,1 0,1")[0] == 0
    assert kizashi("generate", "belt", "--clips", "2", "--tensors", "--out", site / "out")[0] == 0
    with safe_open(site / "out" / "clips.safetensors", "np") as opened:
        assert opened.get_tensor("background_BHW").max() == 0


def test_finer_steps_of_generated_clips_keep_the_clips_own_frames(
    kizashi: Run, stored: Path, tmp_path: Path
) -> None:
    arguments = ("--clips", "1", "--factor", "3", "--out", tmp_path)
    code, out, _ = kizashi("interpolate", "--model", stored, *arguments)
    assert code == 0
    assert "linear blending" in out
    frames = frames_of(tmp_path / "interpolated.webm")
    assert len(frames) == 7 * 3 + 1
    # Four panels of 96 px with their captions; at the clip's own frames all show the same.
    assert frames[0].shape == (116, 4 * 96 + 3 * 4, 3)
    for at in (0, 3, 21):
        panels = [frames[at][20:116, 100 * k : 100 * k + 96].astype(int) for k in range(4)]
        assert all(np.abs(panel - panels[0]).mean() < 6.0 for panel in panels)
    said = json.loads((tmp_path / "interpolation.json").read_text())
    assert [row["method"] for row in said["against_latent_path"]] == [
        "linear blending",
        "optical-flow warping",
    ]
    assert all(10.0 < row["psnr_db"] < 58.0 for row in said["against_latent_path"])


def test_a_real_video_gets_finer_steps_and_figures(
    kizashi: Run, stored: Path, normal: Path, tmp_path: Path
) -> None:
    code, out, err = kizashi(
        *("interpolate", "--model", stored, "--train", normal, "--video", normal / "belt.mp4"),
        *("--start", "0.4", "--seconds", "1.6", "--factor", "2", "--out", tmp_path),
    )
    assert code == 0
    assert "hidden frames" in err
    assert "optical-flow warping" in out
    frames = frames_of(tmp_path / "interpolated.webm")
    assert len(frames) == 15 * 2 + 1
    said = json.loads((tmp_path / "interpolation.json").read_text())
    assert (said["footage"], said["factor"], said["frame_rate"]) == ("belt.mp4", 2, 10.0)
    methods = said["middle_frames"]["methods"]
    assert methods["flow"]["psnr_db"]["mean"] > methods["linear"]["psnr_db"]["mean"]
    assert 0.0 < methods["render"]["ssim"]["mean"] < 1.0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(("generate", "other"), 3, "belt", id="unknown camera names the known"),
        pytest.param(("generate", "belt"), 5, "kizashi train belt", id="no active model"),
        pytest.param(("interpolate", "belt"), 5, "kizashi train belt", id="none to interpolate"),
        pytest.param(("generate",), 2, "--model", id="neither camera nor model"),
        pytest.param(("generate", "belt", "--model", "x"), 2, "either a camera", id="both"),
        pytest.param(("generate", "--model", "nowhere"), 5, "nowhere", id="no such model"),
        pytest.param(("generate", "belt", "--clips", "0"), 2, "--clips", id="no clip"),
        pytest.param(("interpolate", "belt", "--factor", "1"), 2, "--factor", id="nothing finer"),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(
    kizashi: Run, arguments: tuple[str, ...], code: int, said: str
) -> None:
    result, out, err = kizashi(*arguments)
    assert (result, out) == (code, "")
    assert err.startswith("kizashi: ")
    assert said in err
    assert err.count("\n") == 1


def test_a_video_that_is_too_short_or_none_is_refused_by_name(
    kizashi: Run, stored: Path, normal: Path, tmp_path: Path
) -> None:
    def ask(video: Path, *more: str) -> tuple[int, str, str]:
        train = ("--train", normal)
        out = ("--out", tmp_path / "out")
        return kizashi("interpolate", "--model", stored, *train, "--video", video, *out, *more)

    code, _, err = ask(normal / "belt.mp4", "--start", "1.5")
    assert code == 4
    assert err == (
        "kizashi: belt.mp4: too short from 1.5 s on; 15 frames in a row at 10 a second are the "
        "least (1.5 s)\n"
    )
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    assert ask(text)[0] == 4
    assert "text.mp4" in ask(text)[2]
    assert ask(tmp_path / "gone.mp4")[0] == 4
    assert not (tmp_path / "out").exists()


def test_weights_need_normal_footage(kizashi: Run, stored: Path, normal: Path) -> None:
    code, _, err = kizashi("interpolate", "--model", stored, "--video", normal / "belt.mp4")
    assert code == 4
    assert "--train" in err.splitlines()[-1]
