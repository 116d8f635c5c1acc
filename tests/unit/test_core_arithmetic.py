"""The gain of bfloat16 is the ratio of the best times of the two formats."""

import time

from tgan_core.arithmetic import bfloat16_speedup


def test_the_gain_is_the_ratio_of_the_best_times():
    # Two rounds of float32 then bfloat16, each a start and an end: 9 s, 4 s, 6 s and 2 s.
    ticks = iter([0, 9, 10, 14, 20, 26, 30, 32])
    assert bfloat16_speedup(repeats=1, clock=lambda: next(ticks)) == 3.0


def test_the_gain_of_this_machine_is_that_of_the_times_it_took():
    ticks = []

    def clock():
        ticks.append(time.perf_counter())
        return ticks[-1]

    gain = bfloat16_speedup(repeats=1, clock=clock)
    took = [end - start for start, end in zip(ticks[::2], ticks[1::2], strict=True)]
    assert len(took) == 4
    assert min(took) > 0.0
    assert gain == min(took[::2]) / min(took[1::2])
