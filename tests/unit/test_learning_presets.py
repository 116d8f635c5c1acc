"""A camera's recipe has no labels: its model is of one kind of clips."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import ModelDamaged
from pipeline.learning.camera_model import load_camera_model
from pipeline.learning.presets import PRESET_NAMES, preset_from_dict, preset_named
from tgan_core.checkpoint import save_checkpoint


@pytest.mark.parametrize("name", PRESET_NAMES)
def test_a_camera_of_several_kinds_is_refused_by_name(name: str) -> None:
    preset = preset_named(name)
    geometry = replace(preset.tgan.geometry, labels=3)
    with pytest.raises(ValueError, match=f"preset {name}: a camera's model has no labels"):
        replace(preset, tgan=replace(preset.tgan, geometry=geometry))
    assert preset_from_dict(preset.to_dict()) == preset


def test_a_larger_preset_learns_at_least_as_long() -> None:
    steps = [
        (preset.generator_steps, preset.encoder_steps)
        for preset in map(preset_named, ("compact", "standard", "full", "paper"))
    ]
    assert steps == sorted(steps)


@pytest.mark.parametrize(("key", "value"), [("labels", 3), ("later_choice", 1)])
def test_a_stored_model_of_a_recipe_that_is_not_for_cameras_is_refused_in_one_line(
    key: str, value: int, tmp_path: Path
) -> None:
    preset = preset_named(PRESET_NAMES[0]).to_dict()
    preset["tgan"]["geometry"][key] = value
    digest = save_checkpoint(tmp_path, {}, {"preset": preset})
    with pytest.raises(ModelDamaged, match=key) as caught:
        load_camera_model(tmp_path, digest, device="cpu")
    assert "\n" not in str(caught.value)
