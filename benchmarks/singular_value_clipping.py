"""Clipping the paper's critic: eigen-decomposition of the Gram matrix against torch's SVD.

    python benchmarks/singular_value_clipping.py [--repeats 5] [--threads N] [--out FILE.json]

Both clip the same freshly drawn weights (N(0, 1/fan_in)), in turns, so that a busy moment of the
machine hits both. Prints the median time per layer and in total, and how far the results differ.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from _machine import machine_line, write_figures
from torch import Tensor

from tgan_core.config import paper_config
from tgan_core.singular_value_clipping import clip_singular_values
from tgan_core.training import new_training_state


def clip_by_svd(matrix_OI: Tensor) -> Tensor:
    u_OK, s_K, vh_KI = torch.linalg.svd(matrix_OI, full_matrices=False)
    return (u_OK * s_K.clamp_max(1)) @ vh_KI


def timed(clip: Callable[[Tensor], Tensor], matrix_OI: Tensor) -> tuple[float, Tensor]:
    started = time.perf_counter()
    clipped_OI = clip(matrix_OI)
    return time.perf_counter() - started, clipped_OI


def measure(repeats: int) -> dict[str, object]:
    """Median seconds per layer for both ways, their ratio and their largest difference."""
    critic = new_training_state(paper_config(), seed=0).critic
    layers = []
    for name, weight in critic.named_parameters():
        if weight.dim() != 5:
            continue
        matrix_OI = weight.detach().flatten(1).contiguous()
        clip_singular_values(matrix_OI)  # the first call also loads the libraries
        gram, svd = [], []
        for _ in range(repeats):
            seconds, by_gram_OI = timed(clip_singular_values, matrix_OI)
            gram.append(seconds)
            seconds, by_svd_OI = timed(clip_by_svd, matrix_OI)
            svd.append(seconds)
        layers.append(
            {
                "layer": name.removesuffix(".weight"),
                "rows": matrix_OI.shape[0],
                "columns": matrix_OI.shape[1],
                "gram_seconds": statistics.median(gram),
                "svd_seconds": statistics.median(svd),
                "largest_difference": float((by_gram_OI - by_svd_OI).abs().max()),
            }
        )
    gram_total = sum(layer["gram_seconds"] for layer in layers)
    svd_total = sum(layer["svd_seconds"] for layer in layers)
    return {
        "layers": layers,
        "gram_seconds": gram_total,
        "svd_seconds": svd_total,
        "ratio": svd_total / gram_total,
        "largest_difference": max(layer["largest_difference"] for layer in layers),
        "repeats": repeats,
    }


def table(figures: dict[str, object]) -> str:
    rows = [f"{'layer':<16}{'size':>14}{'Gram s':>10}{'SVD s':>10}{'ratio':>8}{'difference':>13}"]
    for layer in [*figures["layers"], {"layer": "total", "rows": "", "columns": "", **figures}]:
        size = f"{layer['rows']} x {layer['columns']}" if layer["rows"] else ""
        ratio = layer["svd_seconds"] / layer["gram_seconds"]
        rows.append(
            f"{layer['layer']:<16}{size:>14}{layer['gram_seconds']:>10.4f}"
            f"{layer['svd_seconds']:>10.4f}{ratio:>7.1f}x{layer['largest_difference']:>13.1e}"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    figures = measure(chosen.repeats)
    print(table(figures))
    print(machine_line())
    write_figures(chosen.out, figures)


if __name__ == "__main__":
    main()
