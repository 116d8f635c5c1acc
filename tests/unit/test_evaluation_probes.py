"""Probes read what is in features, and nothing from what is not."""

import numpy as np
import pytest

from pipeline.evaluation.probes import probe


def _classes(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, count)


def _features(labels: np.ndarray, seed: int, *, size: int = 60, told: float = 3.0) -> np.ndarray:
    """Return noise, in which the class of a clip moves one of four numbers."""
    features = np.random.default_rng(seed).normal(size=(len(labels), size))
    features[np.arange(len(labels)), labels] += told
    return features.astype(np.float32)


def test_both_readers_find_a_class_that_lies_open() -> None:
    learnt, judged = _classes(400, 0), _classes(300, 1)
    found = probe(_features(learnt, 2, told=8.0), learnt, _features(judged, 3, told=8.0), judged)
    assert found.linear > 0.97
    assert found.neighbours > 0.97


def test_features_that_say_nothing_are_read_by_chance() -> None:
    learnt, judged = _classes(400, 0), _classes(2_000, 1)
    found = probe(_features(learnt, 2, told=0.0), learnt, _features(judged, 3, told=0.0), judged)
    assert found.linear == pytest.approx(0.25, abs=0.06)
    assert found.neighbours == pytest.approx(0.25, abs=0.06)


def test_a_linear_reader_finds_no_class_that_only_neighbours_know() -> None:
    # Two rings, one within the other: the best line cuts a piece off the outer one, .70.
    random = np.random.default_rng(5)
    labels = random.integers(0, 2, 800)
    angle = random.uniform(0.0, 2.0 * np.pi, 800)
    rings = ((1.0 + 2.0 * labels) * np.stack([np.cos(angle), np.sin(angle)])).T.astype(np.float32)
    found = probe(rings[:400], labels[:400], rings[400:], labels[400:])
    assert found.neighbours > 0.98
    assert found.linear < 0.75


def test_the_same_features_give_the_same_figures_also_with_more_numbers_than_clips() -> None:
    learnt, judged = _classes(80, 0), _classes(50, 1)
    wide = _features(learnt, 2, size=900), learnt, _features(judged, 3, size=900), judged
    assert probe(*wide, components=20) == probe(*wide, components=20)


def test_what_is_judged_changes_nothing_that_is_learnt() -> None:
    learnt, judged = _classes(200, 0), _classes(100, 1)
    features, judged_features = _features(learnt, 2), _features(judged, 3)
    whole = probe(features, learnt, judged_features, judged)
    halves = [
        probe(features, learnt, judged_features[h], judged[h]) for h in (slice(50), slice(50, 100))
    ]
    assert whole.linear == pytest.approx(sum(half.linear for half in halves) / 2)


@pytest.mark.parametrize(
    ("clips", "labels", "match"),
    [(9, 9, "9 clips"), (20, 19, "labels"), (0, 0, "labels")],
    ids=["too few", "of other length", "none"],
)
def test_features_that_do_not_fit_are_our_mistake(clips: int, labels: int, match: str) -> None:
    features = np.zeros((clips, 3), np.float32)
    with pytest.raises(ValueError, match=match):
        probe(
            features,
            np.zeros(labels, np.int64),
            np.zeros((5, 3), np.float32),
            np.zeros(5, np.int64),
        )
