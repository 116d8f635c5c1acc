"""The student: what goes in and comes out; a piece of a frame says what the frame says."""

from __future__ import annotations

import pytest
import torch

from tgan_core.student import Student, StudentGeometry

SIZES = StudentGeometry(frames=4, height_px=64, width_px=96, channels=4)


def student(seed: int = 0) -> Student:
    torch.manual_seed(seed)
    network = Student(SIZES).eval()
    with torch.no_grad():
        network.background_HW.copy_(torch.randint(0, 255, (64, 96)).float())
        network.places.normal_()
    return network.requires_grad_(False)


def pictures(clips: int = 2, seed: int = 1) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    return torch.randint(0, 255, (clips, 4, 64, 96), generator=chance, dtype=torch.uint8)


def flow(clips: int = 2, seed: int = 2) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    return (torch.randn(clips, 4, 64, 96, 2, generator=chance) * 2).half()


def test_it_gives_two_maps_of_cells_that_are_never_negative() -> None:
    surprise_N2GW = student()(pictures(3), flow(3))
    assert surprise_N2GW.shape == (3, 2, 8, 12)
    assert surprise_N2GW.dtype == torch.float32
    assert float(surprise_N2GW.min()) >= 0


def test_a_piece_says_what_the_whole_frame_says_there() -> None:
    seen = pictures()
    # Without blocks the edge of a piece is seen one cell in and no further.
    shallow = Student(
        StudentGeometry(
            frames=4, height_px=64, width_px=96, channels=4, fine_blocks=0, coarse_blocks=0
        )
    )
    shallow.places.data.normal_()
    moves = flow()
    whole = shallow.log_surprise(seen, moves)
    piece = shallow.log_surprise(seen[:, :, 8:56, 16:80], moves[:, :, 8:56, 16:80], 8, 16)
    assert piece.shape == (2, 2, 6, 8)
    torch.testing.assert_close(piece[:, :, 1:-1, 1:-1], whole[:, :, 2:6, 3:9])


def test_places_are_told_apart_by_what_was_learnt_of_them() -> None:
    network, seen = student(), (pictures(1), flow(1))
    before = network(*seen)
    with torch.no_grad():
        network.places[:, :, :4, :4] += 5.0
    changed = (network(*seen) - before).abs().sum(dim=(0, 1)) > 0
    assert bool(changed[:2, :2].any())
    assert not bool(changed[-1, -1])


def test_what_neither_differs_nor_moves_looks_the_same_in_every_light_of_the_background() -> None:
    network = student()
    still = network.background_HW.to(torch.uint8).expand(1, 4, 64, 96)
    nowhere = torch.zeros(1, 4, 64, 96, 2)
    first = network(still, nowhere)
    with torch.no_grad():
        network.background_HW.copy_(torch.full((64, 96), 7.0))
    torch.testing.assert_close(
        network(torch.full((1, 4, 64, 96), 7, dtype=torch.uint8), nowhere), first
    )


@pytest.mark.parametrize(
    "sizes", [{"frames": 1}, {"height_px": 60}, {"width_px": 100}, {"channels": 0}]
)
def test_impossible_sizes_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"student needs|multiples of 8"):
        StudentGeometry(**({"frames": 4, "height_px": 64, "width_px": 96} | sizes))


def test_clips_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="pictures_NTHW"):
        student()(torch.zeros(1, 4, 64, 64, dtype=torch.uint8), flow(1))
    with pytest.raises(ValueError, match="flow_NTHW2"):
        student()(pictures(1), flow(1)[:, 1:])


def test_how_fast_things_move_is_seen_without_a_look_at_the_pictures() -> None:
    still, moves = pictures(1).float().mean(1, keepdim=True).expand(1, 4, 64, 96), flow(1)
    network = student()
    assert not torch.equal(network(still, moves), network(still, 2 * moves))
