"""A training step does what the algorithm says, stops before harm, and can be resumed."""

import copy
import math

import pytest
import torch

from tests.core_recipes import (
    RECIPES,
    batches,
    logistic_recipe,
    same_tensors,
    small_recipe,
)
from tgan_core.config import TganConfig
from tgan_core.errors import CheckpointError, NonFiniteError
from tgan_core.objectives import non_saturating_losses, r1_penalty, wasserstein_losses
from tgan_core.simultaneous_gradients import simultaneous_gradients
from tgan_core.training import (
    TrainingState,
    latent_batches,
    load_state_tensors,
    new_training_state,
    state_tensors,
    train,
    training_step,
)


def trained_state(recipe: TganConfig, steps: int = 2) -> TrainingState:
    state = new_training_state(recipe, seed=0)
    assert train(state, iter(batches(recipe, steps)), steps) == steps
    return state


def test_wasserstein_losses_are_differences_of_means():
    both = wasserstein_losses(torch.tensor([1.0, 3.0]), torch.tensor([0.5, -0.5]))
    assert float(both.critic) == -2.0
    assert float(both.generator) == 0.0


def test_logistic_losses_are_two_log_two_and_log_two_for_an_undecided_critic():
    both = non_saturating_losses(torch.zeros(4), torch.zeros(4))
    assert float(both.critic) == pytest.approx(2 * math.log(2))
    assert float(both.generator) == pytest.approx(math.log(2))


def test_the_gradient_penalty_of_a_linear_critic_is_its_squared_weight():
    class Linear(torch.nn.Module):
        def forward(self, video_BCTHW):
            return 3.0 * video_BCTHW.flatten(1).sum(1)

    # 2 planes, 8 frames, 4x4 px: 256 slopes of 3 each.
    assert float(r1_penalty(Linear(), torch.rand(5, 2, 8, 4, 4))) == pytest.approx(9.0 * 256)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_both_gradients_equal_those_of_two_separate_losses_at_the_same_point(recipe):
    state = trained_state(recipe)
    twin = copy.deepcopy((state.generator, state.critic))
    generator, critic = twin
    real_BCTHW = batches(recipe, 1, start=9)[0]
    latent_BZ = next(latent_batches(state, batches=1))
    found = simultaneous_gradients(
        state.generator, state.critic, latent_BZ, real_BCTHW, recipe.optimisation, step=4
    )
    fake_score_B = critic(generator(latent_BZ))
    real_score_B = critic(real_BCTHW)
    penalty = 0.0
    if recipe.optimisation.objective == "wasserstein":
        critic_loss = fake_score_B.mean() - real_score_B.mean()
        generator_loss = -fake_score_B.mean()
    else:
        critic_loss = -torch.log(1 - fake_score_B.sigmoid()).mean()
        critic_loss = critic_loss - torch.log(real_score_B.sigmoid()).mean()
        generator_loss = -torch.log(fake_score_B.sigmoid()).mean()
        penalty = 0.5 * 1.0 * 4 * r1_penalty(critic, real_BCTHW)
    wanted_generator = torch.autograd.grad(
        generator_loss, list(generator.parameters()), retain_graph=True
    )
    wanted_critic = torch.autograd.grad(critic_loss + penalty, list(critic.parameters()))
    for ours, wanted in zip(
        [*found.generator, *found.critic], [*wanted_generator, *wanted_critic], strict=True
    ):
        torch.testing.assert_close(ours, wanted, rtol=1e-3, atol=1e-6)
    assert float(found.figures["critic loss"]) == pytest.approx(
        float(critic_loss.detach()), abs=1e-5
    )


def test_the_lazy_penalty_is_due_every_fourth_step_only():
    recipe = logistic_recipe()
    state, penalties = new_training_state(recipe, 0), []
    train(
        state, iter(batches(recipe, 8)), 8, on_step=lambda f: penalties.append(f.gradient_penalty)
    )
    assert [value is not None for value in penalties] == [False, False, False, True] * 2


def test_a_step_updates_every_weight_and_reports_its_figures():
    recipe = small_recipe()
    state = new_training_state(recipe, seed=0)
    before = state_tensors(state)
    ticks = iter([10.0, 12.5])
    figures = training_step(state, batches(recipe, 1)[0], clock=lambda: next(ticks))
    after = state_tensors(state)
    # A bias in front of batch norm is inert: its gradient is zero up to rounding.
    moved = [n for n, v in before.items() if "weight" in n and torch.equal(v, after[n])]
    assert [name for name in moved if "running" not in name] == []
    assert (figures.step, state.step, figures.seconds) == (1, 1, 2.5)
    assert figures.critic_loss == pytest.approx(figures.fake_score - figures.real_score, abs=1e-6)
    assert figures.generator_loss == pytest.approx(-figures.fake_score)
    assert 1.0 < figures.largest_singular_value < 2.0
    assert 0.0 < figures.share_at_one <= 1.0
    assert figures.gradient_penalty is None


def largest_singular_value(network):
    weights = [weight.detach() for weight in network.parameters() if weight.dim() > 3]
    return max(float(torch.linalg.svdvals(weight.flatten(1))[0]) for weight in weights)


def test_the_critic_is_inside_the_ball_after_each_step_and_the_generator_never_clipped():
    recipe = small_recipe()
    state = new_training_state(recipe, seed=0)
    with torch.no_grad():
        for weight in state.generator.image.parameters():
            weight.mul_(100.0)
    outside = largest_singular_value(state.generator.image)
    for video_BCTHW in batches(recipe, 3):
        training_step(state, video_BCTHW)
        assert largest_singular_value(state.critic) <= 1 + 1e-4
    assert largest_singular_value(state.generator.image) == pytest.approx(outside, rel=0.05)
    assert outside > 3


@pytest.mark.parametrize(("every", "clipped"), [(0, []), (2, [2, 4]), (1, [1, 2, 3, 4])])
def test_clipping_happens_as_often_as_asked(every, clipped):
    recipe, seen = small_recipe(clip_every=every), []
    train(new_training_state(recipe, 0), iter(batches(recipe, 4)), 4, on_step=seen.append)
    assert [figures.step for figures in seen if figures.share_at_one is not None] == clipped


def last_weights(generator, critic):
    return [generator.image.last.weight.detach(), critic.head.weight.detach()]


def test_the_averages_follow_generator_and_critic_with_a_warm_up():
    recipe = small_recipe(ema_decay=0.9, generator_learning_rate=1e-2)
    state = new_training_state(recipe, seed=0)
    averages = [weight.clone() for weight in last_weights(state.generator, state.critic)]
    for step, video_BCTHW in enumerate(batches(recipe, 3), start=1):
        training_step(state, video_BCTHW)
        decay = min(0.9, (1 + step) / (10 + step))
        current = last_weights(state.generator, state.critic)
        averages = [
            decay * average + (1 - decay) * weight
            for average, weight in zip(averages, current, strict=True)
        ]
        kept = last_weights(state.ema_generator, state.ema_critic)
        torch.testing.assert_close(kept, averages)
    assert not any(map(torch.equal, averages, last_weights(state.generator, state.critic)))
    assert state.sampler is state.ema_generator
    assert state.judge is state.ema_critic
    norms = (state.ema_generator.image.layers[0], state.generator.image.layers[0])
    assert torch.equal(norms[0].running_mean, norms[1].running_mean)


def test_a_recipe_without_averages_samples_from_the_generator_and_scores_with_the_critic():
    state = trained_state(small_recipe(ema_decay=0.0))
    assert state.ema_generator is state.ema_critic is None
    assert state.sampler is state.generator
    assert state.judge is state.critic


def test_training_ends_early_when_the_clips_end():
    recipe = small_recipe()
    state = new_training_state(recipe, 0)
    assert train(state, iter(batches(recipe, 2)), 5) == 2
    assert state.step == 2


def test_equal_seeds_give_equal_weights_and_the_global_chance_stays_put():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = state_tensors(new_training_state(small_recipe(), seed=3))
    assert torch.equal(torch.rand(3), expected)
    assert same_tensors(first, state_tensors(new_training_state(small_recipe(), seed=3)))
    assert not same_tensors(first, state_tensors(new_training_state(small_recipe(), seed=4)))


def test_initialisation_has_the_documented_spread():
    lecun = new_training_state(small_recipe({"critic_width": 32}), 0)
    assert float(lecun.critic.convolutions[1].weight.detach().std()) == pytest.approx(
        (32 * 64) ** -0.5, rel=0.05
    )
    assert float(lecun.generator.image.first.weight.detach().abs().max()) == pytest.approx(
        0.01, rel=0.05
    )
    uniform = new_training_state(small_recipe(initialisation="uniform"), 0)
    for network in (uniform.generator, uniform.critic):
        weights = [w.detach() for w in network.parameters() if w.dim() > 1]
        assert max(float(weight.abs().max()) for weight in weights) <= 0.01
    assert uniform.critic.head.bias.detach().tolist() == [0.0]


@pytest.mark.parametrize("recipe", [*RECIPES.values(), small_recipe(autocast="bf16")])
def test_ten_steps_saved_and_ten_more_equal_twenty_steps_bit_for_bit(recipe):
    clips = batches(recipe, 20)
    straight, losses = new_training_state(recipe, seed=0), []
    train(straight, iter(clips), 20, on_step=lambda figures: losses.append(figures.critic_loss))
    begun, resumed_losses = new_training_state(recipe, seed=0), []
    train(begun, iter(clips[:10]), 10)
    resumed = new_training_state(recipe, seed=99)
    load_state_tensors(resumed, state_tensors(begun))
    train(
        resumed,
        iter(clips[10:]),
        10,
        on_step=lambda figures: resumed_losses.append(figures.critic_loss),
    )
    assert resumed_losses == losses[10:]
    assert same_tensors(state_tensors(resumed), state_tensors(straight))
    layouts = [w.stride() for w in straight.critic.parameters()]
    assert [w.stride() for w in resumed.critic.parameters()] == layouts


def test_an_unbegun_state_can_be_saved_and_loaded():
    saved = state_tensors(new_training_state(small_recipe(), seed=1))
    state = trained_state(small_recipe())
    load_state_tensors(state, saved)
    assert same_tensors(state_tensors(state), saved)


@pytest.mark.parametrize(
    "damage",
    [
        lambda tensors: tensors.pop("critic.head.weight"),
        lambda tensors: tensors.pop("step"),
        lambda tensors: tensors.pop("random"),
        lambda tensors: tensors.pop("critic_optimiser.head.weight.square_avg"),
        lambda tensors: tensors.update(surplus=torch.zeros(1)),
        lambda tensors: tensors.update({"critic.head.weight": torch.zeros(1)}),
        lambda tensors: tensors.update(random=torch.zeros(3, dtype=torch.uint8)),
    ],
)
def test_tensors_that_do_not_fit_are_refused_and_leave_the_state_untouched(damage):
    tensors = state_tensors(trained_state(small_recipe()))
    damage(tensors)
    state = new_training_state(small_recipe(), seed=5)
    before = state_tensors(state)
    with pytest.raises(CheckpointError):
        load_state_tensors(state, tensors)
    assert same_tensors(state_tensors(state), before)


def spoil_weight(state):
    with torch.no_grad():
        state.critic.convolutions[1].weight[0, 0, 0, 0, 0] = float("nan")


def spoil_generator_weight(state):
    with torch.no_grad():
        state.generator.image.last.weight[0, 0, 0, 0] = float("inf")


def spoil_memory(state):
    weight = state.critic.convolutions[2].weight
    state.critic_optimiser.state[weight]["square_avg"][0, 0, 0, 0, 0] = float("nan")


def spoil_gradient(state):
    """Makes only the gradient of one layer infinite: the losses stay finite."""
    state.generator.image.last.weight.register_hook(lambda slope: slope * float("inf"))


SPOILS = {
    "critic weight": (spoil_weight, "loss"),
    "generator weight": (spoil_generator_weight, "critic loss"),
    "optimiser memory": (spoil_memory, "optimiser square_avg of critic.convolutions.2.weight"),
    "gradient": (spoil_gradient, "gradient of generator.image.last.weight"),
}


@pytest.mark.parametrize(("spoil", "name"), SPOILS.values(), ids=SPOILS)
@pytest.mark.parametrize("after", [1, 3])
def test_a_non_finite_value_stops_the_step_before_anything_changes(spoil, name, after):
    recipe = small_recipe()
    state = trained_state(recipe, after)
    spoil(state)
    before = state_tensors(state)
    with pytest.raises(NonFiniteError, match=name) as caught:
        training_step(state, batches(recipe, 1)[0])
    assert caught.value.step == after + 1
    unchanged = state_tensors(state)
    assert before.keys() == unchanged.keys()
    for key, value in before.items():
        assert value.equal(unchanged[key]) or value.isfinite().logical_not().any(), key
        torch.testing.assert_close(value, unchanged[key], rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_non_finite_clip_is_refused_before_it_is_used(bad):
    recipe = small_recipe()
    state = trained_state(recipe)
    before = state_tensors(state)
    video_BCTHW = batches(recipe, 1)[0]
    video_BCTHW[1, 0, 3, 2, 1] = bad
    with pytest.raises(NonFiniteError, match="video_BCTHW is not finite at training step 3"):
        training_step(state, video_BCTHW)
    assert same_tensors(state_tensors(state), before)
    training_step(state, batches(recipe, 1)[0])
    assert state.step == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda video: video * 1.5, "outside"),
        (lambda video: video[:, :1], "shape"),
        (lambda video: video[:1], "at least 2"),
        (lambda video: video[:, :, :4], "shape"),
    ],
)
def test_a_batch_of_a_wrong_range_or_shape_is_refused(change, message):
    recipe = small_recipe()
    state = new_training_state(recipe, 0)
    with pytest.raises(ValueError, match=message):
        training_step(state, change(batches(recipe, 1)[0]))
    assert state.step == 0


def test_bfloat16_and_float32_steps_start_out_alike():
    losses = {}
    for autocast in ("none", "bf16"):
        recipe = small_recipe(autocast=autocast)
        figures = training_step(new_training_state(recipe, 0), batches(recipe, 1)[0])
        losses[autocast] = figures.critic_loss
    assert losses["bf16"] == pytest.approx(losses["none"], abs=0.05)
    assert losses["bf16"] != losses["none"]


def test_memory_layout_changes_speed_and_not_the_step():
    results = []
    for channels_last in (True, False):
        recipe = small_recipe(channels_last=channels_last)
        state = new_training_state(recipe, 0)
        figures = training_step(state, batches(recipe, 1)[0])
        results.append((figures.critic_loss, figures.generator_loss))
    assert results[0] == pytest.approx(results[1], abs=1e-4)
