"""Whether bfloat16 is worth having on this machine: measured where the processor has it at all."""

import time
from collections.abc import Callable

import torch

__all__ = ["bfloat16_speedup"]

_SIZES = {False: (4, 64, 32), True: (32, 128, 64)}
"""Whether on an accelerator -> clips, channels in and out, side in pixels."""


def bfloat16_speedup(
    device: torch.device | str = "cpu",
    *,
    repeats: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Time of a small strided 3-D convolution, forward and back, in float32 over bfloat16.

    Processors that list AVX512-bf16 differ: with AMX or on Zen 4 it is a gain, elsewhere the
    instruction runs at half the rate of float32. An accelerator gets a larger one, which keeps it
    busy for longer than starting it takes. Takes well under a second; above 1.2 bfloat16 pays. 0.0,
    unmeasured, on a processor without any such instruction, which works each number out by others
    (30 times as slow). A recipe should record the choice: the two do not give the same weights.
    """
    if torch.device(device).type == "cpu" and not _has_bfloat16():
        return 0.0
    best = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    for _ in range(repeats + 1):  # in turns, so that a busy moment hits both; the first warms up
        for kind, so_far in best.items():
            best[kind] = min(so_far, _seconds(kind, torch.device(device), clock))
    return best[torch.float32] / best[torch.bfloat16]


def _has_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16, as far as torch knows."""
    known = torch.cpu.get_capabilities()
    if known.get("architecture") != "x86_64":
        return True
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def _seconds(kind: torch.dtype, device: torch.device, clock: Callable[[], float]) -> float:
    clips, channels, side_px = _SIZES[device.type != "cpu"]
    size = (clips, channels, 4, side_px, side_px)
    video_BCTHW = torch.ones(size, dtype=kind, device=device, requires_grad=True)
    weight = torch.ones((channels, channels, 4, 4, 4), dtype=kind, device=device).requires_grad_()
    layout = torch.channels_last_3d
    started = clock()
    out_BCTHW = torch.nn.functional.conv3d(
        video_BCTHW.contiguous(memory_format=layout),
        weight.contiguous(memory_format=layout),
        stride=2,
        padding=1,
    )
    slopes = torch.autograd.grad(out_BCTHW.sum(), [video_BCTHW, weight])
    float(slopes[0].flatten()[0])  # waits for an accelerator to finish
    return clock() - started
