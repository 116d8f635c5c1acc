"""The rim of the picture: a twelfth of its width, and never all of a side."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.scoring.rim import inside_GW, inside_HW


@pytest.mark.parametrize(
    ("cells", "rim"),
    [
        ((14, 24), (2, 2)),
        ((24, 40), (3, 3)),
        ((8, 12), (1, 1)),
        ((8, 48), (2, 4)),
        ((4, 6), (1, 1)),
    ],
    ids=str,
)
def test_the_rim_goes_round_the_picture(cells: tuple[int, int], rim: tuple[int, int]) -> None:
    inside = inside_GW(cells)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    assert (rows[0], cells[0] - 1 - rows[-1]) == (rim[0], rim[0])
    assert (columns[0], cells[1] - 1 - columns[-1]) == (rim[1], rim[1])
    assert inside.sum() == len(rows) * len(columns)


def test_pixels_belong_to_the_rim_with_their_cell() -> None:
    inside = inside_HW((8, 12), 4)
    assert inside.shape == (32, 48)
    np.testing.assert_array_equal(inside[::4, ::4], inside_GW((8, 12)))
    np.testing.assert_array_equal(inside[3::4, 3::4], inside_GW((8, 12)))
