"""Which digit a clip shows: a judge of conditional models, trained on real clips only.

The TGAN paper judges by a classifier of actions (section 6.2); Moving MNIST has none that is as
commonly used, so this one is our own and small. Shapes: V classes.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tgan_core.labels import LabelledClips, checked_labels
from tgan_core.shapes import check_shape

__all__ = ["DigitClassifier", "new_digit_classifier", "probabilities", "train_classifier"]


class DigitClassifier(nn.Module):
    """Looks at each frame on its own, wherever the digit is, and lets the frames vote.

    A channel's largest value in the frame is what is seen there; the mean of it over the frames is
    what the class is told by. So any number of frames and any size will do.
    """

    def __init__(self, *, classes: int = 10, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.classes, self.channels = classes, channels
        sizes = ((channels, width, 5, 2), (width, 2 * width, 3, 1), (2 * width, 4 * width, 3, 2))
        layers: list[nn.Module] = []
        for inputs, outputs, kernel, stride in (*sizes, (4 * width, 4 * width, 3, 1)):
            layers += [
                nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(4 * width, classes)

    def forward(self, video_BCTHW: Tensor) -> Tensor:
        """logits_BV of clips in [-1, 1]."""
        check_shape(video_BCTHW, (None, self.channels, None, None, None), "video_BCTHW")
        clips, _, frames, *_ = video_BCTHW.shape
        hidden_NCHW = self.layers(video_BCTHW.transpose(1, 2).flatten(0, 1))
        seen_BTC = hidden_NCHW.amax(dim=(2, 3)).unflatten(0, (clips, frames))
        logits_BV: Tensor = self.head(seen_BTC.mean(dim=1))
        return logits_BV


def new_digit_classifier(seed: int, *, classes: int = 10, channels: int = 1) -> DigitClassifier:
    """An untrained classifier; equal seeds give equal weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return DigitClassifier(classes=classes, channels=channels)


def train_classifier(
    classifier: DigitClassifier,
    batches: Iterator[LabelledClips],
    steps: int,
    *,
    learning_rate: float = 2e-3,
) -> None:
    """Takes up to `steps` Adam steps on the cross entropy, the rate falling to zero by a cosine.

    The classifier is left in eval mode. Raises ValueError for a label that it does not have.
    """
    weights = list(classifier.parameters())
    optimiser = torch.optim.Adam(weights, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
    classifier.train()
    for _ in range(steps):
        if (batch := next(batches, None)) is None:
            break
        label_B = checked_labels(batch.label_B, classifier.classes, len(batch.video_BCTHW))
        assert label_B is not None
        loss = F.cross_entropy(classifier(batch.video_BCTHW), label_B)
        for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = slope
        optimiser.step()
        schedule.step()
    classifier.eval()


@torch.no_grad()
def probabilities(classifier: DigitClassifier, video_BCTHW: Tensor, *, batch: int = 64) -> Tensor:
    """probability_BV in float64, each row with the sum 1, in eval mode."""
    was_training = classifier.training
    try:
        classifier.eval()
        logits = [classifier(part) for part in torch.split(video_BCTHW, batch)]
    finally:
        classifier.train(was_training)
    return torch.cat(logits).double().softmax(dim=1)
