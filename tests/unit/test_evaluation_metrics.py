"""Metrics on cases small enough to count by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.evaluation.bootstrap import (
    auc_gain_interval,
    auc_interval,
    ordered_pairs,
    seed_interval,
)
from pipeline.evaluation.metrics import (
    Figures,
    MicroAuc,
    PixelHistogram,
    frame_f1,
    frame_figures,
    macro_auc,
    mean_figures,
)
from pipeline.rates import poisson_interval

NO, YES = False, True


def _video(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def _labels(*values: bool) -> np.ndarray:
    return np.array(values, dtype=np.bool_)


def test_micro_auc_counts_the_pairs_of_all_frames_in_the_right_order() -> None:
    # Abnormal .9 and .4 against normal .1, .5, .3: of 6 pairs only (.4, .5) is wrong.
    figures = frame_figures(
        [_video(0.1, 0.9), _video(0.5, 0.4, 0.3)], [_labels(NO, YES), _labels(NO, YES, NO)]
    )
    assert figures.micro_auc == pytest.approx(5 / 6)


def test_macro_auc_is_the_mean_over_videos_that_have_both_classes() -> None:
    scores = [_video(0.1, 0.9), _video(0.5, 0.4), _video(0.2, 0.3)]
    labels = [_labels(NO, YES), _labels(NO, YES), _labels(YES, YES)]
    assert macro_auc(scores, labels) == pytest.approx((1.0 + 0.0) / 2)
    assert macro_auc(scores[2:], labels[2:]) is None


def test_the_padded_macro_auc_of_the_literature_gives_one_class_videos_a_perfect_mark() -> None:
    assert macro_auc([_video(0.2, 0.3)], [_labels(YES, YES)], padded=True) == 1.0


def test_tpr_at_a_limit_of_false_positives_takes_only_thresholds_within_it() -> None:
    # 100 normal frames 0..99; abnormal 99.5 (no false positive), 98.5 (1 of 100), 90 (tie, 10).
    scores = [_video(*range(100), 99.5, 98.5, 90.0)]
    labels = [_labels(*[NO] * 100, YES, YES, YES)]
    figures = frame_figures(scores, labels)
    assert figures.tpr_at_fpr_1 == pytest.approx(2 / 3)
    assert figures.tpr_at_fpr_5 == pytest.approx(2 / 3)


def test_the_equal_error_rate_is_where_both_errors_meet() -> None:
    # At the threshold 3: one of four normal frames is flagged, one of four abnormal ones missed.
    scores = [_video(0, 1, 2, 4, 1.5, 3, 5, 6)]
    labels = [_labels(NO, NO, NO, NO, YES, YES, YES, YES)]
    assert frame_figures(scores, labels).eer == pytest.approx(0.25)
    assert frame_figures([_video(1, 2)], [_labels(NO, YES)]).eer == 0.0


def test_average_precision_is_that_of_the_ranked_list() -> None:
    # Ranked: abnormal, normal, abnormal -> (1/1 + 2/3) / 2.
    figures = frame_figures([_video(3, 2, 1)], [_labels(YES, NO, YES)])
    assert figures.average_precision == pytest.approx((1 + 2 / 3) / 2)


def test_one_class_only_gives_no_figure() -> None:
    figures = frame_figures([_video(1, 2)], [_labels(YES, YES)])
    assert figures.micro_auc is None
    assert figures.eer is None
    assert frame_f1([_labels(YES, NO)], [_labels(NO, NO)]) is None


def test_f1_counts_flagged_frames_against_labelled_ones() -> None:
    # 1 hit, 1 false, 2 missed: 2 / (2 + 1 + 2).
    flagged, labels = _labels(YES, YES, NO, NO, NO), _labels(YES, NO, YES, YES, NO)
    assert frame_f1([flagged], [labels]) == pytest.approx(0.4)
    assert frame_f1([_labels(NO)], [_labels(YES)]) == 0.0


def test_seeds_are_averaged_and_their_deviation_is_of_a_sample() -> None:
    runs = [
        Figures(micro_auc=MicroAuc(mean=0.8), eer=0.2, rbdc=None),
        Figures(micro_auc=MicroAuc(mean=0.9), eer=0.1, rbdc=None),
    ]
    scores = [[_video(0.0, 1.0), _video(0.0, 1.0)]] * 2
    mean = mean_figures(runs, scores, [_labels(NO, YES), _labels(NO, YES)])
    assert mean.micro_auc.mean == pytest.approx(0.85)
    assert mean.micro_auc.sd == pytest.approx(0.1 / math.sqrt(2))
    assert (mean.micro_auc.low, mean.micro_auc.high) == (1.0, 1.0)
    assert mean.eer == pytest.approx(0.15)
    assert mean.rbdc is None


def test_one_seed_has_no_deviation_and_one_video_no_interval() -> None:
    run = Figures(micro_auc=MicroAuc(mean=1.0))
    mean = mean_figures([run], [[_video(0.0, 1.0)]], [_labels(NO, YES)])
    assert mean.micro_auc == MicroAuc(mean=1.0, sd=None, low=None, high=None)


def test_pairs_between_videos_add_up_to_the_micro_auc() -> None:
    scores = [_video(1, 5, 2), _video(2, 2, 7), _video(4, 0)]
    labels = [_labels(NO, YES, NO), _labels(NO, YES, YES), _labels(NO, NO)]
    pairs = ordered_pairs(scores, labels)
    expected = roc_auc_score(np.concatenate(labels), np.concatenate(scores))
    assert pairs.sum() / (3 * 5) == pytest.approx(expected)
    assert pairs[2].sum() == 0.0


def test_the_bootstrap_interval_lies_around_the_auc_and_is_the_same_every_time() -> None:
    generator = np.random.default_rng(4)
    labels = [generator.random(60) > 0.6 for _ in range(10)]
    scores = [generator.normal(label * 1.0, 1.0) for label in labels]
    interval = auc_interval([scores], labels)
    assert interval is not None
    low, high = interval
    auc = roc_auc_score(np.concatenate(labels), np.concatenate(scores))
    assert low < auc < high
    assert high - low < 0.2
    assert interval == auc_interval([scores], labels)


def test_no_interval_without_both_classes() -> None:
    labels = [_labels(YES, YES), _labels(YES, YES)]
    assert auc_interval([[_video(1, 2), _video(3, 4)]], labels) is None
    assert auc_gain_interval([[_video(1, 2)] * 2], [[_video(1, 2)] * 2], labels) is None


def test_a_gain_is_known_better_than_either_figure_and_turns_with_the_sides() -> None:
    generator = np.random.default_rng(4)
    labels = [generator.random(60) > 0.6 for _ in range(10)]
    worse = [generator.normal(label * generator.uniform(0.2, 2.0), 1.0) for label in labels]
    better = [score + 0.4 * label for score, label in zip(worse, labels, strict=True)]
    gain, loss = (
        auc_gain_interval([first], [second], labels)
        for first, second in ((better, worse), (worse, better))
    )
    assert gain is not None
    assert loss == pytest.approx((-gain[1], -gain[0]))
    alone = auc_interval([worse], labels)
    assert alone is not None
    assert 0.0 < gain[0] < gain[1]
    assert gain[1] - gain[0] < 0.7 * (alone[1] - alone[0])
    assert auc_gain_interval([worse], [worse], labels) == (0.0, 0.0)


def test_the_interval_over_seeds_is_that_of_the_tables() -> None:
    # t of 2 degrees of freedom at 97.5 %: 4.302653; the deviation of 1, 2, 3 is 1.
    assert seed_interval([1.0, 2.0, 3.0]) == pytest.approx((2.0 - 2.484138, 2.0 + 2.484138))
    assert seed_interval([0.5, 0.5]) == pytest.approx((0.5, 0.5))
    assert seed_interval([0.5]) is None


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [
        # Garwood (1936), as in every table of exact Poisson limits.
        (0, 0.0, 3.6889),
        (1, 0.0253, 5.5716),
        (10, 4.7954, 18.3904),
    ],
)
def test_the_poisson_interval_is_garwoods(count: int, low: float, high: float) -> None:
    assert poisson_interval(count, 1.0) == pytest.approx((low, high), abs=1e-4)
    assert poisson_interval(count, 2.0) == pytest.approx((low / 2, high / 2), abs=1e-4)


def test_the_pixel_histogram_gives_the_auroc_of_the_pixels() -> None:
    generator = np.random.default_rng(1)
    label = generator.random(20_000) > 0.7
    score = generator.normal(label * 1.5, 1.0).astype(np.float32)
    histogram = PixelHistogram()
    for part in np.array_split(np.arange(len(score)), 7):
        histogram.add(score[part], (~label[part]).astype(int), label[part].astype(int))
    assert histogram.auroc() == pytest.approx(roc_auc_score(label, score), abs=1e-4)


def test_the_pixel_histogram_weighs_cells_by_their_pixels() -> None:
    histogram = PixelHistogram()
    # 4 normal and 1 abnormal pixels with score 1, 3 abnormal with 2: (4 * .5 * 1 + 4 * 3) / 16.
    histogram.add(np.float32([1.0, 2.0]), np.array([4, 0]), np.array([1, 3]))
    assert histogram.auroc() == pytest.approx(14 / 16)


def test_the_pixel_histogram_has_no_area_for_one_class() -> None:
    histogram = PixelHistogram()
    histogram.add(np.float32([1.0]), np.array([5]), np.array([0]))
    assert histogram.auroc() is None


def test_zero_with_either_sign_is_one_value() -> None:
    histogram = PixelHistogram()
    histogram.add(np.float32([0.0, -0.0]), np.array([1, 0]), np.array([0, 1]))
    assert histogram.auroc() == 0.5


def test_thresholds_are_values_that_a_share_of_the_pixels_reaches() -> None:
    histogram = PixelHistogram()
    histogram.add(np.float32([0.0, 1.0, 2.0, 4.0]), np.array([5, 3, 1, 1]), np.zeros(4, int))
    assert histogram.thresholds([0.1, 0.2, 0.5, 1.0]) == [4.0, 2.0, 1.0, 0.0]
    assert histogram.thresholds([0.001, 0.01]) == [4.0]
