"""Promise: what a privacy mask hides is in no file that Kizashi writes, from training to report;
and a mask that a model has not learnt raises no alert by its edge."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from dashboards.stills import still_of
from pipeline.camera import Camera
from pipeline.cli import main
from pipeline.learning.train_camera import load_active_model, stretches_of
from pipeline.scoring.scorer import score_stretch
from pipeline.scoring.sight import sight_of
from pipeline.zones.areas import areas_of, set_areas
from pipeline.zones.stored import mask_stored
from pipeline.zones.zone import Zone, ZoneKind
from tests.footage_maker import encode, scene
from tests.footage_site import CAMERA, FootageSite, footage_site
from tests.promises import Promise

pytestmark = pytest.mark.timeout(580)

EFFORT = "0.003"
"""Four steps of the game: enough that what the generator draws has texture."""
MASK = ((0.5, 0.5), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0))
OTHER = ((0.05, 0.1), (0.45, 0.1), (0.45, 0.9), (0.05, 0.9))
GATE = Zone(name="gate", kind=ZoneKind.WATCH, corners=OTHER, budget_per_day=20_000.0)
FIELDS = ("#..##.", ".##..#", "##.#..", "..#.##")
BOARD = np.kron([[mark == "#" for mark in row] for row in FIELDS], np.ones((8, 8))).astype("f4")
"""The canary: a board of 4 x 6 fields without order. What an untrained generator draws repeats
itself, and would look like a chess board."""
FOUND = 0.8
NO_PICTURES = {".json", ".csv", ".db", ".db-wal", ".db-shm", ".toml", ".lock", ".txt", ".log", ""}


def with_canary(video_THWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the video twice as large, with the board behind MASK."""
    large = np.kron(video_THWC, np.ones((1, 2, 2, 1), np.uint8))
    height, width = large.shape[1:3]
    top, left = round(0.58 * height), round(0.58 * width)
    board = cv2.resize(BOARD, (round(0.36 * width), round(0.34 * height)), interpolation=0)
    pixels = (20 + 215 * board).astype(np.uint8)
    large[:, top : top + board.shape[0], left : left + board.shape[1]] = pixels[None, :, :, None]
    return large


def shows_canary(picture: NDArray[np.uint8]) -> bool:
    """Tell whether a picture shows the board, at whatever size."""
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if min(grey.shape) < 12:
        return False
    scale = min(1.0, 480 / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    # Even ground has no texture to compare; a little noise keeps it from matching anything.
    noisy = small.astype(np.float32) + np.random.default_rng(0).normal(0, 2, small.shape)
    width = 12.0
    while width < small.shape[1]:
        size = (round(width), round(width * 0.34 / 0.36 * 2 / 3))
        if size[1] < small.shape[0] and size[0] < small.shape[1]:
            board = cv2.resize(BOARD, size, interpolation=cv2.INTER_AREA)
            match = cv2.matchTemplate(noisy.astype(np.float32), board, cv2.TM_CCOEFF_NORMED)
            if float(np.abs(match).max()) > FOUND:
                return True
        width *= 1.12
    return False


def pictures_in(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield every picture in a file; a kind of file that nobody knows fails the test."""
    suffix = path.suffix
    if suffix in (".jpg", ".png"):
        yield cv2.imread(str(path))  # type: ignore[misc]
    elif suffix in (".webm", ".mkv", ".mp4"):
        capture = cv2.VideoCapture(str(path))
        while capture.grab():
            yield capture.retrieve()[1]  # type: ignore[misc]
    elif suffix == ".html":
        for encoded in re.findall(r"data:image/\w+;base64,([\w+/=]+)", path.read_text("utf-8")):
            yield cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), 1)  # type: ignore[misc]
    elif suffix == ".safetensors":
        for values in load_file(path).values():
            yield from _planes(values)
    else:
        assert suffix in NO_PICTURES, f"{path}: does it hold pictures?"


def _planes(values: NDArray[np.generic]) -> Iterator[NDArray[np.uint8]]:
    """Yield what may be pictures among the numbers of a model."""
    if values.ndim < 2 or min(values.shape[-2:]) < 24 or values.dtype.kind not in "uif":
        return
    for plane in values.reshape(-1, *values.shape[-2:])[:256].astype(np.float32):
        low, high = float(plane.min()), float(plane.max())
        yield (255 * (plane - low) / max(high - low, 1e-6)).astype(np.uint8)


def leaks(folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "in" not in path.relative_to(folder).parts
        if any(shows_canary(picture) for picture in list(pictures_in(path))[::4] if picture.size)
    ]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FootageSite]:
    """Give a site that has learnt behind a mask, scored, reported; nothing of its work removed."""
    folder = tmp_path_factory.mktemp("plant")
    with (
        pytest.MonkeyPatch.context() as patch,
        footage_site(
            folder, budget_per_day=20_000.0, privacy_masks=(MASK,), zones=(GATE,)
        ) as opened,
    ):
        patch.setattr("pipeline.learning.train_camera.shutil.rmtree", lambda *_, **__: None)
        encode(opened.source / "a.mp4", with_canary(np.tile(scene(1, 20), (8, 1, 1, 1))))
        opened.ingest()
        command = ["--site", str(opened.site.folder)]
        assert main([*command, "train", CAMERA, "--effort", EFFORT]) == 0
        strange = scene(1, 20)
        strange[8:, 5:30, 5:40] = 255
        encode(opened.source / "b.mp4", with_canary(np.tile(strange, (2, 1, 1, 1))))
        opened.ingest()
        for arguments in (("score",), ("report", CAMERA)):
            assert main([*command, *arguments]) == 0
        patch.undo()
        yield opened


def test_every_number_that_a_model_or_a_checkpoint_holds_is_finite(
    opened: FootageSite, promise: Promise
) -> None:
    files = sorted(opened.site.folder.rglob("*.safetensors"))
    assert any("training" in path.parts for path in files), "the checkpoints were removed"
    for path in files:
        for name, values in load_file(path).items():
            assert values.dtype.kind != "f" or np.isfinite(values).all(), f"{path}: {name}"
    promise("N3", f"{len(files)} tensor files of a plant, checkpoints included: all finite")


def test_the_canary_is_found_where_there_is_no_mask(opened: FootageSite) -> None:
    bare = replace(opened.site.store.camera(CAMERA), privacy_masks=())
    frame = cv2.imdecode(np.frombuffer(still_of(opened.site, bare, None), np.uint8), 1)
    assert frame is not None
    for side in (96, 160, 192, 320, 480):
        size = (side, round(side * frame.shape[0] / frame.shape[1]))
        assert shows_canary(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)), side  # type: ignore[arg-type]
    assert leaks(opened.source)
    empty = np.zeros((96, 128, 3), np.uint8)
    assert not shows_canary(empty)


def test_nothing_that_is_written_or_shown_holds_what_a_mask_hides(opened: FootageSite) -> None:
    site = opened.site
    assert site.store.alerts(CAMERA)
    folder = site.folder
    written = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert {".webm", ".png", ".jpg", ".html", ".safetensors"} <= written
    assert leaks(folder) == []
    still = still_of(site, site.store.camera(CAMERA), None)
    shown = cv2.imdecode(np.frombuffer(still, np.uint8), 1)
    assert shown is not None
    assert not shows_canary(np.asarray(shown, np.uint8))


def test_what_is_strange_in_a_zone_is_an_alert_of_it_with_evidence(opened: FootageSite) -> None:
    store = opened.site.store
    alerts = [alert for alert in store.alerts(CAMERA) if alert.zone == "gate"]
    assert alerts
    for alert in alerts:
        middle = alert.place.x + alert.place.width / 2, alert.place.y + alert.place.height / 2
        assert 0.0 <= middle[0] <= 0.5, alert
        assert len(store.evidence(alert.alert_id)) == 4
    assert {event.zone for event in store.events(CAMERA)} <= {"gate", ""}
    assert all(set(one.parts) == {"gate", ""} for one in store.anomalies(CAMERA))


def largest(opened: FootageSite, camera: Camera, *, as_learnt: bool) -> tuple[float, float]:
    """Return the largest score of the first footage behind the masks of `camera`, and how unlike
    all that was learnt its strangest place looks."""
    record, model = load_active_model(opened.site, opened.site.store, CAMERA)
    reader, regions = sight_of(model, record, camera)
    stretch = stretches_of(opened.site, CAMERA)[0]
    if as_learnt:
        scored = score_stretch(model, stretch, model_id="m", reader=reader, regions=regions)
    else:
        scored = score_stretch(model, stretch, model_id="m", masks=camera.privacy_masks)
    clips = list(scored)
    strangest = max(float(clip.maps["features"].max()) for clip in clips)
    return max(clip.anomaly.score for clip in clips), strangest


@pytest.mark.full
def test_a_mask_that_was_not_learnt_raises_no_score_by_its_edge(opened: FootageSite) -> None:
    known = opened.site.store.camera(CAMERA)
    changed = replace(known, privacy_masks=(MASK, OTHER))
    score, strangest = largest(opened, known, as_learnt=True)
    # Without care the edge is seen, and the score rises as far as sixteen learnt seconds let it.
    seen, edge = largest(opened, changed, as_learnt=False)
    assert seen > score
    assert edge > 1.4 * strangest
    # Taken away, a mask is to the model as it was: still hidden.
    for masks in (changed.privacy_masks, ()):
        seen, edge = largest(opened, replace(known, privacy_masks=masks), as_learnt=True)
        assert seen <= score + 0.3
        assert edge <= 1.1 * strangest


def test_stored_evidence_is_masked_when_it_is_asked_for(opened: FootageSite) -> None:
    site = opened.site
    areas = areas_of(site.store.camera(CAMERA))
    whole = ("all", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
    change = set_areas(site, CAMERA, replace(areas, masks=(*areas.masks, whole)), who="ada")
    assert (change.hides_more, change.shows_more) == (True, False)
    (site.reports_folder / CAMERA / "printed.en.pdf").write_bytes(b"%PDF pictures of before")
    done = mask_stored(site, CAMERA, who="ada")
    alerts = site.store.alerts(CAMERA)
    assert (done.alerts, done.reports) == (len(alerts), 2)
    for alert in alerts:
        files = site.store.evidence(alert.alert_id)
        assert len(files) == 4
        for file in files:
            path = site.folder / file.path
            assert path.stat().st_size == file.size_bytes
            for picture in pictures_in(path):
                dark = picture if file.kind.value != "strip" else picture[:, :90]
                assert int(dark.max()) < 24, path
    assert not list((site.folder / "models").rglob("samples/*.webm"))
