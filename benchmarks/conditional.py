"""Conditional TGAN on Moving MNIST: does one model draw the digit that it is asked for?

    KIZASHI_DATA=FOLDER python benchmarks/conditional.py [--effort 1]

Trains a conditional model (one digit a clip, its label 0 to 9) and, on real clips only, a
classifier of digits that judges it. Prints the classifier's accuracy on digits that it never saw,
the share of generated clips that it takes for the digit that was asked for (chance: a tenth), and
the inception score of real and of generated clips by the same classifier. The compact recipe (two
cores) is the game of the working presets on clips of 8 frames of 32 x 32 px; `--recipe paper` is
the published one. Sample clips, a row a digit, go to the folder of --work.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from _machine import command_line, machine_line, stop, wide_console, write_figures
from _moving_digits import endless_labelled_clips, read_split, small_geometry, write_grid
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor

from tgan_core.config import OptimisationConfig, TganConfig, paper_config
from tgan_core.errors import NonFiniteError
from tgan_core.evaluation.digit_classifier import (
    DigitClassifier,
    new_digit_classifier,
    probabilities,
    train_classifier,
)
from tgan_core.evaluation.inception_score import inception_score
from tgan_core.evaluation.moving_mnist import Digits
from tgan_core.labels import LabelledClips
from tgan_core.normalisation import recompute_batch_norm_statistics
from tgan_core.training import TrainingState, new_training_state, training_step
from tgan_core.video_generator import VideoGenerator

WORK = Path("out/conditional")
RESULTS = Path(__file__).parent / "results"
DIGITS = 10
JUDGED = 1_000
SHOWN = 8
NORM_BATCHES = 50
STEPS = {"compact": 4_000, "paper": 20_000}
CLASSIFIER_STEPS = 400
PARTS = 5
"""How often the share of clips that are as asked is looked at while training."""

_PAPER = paper_config(channels=1)
RECIPES = {
    "compact": TganConfig(
        geometry=small_geometry(labels=DIGITS),
        optimisation=OptimisationConfig(
            objective="non_saturating",
            optimiser="adam",
            generator_learning_rate=2e-4,
            critic_learning_rate=2e-4,
            r1_weight=1.0,
            r1_every=8,
            ema_decay=0.99,
        ),
    ),
    "paper": replace(_PAPER, geometry=replace(_PAPER.geometry, labels=DIGITS)),
}


def main(
    effort: Annotated[float, typer.Option(min=1e-4, help="Share of the steps of training.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of weights, clips and latents.")] = 0,
    recipe: Annotated[str, typer.Option(help="compact or paper.")] = "compact",
    work: Annotated[Path, typer.Option(help="Folder for sample clips.")] = WORK,
    out: Annotated[Path, typer.Option(help="Folder for the JSON results.")] = RESULTS,
) -> None:
    """Train both, judge, print the table."""
    console = wide_console()
    if recipe not in RECIPES:
        stop(f"--recipe {recipe!r} is unknown; choose from {', '.join(RECIPES)}")
    config, device = RECIPES[recipe], "cuda" if torch.cuda.is_available() else "cpu"
    started = time.monotonic()
    try:
        training, fresh = read_split(config.geometry.tile_px)
    except ValueError as error:
        stop(str(error))
    real = next(_clips(fresh, config, seed + 10_000, batch=JUDGED))
    classifier = new_digit_classifier(seed).to(device)
    classifier_steps = max(1, round(CLASSIFIER_STEPS * min(1.0, effort * 4.0)))
    batches = _clips(training, config, seed + 20_000)
    train_classifier(classifier, (_on(batch, device) for batch in batches), classifier_steps)
    judged = _judged(classifier, real, device)
    console.print(
        f"classifier: {classifier_steps:,} steps, right on {judged['as_labelled']:.1%} of clips of "
        f"digits that it never saw, {time.monotonic() - started:.0f} s",
        highlight=False,
    )
    steps = max(1, round(STEPS[recipe] * effort))
    state = new_training_state(config, seed, device)
    try:
        curve = _trained(state, training, classifier, steps, seed, console)
    except NonFiniteError as error:
        stop(f"diverged: {error}")
    record = {
        "benchmark": "conditional",
        "command": command_line(),
        "data_set": "moving-mnist, one digit a clip",
        "recipe": recipe,
        "config": config.to_dict(),
        "seed": seed,
        "steps": steps,
        "classifier_steps": classifier_steps,
        "clips": JUDGED,
        "chance": 1.0 / DIGITS,
        "wall_seconds": round(time.monotonic() - started, 1),
        "real": judged,
        "generated": _judged(classifier, _generated(state, JUDGED, seed), device),
        "curve": curve,
    }
    _write_samples(state, work, seed)
    _print(record, console)
    write_figures(out / f"conditional-{recipe}.json", record)
    console.print(machine_line(), highlight=False, markup=False)


def _clips(
    digits: Digits, config: TganConfig, seed: int, batch: int | None = None
) -> Iterator[LabelledClips]:
    return endless_labelled_clips(
        digits,
        batch=batch or config.optimisation.batch,
        frames=config.geometry.frames,
        side_px=config.geometry.tile_px,
        seed=seed,
    )


def _on(batch: LabelledClips, device: str) -> LabelledClips:
    return LabelledClips(*(None if part is None else part.to(device) for part in batch))


def _trained(
    state: TrainingState,
    digits: Digits,
    classifier: DigitClassifier,
    steps: int,
    seed: int,
    console: Console,
) -> list[dict[str, float]]:
    """Train in place; return what was seen on the way."""
    clips, curve, started = _clips(digits, state.config, seed), [], time.monotonic()
    for step in range(1, steps + 1):
        figures = training_step(state, *next(clips))
        if step % max(1, steps // PARTS) and step != steps:
            continue
        found = _judged(classifier, _generated(state, JUDGED // 4, seed + 1), str(state.device))
        curve.append(
            {
                "step": step,
                "as_asked": found["as_labelled"],
                "inception_score": found["inception_score"],
                "critic_loss": round(figures.critic_loss, 5),
            }
        )
        console.print(
            f"step {step:,} of {steps:,}: {found['as_labelled']:.1%} as asked, inception score "
            f"{found['inception_score']:.2f}, critic loss {figures.critic_loss:.3g}, "
            f"{(time.monotonic() - started) / step:.2f} s a step",
            highlight=False,
        )
    return curve


def _sampler(state: TrainingState) -> VideoGenerator:
    """Return the averaged generator with its batch norm measured: by labels as training had
    them."""
    generator = state.sampler
    assert isinstance(generator, VideoGenerator)
    random = torch.Generator().manual_seed(1)
    batch = state.config.optimisation.batch
    recompute_batch_norm_statistics(
        generator,
        (
            (_latents(state, batch, random), generator.draw_labels(batch, random))
            for _ in range(min(NORM_BATCHES, state.step))
        ),
    )
    return generator.eval()


def _latents(state: TrainingState, clips: int, random: torch.Generator) -> Tensor:
    size = (clips, state.config.geometry.latent)
    return (torch.rand(size, generator=random) * 2.0 - 1.0).to(state.device)


@torch.no_grad()
def _generated(state: TrainingState, clips: int, seed: int) -> LabelledClips:
    """Return clips of digits drawn as often as training had them."""
    generator = _sampler(state)
    random = torch.Generator().manual_seed(seed + 2)
    label_B = generator.draw_labels(clips, random)
    assert label_B is not None
    videos = [
        generator(_latents(state, len(part), random), part) for part in torch.split(label_B, 50)
    ]
    generator.train(generator is state.generator)
    return LabelledClips(torch.cat(videos), label_B)


def _judged(classifier: DigitClassifier, clips: LabelledClips, device: str) -> dict[str, Any]:
    assert clips.label_B is not None
    probability_BV = probabilities(classifier, clips.video_BCTHW.to(device)).cpu()
    right_B = probability_BV.argmax(dim=1) == clips.label_B.cpu()
    return {
        "as_labelled": float(right_B.double().mean()),
        "by_digit": [
            round(float(right_B[clips.label_B == digit].double().mean()), 4)
            if bool((clips.label_B == digit).any())
            else None
            for digit in range(DIGITS)
        ],
        "inception_score": inception_score(probability_BV),
    }


@torch.no_grad()
def _write_samples(state: TrainingState, work: Path, seed: int) -> None:
    """Write a row a digit; clips of a column have one latent."""
    latent_BZ = _latents(state, SHOWN, torch.Generator().manual_seed(seed + 3))
    label_B = torch.arange(DIGITS).repeat_interleave(SHOWN)
    video_BCTHW = _sampler(state)(latent_BZ.repeat(DIGITS, 1), label_B)
    write_grid(work / "generated.webm", video_BCTHW, columns=SHOWN)


def _print(record: dict[str, Any], console: Console) -> None:
    table = Table(
        title=f"Conditional TGAN on Moving MNIST, {record['clips']:,} clips a row, "
        f"{record['steps']:,} steps; chance is 10 %",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    for heading in ("clips", "taken for their label", "by digit 0 to 9, %", "inception score"):
        table.add_column(heading, justify="left" if heading == "clips" else "right")
    for name in ("real", "generated"):
        row = record[name]
        shares = ("-" if share is None else f"{share:.0%}" for share in row["by_digit"])
        table.add_row(
            name,
            f"{row['as_labelled']:.1%}",
            " ".join(share.rstrip("%") for share in shares),
            f"{row['inception_score']:.2f}",
        )
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
