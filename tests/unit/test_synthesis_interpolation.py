"""Between two frames: what each method draws there, and that weights come from what was learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.clips.flow import flow_pair
from pipeline.errors import FootageError, ModelError
from pipeline.evaluation.middle_frames import METHODS, Quality, middle_figures, middle_qualities
from pipeline.evaluation.picture_quality import psnr
from pipeline.synthesis.between import Between, Interpolator, Run
from pipeline.synthesis.choosing import Choice, Choices, hidden_frames, learn_choices
from tests.synthesis_makers import moving_square, sight


@pytest.fixture(scope="module")
def interpolator() -> Interpolator:
    return Interpolator(sight=sight())


@pytest.fixture(scope="module")
def choices(interpolator: Interpolator) -> Choices:
    return learn_choices(interpolator, [Run(moving_square(24))], every=4)


@pytest.fixture(scope="module")
def middle(interpolator: Interpolator) -> Between:
    return interpolator.between(Run(moving_square(8, speed_px=4)), 3, (0.5,))


def test_warping_meets_in_the_middle_of_a_movement() -> None:
    before, between, after = moving_square(3, speed_px=2)
    pair = flow_pair(before, after)
    there, back = pair.warped(0.5)
    for warped in (there, back):
        assert psnr(np.rint(warped).astype(np.uint8), between) > 30.0
    assert psnr(before, between) < 25.0


def test_at_either_end_a_warp_is_its_own_picture() -> None:
    before, after = moving_square(2)
    pair = flow_pair(before, after)
    assert np.array_equal(pair.warped(0.0)[0], before)
    assert np.array_equal(pair.warped(1.0)[1], after)


def test_blending_and_warping_need_no_network(middle: Between) -> None:
    video = moving_square(8, speed_px=4)
    before, after = video[3].astype(float), video[4].astype(float)
    assert np.allclose(middle.linear[0], (before + after) / 2)
    assert np.allclose(middle.flow[0], sum(middle.warped[0]) / 2)


def test_every_correction_is_nothing_at_either_frame(interpolator: Interpolator) -> None:
    run = Run(moving_square(8, speed_px=4))
    ends = interpolator.between(run, 3, (0.0, 1.0))
    features = len(ends.features_FHW)
    anything = np.array([[-9.0, 9.0]] * 3)
    loud = Choice(weights_JF=np.full((3, features), 2.0), range_J2=anything)
    for moment, frame in ((0, 3), (1, 4)):
        assert np.allclose(ends.residual[moment], 0.0, atol=1e-3)
        # The warp that has come the whole way is as good as its flow.
        only_drawn = np.zeros((3, features))
        only_drawn[2] = 2.0
        quiet = Choice(weights_JF=only_drawn, range_J2=anything)
        assert np.allclose(quiet.picture(ends, moment), run.frames[frame], atol=1e-2)
        assert loud.picture(ends, moment).shape == run.frames[frame].shape


def test_what_tgan_draws_is_in_the_light_of_the_footage(interpolator: Interpolator) -> None:
    bright = [np.clip(0.8 * frame + 12.0, 0, 255).astype(np.uint8) for frame in moving_square(8)]
    plain = interpolator.between(Run(moving_square(8)), 3, (0.5,)).render[0]
    lit = interpolator.between(Run(bright), 3, (0.5,)).render[0]
    assert np.abs(lit - (0.8 * plain + 12.0)).mean() < 4.0
    assert np.abs(lit - plain).mean() > 6.0


def test_the_clip_that_is_looked_at_stays_inside_the_run(interpolator: Interpolator) -> None:
    run = Run(moving_square(10))
    for gap in (0, 4, 8):
        assert np.isfinite(interpolator.between(run, gap, (0.25, 0.75)).render).all()
    with pytest.raises(ValueError, match="no clip of 8"):
        interpolator.between(Run(moving_square(7)), 3, (0.5,))


def test_the_latent_search_changes_what_is_drawn(interpolator: Interpolator) -> None:
    run = Run(moving_square(8))
    searched = replace(interpolator, refine_steps=3).between(run, 3, (0.5,)).render[0]
    assert np.isfinite(searched).all()
    assert not np.allclose(searched, interpolator.between(run, 3, (0.5,)).render[0], atol=1e-3)


def test_a_model_that_sees_no_picture_draws_none() -> None:
    with pytest.raises(ModelError, match="sees speed first"):
        Interpolator(sight=sight(planes=("speed", "background_difference")))


def test_a_hidden_frame_lies_between_the_two_kept_ones() -> None:
    frames = [np.full((2, 2), number, dtype=np.uint8) for number in range(20)]
    found = list(hidden_frames(Run(frames), 8, 1))
    assert [hidden for _, _, hidden in found] == list(range(7, 13))
    for kept, gap, hidden in found:
        assert (kept.frames[gap][0, 0], kept.frames[gap + 1][0, 0]) == (hidden - 1, hidden + 1)
        assert gap >= 3
        assert gap + 4 < len(kept)
    assert {kept.step for kept, _, _ in found} == {2}
    assert list(hidden_frames(Run(frames[:14]), 8, 1)) == []
    assert [hidden for _, _, hidden in hidden_frames(Run(frames[:15]), 8, 1)] == [7]


def test_three_of_four_frames_are_hidden_as_well() -> None:
    frames = [np.full((2, 2), number, dtype=np.uint8) for number in range(32)]
    found = list(hidden_frames(Run(frames), 8, 1, 4))
    assert [hidden for _, _, hidden in found] == [14, 15, 16, 17]
    for kept, gap, hidden in found:
        assert (kept.frames[gap][0, 0], kept.frames[gap + 1][0, 0]) == (hidden - 2, hidden + 2)
        assert (gap, len(kept), kept.step) == (3, 8, 4)


def test_speeds_are_those_of_a_step_of_the_model(interpolator: Interpolator) -> None:
    run = Run(moving_square(16))
    left_out, at_once = run.thinned(0, 2), Run(run.frames[::2])
    slow, fast = (interpolator.between(r, 3, (0.5,)).features_FHW for r in (left_out, at_once))
    assert np.allclose(slow[0], fast[0])
    moving = np.abs(slow[1:] - fast[1:]).max(axis=0)
    # The square is twice as fast for who does not know that a frame is missing; the rest is still.
    assert moving[14:26].max() > 10.0 * moving[36:].max()


def made_up(truth: np.ndarray, weights: tuple[float, float, float]) -> Between:
    """Return moments whose corrections, with these weights, give the truth exactly."""
    chance = np.random.default_rng(0)
    shape = truth.shape
    flow, apart, drawn = (chance.normal(0, 5, shape).astype(np.float32) for _ in range(3))
    drawn[:] = 3.0  # smoothing leaves it as it is
    linear = truth - weights[0] * flow - weights[1] * 0.5 * apart - weights[2] * drawn
    features = np.stack([np.ones(shape), chance.normal(size=shape)]).astype(np.float32)
    return Between(
        shares=(0.5,),
        linear=(linear.astype(np.float32),),
        warped=((apart, np.zeros(shape, np.float32)),),
        flow=((linear + flow).astype(np.float32),),
        render=(truth.astype(np.float32),),
        residual=(drawn,),
        features_FHW=features,
    )


class MadeUp(Interpolator):
    """Knows the truth between two frames: their mean plus ten."""

    def between(self, run: Run, gap: int, shares: tuple[float, ...]) -> Between:  # type: ignore[override]
        return made_up(run.frames[gap].astype(float) + 10.0, (0.8, -0.3, 0.0))


def test_weights_are_those_that_draw_the_hidden_frames_best() -> None:
    chance = np.random.default_rng(1)
    base = chance.integers(60, 180, (48, 64)).astype(np.uint8)
    frames = [base + np.uint8(10 * (number % 2)) for number in range(15)]
    # Frame 7 is hidden, and ten levels brighter than the frames around it.
    learnt = learn_choices(MadeUp(sight=sight()), [Run(frames)], every=1)
    assert learnt.gaps == 1
    assert learnt.ours.weights_JF[:, 0] == pytest.approx([0.8, -0.3, 0.0], abs=0.02)
    assert learnt.ours.weights_JF[:, 1] == pytest.approx([0.0, 0.0, 0.0], abs=0.02)
    assert learnt.untrained is None
    assert np.all(learnt.without_networks.weights_JF[2] == 0.0)
    assert np.all(learnt.without_networks.weights_JF[:, 1:] == 0.0)
    assert np.all(learnt.drawn_only.weights_JF[:2] == 0.0)


def test_weights_stay_between_what_training_has_met() -> None:
    truth = np.full((8, 8), 100.0)
    between = made_up(truth, (0.0, 0.0, 0.0))
    correction = between.flow[0] - between.linear[0]
    weights = np.array([[0.5, 100.0], [0.0, 0.0], [0.0, 0.0]])
    bounded = Choice(weights_JF=weights, range_J2=np.array([[0.4, 0.6], [0.0, 0.0], [0.0, 0.0]]))
    share = (bounded.picture(between, 0) - between.linear[0]) / correction
    seen = between.features_FHW[1]
    assert np.allclose(share[seen > 0.01], 0.6, atol=0.01)
    assert np.allclose(share[seen < -0.01], 0.4, atol=0.01)


def test_learnt_weights_do_no_worse_than_blending_on_what_they_were_learnt_from(
    interpolator: Interpolator, choices: Choices
) -> None:
    found = middle_qualities(interpolator, choices, [Run(moving_square(24))], every=4)
    means = {name: np.mean([frame[name].psnr_db for frame in found]) for name in found[0]}
    assert means["ours"] > means["without_networks"] > means["linear"]
    assert means["drawn_only"] >= means["linear"] - 0.01
    assert means["render"] < means["linear"]


def test_a_critic_that_has_learnt_nothing_is_another_choice(interpolator: Interpolator) -> None:
    runs = [Run(moving_square(24))]
    control = interpolator.with_control(seed=7)
    choices = learn_choices(control, runs, every=4)
    assert choices.untrained is not None
    assert not np.allclose(choices.untrained.weights_JF, choices.ours.weights_JF)
    (found, *_) = middle_qualities(control, choices, runs, every=4)
    assert set(found) == set(METHODS)
    assert found["untrained"] != found["ours"]


def test_footage_that_is_too_short_to_hide_a_frame_is_refused(interpolator: Interpolator) -> None:
    with pytest.raises(FootageError, match="15 frames in a row"):
        learn_choices(interpolator, [Run(moving_square(14))])


def test_figures_are_means_over_videos_and_differences_are_paired() -> None:
    def frame(linear: float, ours: float) -> dict[str, Quality]:
        rest = {name: Quality(psnr_db=linear, ssim=0.5) for name in METHODS}
        return {**rest, "ours": Quality(psnr_db=ours, ssim=0.75)}

    videos = [[frame(30.0, 31.0)] * 3, [frame(40.0, 41.0)], []]
    figures = middle_figures(videos)
    assert (figures["videos"], figures["frames"]) == (2, 4)
    ours = figures["methods"]["ours"]
    assert ours["psnr_db"]["mean"] == 36.0
    assert ours["psnr_db"]["interval"] == (31.0, 41.0)
    assert ours["psnr_over_linear"] == {"mean": 1.0, "interval": (1.0, 1.0)}
    assert ours["ssim_over_linear"]["mean"] == 0.25
    assert figures["methods"]["flow"]["psnr_over_linear"]["mean"] == 0.0
    assert middle_figures([[frame(30.0, 31.0)]])["methods"]["ours"]["psnr_db"]["interval"] is None
    with pytest.raises(ValueError, match="no middle frame"):
        middle_figures([[]])


def test_the_same_question_has_the_same_answer(interpolator: Interpolator) -> None:
    run = Run(moving_square(8))
    first, second = (interpolator.between(run, 3, (0.5,)) for _ in range(2))
    assert np.array_equal(first.render[0], second.render[0])
    assert np.array_equal(first.features_FHW, second.features_FHW)
    assert torch.get_default_dtype() is torch.float32
