"""Which camera's networks a new camera's training begins with, and which are refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.reader import Stretch
from pipeline.errors import CameraError, ModelError
from pipeline.footage.ingest import probe_footage
from pipeline.learning.choose_origin import choose_origin
from pipeline.learning.normality import learn_looks
from pipeline.learning.presets import preset_named
from pipeline.learning.registration import register
from pipeline.learning.registry import ModelState
from pipeline.synthesis.shelf import masks_digest
from tests.footage_maker import encode
from tests.footage_site import CAMERA, FootageSite, footage_site
from tests.store_samples import MORNING
from tests.synthesis_makers import camera_model, moving_square, preset

MASK = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5))


def footage(folder: Path, *, speed_px: int, side_px: int, seed: int) -> list[Stretch]:
    """Return eight seconds in which a square moves."""
    pictures = np.stack(moving_square(80, speed_px=speed_px, side_px=side_px, seed=seed))
    folder.mkdir(exist_ok=True)
    video = encode(folder / "one.mp4", np.repeat(pictures[..., None], 3, axis=-1))
    found, segments, _ = probe_footage(video, camera="any", root=folder, start_utc=MORNING)
    return [Stretch(source=video, footage=found, segment=segment) for segment in segments]


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[FootageSite]:
    with footage_site(tmp_path) as opened:
        first = opened.site.store.camera(CAMERA)
        for name in ("slow", "quick"):
            opened.site.store.put_camera(replace(first, name=name))
        yield opened


def give_model(plant: FootageSite, camera: str, seen: list[Stretch], **manifest: object) -> str:
    """Make the active model of a camera: one whose bank knows this footage. Return its id."""
    site = plant.site
    model = camera_model()
    reader = replace(model.reader(), history=None)
    model = replace(model, sight=learn_looks(seen, model.sight, reader, stride=4))
    said = {"preset": model.preset.to_dict(), "masks": masks_digest(()), **manifest}
    fresh = site.models_folder / camera / "fresh"
    record = register(site, camera, model, fresh, preset="compact", manifest=said)
    site.store.promote(record.model_id, site.clock.now_utc(), who="tests", by="tests")
    return record.model_id


def test_nearest_is_the_camera_that_has_seen_what_is_most_alike(
    plant: FootageSite, tmp_path: Path
) -> None:
    slow, quick, new = (
        footage(tmp_path / name, speed_px=speed, side_px=side, seed=seed)
        for name, speed, side, seed in (("a", 1, 8, 1), ("b", 6, 24, 2), ("c", 6, 24, 3))
    )
    give_model(plant, "slow", slow)
    wanted = give_model(plant, "quick", quick)
    site, lines = plant.site, list[str]()
    camera = site.store.camera(CAMERA)
    origin = choose_origin(site, camera, "nearest", new, preset(), lines.append)
    assert origin.to_dict() == {"camera": "quick", "model": wanted}
    assert lines[-1].startswith("starts from the networks of quick, the nearest (distance of what ")
    # The other way round it is the other one: it is not the name that counts.
    origin = choose_origin(site, camera, "nearest", slow, preset(), lines.append)
    assert origin.camera == "slow"


@pytest.mark.parametrize(
    ("wanted", "kind", "said"),
    [
        pytest.param(CAMERA, CameraError, f"kizashi retrain {CAMERA}", id="itself"),
        pytest.param("slow", ModelError, "run: kizashi train slow", id="no model"),
        pytest.param("nobody", CameraError, "nobody", id="no such camera"),
        pytest.param("nearest", ModelError, "no other camera has an active model", id="no other"),
    ],
)
def test_where_there_are_no_networks_it_says_what_to_do(
    wanted: str, kind: type[Exception], said: str, plant: FootageSite
) -> None:
    with pytest.raises(kind, match=said):
        choose_origin(plant.site, plant.site.store.camera(CAMERA), wanted, [], preset())


def test_networks_of_another_preset_are_refused_and_left_out(
    plant: FootageSite, tmp_path: Path
) -> None:
    give_model(plant, "slow", footage(tmp_path / "a", speed_px=1, side_px=8, seed=1))
    site, lines = plant.site, list[str]()
    camera, compact = site.store.camera(CAMERA), preset_named("compact")
    with pytest.raises(ModelError, match="do not fit preset compact"):
        choose_origin(site, camera, "slow", [], compact)
    with pytest.raises(ModelError, match="no other camera"):
        choose_origin(site, camera, "nearest", [], compact, lines.append)
    assert lines[0].startswith("not slow: model ")


def test_networks_from_before_a_privacy_mask_are_refused(
    plant: FootageSite, tmp_path: Path
) -> None:
    give_model(plant, "slow", footage(tmp_path / "a", speed_px=1, side_px=8, seed=1))
    store = plant.site.store
    store.put_camera(replace(store.camera("slow"), privacy_masks=(MASK,)))
    with pytest.raises(ModelError, match="before its privacy masks were changed"):
        choose_origin(plant.site, store.camera(CAMERA), "slow", [], preset())


def test_a_student_gives_its_teachers_networks(plant: FootageSite, tmp_path: Path) -> None:
    seen = footage(tmp_path / "a", speed_px=1, side_px=8, seed=1)
    teacher = give_model(plant, "slow", seen)
    site = plant.site
    record = site.store.active_model("slow")
    assert record is not None
    student = replace(
        record,
        model_id="5" * 32,
        digest="5" * 64,
        calibration_id="5" * 32,
        state=ModelState.CANDIDATE,
        manifest={"teacher": teacher},
    )
    site.store.add_model(student, [])
    site.store.promote(student.model_id, site.clock.now_utc(), who="tests", by="tests")
    origin = choose_origin(site, site.store.camera(CAMERA), "slow", seen, preset())
    assert origin.to_dict() == {"camera": "slow", "model": teacher}
