"""Moving MNIST: read from the published files, moved straight on, bounced, never cut off."""

import gzip
from pathlib import Path

import pytest
import torch

from tgan_core.evaluation.moving_mnist import Digits, moving_digits, read_digits


def squares() -> Digits:
    """Return ten "digits": squares of 8 px, as bright as their label says."""
    labels_K = torch.arange(10)
    images_KDD = ((labels_K + 1) / 10.0)[:, None, None].expand(-1, 8, 8).contiguous()
    return Digits(images_KDD=images_KDD, labels_K=labels_K)


def drawn(clips: int = 6, seed: int = 0, **choices: object) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return moving_digits(squares(), clips, random, **choices).video_BCTHW  # type: ignore[arg-type]


def write_idx(path: Path, magic: int, sizes: tuple[int, ...], content: bytes) -> Path:
    numbers = b"".join(number.to_bytes(4, "big") for number in (magic, *sizes))
    path.write_bytes(gzip.compress(numbers + content))
    return path


def test_the_published_format_is_read(tmp_path: Path) -> None:
    images = write_idx(tmp_path / "images.gz", 2051, (3, 2, 2), bytes(range(0, 240, 20)))
    labels = write_idx(tmp_path / "labels.gz", 2049, (3,), bytes([7, 0, 9]))
    digits = read_digits(images, labels)
    assert digits.images_KDD.shape == (3, 2, 2)
    assert digits.images_KDD[1, 0, 1].item() == pytest.approx(100 / 255)
    assert digits.labels_K.tolist() == [7, 0, 9]


def test_what_is_no_such_file_is_refused_by_name(tmp_path: Path) -> None:
    labels = write_idx(tmp_path / "labels.gz", 2049, (3,), bytes(3))
    for name, content in (
        ("plain.gz", b"digits"),
        ("short.gz", gzip.compress(b"\0\0\x08\x03")),
        ("cut.gz", gzip.compress(b"\0\0\x08\x03" + b"\0\0\0\x03" * 3 + bytes(5))),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ValueError, match=name):
            read_digits(path, labels)
    two = write_idx(tmp_path / "two.gz", 2051, (2, 2, 2), bytes(8))
    with pytest.raises(ValueError, match=r"3 labels for 2 images"):
        read_digits(two, labels)


def test_clips_have_the_shape_and_range_that_networks_take() -> None:
    video_BCTHW = drawn(clips=4, frames=8, side_px=32)
    assert video_BCTHW.shape == (4, 1, 8, 32, 32)
    assert video_BCTHW.min() == -1.0
    assert video_BCTHW.max() <= 1.0


def test_digits_move_straight_on_and_come_back_from_the_walls() -> None:
    video_BCTHW = drawn(clips=40, digits_a_clip=1, frames=40)
    lit_BTHW = video_BCTHW[:, 0] > -1.0
    assert (lit_BTHW.sum(dim=(2, 3)) == 64).all()  # never cut off
    columns_BT = lit_BTHW.any(dim=2).float().argmax(dim=2)
    rows_BT = lit_BTHW.any(dim=3).float().argmax(dim=2)
    steps_BT = torch.hypot(*(place.diff(dim=1).float() for place in (rows_BT, columns_BT)))
    assert steps_BT.max() < 5.0 + 1.5  # whole pixels
    assert steps_BT.mean() > 1.5
    assert columns_BT.min() == 0
    assert columns_BT.max() == 64 - 8


def test_direction_is_that_of_the_first_step() -> None:
    random = torch.Generator().manual_seed(3)
    made = moving_digits(squares(), 200, random, digits_a_clip=1, frames=4)
    lit_BTHW = made.video_BCTHW[:, 0] > -1.0
    columns_BT = lit_BTHW.any(dim=2).float().argmax(dim=2).float()
    free_B = (columns_BT.min(dim=1).values > 1) & (columns_BT.max(dim=1).values < 55)
    moved_B = columns_BT[:, -1] - columns_BT[:, 0]
    expected_B = made.direction_BM[:, 0].cos()
    assert ((moved_B > 0) == (expected_B > 0))[free_B & (expected_B.abs() > 0.3)].all()


def test_the_brighter_of_two_is_seen() -> None:
    video_BCTHW = drawn(clips=100, frames=16, side_px=16)
    values = ((video_BCTHW + 1.0) * 5.0).unique()
    assert torch.allclose(values, values.round(), atol=1e-5)  # never a sum


def test_asked_labels_are_drawn_and_chance_can_be_repeated() -> None:
    asked = torch.tensor([[3, 3], [0, 9]])
    made = moving_digits(squares(), 2, torch.Generator().manual_seed(1), labels_BM=asked)
    assert torch.equal(made.labels_BM, asked)
    assert torch.equal(drawn(seed=5), drawn(seed=5))
    assert not torch.equal(drawn(seed=5), drawn(seed=6))


def test_a_picture_smaller_than_a_digit_is_refused() -> None:
    with pytest.raises(ValueError, match="8 px do not move in 8 px"):
        drawn(side_px=8)
