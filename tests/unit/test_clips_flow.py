"""Flow: how far things moved, and nothing where nothing can be known or only the light changed."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.clips.flow import SPEED_STEPS, grey_of, speed_codes, with_flow
from pipeline.clips.reader import ClipReader, WindowBatch
from pipeline.clips.tensors import speed_plane
from pipeline.footage.frames import View, WorkingFrame

HEIGHT_PX, WIDTH_PX = 64, 96


def texture() -> NDArray[np.uint8]:
    """Return a smooth random picture, larger than a frame by 16 pixels on every side."""
    noise = np.random.default_rng(0).normal(size=(HEIGHT_PX + 32, WIDTH_PX + 32))
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    levels = 128.0 + 40.0 * smooth / smooth.std()
    return levels.clip(0, 255).astype(np.uint8)


def seen_at(right_px: int, down_px: int) -> NDArray[np.uint8]:
    """Return the texture moved so far to the right and down."""
    top, left = 16 - down_px, 16 - right_px
    return texture()[top : top + HEIGHT_PX, left : left + WIDTH_PX].copy()


def stream(*images: NDArray[np.uint8]) -> list[WorkingFrame]:
    return [WorkingFrame(pts_us=n * 100_000, image=image) for n, image in enumerate(images)]


def flows_of(frames: list[WorkingFrame]) -> list[NDArray[np.float32]]:
    flows = [frame.flow_HW2() for frame in with_flow(frames)]
    return [flow.astype(np.float32) for flow in flows if flow is not None]


@pytest.mark.parametrize(("right_px", "down_px"), [(0, 0), (1, 0), (-2, 0), (0, 3), (4, -2)])
def test_a_picture_that_was_moved_has_the_flow_of_its_movement(right_px: int, down_px: int) -> None:
    _, flow = flows_of(stream(seen_at(0, 0), seen_at(right_px, down_px)))
    assert flow.shape == (HEIGHT_PX, WIDTH_PX, 2)
    inner = flow[8:-8, 8:-8]
    assert np.abs(inner - (right_px, down_px)).max() < 0.25


def test_flow_is_that_of_each_step_and_not_of_the_whole_way() -> None:
    steps = (0, 1, 3, 6)
    flows = flows_of(stream(*(seen_at(right_px, 0) for right_px in steps)))
    middles = [float(np.median(flow[..., 0])) for flow in flows]
    assert middles == pytest.approx([0.0, 1.0, 2.0, 3.0], abs=0.1)


def test_colour_moves_like_grey() -> None:
    colours = np.array([1.0, 0.7, 0.4])
    images = [(seen_at(2 * n, 0)[..., None] * colours).astype(np.uint8) for n in range(2)]
    _, flow = flows_of(stream(*images))
    assert np.median(flow[..., 0]) == pytest.approx(2.0, abs=0.1)


def test_the_first_frame_and_one_behind_a_hole_have_no_flow() -> None:
    frames = stream(*(seen_at(2 * n, 0) for n in range(4)))
    frames[2] = replace(frames[2], follows_hole=True)
    flows = flows_of(frames)
    assert [bool(flow.any()) for flow in flows] == [False, True, False, True]


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 20.0), (1.0, -30.0), (0.85, 10.0)])
def test_a_change_of_the_light_is_next_to_no_flow(gain: float, offset: float) -> None:
    dim = (seen_at(0, 0) * 0.6 + 40.0).astype(np.uint8)
    changed = (dim * gain + offset).round().astype(np.uint8)
    _, flow = flows_of(stream(dim, changed))
    assert np.hypot(flow[..., 0], flow[..., 1]).max() < 0.2


def wall(gain: float, *, cart_px: int | None = None) -> NDArray[np.uint8]:
    """Return a bare wall, brighter to the right, in some light; with a cart at that column."""
    across = (
        np.linspace(90.0, 110.0, WIDTH_PX)[None, :] + np.linspace(0.0, 12.0, HEIGHT_PX)[:, None]
    )
    levels = across * gain
    if cart_px is not None:
        levels[24:40, cart_px : cart_px + 16] = texture()[24:40, 24:40]
    return levels.round().astype(np.uint8)


def test_a_step_of_the_exposure_moves_nothing_on_a_bare_wall_and_a_cart_before_it_moves() -> None:
    dimmed = [wall(1.0), wall(0.985), wall(0.97)]
    assert not any(flow.any() for flow in flows_of(stream(*dimmed)))
    carts = [wall(gain, cart_px=30 + 2 * n) for n, gain in enumerate((1.0, 0.985, 0.97))]
    for flow in flows_of(stream(*carts))[1:]:
        middle = flow[28:36, 36:44, 0]
        assert np.median(middle) == pytest.approx(2.0, abs=0.2)
        assert not flow[:, :8].any()
        assert not flow[:, -24:].any()


def faint(right_px: float) -> NDArray[np.uint8]:
    """Return a faint pattern on a wall with one dark post, moved by a part of a pixel."""
    levels = 128.0 + (texture().astype(np.float32) - 128.0) / 8.0
    levels[:, 60:68] = 30.0
    still = np.array([[1.0, 0.0, right_px], [0.0, 1.0, 0.0]])
    moved = cv2.warpAffine(
        levels, still, levels.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return moved[16:-16, 16:-16].round().astype(np.uint8)


def test_where_the_view_itself_swayed_nothing_is_taken_for_still() -> None:
    swayed = [faint(right_px) for right_px in (0.0, 0.4, 0.0)]
    difference = np.abs(swayed[1].astype(np.int16) - swayed[0])
    assert np.median(difference) <= 1  # half of the picture looks the same
    for flow, way in zip(flows_of(stream(*swayed))[1:], (1.0, -1.0), strict=True):
        assert np.median(flow[..., 0]) == pytest.approx(0.4 * way, abs=0.15)
        assert (flow[..., 0] * way > 0.1).mean() > 0.9
    walked = [faint(0.0) for _ in range(2)]
    walked[0][20:40, 10:26] = walked[1][20:40, 12:28] = 200
    (_, flow) = flows_of(stream(*walked))
    assert not flow[:, 60:].any()


def test_frames_keep_all_else() -> None:
    frames = stream(seen_at(0, 0), seen_at(1, 0))
    after = list(with_flow(frames))
    assert [frame.pts_us for frame in after] == [0, 100_000]
    assert all(a.image is b.image for a, b in zip(after, frames, strict=True))
    assert all(frame.flow_HW2().dtype == np.float16 for frame in after)
    assert [frame.flow_HW2 for frame in frames] == [None, None]


def test_grey_is_luma_and_grey_pictures_stay() -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], np.uint8)
    grey = grey_of(colours.reshape(2, 2, 3))
    assert grey.tolist() == [[76, 150], [29, 255]]
    assert grey.dtype == np.uint8
    picture = seen_at(0, 0)
    assert grey_of(picture) is picture


def test_speed_codes_are_steps_of_a_pixel_that_saturate() -> None:
    flow = np.zeros((1, 1, 6, 2), np.float16)
    flow[0, 0, :, 0] = [0.0, 1.0, -1.0, 3.0, 7.96875, 300.0]
    flow[0, 0, 3, 1] = 4.0
    assert speed_codes(flow)[0, 0].tolist() == [0, 32, 32, 160, 255, 255]
    assert SPEED_STEPS == 32.0


def planes_with(flow_NTHW2: NDArray[np.float16], full_speed_px: float) -> torch.Tensor:
    """Return what networks see of still pictures with this flow."""
    size = flow_NTHW2.shape[:4]
    reader = ClipReader(
        view=View(width_px=size[3], height_px=size[2], frame_rate=10.0),
        frames=size[1],
        planes=("background_difference", "speed"),
        background_HW=np.full(size[2:], 100, np.uint8),
        full_speed_px=full_speed_px,
    )
    pictures = np.full(size, 100, np.uint8)
    return reader.planes_NPTHW(WindowBatch(pictures=pictures, flow_NTHW2=flow_NTHW2))


def test_networks_see_the_speed_of_the_windows_flow() -> None:
    flow_NTHW2 = np.zeros((2, 3, 8, 8, 2), np.float16)
    flow_NTHW2[1, 2, :, :4] = (3.0, 4.0)
    planes = planes_with(flow_NTHW2, 10.0)
    assert planes.shape == (2, 2, 3, 8, 8)
    expected = torch.zeros(2, 3, 8, 8)
    expected[1, 2, :, :4] = 0.5
    torch.testing.assert_close(planes[:, 1], expected)


def test_networks_see_what_is_faster_than_they_learnt_as_they_learnt_it() -> None:
    flow_NTHW2 = np.full((1, 1, 8, 8, 2), 16.0, np.float16)
    learnt = torch.from_numpy(speed_codes(flow_NTHW2[0])).float() / SPEED_STEPS
    seen = planes_with(flow_NTHW2, 32.0)[0, 1]
    torch.testing.assert_close(seen, speed_plane(learnt, 32.0))
