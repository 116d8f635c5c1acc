"""The gain of bfloat16 is the ratio of the best times of the two formats, and none where the
processor does not know the format."""

import time

import pytest
import torch

from tgan_core import arithmetic
from tgan_core.arithmetic import bfloat16_speedup

AMX = {"architecture": "x86_64", "avx512_bf16": True, "amx_bf16": True}
ZEN_4 = {"architecture": "x86_64", "avx512_bf16": True, "amx_bf16": False}
ARM = {"architecture": "aarch64"}
OLDER = {"architecture": "x86_64", "avx512_bf16": False, "avx2": True}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the convolution be a tiny one: a processor without the format takes a second for it."""
    monkeypatch.setitem(arithmetic._SIZES, False, (1, 8, 8))


@pytest.mark.parametrize("known", [AMX, ZEN_4, ARM])
def test_the_gain_is_the_ratio_of_the_best_times(
    known: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)
    # Two rounds of float32 then bfloat16, each a start and an end: 9 s, 4 s, 6 s and 2 s.
    ticks = iter([0, 9, 10, 14, 20, 26, 30, 32])
    assert bfloat16_speedup(repeats=1, clock=lambda: next(ticks)) == 3.0


def test_the_gain_of_this_machine_is_that_of_the_times_it_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: AMX)
    ticks = []

    def clock() -> float:
        ticks.append(time.perf_counter())
        return ticks[-1]

    gain = bfloat16_speedup(repeats=1, clock=clock)
    took = [end - start for start, end in zip(ticks[::2], ticks[1::2], strict=True)]
    assert len(took) == 4
    assert min(took) > 0.0
    assert gain == min(took[::2]) / min(took[1::2])


def test_a_processor_without_the_format_is_not_kept_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: OLDER)
    assert bfloat16_speedup(clock=lambda: pytest.fail("it was measured")) == 0.0


def test_what_torch_tells_of_this_processor_has_the_names_that_are_asked_for() -> None:
    known = torch.cpu.get_capabilities()
    assert known["architecture"] != "x86_64" or {"avx512_bf16", "amx_bf16"} <= set(known)
