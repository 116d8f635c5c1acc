"""The gain of bfloat16 is the ratio of the best times of the two formats."""

from tgan_core.arithmetic import bfloat16_speedup


def test_the_gain_is_the_ratio_of_the_best_times():
    # Two rounds of float32 then bfloat16, each a start and an end: 9 s, 4 s, 6 s and 2 s.
    ticks = iter([0, 9, 10, 14, 20, 26, 30, 32])
    assert bfloat16_speedup(repeats=1, clock=lambda: next(ticks)) == 3.0


def test_the_gain_of_this_machine_is_a_plausible_number():
    # A processor without any bfloat16 was seen at 1/56: the products are emulated one by one.
    assert 0.002 < bfloat16_speedup(repeats=1) < 500
