"""PSNR and SSIM: values worked out by hand, and what must raise or lower them."""

import numpy as np
import pytest

from pipeline.evaluation.bootstrap import mean_interval
from pipeline.evaluation.picture_quality import psnr, ssim

CHANCE = np.random.default_rng(0)
NOISE = CHANCE.integers(0, 256, (40, 48), dtype=np.uint8)


def flat(level: int) -> np.ndarray:
    return np.full((24, 24), level, dtype=np.uint8)


def test_one_level_everywhere_is_forty_eight_decibels() -> None:
    assert psnr(flat(100), flat(101)) == pytest.approx(48.1308, abs=1e-4)
    assert psnr(flat(0), flat(255)) == 0.0


def test_equal_pictures_are_as_near_as_rounding_can_tell() -> None:
    assert psnr(NOISE, NOISE) == pytest.approx(58.9226, abs=1e-4)
    assert ssim(NOISE, NOISE) == pytest.approx(1.0)


def test_flat_pictures_differ_in_their_light_alone() -> None:
    # (2 * 100 * 110 + c1) / (100^2 + 110^2 + c1) with c1 = (0.01 * 255)^2; contrast counts as 1.
    assert ssim(flat(100), flat(110)) == pytest.approx(22006.5025 / 22106.5025, abs=1e-9)


def test_one_window_is_the_formula_of_its_authors() -> None:
    first, second = (CHANCE.integers(0, 256, (11, 11)).astype(np.uint8) for _ in range(2))
    steps = np.arange(-5, 6)
    bell = np.exp(-(steps[:, None] ** 2 + steps[None] ** 2) / (2 * 1.5**2))
    weight = bell / bell.sum()
    x, y = first.astype(float), second.astype(float)
    mean_x, mean_y = (weight * x).sum(), (weight * y).sum()
    var_x, var_y = (weight * (x - mean_x) ** 2).sum(), (weight * (y - mean_y) ** 2).sum()
    both = (weight * (x - mean_x) * (y - mean_y)).sum()
    c1, c2 = 2.55**2, 7.65**2
    expected = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    expected /= (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    assert ssim(first, second) == pytest.approx(expected, abs=1e-9)


def test_noise_costs_structure_and_order_does_not_matter() -> None:
    noisy = np.clip(NOISE + CHANCE.normal(0, 40, NOISE.shape), 0, 255).astype(np.uint8)
    assert ssim(NOISE, noisy) < 0.95
    assert ssim(NOISE, noisy) == pytest.approx(ssim(noisy, NOISE))
    assert ssim(NOISE, 255 - NOISE) < 0.0


def test_colours_are_averaged() -> None:
    other = NOISE[::-1]
    both = ssim(np.dstack([NOISE, NOISE]), np.dstack([NOISE, other]))
    assert both == pytest.approx((1.0 + ssim(NOISE, other)) / 2.0)


def test_pictures_that_do_not_compare_are_refused() -> None:
    with pytest.raises(ValueError, match="do not compare"):
        psnr(flat(0), NOISE)
    with pytest.raises(ValueError, match="too small"):
        ssim(NOISE[:10], NOISE[:10])


def test_the_interval_of_a_mean_is_over_videos() -> None:
    assert mean_interval([1.0, 1.0, 1.0]) == (1.0, 1.0)
    interval = mean_interval([0.0, 1.0] * 50)
    assert interval is not None
    # A binomial share of 100: half of a hundredth of 1.96 * 5 either way.
    assert interval == pytest.approx((0.402, 0.598), abs=0.015)
    assert mean_interval([0.0, 1.0] * 50) == interval
    assert mean_interval([1.0]) is None
