"""What a processor or GPU can do at best: rates that the time of a program is compared with."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

_MAKES_ROOM = ("empty", "new_empty", "empty_like", "new_empty_strided", "empty_strided")


def wait(device: torch.device) -> None:
    """Return when the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def product_rate(
    kind: torch.dtype,
    device: torch.device | str = "cpu",
    *,
    tf32: bool = False,
    size: int = 1536,
    repeats: int = 7,
) -> float:
    """Best rate of a matrix product in 10^9 operations per second."""
    place = torch.device(device)
    matrix = torch.ones((size, size), dtype=kind, device=place)
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    try:
        best = float("inf")
        for _ in range(repeats):
            wait(place)
            started = time.perf_counter()
            matrix @ matrix
            wait(place)
            best = min(best, time.perf_counter() - started)
    finally:
        torch.set_float32_matmul_precision(precision)
    return 2 * size**3 / best / 1e9


def memory_rate(device: torch.device, *, mebibytes: int = 256, repeats: int = 7) -> float:
    """Best rate of a copy in 10^9 bytes per second, read and written."""
    source = torch.ones(mebibytes << 20, dtype=torch.uint8, device=device)
    target, best = torch.empty_like(source), float("inf")
    for _ in range(repeats):
        wait(device)
        started = time.perf_counter()
        target.copy_(source)
        wait(device)
        best = min(best, time.perf_counter() - started)
    return 2 * source.numel() / best / 1e9


class WorkCounter(TorchDispatchMode):
    """Counts the operations of convolutions and matrix products, and what every operation reads and
    writes, were nothing kept in a cache in between.

    By the formulas of torch.utils.flop_counter; its own counter cannot look at torch.autograd.grad.
    An operation's own workspace is not seen, nor what a compiler or a recorded graph would save.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if (formula := flop_registry.get(func.overloadpacket)) is not None:
            self.operations += formula(*args, **kwargs, out_val=out)
        name = func.overloadpacket.__name__
        if not func.is_view and name not in _MAKES_ROOM:
            moved = [leaf for leaf in tree_leaves((args, kwargs, out)) if torch.is_tensor(leaf)]
            self.bytes += sum(tensor.numel() * tensor.element_size() for tensor in moved)
        return out
