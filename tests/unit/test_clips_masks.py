"""Privacy masks cover every pixel they touch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clips.masks import burn_masks

SQUARE = ((0.25, 0.25), (0.5, 0.25), (0.5, 0.5), (0.25, 0.5))


def test_a_mask_is_painted_over_and_nothing_else() -> None:
    image = np.full((40, 80), 200, np.uint8)
    burnt = burn_masks(image, (SQUARE,))
    assert not burnt[10:20, 20:40].any()
    rest = burnt.copy()
    # A mask takes up to two pixels more on every side.
    rest[8:23, 18:43] = 200
    assert (rest == 200).all()


def test_colour_pictures_lose_all_three_colours() -> None:
    image = np.full((40, 80, 3), 200, np.uint8)
    assert not burn_masks(image, (SQUARE,))[15, 30].any()


def test_the_given_picture_is_left_as_it_is() -> None:
    image = np.full((40, 80), 200, np.uint8)
    burn_masks(image, (SQUARE,))
    assert (image == 200).all()


def test_without_masks_it_is_the_picture_itself() -> None:
    image = np.zeros((4, 4), np.uint8)
    assert burn_masks(image, ()) is image


def test_several_masks_are_all_painted() -> None:
    corner = ((0.9, 0.9), (1.0, 0.9), (1.0, 1.0))
    burnt = burn_masks(np.full((40, 80), 200, np.uint8), (SQUARE, corner))
    assert burnt[15, 30] == 0
    assert burnt[39, 79] == 0


@given(left=st.floats(0, 0.9), top=st.floats(0, 0.9), width=st.floats(0, 1), height=st.floats(0, 1))
def test_every_pixel_that_a_rectangle_touches_is_covered(
    left: float, top: float, width: float, height: float
) -> None:
    right, bottom = min(1.0, left + width), min(1.0, top + height)
    mask = ((left, top), (right, top), (right, bottom), (left, bottom))
    burnt = burn_masks(np.full((24, 32), 255, np.uint8), (mask,))
    rows = slice(int(top * 24), int(np.ceil(bottom * 24)))
    columns = slice(int(left * 32), int(np.ceil(right * 32)))
    assert not burnt[rows, columns].any()
