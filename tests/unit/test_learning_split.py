"""What is held out of the normal footage that a model is learnt from."""

from __future__ import annotations

import pytest

from pipeline.learning.learn import Split, split_held_out
from tests.short_files import files

HOUR = 3600


def held_out_seconds(split: Split) -> dict[str, list[tuple[float, float]]]:
    """Return from when to when of each file is held out."""
    found: dict[str, list[tuple[float, float]]] = {}
    for stretch in split.held_out:
        span = (stretch.segment.start_us / 1e6, stretch.segment.end_us / 1e6)
        found.setdefault(stretch.source.name, []).append(span)
    return found


def test_of_many_short_files_every_fifth_is_held_out() -> None:
    split = split_held_out(files(*[12.0] * 12))
    assert held_out_seconds(split) == {"04": [(0.0, 12.0)], "09": [(0.0, 12.0)]}
    assert len(split.training) == 10


def test_of_a_few_short_files_the_last_fifth_of_each() -> None:
    split = split_held_out(files(10.0, 20.0))
    assert held_out_seconds(split) == {"00": [(8.0, 10.0)], "01": [(16.0, 20.0)]}


def test_of_hours_the_last_fifth_of_each_and_not_one_of_them() -> None:
    split = split_held_out(files(*[HOUR] * 8))
    assert held_out_seconds(split) == {f"{n:02}": [(0.8 * HOUR, HOUR)] for n in range(8)}
    assert all(s.segment.end_us == 0.8 * HOUR * 1e6 for s in split.training)


def test_long_and_short_files_are_held_out_each_in_its_way() -> None:
    split = split_held_out(files(HOUR, *[60.0] * 5))
    assert held_out_seconds(split) == {"00": [(0.8 * HOUR, HOUR)], "05": [(0.0, 60.0)]}


@pytest.mark.parametrize("pieces", [2, 7])
def test_a_long_file_in_pieces_is_long(pieces: int) -> None:
    (whole,) = files(HOUR)
    length_us = whole.segment.end_us // pieces
    cut = [whole.part(n * length_us, (n + 1) * length_us) for n in range(pieces)]
    split = split_held_out(cut)
    assert len(split.held_out) == len(split.training) == pieces


@pytest.mark.parametrize("file_seconds", [200.0, HOUR])
def test_of_a_file_with_a_gap_every_few_seconds_every_fifth_piece_is_held_out(
    file_seconds: float,
) -> None:
    """The last fifth of 3.6 s holds no window of 0.8 s."""
    (whole,) = files(file_seconds)
    pieces = [
        whole.part(start_us, start_us + 3_600_000)
        for start_us in range(0, whole.segment.end_us, 4_000_000)
    ]
    split = split_held_out(pieces)
    assert split.held_out == tuple(pieces[4::5])
    assert set(split.training) == set(pieces) - set(split.held_out)
    assert sorted(split.training, key=lambda one: one.segment.start_us) == list(split.training)


def test_long_pieces_beside_short_ones_are_held_out_as_ever() -> None:
    (whole,) = files(HOUR)
    ends = [1_000, 1_003, 1_006, 1_009, 1_012, 1_015, HOUR]
    pieces = [
        whole.part(start * 1_000_000, end * 1_000_000)
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]
    split = split_held_out(pieces)
    assert held_out_seconds(split) == {"00": [(800, 1_000), (1_012, 1_015), (3_083, HOUR)]}
    assert len(split.training) == 6


def test_of_a_few_short_pieces_the_last_fifth_of_each() -> None:
    (whole,) = files(40.0)
    pieces = [whole.part(n * 10_000_000, (n + 1) * 10_000_000) for n in range(4)]
    split = split_held_out(pieces)
    assert held_out_seconds(split) == {"00": [(8, 10), (18, 20), (28, 30), (38, 40)]}
