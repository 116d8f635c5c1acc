"""Samples of a model: what it draws and rebuilds, behind masks, made once and shown while true."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.cli import main
from pipeline.errors import ModelError
from pipeline.learning.promotion import find_model
from pipeline.synthesis.remake import remake_samples
from pipeline.synthesis.samples import make_samples
from pipeline.synthesis.shelf import SampleKind, masks_digest, samples_folder, stored_samples
from tests.alerts_makers import MODEL
from tests.dashboard_site import LATER, filled_site, signed_in, stretch_of
from tests.synthesis_makers import HEIGHT_PX, WIDTH_PX, camera_model

LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with filled_site(tmp_path_factory.mktemp("site")) as opened:
        yield opened


@pytest.fixture
def site(filled: Site, tmp_path: Path) -> Iterator[Site]:
    """The site, put back as it was after each test."""
    camera, clip = filled.store.camera("line-1"), filled.folder / "footage" / "line-1" / "1200.mp4"
    samples = samples_folder(filled, find_model(filled, LATER))
    shutil.copytree(samples, tmp_path / "samples")
    whole = clip.read_bytes()
    yield filled
    filled.store.put_camera(camera)
    clip.write_bytes(whole)
    shutil.rmtree(samples)
    shutil.copytree(tmp_path / "samples", samples)


def frames_of(path: Path) -> list[NDArray[np.uint8]]:
    film, frames = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), []
    while True:
        ok, frame = film.read()
        if not ok:
            return frames
        frames.append(frame)


def behind(site: Site, *masks: object) -> Camera:
    return replace(site.store.camera("line-1"), privacy_masks=masks)


def test_both_films_play_and_the_input_lies_beside_what_the_model_makes_of_it(site: Site) -> None:
    stored = stored_samples(site, find_model(site, LATER), ())
    assert stored is not None
    assert set(stored.files) == set(SampleKind)
    length = camera_model().preset.tgan.geometry.frames
    for path in stored.files.values():
        assert len(frames_of(path)) == length
    pair = frames_of(stored.files[SampleKind.REBUILT])[0][: 2 * HEIGHT_PX, : 4 * WIDTH_PX]
    seen, made = pair[:, : 2 * WIDTH_PX], pair[:, 2 * WIDTH_PX :]
    # Two views of one scene: alike in where it is bright, and not the same picture.
    assert np.abs(seen.astype(float) - made).mean() > 1.0
    assert seen.std() > 10


def test_the_same_model_and_footage_give_the_same_films(site: Site) -> None:
    record = find_model(site, LATER)
    stored = stored_samples(site, record, ())
    assert stored is not None
    before = {kind: path.read_bytes() for kind, path in stored.files.items()}
    clip = site.folder / "footage" / "line-1" / "1200.mp4"
    assert make_samples(site, record, camera_model(), behind(site), [stretch_of(clip)])
    assert {kind: path.read_bytes() for kind, path in stored.files.items()} == before


def test_masks_are_burnt_into_what_was_seen_and_into_what_is_drawn_of_it(site: Site) -> None:
    record, camera = find_model(site, LATER), behind(site, LEFT_HALF)
    clip = site.folder / "footage" / "line-1" / "1200.mp4"
    assert make_samples(site, record, camera_model(), camera, [stretch_of(clip)])
    stored = stored_samples(site, record, camera.privacy_masks)
    assert stored is not None
    # The model learnt before there was a mask, and may draw what it hides.
    assert set(stored.files) == {SampleKind.REBUILT}
    for frame in frames_of(stored.files[SampleKind.REBUILT]):
        enlarged = 2
        width = WIDTH_PX * enlarged
        for left in (0, width):
            hidden = frame[: HEIGHT_PX * enlarged, left : left + width // 2 - 4]
            shown = frame[: HEIGHT_PX * enlarged, left + width // 2 + 8 : left + width]
            assert hidden.mean() < 12  # VP8 rings a little at the edge
            assert shown.mean() > 40


def test_a_model_that_learnt_behind_the_masks_shows_what_it_draws(site: Site) -> None:
    record, camera = find_model(site, LATER), behind(site, LEFT_HALF)
    masks = camera.privacy_masks
    told = replace(record, manifest={**record.manifest, "masks": masks_digest(masks)})
    assert make_samples(site, told, camera_model(), camera, [])
    stored = stored_samples(site, told, masks)
    assert stored is not None
    assert set(stored.files) == {SampleKind.DRAWN}
    assert make_samples(site, told, camera_model(), behind(site), [])
    other = stored_samples(site, told, ())
    assert other is not None
    assert not other.files


def test_what_was_made_behind_other_masks_is_not_shown_until_made_again(site: Site) -> None:
    client = signed_in(site, "vic")
    film = f"/models/{LATER}/samples/rebuilt"
    assert client.get(film).status_code == 200
    assert client.get(film, headers={"range": "bytes=0-9"}).status_code == 206
    site.store.put_camera(behind(site, LEFT_HALF))
    assert client.get(film).status_code == 404
    assert "kizashi model samples" in client.get(f"/models/{LATER}").text


def test_a_model_without_its_held_out_footage_still_shows_what_it_draws(site: Site) -> None:
    said: list[str] = []
    record = remake_samples(site, LATER[:8], progress=said.append)
    stored = stored_samples(site, record, ())
    assert stored is not None
    assert set(stored.files) == {SampleKind.DRAWN}
    assert "held out is not all there" in said[0]


def test_half_made_samples_are_not_shown_and_harm_no_training(site: Site) -> None:
    record, said = find_model(site, LATER), []
    folder = samples_folder(site, record)
    clip = site.folder / "footage" / "line-1" / "1200.mp4"
    clip.write_bytes(b"no film any more")
    good = make_samples(
        site, record, camera_model(), behind(site), [stretch_of(clip)], progress=said.append
    )
    assert not good
    assert said[0].startswith(f"no samples of model {LATER[:12]}: ")
    assert stored_samples(site, record, ()) is None
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "samples.json").write_text(json.dumps({"made_utc": 5}), encoding="utf-8")
    assert stored_samples(site, record, ()) is None


def test_a_model_whose_files_are_gone_is_named(site: Site, capsys) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelError):
        remake_samples(site, MODEL)
    assert main(["--site", str(site.folder), "model", "samples", LATER[:8]]) == 0
    assert "line-1: the samples of model ffffffffffff are made" in capsys.readouterr().out
