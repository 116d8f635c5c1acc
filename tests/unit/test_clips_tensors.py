"""Planes: what the networks see, and the way back to pictures."""

import pytest
import torch

from pipeline.clips.tensors import align_lighting, pictures_of, plane_count, planes_of, speed_plane

BACKGROUND = torch.randint(40, 200, (64, 96), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (1.15, 8.0), (0.8, 12.0)])
def test_a_change_of_lighting_is_taken_out(gain: float, offset: float) -> None:
    seen = (BACKGROUND.float() * gain + offset).clamp(0, 255).expand(1, 8, 64, 96)
    aligned = align_lighting(seen, BACKGROUND)
    assert (aligned - BACKGROUND.float()).abs().mean() < 2.0


def test_what_moves_does_not_change_the_light() -> None:
    seen = BACKGROUND.float().expand(1, 8, 64, 96).clone()
    seen[..., 10:40, 20:50] = 255.0
    aligned = align_lighting(seen, BACKGROUND)
    outside = torch.ones(64, 96, dtype=torch.bool)
    outside[10:40, 20:50] = False
    difference = (aligned[0, 0] - BACKGROUND.float()).abs()
    assert difference[outside].max() < 3.0
    assert difference[~outside].mean() > 40.0


def test_a_black_picture_stays_finite() -> None:
    assert torch.isfinite(align_lighting(torch.zeros(1, 8, 64, 96), BACKGROUND)).all()


def test_planes_are_differences_in_the_unit_range() -> None:
    video = BACKGROUND.expand(2, 8, 64, 96).clone()
    video[:, 4:, 8, 8] = 255
    planes = planes_of(
        video, BACKGROUND.unsqueeze(0), ("background_difference", "frame_difference")
    )
    assert planes.shape == (2, 2, 8, 64, 96)
    step = (255.0 - float(BACKGROUND[8, 8])) / 96.0
    expected = min(step, 1.0)
    assert planes[0, 0, 3, 8, 8] == 0
    assert planes[0, 0, 4, 8, 8] == pytest.approx(expected)
    assert planes[0, 1, 4, 8, 8] == pytest.approx(expected)
    assert planes[0, 1, 5, 8, 8] == 0
    assert planes.abs().max() <= 1.0


def test_the_speed_plane_is_a_share_of_the_full_speed() -> None:
    speed = torch.tensor([0.0, 1.0, 2.0, 4.0, 60.0]).reshape(1, 5, 1, 1)
    share = speed_plane(speed, 4.0)
    assert share.flatten().tolist() == [0.0, 0.25, 0.5, 1.0, 1.0]
    assert share.dtype == torch.float32
    assert speed_plane(speed.half(), 4.0).dtype == torch.float32


def test_the_speed_plane_is_what_it_was_given() -> None:
    video = BACKGROUND.expand(2, 8, 64, 96)
    share = speed_plane(torch.rand(2, 8, 64, 96) * 5.0, 4.0)
    made = planes_of(video, BACKGROUND.unsqueeze(0), ("background_difference", "speed"), share)
    assert made.shape == (2, 2, 8, 64, 96)
    assert torch.equal(made[:, 1], share)
    assert bool((made[:, 0] == 0).all())


def test_a_speed_plane_without_speeds_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the speeds"):
        planes_of(BACKGROUND.expand(1, 8, 64, 96), BACKGROUND.unsqueeze(0), ("speed",))


def test_a_picture_comes_back_from_its_planes() -> None:
    video = (BACKGROUND.int().expand(1, 8, 64, 96) + 20).to(torch.uint8)
    still = torch.zeros(1, 8, 64, 96)
    for planes in (
        ("background_difference", "frame_difference"),
        ("background_difference", "speed"),
        ("grey",),
    ):
        made = planes_of(video, BACKGROUND.unsqueeze(0), planes, still)
        assert torch.equal(pictures_of(made, BACKGROUND, planes), video)


def test_colour_is_scaled_as_in_the_paper_and_comes_back() -> None:
    video = torch.randint(0, 256, (1, 4, 32, 32, 3)).to(torch.uint8)
    made = planes_of(video, BACKGROUND, ("colour",))
    assert made.shape == (1, 3, 4, 32, 32)
    assert made.min() >= -1.0
    assert made.max() <= 127 / 128
    assert torch.equal(pictures_of(made, BACKGROUND, ("colour",)), video)


def test_unknown_or_mixed_planes_are_refused() -> None:
    assert plane_count(("background_difference", "frame_difference")) == 2
    assert plane_count(("colour",)) == 3
    with pytest.raises(ValueError, match="unknown"):
        plane_count(("smell",))
    with pytest.raises(ValueError, match="alone"):
        plane_count(("colour", "grey"))
