"""The bank of normal looks: what was seen is near, what was not is far, wherever it happens."""

import pytest
import torch

from pipeline.scoring.feature_bank import DepthBank, cell_features, fit_depth_bank


def _windows(count: int, seed: int) -> torch.Tensor:
    """Return features NCGW in which the right half is busy and the left half is still."""
    chance = torch.Generator().manual_seed(seed)
    features = 0.1 * torch.randn(count, 30, 6, 8, generator=chance)
    features[..., 4:] += torch.randn(count, 30, 1, 1, generator=chance).sign()
    return features


@pytest.fixture(scope="module")
def bank() -> DepthBank:
    return fit_depth_bank(torch.cat([_windows(100, 1), _windows(100, 2)]), seed=0)


def test_a_window_of_the_bank_is_its_own_nearest_neighbour(bank: DepthBank) -> None:
    assert bank.distance(_windows(100, 1)).max() < 0.01


def test_what_was_never_seen_is_farther_than_what_is_like_it(bank: DepthBank) -> None:
    fresh = _windows(20, 3)
    strange = fresh.clone()
    strange[:, :, 2, 1] += 3.0 * torch.randn(30, generator=torch.Generator().manual_seed(9))
    usual = bank.distance(fresh)
    changed = bank.distance(strange)
    assert (changed[:, 2, 1] > 2.0 * usual[:, 2, 1]).all()
    torch.testing.assert_close(changed[:, 4], usual[:, 4])


def test_the_look_of_a_neighbour_is_not_new_and_that_of_the_other_side_is(
    bank: DepthBank,
) -> None:
    looks = _windows(100, 1)[:1]
    moved_by_one, moved_far = looks.clone(), looks.clone()
    moved_by_one[..., 3] = looks[..., 4]
    moved_far[..., 0] = looks[..., 4]
    assert bank.distance(moved_by_one)[0, :, 3].max() < 0.01
    assert bank.distance(moved_far)[0, :, 0].min() > 0.3


def test_cells_average_fine_layers_and_interpolate_coarse_ones() -> None:
    fine = torch.arange(64.0).reshape(1, 1, 1, 8, 8)
    assert cell_features(fine, (4, 4))[0, 0, 0, 0] == pytest.approx((0 + 1 + 8 + 9) / 4)
    assert cell_features(torch.ones(2, 3, 2, 2, 2), (4, 5)).shape == (2, 6, 4, 5)


def test_the_same_footage_and_seed_make_the_same_bank() -> None:
    one, other = (fit_depth_bank(_windows(50, 1), seed=0) for _ in range(2))
    assert torch.equal(one.bank_GWMD, other.bank_GWMD)
