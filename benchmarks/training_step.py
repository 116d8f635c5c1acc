"""One training step of the paper's recipe: float32 against bfloat16.

    python benchmarks/training_step.py [--batch 32] [--repeats 5] [--threads N] [--out FILE.json]

Both take their steps in turns on the same clips, so that a busy moment of the machine hits both.
Prints the median time of a step and the ratio, and beside it what the processor itself makes of
bfloat16: the rate of a large matrix product. No network can gain more than about that.
"""

import argparse
import statistics
from dataclasses import replace
from pathlib import Path

import torch
from _machine import machine_line, write_figures
from _rates import product_rate

from tgan_core.arithmetic import bfloat16_speedup
from tgan_core.config import paper_config
from tgan_core.training import new_training_state, training_step

KINDS = {"none": "float32", "bf16": "bfloat16"}


def measure(batch: int, repeats: int) -> dict[str, object]:
    """Median seconds of a step for both formats, and their ratio."""
    recipe = paper_config()
    states = {
        name: new_training_state(
            replace(recipe, optimisation=replace(recipe.optimisation, autocast=autocast)), seed=0
        )
        for autocast, name in KINDS.items()
    }
    video_BCTHW = torch.empty(batch, 3, 16, 64, 64).uniform_(
        -1, 1, generator=torch.Generator().manual_seed(0)
    )
    seconds: dict[str, list[float]] = {name: [] for name in states}
    for repeat in range(repeats + 1):
        for name, state in states.items():
            taken = training_step(state, video_BCTHW).seconds
            if repeat:  # the first step chooses and compiles kernels
                seconds[name].append(taken)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "batch": batch,
        "seconds": seconds,
        "median_seconds": medians,
        "ratio": medians["float32"] / medians["bfloat16"],
        "product_gigaflops": {name: product_rate(getattr(torch, name)) for name in KINDS.values()},
        "convolution_ratio": bfloat16_speedup(),
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported(),
        "amx": torch.cpu._is_amx_tile_supported(),
    }


def table(figures: dict[str, object]) -> str:
    rows = [f"{'format':<12}{'step s':>10}{'clips/s':>10}{'matrix product GFLOP/s':>26}"]
    for name, seconds in figures["median_seconds"].items():
        rate = figures["product_gigaflops"][name]
        rows.append(f"{name:<12}{seconds:>10.3f}{figures['batch'] / seconds:>10.1f}{rate:>26.0f}")
    products = figures["product_gigaflops"]
    rows.append(
        f"bfloat16 is {figures['ratio']:.2f}x as fast as float32 in a step, "
        f"{products['bfloat16'] / products['float32']:.2f}x in a matrix product "
        f"(AVX512-bf16: {figures['avx512_bf16']}, AMX: {figures['amx']})"
    )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    figures = measure(chosen.batch, chosen.repeats)
    print(table(figures))
    print(machine_line())
    write_figures(chosen.out, figures)


if __name__ == "__main__":
    main()
