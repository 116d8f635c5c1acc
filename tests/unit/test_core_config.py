"""Recipes are checked when they are made and survive a manifest."""

import json

import pytest

from tests.core_recipes import logistic_recipe, small_recipe
from tgan_core.config import GeometryConfig, OptimisationConfig, TganConfig, paper_config


@pytest.mark.parametrize("recipe", [paper_config(), small_recipe(), logistic_recipe()])
def test_a_recipe_survives_json(recipe):
    assert TganConfig.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_the_paper_recipe_has_the_published_values():
    recipe = paper_config(channels=1)
    assert recipe.geometry == GeometryConfig(
        frames=16,
        tile_px=64,
        channels=1,
        latent=100,
        generator_width=512,
        critic_width=64,
        temporal_width=512,
        critic_norm="batch",
    )
    assert recipe.optimisation == OptimisationConfig(
        objective="wasserstein",
        optimiser="rmsprop",
        generator_learning_rate=5e-5,
        critic_learning_rate=5e-5,
        batch=32,
        clip_every=5,
        r1_weight=0.0,
        ema_decay=0.0,
        autocast="none",
        initialisation="lecun",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"frames": 12},
        {"tile_px": 48},
        {"channels": 0},
        {"channels": 9},
        {"latent": 0},
        {"generator_width": 500},
        {"generator_width": 16},
        {"critic_width": 0},
        {"temporal_width": 6},
        {"critic_norm": "layer"},
    ],
)
def test_an_impossible_geometry_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GeometryConfig(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"objective": "hinge"},
        {"optimiser": "sgd"},
        {"autocast": "fp16"},
        {"initialisation": "zeros"},
        {"generator_learning_rate": 0.0},
        {"critic_learning_rate": float("nan")},
        {"batch": 1},
        {"clip_every": -1},
        {"r1_weight": -1.0},
        {"r1_weight": float("inf")},
        {"r1_every": 0},
        {"ema_decay": 1.0},
    ],
)
def test_an_impossible_optimisation_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OptimisationConfig(**wrong)


def test_a_gradient_penalty_is_refused_beside_batch_norm_in_the_critic():
    with pytest.raises(ValueError, match="critic_norm"):
        TganConfig(optimisation=OptimisationConfig(r1_weight=1.0))


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.pop("geometry"),
        lambda values: values["geometry"].pop("frames"),
        lambda values: values["optimisation"].update(surprise=1),
        lambda values: values.update(surprise={}),
    ],
)
def test_a_manifest_with_missing_or_unknown_names_is_refused(change):
    values = paper_config().to_dict()
    change(values)
    with pytest.raises(ValueError):
        TganConfig.from_dict(values)


def test_a_recipe_without_labels_is_written_as_before_there_were_any():
    written = small_recipe().to_dict()
    assert "labels" not in written["geometry"]
    assert TganConfig.from_dict(written).geometry.labels == 0
