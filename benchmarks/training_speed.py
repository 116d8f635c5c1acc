"""Speed of training: the plain way against ours, at several batch sizes, and where the time goes.

    python benchmarks/training_speed.py [--batches 8] [--steps 4] [--preset paper] [--out FILE.json]
    torchrun --nproc-per-node 2 benchmarks/training_speed.py --batches 64

Naive is float32, singular value decomposition by torch.linalg.svd and one operation at a time. Ours
adds, one after the other, clipping through the Gram matrix, bfloat16 where it pays on this machine,
and what of torch.compile and CUDA graphs proves itself here (`--try-executions`; always on a GPU).
Beside the steps a second stand the shares of what the machine measured itself to be able to do:
matrix products of the format, and copies in memory. Clips are noise from a bank of uint8 tiles.
Under torchrun the batch is shared by all processes, gradients are averaged, and rank 0 prints.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from _machine import command_line, machine_line, stop, wide_console, write_figures
from _rates import WorkCounter, memory_rate, product_rate, wait
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from singular_value_clipping import clip_by_svd
from torch import Tensor
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile, record_function

from pipeline.learning.presets import PRESET_NAMES, preset_named
from tgan_core.arithmetic import bfloat16_speedup
from tgan_core.config import TganConfig
from tgan_core.execution import Execution, Trial, execute, fastest_execution, tried_executions
from tgan_core.processes import Processes, joined_processes, process_device
from tgan_core.training import TrainingState, new_training_state, training_step

LEAST_BF16_GAIN = 1.2
BANK_CLIPS = 256
WARM_UP_STEPS = 2
PARTS = {
    "data": "data",
    "generator": "generator",
    "critic": "critic",
    "clipping": "clipping",
    "optimiser": "Optimizer.step",
}
"""Part -> beginning of the name of its ranges in the profile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to take a training step."""

    name: str
    recipe: TganConfig
    naive_clipping: bool = False
    execution: Execution = "eager"


class Clips:
    """Batches of clips as training gets them: drawn from tiles in memory, brought to [-1, 1]."""

    def __init__(self, recipe: TganConfig, batch: int, device: torch.device) -> None:
        sizes = recipe.geometry
        shape = (BANK_CLIPS, sizes.channels, sizes.frames, sizes.tile_px, sizes.tile_px)
        self._chance = torch.Generator().manual_seed(0)
        self._bank = torch.randint(0, 256, shape, dtype=torch.uint8, generator=self._chance)
        self._batch, self._device = batch, device

    def next(self) -> Tensor:
        with record_function("data"):
            chosen = torch.randint(BANK_CLIPS, (self._batch,), generator=self._chance)
            return self._bank[chosen].to(self._device).float() / 127.5 - 1.0


def main() -> None:
    chosen = arguments()
    torch.set_num_threads(chosen.threads)
    with joined_processes() as processes:
        device = process_device(chosen.device)
        console = wide_console() if processes.leads else Console(quiet=True)
        figures = measure(chosen, processes, device, console)
        if processes.leads:
            console.print(machine_line(), highlight=False, markup=False)
            write_figures(chosen.out, figures)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", default="8", help="clips a step of all processes, as 16,32,64")
    parser.add_argument("--steps", type=int, default=4, help="steps that are timed")
    parser.add_argument("--preset", choices=PRESET_NAMES, default="paper")
    parser.add_argument("--clip-every", type=int, help="steps between two clippings; the preset's")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--try-executions",
        action="store_true",
        help="try torch.compile on a processor too: minutes of compiling",
    )
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    chosen = parser.parse_args()
    if chosen.steps < 1:
        stop(f"--steps must be at least 1, not {chosen.steps}")
    try:
        chosen.batches = [int(text) for text in chosen.batches.split(",")]
    except ValueError:
        stop(f"--batches are whole numbers with commas between, not {chosen.batches!r}")
    return chosen


def measure(
    chosen: argparse.Namespace, processes: Processes, device: torch.device, console: Console
) -> dict[str, Any]:
    """Measure everything, print the tables, return the figures."""
    recipe = preset_named(chosen.preset).tgan
    recipe = _with(recipe, autocast="none")
    if chosen.clip_every is not None:
        recipe = _with(recipe, clip_every=chosen.clip_every)
    gain = processes.first_word(bfloat16_speedup(device))
    limits = _limits(device, bf16=gain > LEAST_BF16_GAIN)
    rows, parts, trials = [], {}, {}
    for batch in chosen.batches:
        sized = _with(recipe, batch=batch)
        ways = [
            Way(name="naive", recipe=sized, naive_clipping=True),
            Way(name="Gram clipping", recipe=sized),
        ]
        if gain > LEAST_BF16_GAIN:
            ways.append(Way(name="+ bfloat16", recipe=_with(sized, autocast="bf16")))
        if (device.type == "cuda" or chosen.try_executions) and processes.size == 1:
            trials[batch] = _tried(ways[-1], batch, device)
            best = fastest_execution(trials[batch], ways[-1].recipe.optimisation)
            if best != "eager":
                ways.append(replace(ways[-1], name=f"+ {best}", execution=best))
        for way in ways:
            rows.append(_row(way, batch, chosen.steps, processes, device, limits))
            console.print(f"batch {batch}, {way.name}: {rows[-1]['steps_per_second']:.3g} steps/s")
        parts[batch] = {
            way.name: _parts(way, batch, processes, device)
            for way in (ways[0], ways[-1])
            if way.execution == "eager"
        }
    _print_rows(rows, processes, chosen, console)
    _print_parts(parts, console)
    _print_trials(trials, console)
    return {
        "benchmark": "training_speed",
        "command": command_line(),
        "preset": chosen.preset,
        "processes": processes.size,
        "device": str(device),
        "bfloat16_speedup": gain,
        "limits": limits,
        "rows": rows,
        "parts": parts,
        "trials": {
            batch: [{k: _finite(v) for k, v in asdict(trial).items()} for trial in found]
            for batch, found in trials.items()
        },
    }


def _with(recipe: TganConfig, **changes: Any) -> TganConfig:
    return replace(recipe, optimisation=replace(recipe.optimisation, **changes))


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and value == float("inf") else value


def _limits(device: torch.device, *, bf16: bool) -> dict[str, float]:
    """What the device can do at best: 10^9 operations, and bytes, a second. Processors that only
    imitate bfloat16 take minutes for one product: theirs is left out."""
    cuda = device.type == "cuda"
    size = 8192 if cuda else 1536
    # Convolutions of float32 use TF32 where there is some.
    limits = {
        "none": product_rate(torch.float32, device, size=size, tf32=cuda),
        "memory": memory_rate(device, mebibytes=2048 if cuda else 256),
    }
    return limits | ({"bf16": product_rate(torch.bfloat16, device, size=size)} if bf16 else {})


def _started(
    way: Way, processes: Processes, device: torch.device
) -> tuple[TrainingState, Callable[[Tensor], None]]:
    """Return a fresh state and what takes a step of it."""
    every = way.recipe.optimisation.clip_every
    recipe = _with(way.recipe, clip_every=0) if way.naive_clipping else way.recipe
    state = new_training_state(recipe, 0, device, processes)
    execute(state, way.execution)

    def step(clips_BCTHW: Tensor) -> None:
        training_step(state, clips_BCTHW)
        if way.naive_clipping and every and state.step % every == 0:
            _clip_naively_(state)

    return state, step


@torch.no_grad()
def _clip_naively_(state: TrainingState) -> None:
    with record_function("clipping"):
        for weight in state.critic.parameters():
            if weight.dim() == 5:
                weight.copy_(clip_by_svd(weight.flatten(1)).view(weight.shape))


def _tried(way: Way, batch: int, device: torch.device) -> list[Trial]:
    state = new_training_state(way.recipe, 0, device)
    return tried_executions(state, Clips(way.recipe, batch, device).next())


def _row(
    way: Way,
    batch: int,
    steps: int,
    processes: Processes,
    device: torch.device,
    limits: dict[str, float],
) -> dict[str, Any]:
    """Time `steps` steps, data included; then count what one step computes and moves."""
    _, step = _started(way, processes, device)
    clips = Clips(way.recipe, batch, device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    for _ in range(WARM_UP_STEPS):
        step(clips.next())
    wait(device)
    started = time.perf_counter()
    for _ in range(steps):
        step(clips.next())
    wait(device)
    seconds = (time.perf_counter() - started) / steps
    # Counted one operation at a time: what is compiled or recorded computes the same.
    _, step = _started(replace(way, execution="eager"), processes, device)
    with WorkCounter() as counted:
        step(clips.next())
    rate = counted.operations / seconds / 1e9
    return {
        "way": way.name,
        "batch": batch,
        "autocast": way.recipe.optimisation.autocast,
        "execution": way.execution,
        "seconds": seconds,
        "steps_per_second": 1.0 / seconds,
        "clips_per_second": batch / seconds,
        "gigaflops_per_step": counted.operations / 1e9,
        "gigabytes_per_step": counted.bytes / 1e9,
        "share_of_products": rate / limits[way.recipe.optimisation.autocast],
        "share_of_memory": counted.bytes / seconds / 1e9 / limits["memory"],
        "peak_gigabytes": (
            torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None
        ),
    }


def _parts(way: Way, batch: int, processes: Processes, device: torch.device) -> dict[str, float]:
    """Return the share of each part in the time of the device, over as many steps as two
    clippings take."""
    _, step = _started(way, processes, device)
    clips = Clips(way.recipe, batch, device)
    step(clips.next())
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    steps = max(1, way.recipe.optimisation.clip_every)
    # Backward passes on the thread that began them, so that their kernels belong to its ranges.
    with torch.autograd.set_multithreading_enabled(False), profile(activities=activities) as seen:
        with record_function("step"):
            for _ in range(steps):
                step(clips.next())
        wait(device)
    kind: Literal["device_time_total", "cpu_time_total"] = (
        "device_time_total" if on_gpu else "cpu_time_total"
    )
    # A range on the processor's side knows the kernels that it began.
    times = {
        event.key: float(getattr(event, kind))
        for event in seen.key_averages()
        if event.device_type == DeviceType.CPU
    }
    shares = {
        part: sum(t for key, t in times.items() if key.startswith(name)) / times["step"]
        for part, name in PARTS.items()
    }
    return shares | {"other": 1.0 - sum(shares.values())}


def _print_rows(
    rows: list[dict[str, Any]],
    processes: Processes,
    chosen: argparse.Namespace,
    console: Console,
) -> None:
    table = Table(
        title=f"Training, preset {chosen.preset}, {processes.size} process(es); shares of the "
        "rates measured on this machine",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    for name in ("batch", "way"):
        table.add_column(name)
    for name in ("steps/s", "clips/s", "naive x", "GFLOP a step", "of products", "of memory"):
        table.add_column(name, justify="right")
    naive = {row["batch"]: row["seconds"] for row in rows if row["way"] == "naive"}
    for row in rows:
        table.add_row(
            str(row["batch"]),
            row["way"],
            f"{row['steps_per_second']:.3g}",
            f"{row['clips_per_second']:.3g}",
            f"{naive[row['batch']] / row['seconds']:.2f}",
            f"{row['gigaflops_per_step']:.0f}",
            f"{row['share_of_products']:.0%}",
            f"{row['share_of_memory']:.0%}",
        )
    console.print(table)


def _print_parts(parts: dict[int, dict[str, dict[str, float]]], console: Console) -> None:
    table = Table(title="Where the time goes", title_justify="left", box=SIMPLE_HEAD)
    for name in ("batch", "way"):
        table.add_column(name)
    for name in (*PARTS, "other"):
        table.add_column(name, justify="right")
    for batch, ways in parts.items():
        for way, shares in ways.items():
            table.add_row(str(batch), way, *(f"{share:.0%}" for share in shares.values()))
    console.print(table)


def _print_trials(trials: dict[int, list[Trial]], console: Console) -> None:
    for batch, found in trials.items():
        for trial in found:
            said = trial.failure or (
                f"{1e3 * trial.seconds:.1f} ms, gradients differ by {trial.difference:.1e}"
            )
            console.print(
                f"batch {batch}, {trial.execution}: {said}", highlight=False, markup=False
            )


if __name__ == "__main__":
    main()
