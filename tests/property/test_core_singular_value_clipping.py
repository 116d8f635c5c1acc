"""Clipping through the Gram matrix is clipping by singular value decomposition, always."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.core_recipes import small_recipe
from tgan_core.critic import Critic
from tgan_core.errors import NonFiniteError
from tgan_core.singular_value_clipping import clip_critic_, clip_singular_values
from tgan_core.training import new_training_state


def clipped_by_svd(matrix_OI: Tensor) -> Tensor:
    u_OK, s_K, vh_KI = torch.linalg.svd(matrix_OI.double(), full_matrices=False)
    return (u_OK * s_K.clamp_max(1)) @ vh_KI


def drawn_matrix(rows: int, columns: int, rank: int, norm: float, seed: int) -> Tensor:
    """A matrix of that size, at most that rank, and about that largest singular value."""
    random = torch.Generator().manual_seed(seed)
    if rank == 0:
        return torch.zeros(rows, columns)
    left_OK = torch.randn(rows, rank, generator=random, dtype=torch.float64)
    right_KI = torch.randn(rank, columns, generator=random, dtype=torch.float64)
    product_OI = left_OK @ right_KI
    return (norm * product_OI / torch.linalg.matrix_norm(product_OI, 2)).float()


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(
    rows=st.integers(1, 24),
    columns=st.integers(1, 24),
    rank=st.integers(0, 24),
    norm_exponent=st.floats(-3, 5),
    seed=st.integers(0, 2**31),
)
@example(rows=1, columns=24, rank=1, norm_exponent=0.5, seed=0)
@example(rows=24, columns=1, rank=1, norm_exponent=0.5, seed=0)
@example(rows=24, columns=24, rank=1, norm_exponent=2.9, seed=0)
@example(rows=24, columns=3, rank=3, norm_exponent=0.2, seed=0)
def test_it_equals_the_svd_on_any_shape_rank_and_norm(rows, columns, rank, norm_exponent, seed):
    matrix_OI = drawn_matrix(rows, columns, rank, 10.0**norm_exponent, seed)
    clipped_OI = clip_singular_values(matrix_OI)
    assert clipped_OI.dtype == torch.float32
    torch.testing.assert_close(clipped_OI.double(), clipped_by_svd(matrix_OI), atol=1e-5, rtol=0)
    assert torch.linalg.svdvals(clipped_OI.double()).max() <= 1 + 1e-5
    torch.testing.assert_close(clip_singular_values(clipped_OI), clipped_OI, atol=2e-6, rtol=0)


@pytest.mark.parametrize(("rows", "columns"), [(64, 192), (128, 4096), (1, 8192), (300, 40)])
def test_the_papers_layers_are_clipped_to_one(rows, columns):
    matrix_OI = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0))
    matrix_OI /= columns**0.5
    clipped_OI = clip_singular_values(matrix_OI)
    assert torch.linalg.svdvals(clipped_OI).max() <= 1 + 1e-5
    torch.testing.assert_close(clipped_OI.double(), clipped_by_svd(matrix_OI), atol=1e-5, rtol=0)


@pytest.mark.parametrize("norm", [1e10, 1e20, 1e37])
def test_a_huge_norm_leaves_a_finite_matrix_inside_the_ball(norm):
    matrix_OI = drawn_matrix(8, 12, 8, norm, seed=0)
    clipped_OI = clip_singular_values(matrix_OI)
    singular_values = torch.linalg.svdvals(clipped_OI.double())
    assert singular_values.max() <= 1 + 1e-5
    assert singular_values[0] >= 1 - 1e-5


def test_equal_singular_values_are_clipped_together():
    orthogonal_OO = torch.linalg.qr(
        torch.randn(12, 12, generator=torch.Generator().manual_seed(0))
    )[0]
    torch.testing.assert_close(
        clip_singular_values(3 * orthogonal_OO), orthogonal_OO, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("norm", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("rank", [1, 6])
def test_a_matrix_inside_the_ball_is_returned_bit_for_bit(norm, rank):
    matrix_OI = drawn_matrix(6, 40, rank, norm, seed=1)
    before = matrix_OI.clone()
    assert torch.equal(clip_singular_values(matrix_OI), before)
    assert torch.equal(matrix_OI, before)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_other_number_formats_keep_their_format(kind):
    matrix_OI = drawn_matrix(6, 9, 6, 4.0, seed=2).to(kind)
    clipped_OI = clip_singular_values(matrix_OI)
    assert clipped_OI.dtype == kind
    tolerance = 1e-9 if kind == torch.float64 else 1e-2
    torch.testing.assert_close(
        clipped_OI.double(), clipped_by_svd(matrix_OI), atol=tolerance, rtol=0
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("size", [(5, 7), (1, 7), (7, 1)])
def test_a_matrix_with_a_non_finite_entry_is_refused_by_name(bad, size):
    matrix_OI = torch.ones(size)
    matrix_OI[-1, 0] = bad
    with pytest.raises(NonFiniteError, match="matrix is not finite"):
        clip_singular_values(matrix_OI)


def test_the_callers_precision_settings_survive():
    torch.set_float32_matmul_precision("medium")
    try:
        clipped_OI = clip_singular_values(drawn_matrix(20, 30, 20, 1.5, seed=3))
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    expected_OI = clipped_by_svd(drawn_matrix(20, 30, 20, 1.5, seed=3))
    torch.testing.assert_close(clipped_OI.double(), expected_OI, atol=1e-5, rtol=0)


def strong_critic(seed: int = 0) -> Critic:
    """A critic well outside the ball, its weights in the memory layout of training."""
    critic = new_training_state(small_recipe(), seed).critic
    with torch.no_grad():
        for weight in critic.parameters():
            weight.mul_(1.7)
    return critic


def test_a_critics_convolutions_all_end_inside_the_ball():
    critic = strong_critic()
    before = {name: w.detach().clone() for name, w in critic.named_parameters()}
    report = clip_critic_(critic)
    largest, at_one, count = 0.0, 0, 0
    for name, weight in critic.named_parameters():
        if weight.dim() == 5:
            expected_OI = clipped_by_svd(before[name].flatten(1))
            torch.testing.assert_close(
                weight.detach().flatten(1).double(), expected_OI, atol=1e-5, rtol=0
            )
            values = torch.linalg.svdvals(before[name].flatten(1))
            largest = max(largest, float(values[0]))
            at_one, count = at_one + int((values > 0.999).sum()), count + len(values)
    assert report.largest_before == pytest.approx(largest, rel=1e-5)
    assert report.share_at_one == pytest.approx(at_one / count)
    assert clip_critic_(critic).largest_before <= 1 + 1e-5


def test_a_critics_biases_are_left_alone():
    critic = strong_critic()
    for convolution in critic.convolutions:
        torch.nn.init.constant_(convolution.bias, 5.0)
    clip_critic_(critic)
    assert all((convolution.bias == 5.0).all() for convolution in critic.convolutions)


def test_a_gain_is_held_between_a_hundredth_of_the_running_deviation_and_all_of_it():
    critic = strong_critic()
    norm = critic.norms[1]
    norm.running_var.fill_(4.0)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([-1.0, 0.0, 0.01, 0.03, 1.0, 1.9, 2.1, 50.0]))
    clip_critic_(critic)
    expected = torch.tensor([0.02, 0.02, 0.02, 0.03, 1.0, 1.9, 2.0, 2.0])
    torch.testing.assert_close(norm.weight.detach(), expected)


def test_a_critic_with_a_nan_is_refused_by_layer_and_nothing_of_it_is_written():
    critic = strong_critic()
    with torch.no_grad():
        critic.head.weight[0, 0, 0, 0, 0] = float("nan")
    before = {name: weight.detach().clone() for name, weight in critic.named_parameters()}
    with pytest.raises(NonFiniteError, match=r"critic\.head\.weight"):
        clip_critic_(critic)
    for name, weight in critic.named_parameters():
        assert torch.equal(weight.detach().nan_to_num(), before[name].nan_to_num()), name
