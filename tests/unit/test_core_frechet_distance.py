"""The Frechet distance has the values that normal distributions have on paper."""

import pytest
import torch

from tgan_core.evaluation.frechet_distance import FeatureMoments, frechet_distance, moments_of


def normal(mean: list[float], deviation: list[float]) -> FeatureMoments:
    return FeatureMoments(
        mean_D=torch.tensor(mean).double(),
        covariance_DD=torch.diag(torch.tensor(deviation).double().square()),
    )


def test_written_values() -> None:
    # Independent features: sum of (difference of means)^2 + (difference of deviations)^2.
    one, other = normal([0.0, 1.0], [1.0, 2.0]), normal([3.0, 1.0], [1.0, 0.5])
    assert frechet_distance(one, other) == pytest.approx(9.0 + 2.25)
    assert frechet_distance(other, one) == pytest.approx(9.0 + 2.25)
    assert frechet_distance(one, one) == pytest.approx(0.0, abs=1e-9)


def test_a_turned_distribution_is_as_far_as_theory_says() -> None:
    half = torch.pi / 6
    turn = torch.tensor(
        [[torch.cos(torch.tensor(half)), -0.5], [0.5, torch.cos(torch.tensor(half))]]
    )
    one = normal([0.0, 0.0], [2.0, 1.0])
    turned = FeatureMoments(
        mean_D=one.mean_D, covariance_DD=turn.double() @ one.covariance_DD @ turn.double().T
    )
    product = (one.covariance_DD @ turned.covariance_DD).double()
    expected = 10.0 - 2.0 * float(torch.linalg.eigvals(product).real.sqrt().sum())
    assert frechet_distance(one, turned) == pytest.approx(expected)


def test_moments_are_those_of_the_clips_and_few_clips_do_no_harm() -> None:
    random = torch.Generator().manual_seed(0)
    features_ND = torch.randn(4_000, 3, generator=random) * torch.tensor([1.0, 2.0, 3.0]) + 5.0
    found = moments_of(features_ND)
    assert found.mean_D.tolist() == pytest.approx([5.0, 5.0, 5.0], abs=0.2)
    assert found.covariance_DD.diag().tolist() == pytest.approx([1.0, 4.0, 9.0], rel=0.1)
    few = [moments_of(torch.randn(5, 40, generator=random)) for _ in range(2)]
    assert frechet_distance(few[0], few[0]) == pytest.approx(0.0, abs=1e-6)
    assert frechet_distance(*few) > 10.0


@pytest.mark.parametrize(
    "features_ND", [torch.ones(1, 3), torch.ones(3), torch.full((4, 2), float("nan"))]
)
def test_what_has_no_moments_is_refused(features_ND: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="features"):
        moments_of(features_ND)
