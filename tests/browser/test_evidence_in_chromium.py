"""Evidence as written, in a real browser: clips play to their end, pictures can be seen."""

import subprocess
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from pipeline.alerts.evidence import Evidence, EvidenceKind, write_evidence
from tests.alerts_makers import NOON, alert, camera, footage, peak_picture, segment
from tests.chromium import open_media, play_clip

pytestmark = pytest.mark.browser


@dataclass(frozen=True, kw_only=True)
class Case:
    """Footage, the event in it, and what the clip of it must be."""

    size: str
    rate: float
    length_seconds: int
    event_seconds: tuple[float, float]
    clip_seconds: float
    clip_px: tuple[int, int]


CASES = {
    "pedestrians": Case(
        size="360x240",
        rate=10,
        length_seconds=18,
        event_seconds=(6.0, 9.0),
        clip_seconds=7.0,
        clip_px=(360, 240),
    ),
    "a small picture": Case(
        size="128x64",
        rate=5,
        length_seconds=20,
        event_seconds=(8.0, 10.0),
        clip_seconds=6.0,
        clip_px=(384, 192),
    ),
    "a large and fast one": Case(
        size="1280x720",
        rate=30,
        length_seconds=5,
        event_seconds=(1.0, 1.5),
        clip_seconds=3.5,
        clip_px=(480, 270),
    ),
    "odd sides, at the very beginning": Case(
        size="354x289",
        rate=7,
        length_seconds=6,
        event_seconds=(0.0, 0.0),
        clip_seconds=2.0,
        clip_px=(354, 288),
    ),
    "upright, longer than a clip may be": Case(
        size="240x320",
        rate=10,
        length_seconds=26,
        event_seconds=(2.0, 24.0),
        clip_seconds=20.0,
        clip_px=(240, 320),
    ),
}


def evidence_of(case: Case, folder: Path) -> dict[EvidenceKind, Path]:
    """Return the evidence files of an alert in footage made for it."""
    film = folder / "film.mp4"
    source = f"testsrc2=duration={case.length_seconds}:size={case.size}:rate={case.rate}"
    made = ["-f", "lavfi", "-i", source, "-preset", "ultrafast", "-pix_fmt", "yuv444p"]
    subprocess.run(["ffmpeg", "-v", "error", *made, str(film)], check=True)
    width_px, height_px = (int(side) for side in case.size.split("x"))
    start, end = (NOON + timedelta(seconds=moment) for moment in case.event_seconds)
    length_us = case.length_seconds * 1_000_000
    seen = replace(footage(), width_px=width_px, height_px=height_px, frame_rate=case.rate)
    written: list[Evidence] = write_evidence(
        alert(start_utc=start, end_utc=end, peak_utc=start + (end - start) / 2),
        camera=camera(),
        source=film,
        segment=segment(end_us=length_us),
        footage=replace(seen, duration_us=length_us),
        picture=peak_picture(),
        evidence_folder=folder / "evidence",
        site_folder=folder,
    )
    return {item.kind: folder / item.path for item in written}


QUICK = ("pedestrians", "odd sides, at the very beginning")
ONE_BY_ONE = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in CASES
]


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_a_clip_plays_from_its_first_frame_to_its_last(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    files = evidence_of(case, tmp_path)
    played = play_clip(browser, files[EvidenceKind.CLIP], tmp_path, rate=8.0)
    assert played.complaints == ()
    assert played.to_the_end
    assert (played.width_px, played.height_px) == case.clip_px
    assert played.duration_seconds == pytest.approx(case.clip_seconds, abs=0.35)
    assert played.seconds == pytest.approx(played.duration_seconds, abs=0.1)


def test_one_can_go_to_any_moment_of_a_clip(browser: Browser, tmp_path: Path) -> None:
    files = evidence_of(CASES["pedestrians"], tmp_path)
    clip = files[EvidenceKind.CLIP].as_uri()
    page, complaints = open_media(browser, tmp_path, f'<video src="{clip}"></video>')
    reached = page.locator("video").evaluate(
        """async video => {
            const happens = name => new Promise(done => video.addEventListener(name, done));
            if (video.readyState < 1) await happens('loadedmetadata');
            const reached = [];
            for (const moment of [5, 1, 6.5]) {
                const sought = happens('seeked');
                video.currentTime = moment;
                await sought;
                reached.push(video.currentTime);
            }
            return reached;
        }"""
    )
    page.context.close()
    assert reached == [5, 1, 6.5]
    assert complaints == []


def test_the_pictures_are_seen(browser: Browser, tmp_path: Path) -> None:
    files = evidence_of(CASES["pedestrians"], tmp_path)
    kinds = (EvidenceKind.PEAK_FRAME, EvidenceKind.HEAT_MAP, EvidenceKind.STRIP)
    body = "".join(f'<img src="{files[kind].as_uri()}">' for kind in kinds)
    page, complaints = open_media(browser, tmp_path, body)
    sizes = page.eval_on_selector_all(
        "img", "images => images.map(i => [i.naturalWidth, i.naturalHeight])"
    )
    page.context.close()
    assert complaints == []
    # The frame as the camera gave it; the strip is three pictures of 64 x 48, four times as large.
    assert sizes == [[160, 120], [320, 240], [776, 192]]
