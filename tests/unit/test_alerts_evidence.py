"""Evidence is written whole, masked, playable, and only once."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.alerts.alerts import Alert
from pipeline.alerts.evidence import Evidence, EvidenceKind, PeakPicture, write_evidence
from pipeline.camera import Camera
from pipeline.errors import FootageError, KizashiError
from pipeline.files import sha256_of_file
from pipeline.footage.admission import Footage
from pipeline.identity import content_id
from pipeline.scoring.anomaly import Place
from tests.alerts_makers import NOON, alert, camera, footage, peak_picture, segment

LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 12 seconds of a moving test picture, 160 x 120, 10 frames a second."""
    return filmed(tmp_path_factory.mktemp("footage"), "testsrc2")


def filmed(folder: Path, pattern: str) -> Path:
    path = folder / "noon.mp4"
    joined = "=" if "=" not in pattern else ":"
    pattern = f"{pattern}{joined}duration=12:size=160x120:rate=10"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", pattern, "-pix_fmt", "yuv420p"]
    subprocess.run([*command, str(path)], check=True)
    return path


def write(
    site: Path,
    source: Path,
    *,
    of: Alert | None = None,
    by: Camera | None = None,
    picture: PeakPicture | None = None,
    taken: Footage | None = None,
) -> list[Evidence]:
    return write_evidence(
        of or alert(start_utc=NOON + timedelta(seconds=4), end_utc=NOON + timedelta(seconds=6)),
        camera=by or camera(),
        source=source,
        segment=segment(),
        footage=taken or footage(),
        picture=picture or peak_picture(),
        evidence_folder=site / "evidence",
        site_folder=site,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, source: Path) -> tuple[Path, list[Evidence]]:
    """Return a site with the evidence of one alert; tests read it only."""
    site = tmp_path_factory.mktemp("site")
    return site, write(site, source)


def frames_of(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames = []
    while True:
        ok, frame = capture.read()
        if not ok:
            return frames
        frames.append(frame)


def path_of(site: Path, evidence: list[Evidence], kind: EvidenceKind) -> Path:
    return site / next(item.path for item in evidence if item.kind is kind)


def test_all_four_kinds_are_written_and_described(written: tuple[Path, list[Evidence]]) -> None:
    site, evidence = written
    one = alert()
    assert {item.kind for item in evidence} == set(EvidenceKind)
    for item in evidence:
        path = site / item.path
        assert item.path.startswith(f"evidence/line-1/{one.alert_id}/")
        assert item.evidence_id == content_id("evidence", one.alert_id, item.kind.value)
        assert (item.sha256, item.size_bytes) == (sha256_of_file(path), path.stat().st_size)
    assert [p.name for p in (site / "evidence" / "line-1").iterdir()] == [one.alert_id]


def test_the_clip_is_webm_of_the_event_with_two_seconds_around(
    written: tuple[Path, list[Evidence]],
) -> None:
    path = path_of(*written, EvidenceKind.CLIP)
    assert path.read_bytes()[:4] == b"\x1a\x45\xdf\xa3"  # EBML, the container of WebM
    frames = frames_of(path)
    # 4 - 2 s to 6 + 2 s at 10 frames a second; 160 x 120 is doubled to be seen.
    assert 59 <= len(frames) <= 61
    assert frames[0].shape == (240, 320, 3)


def test_a_long_event_is_cut_to_twenty_seconds_around_its_peak(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    pattern = "testsrc2=duration=60:size=64x48:rate=5"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", pattern, "-pix_fmt", "yuv420p", str(path)],
        check=True,
    )
    long = alert(end_utc=NOON + timedelta(seconds=55), peak_utc=NOON + timedelta(seconds=50))
    taken = footage(duration_us=60_000_000, width_px=64, height_px=48, frame_rate=5.0)
    evidence = write(tmp_path, path, of=long, taken=taken)
    frames = frames_of(path_of(tmp_path, evidence, EvidenceKind.CLIP))
    assert 99 <= len(frames) <= 101


def test_fast_footage_is_thinned_by_a_whole_number(tmp_path: Path) -> None:
    path = tmp_path / "fast.mp4"
    pattern = "testsrc2=duration=4:size=64x48:rate=50"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", pattern, "-pix_fmt", "yuv420p", str(path)],
        check=True,
    )
    short = alert(peak_utc=NOON + timedelta(seconds=1), end_utc=NOON + timedelta(seconds=2))
    taken = footage(duration_us=4_000_000, frame_rate=50.0)
    clip = path_of(tmp_path, write(tmp_path, path, of=short, taken=taken), EvidenceKind.CLIP)
    capture = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG)
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(12.5)
    assert 49 <= len(frames_of(clip)) <= 51


def test_masked_pixels_are_black_in_every_file(tmp_path: Path, source: Path) -> None:
    right = Place(x=0.7, y=0.2, width=0.2, height=0.2)
    evidence = write(
        tmp_path,
        source,
        by=camera(privacy_masks=(LEFT_HALF,)),
        picture=replace(peak_picture(), place=right),
    )
    for kind in (EvidenceKind.PEAK_FRAME, EvidenceKind.HEAT_MAP):
        image = cv2.imread(str(path_of(tmp_path, evidence, kind)))
        assert image[:, : image.shape[1] // 2 - 8].max() <= 4, kind
        assert image[:, image.shape[1] // 2 + 8 :].max() > 100, kind
    for frame in frames_of(path_of(tmp_path, evidence, EvidenceKind.CLIP)):
        assert frame[:, :144].max() <= 24
        assert frame[:, 176:].max() > 100
    strip = cv2.imread(str(path_of(tmp_path, evidence, EvidenceKind.STRIP)))
    panel = (strip.shape[1] - 8) // 3
    for number in range(3):
        left = number * (panel + 4)
        assert strip[:, left : left + panel // 2 - 8].max() == 0


def test_the_outline_is_thicker_while_the_event_lasts(tmp_path: Path) -> None:
    # Grey footage: the test picture has more orange of its own than an outline has.
    evidence = write(tmp_path, filmed(tmp_path, "color=c=gray"))
    frames = frames_of(path_of(tmp_path, evidence, EvidenceKind.CLIP))

    def orange(frame: np.ndarray) -> int:
        blue, green, red = (frame[:, :, plane].astype(int) for plane in range(3))
        return int(((red - blue > 120) & (abs(green - 160) < 50)).sum())

    assert orange(frames[1]) > 0
    assert orange(frames[30]) > 2 * orange(frames[1])


def test_the_strip_shows_three_panels_enlarged_alike(written: tuple[Path, list[Evidence]]) -> None:
    strip = cv2.imread(str(path_of(*written, EvidenceKind.STRIP)))
    assert strip.shape == (192, 3 * 256 + 2 * 4, 3)  # 48 x 64, four times
    assert strip[10, 10].tolist() == [200, 200, 200]
    assert strip[10, 270].tolist() == [90, 90, 90]


def test_the_heat_map_is_brightest_where_the_score_is(tmp_path: Path, source: Path) -> None:
    picture = peak_picture()
    dark = replace(picture, frame_HWC=np.full_like(picture.frame_HWC, 40))
    path = path_of(tmp_path, write(tmp_path, source, picture=dark), EvidenceKind.HEAT_MAP)
    image = cv2.imread(str(path)).astype(int).sum(axis=2)
    row, column = np.unravel_index(int(image.argmax()), image.shape)
    # The map's largest cell is the one in row 1, column 2 of 3 x 4.
    assert 1 / 3 < row / image.shape[0] < 2 / 3
    assert 1 / 2 < column / image.shape[1] < 3 / 4


def test_a_map_of_nothing_leaves_the_frame_in_grey(tmp_path: Path, source: Path) -> None:
    picture = replace(peak_picture(), heat_HW=np.zeros((3, 4), np.float32))
    path = path_of(tmp_path, write(tmp_path, source, picture=picture), EvidenceKind.HEAT_MAP)
    image = cv2.imread(str(path))
    assert np.array_equal(image[:, :, 0], image[:, :, 2])


def test_intact_evidence_is_left_alone(written: tuple[Path, list[Evidence]]) -> None:
    site, first = written
    times = {item.path: (site / item.path).stat().st_mtime_ns for item in first}
    assert write(site, site / "gone.mp4") == first
    assert times == {item.path: (site / item.path).stat().st_mtime_ns for item in first}


@pytest.mark.parametrize("kind", list(EvidenceKind))
def test_damaged_evidence_is_written_again(
    tmp_path: Path, source: Path, written: tuple[Path, list[Evidence]], kind: EvidenceKind
) -> None:
    shutil.copytree(written[0], tmp_path, dirs_exist_ok=True)
    path = path_of(tmp_path, written[1], kind)
    path.write_bytes(path.read_bytes()[:20])
    evidence = write(tmp_path, source)
    (described,) = (item for item in evidence if item.kind is kind)
    assert path.stat().st_size > 1000
    assert described.sha256 == sha256_of_file(path)


def test_footage_that_is_gone_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FootageError):
        write(tmp_path, tmp_path / "gone.mp4")
    assert list((tmp_path / "evidence" / "line-1").iterdir()) == []


def test_footage_without_a_frame_there_is_an_error(tmp_path: Path, source: Path) -> None:
    late = alert(
        start_utc=NOON + timedelta(seconds=100),
        peak_utc=NOON + timedelta(seconds=100),
        end_utc=NOON + timedelta(seconds=101),
    )
    with pytest.raises(FootageError, match="no frame"):
        write(tmp_path, source, of=late)
    assert list((tmp_path / "evidence" / "line-1").iterdir()) == []


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path, source: Path) -> None:
    part = tmp_path / "evidence" / "line-1" / f".part-{alert().alert_id}"
    part.mkdir(parents=True)
    (part / "clip.webm").write_bytes(b"half")
    write(tmp_path, source)
    assert not part.exists()


def test_an_alert_id_cannot_lead_out_of_the_folder(tmp_path: Path, source: Path) -> None:
    with pytest.raises(KizashiError, match="leads out"):
        write(tmp_path, source, of=alert(alert_id="../../../outside"))
