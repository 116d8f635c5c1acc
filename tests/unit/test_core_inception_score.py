"""The inception score has the values it has on paper; the classifier behind it learns digits."""

import math

import pytest
import torch

from tgan_core.evaluation.digit_classifier import (
    new_digit_classifier,
    probabilities,
    train_classifier,
)
from tgan_core.evaluation.inception_score import inception_score
from tgan_core.labels import LabelledClips


def test_sure_and_various_is_the_number_of_classes_and_unsure_or_all_alike_is_one() -> None:
    assert inception_score(torch.eye(4).repeat(3, 1)) == pytest.approx(4.0)
    assert inception_score(torch.full((5, 4), 0.25)) == pytest.approx(1.0)
    assert inception_score(torch.eye(4)[:1].repeat(7, 1)) == pytest.approx(1.0)


def test_written_value() -> None:
    # p(y) = (1/2, 1/2); each clip is .9 against .1 from it.
    found = inception_score(torch.tensor([[0.9, 0.1], [0.1, 0.9]]))
    assert found == pytest.approx(math.exp(0.9 * math.log(1.8) + 0.1 * math.log(0.2)))


@pytest.mark.parametrize(
    "wrong",
    [
        torch.full((3, 4), 0.5),
        torch.tensor([[1.5, -0.5]]),
        torch.tensor([[float("nan"), 1.0]]),
        torch.empty(0, 4),
        torch.ones(4),
    ],
)
def test_what_is_no_distribution_is_refused(wrong: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="probabilities"):
        inception_score(wrong)


def bars(count: int, seed: int) -> LabelledClips:
    """Return clips of a bar that lies (0), stands (1) or slants (2), wherever it is."""
    random = torch.Generator().manual_seed(seed)
    label_B = torch.randint(3, (count,), generator=random)
    video_BCTHW = torch.full((count, 1, 2, 16, 16), -1.0)
    for clip, label in enumerate(label_B.tolist()):
        row, column = torch.randint(1, 9, (2,), generator=random).tolist()
        for at in range(6):
            y, x = row + at * (label != 0), column + at * (label != 1)
            video_BCTHW[clip, 0, :, y, x] = 1.0
    return LabelledClips(video_BCTHW, label_B)


def test_a_classifier_learns_what_is_seen_wherever_it_is() -> None:
    classifier = new_digit_classifier(0, classes=3)
    train_classifier(classifier, (bars(32, seed) for seed in range(60)), 60, learning_rate=5e-3)
    assert not classifier.training
    fresh = bars(200, 1_000)
    probability_BV = probabilities(classifier, fresh.video_BCTHW, batch=64)
    assert probability_BV.shape == (200, 3)
    assert probability_BV.sum(dim=1).tolist() == pytest.approx([1.0] * 200)
    right = (probability_BV.argmax(dim=1) == fresh.label_B).double().mean()
    assert right > 0.9
    assert inception_score(probability_BV) > 2.0


def test_equal_seeds_give_equal_classifiers_and_leave_the_global_chance_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, same, other = (new_digit_classifier(seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one.head.weight, same.head.weight)
    assert not torch.equal(one.head.weight, other.head.weight)


def test_clips_that_the_classifier_cannot_take_are_refused() -> None:
    classifier = new_digit_classifier(0, classes=3)
    with pytest.raises(ValueError, match="video_BCTHW"):
        classifier(torch.zeros(2, 2, 8, 32, 32))
    wrong = LabelledClips(torch.zeros(2, 1, 2, 16, 16), torch.tensor([0, 3]))
    with pytest.raises(ValueError, match="outside 0 to 2"):
        train_classifier(classifier, iter([wrong]), 1)
