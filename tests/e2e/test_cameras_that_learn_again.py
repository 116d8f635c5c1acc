"""A new camera that starts from another one's networks, and one that is learnt again, by the
commands that people use; with networks of a few channels, so that it takes less than a minute."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.cli import main
from pipeline.learning import presets
from pipeline.learning.registry import ModelRecord, ModelState
from tests.core_recipes import logistic_recipe
from tests.footage_maker import encode, scene
from tests.footage_site import FootageSite, footage_site

pytestmark = [pytest.mark.full, pytest.mark.timeout(280)]

FIRST, SECOND = "line-1", "line-2"
TINY = "tiny"


def tiny() -> presets.Preset:
    """Return the compact preset with small pictures, narrow networks and few steps."""
    return replace(
        presets.preset_named("compact"),
        name=TINY,
        working_width_px=64,
        generator_steps=20,
        encoder_steps=10,
        place_windows=30,
        tgan=logistic_recipe(),
    )


@dataclass
class Plant:
    """A site with cameras, and its command line; each test goes on from the one before."""

    open: FootageSite
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> tuple[int, str]:
        code = main(["--site", str(self.open.site.folder), *arguments])
        said = self.capsys.readouterr()
        return code, said.out + said.err

    def active(self, camera: str) -> ModelRecord:
        record = self.open.site.store.active_model(camera)
        assert record is not None
        return record


def at_rest(video: Path) -> None:
    """Let a file look as if nobody wrote to it for a minute."""
    before = time.time() - 60.0
    os.utime(video, (before, before))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FootageSite]:
    """Give a site with two cameras; the first has a model of 16 seconds of footage, and seven more
    seconds that it has not learnt from."""
    small = tiny()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(presets._PRESETS, TINY, lambda: small)
        folder = tmp_path_factory.mktemp("plant")
        with footage_site(folder, budget_per_day=20_000.0) as opened:
            store, second = opened.site.store, folder / SECOND
            store.put_camera(replace(store.camera(FIRST), name=SECOND, source=second))
            second.mkdir()
            site = ("--site", str(opened.site.folder))
            at_rest(encode(opened.source / "one.mp4", np.tile(scene(1, 20), (8, 1, 1, 1))))
            at_rest(encode(second / "one.mp4", np.tile(scene(2, 20), (8, 1, 1, 1))))
            assert main([*site, "ingest"]) == 0
            assert main([*site, "train", FIRST, "--preset", TINY]) == 0
            at_rest(encode(opened.source / "two.mp4", np.tile(scene(1, 14), (5, 1, 1, 1))))
            assert main([*site, "ingest", FIRST]) == 0
            yield opened


@pytest.fixture
def plant(opened: FootageSite, capsys: pytest.CaptureFixture[str]) -> Plant:
    return Plant(opened, capsys)


def test_a_new_camera_starts_from_the_networks_of_another(plant: Plant) -> None:
    start = plant.active(FIRST)
    assert start.origin is None
    code, said = plant.run("train", SECOND, "--from", "nearest")
    assert (code != 0, "not line-1: model" in said) == (True, True), said
    code, said = plant.run("train", SECOND, "--preset", TINY, "--from", "nearest")
    assert (code, f"starts from the networks of {FIRST}, the nearest" in said) == (0, True), said
    made = plant.active(SECOND)
    assert made.origin == (FIRST, start.model_id)
    assert made.manifest["preset"]["generator_steps"] == 5  # a quarter of the preset's
    code, said = plant.run("model", "list", SECOND)
    assert f"{FIRST} {start.model_id[:12]}" in said

    # The same once more, by its name, is the same model.
    code, said = plant.run("train", SECOND, "--preset", TINY, "--from", FIRST)
    assert (code, "learnt from the same footage already" in said) == (0, True), said
    assert len(plant.open.site.store.models(SECOND)) == 1


def test_a_camera_is_learnt_again_compared_promoted_and_rolled_back(plant: Plant) -> None:
    before = plant.active(FIRST)
    code, said = plant.run("retrain", FIRST)
    assert (code, "warning: the active model" in said) == (0, False), said
    models = plant.open.site.store.models(FIRST)
    (candidate,) = (model for model in models if model.state is ModelState.CANDIDATE)
    assert candidate.preset == TINY
    short = candidate.model_id[:12]
    assert f"kizashi model compare {short}" in said

    code, said = plant.run("model", "compare", short, "--faults", "1")
    assert (code, "refused:" in said) == (0, True), said  # too few faults to say anything
    code, said = plant.run("model", "promote", short, "--if-not-worse")
    forced = f"To promote it all the same: kizashi model promote {short}"
    assert (code != 0, forced in said) == (True, True), said
    assert plant.active(FIRST).model_id == before.model_id
    assert plant.run("model", "promote", short)[0] == 0
    assert plant.active(FIRST).model_id == candidate.model_id

    assert plant.run("model", "rollback", FIRST)[0] == 0
    assert plant.active(FIRST).model_id == before.model_id
