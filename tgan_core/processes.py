"""Several processes that train the same networks, each on its share of every batch.

All of them hold the same networks and are given the same batch; what is drawn by chance is drawn
for the whole batch by each of them. So a step of two processes is the step of one on the same
batch, up to rounding, and a checkpoint knows nothing of how many there were.

Gradients are averaged in one flat bucket. torch's DistributedDataParallel averages them in hooks
that only backward() calls; training here takes the gradients of both players at one point by
torch.autograd.grad, which calls none (docs/adr/0015).
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor

from tgan_core.errors import ProcessesDisagree

__all__ = ["ALONE", "Processes", "joined_processes", "process_device"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Processes:
    """Those that train together, and which of them this one is.

    But for `share` and `leads`, every method is a meeting: it returns when all have called it.
    """

    rank: int = 0
    """Number of this process, counted from 0."""
    size: int = 1
    """How many there are."""

    @property
    def leads(self) -> bool:
        """True for the one that writes checkpoints and speaks to people."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """This process's part of a batch that all of them hold; the parts are equally large.

        Raises ValueError when the batch cannot be divided so.
        """
        if len(batch) % self.size:
            raise ValueError(
                f"a batch of {len(batch)} cannot be shared evenly by {self.size} processes"
            )
        return batch.chunk(self.size)[self.rank] if self.size > 1 else batch

    def gathered(self, value: Tensor) -> Tensor:
        """The values of all, by rank, along a new first axis; gradients go back to where each
        came from."""
        if self.size == 1:
            return value[None]
        nothing = torch.zeros_like(value)
        places = [value if rank == self.rank else nothing for rank in range(self.size)]
        total: Tensor = _Sum.apply(torch.stack(places))  # type: ignore[no-untyped-call]
        return total

    def moments(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance over the shares of all, from those of this one; differentiable."""
        if self.size == 1:
            return mean, variance
        means, variances = self.gathered(torch.stack([mean, variance])).unbind(1)
        middle = means.mean(0)
        # Squares about the common mean: squares about zero would cancel most of their digits.
        return middle, variances.mean(0) + (means - middle).square().mean(0)

    @torch.no_grad()
    def means(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Each tensor's mean over the processes, in one message; equal bit for bit for all."""
        if self.size == 1:
            return list(values)
        bucket = torch.cat([value.reshape(-1) for value in values])
        _add_up_(bucket)
        parts = torch.split(bucket.div_(self.size), [value.numel() for value in values])
        # Each lies in memory as it did: an optimiser is slow where weight and gradient differ.
        return [
            torch.empty_like(value).copy_(part.view(value.shape))
            for value, part in zip(values, parts, strict=True)
        ]

    @torch.no_grad()
    def require_same(self, weights: Iterable[Tensor], *, step: int) -> None:
        """Raises ProcessesDisagree, for all, unless all hold the same weights and step.

        Compares the norm of each: what differs by a rounding in one of them is seen as well.
        """
        if self.size == 1:
            return
        norms = torch.stack([*torch._foreach_norm(list(weights))]).double()
        signs = self.gathered(torch.cat([norms.new_tensor([step]), norms])).nan_to_num(nan=-1.0)
        if not bool((signs == signs[0]).all()):
            raise ProcessesDisagree(self.size, step=step)

    def first_word(self, number: float) -> float:
        """What rank 0 says: for decisions that all must take alike, such as those by the clock."""
        return float(self.gathered(torch.tensor(number, dtype=torch.float64))[0])


ALONE = Processes()
"""One process, which meets nobody; torch.distributed is not begun."""


@contextmanager
def joined_processes(*, timeout_seconds: float = 600.0) -> Iterator[Processes]:
    """The processes that torchrun started this one among, until the end of the block; ALONE when
    it did not, or when it started one.

    nccl carries what lies on GPUs, gloo the rest. A process that waits for the others longer than
    the timeout, or whose neighbour has died, gets torch's RuntimeError.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    import torch.distributed

    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(process_device("auto"))
        backend = "cpu:gloo,cuda:nccl"
    torch.distributed.init_process_group(backend, timeout=timedelta(seconds=timeout_seconds))
    try:
        yield Processes(rank=torch.distributed.get_rank(), size=size)
    finally:
        torch.distributed.destroy_process_group()


def process_device(wish: str) -> torch.device:
    """The device of this process: with "auto", the GPU that has its number on this machine, or
    the CPU where there are no GPUs."""
    if wish != "auto":
        return torch.device(wish)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    number = int(os.environ.get("LOCAL_RANK", "0"))
    if number >= torch.cuda.device_count():
        raise ValueError(
            f"process {number} has no GPU of its own; start {torch.cuda.device_count()} at most"
        )
    return torch.device("cuda", number)


class _Sum(torch.autograd.Function):
    """The sum over all processes. Each of them uses it, so its slope is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return _add_up_(value.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        return _add_up_(slopes[0].clone(memory_format=torch.contiguous_format))


def _add_up_(value: Tensor) -> Tensor:
    import torch.distributed

    torch.distributed.all_reduce(value)
    return value
