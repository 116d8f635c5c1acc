"""kizashi interpolate: finer time steps of a real or a generated clip, beside simpler methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.flow import flow_pair
from pipeline.evaluation.middle_frames import METHODS, middle_figures, middle_qualities
from pipeline.evaluation.picture_quality import psnr, ssim
from pipeline.files import replace_file, write_json
from pipeline.footage.panels import grid_of, side_by_side
from pipeline.footage.webm_writer import write_webm
from pipeline.synthesis.between import Interpolator, Run
from pipeline.synthesis.choosing import Choices, learn_choices
from pipeline.synthesis.sampling import finer_pictures, sample_clips
from pipeline.synthesis.source import Source, normal_runs, runs_of_video

__all__ = ["Finer", "interpolate_generated", "interpolate_video"]

Progress = Callable[[str], None]
Picture = NDArray[np.uint8]

_MEASURED = 40
"""Hidden frames that figures of a video are taken from, about."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finer:
    """What was made."""

    video: Path
    figures: Path
    rows: tuple[tuple[str, float, float], ...]
    """Method, PSNR in dB and SSIM."""
    compared: str
    """What the rows compare with what."""


def interpolate_video(
    source: Source,
    video: Path,
    *,
    start_seconds: float,
    seconds: float,
    factor: int,
    refine_steps: int,
    out: Path,
    progress: Progress,
) -> Finer:
    """Write interpolated.webm (input at its rate, linear blending, flow warping, ours, side by
    side, `factor` times the frames a second) and interpolation.json of a real clip.

    The figures come from leaving every second frame of it out. Raises FootageError when the video,
    or the normal footage that weights are learnt from, is refused or too short.
    """
    runs = runs_of_video(source, video, start_seconds=start_seconds, seconds=seconds)
    interpolator = Interpolator(sight=source.model.sight, refine_steps=refine_steps)
    progress("learning weights from normal footage")
    choices = learn_choices(interpolator, normal_runs(source, source.normal()))
    progress(f"learnt from {choices.gaps} hidden frames; drawing")
    path = out / "interpolated.webm"
    rate = source.model.sight.view.frame_rate
    with replace_file(path) as temporary:
        frames = (sheet for run in runs for sheet in _sheets(interpolator, choices, run, factor))
        write_webm(temporary, frames, rate * factor)
    progress("measuring on hidden frames")
    every = max(2, sum(map(len, runs)) // _MEASURED)
    figures = middle_figures([middle_qualities(interpolator, choices, runs, every=every)])
    record = {
        "footage": video.name,
        "start_seconds": start_seconds,
        "frame_rate": rate,
        "factor": factor,
        "refine_steps": refine_steps,
        "model": source.model.digest,
        "weights": choices.to_dict(),
        "middle_frames": figures,
    }
    rows = tuple(
        (
            label,
            figures["methods"][name]["psnr_db"]["mean"],
            figures["methods"][name]["ssim"]["mean"],
        )
        for name, label in METHODS.items()
        if name in figures["methods"]
    )
    compared = f"real frames, left out and drawn from their neighbours: {figures['frames']}"
    return _told(path, record, rows, compared)


def interpolate_generated(
    source: Source, *, clips: int, seed: int, factor: int, out: Path
) -> Finer:
    """Write interpolated.webm and interpolation.json of generated clips: their own frames, linear
    blending and flow warping beside finer steps of the latent path.

    There is no truth between generated frames: the figures say how near the simpler methods come to
    what the generator draws there.
    """
    sight = source.model.sight
    made = sample_clips(sight, clips, seed, source.masks)
    panels: dict[str, list[list[Picture]]] = {"generated": [], "linear": [], "flow": [], "TGAN": []}
    for own, finer in finer_pictures(sight, made, factor):
        for name, pictures in _simple(own, factor).items():
            panels[name].append(pictures)
        panels["TGAN"].append(list(finer))
    path = out / "interpolated.webm"
    with replace_file(path) as temporary:
        steps = len(panels["TGAN"][0])
        sheets = (
            side_by_side({name: grid_of([_bgr(c[at]) for c in v]) for name, v in panels.items()})
            for at in range(steps)
        )
        write_webm(temporary, sheets, made.frame_rate * factor)
    between = [at for at in range(steps) if at % factor]
    rows = tuple(
        (
            label,
            _mean(panels[name], panels["TGAN"], between, psnr),
            _mean(panels[name], panels["TGAN"], between, ssim),
        )
        for name, label in (("linear", "linear blending"), ("flow", "optical-flow warping"))
    )
    record = {
        "clips": clips,
        "seed": seed,
        "frame_rate": made.frame_rate,
        "factor": factor,
        "model": source.model.digest,
        "against_latent_path": [
            {"method": label, "psnr_db": decibels, "ssim": alike} for label, decibels, alike in rows
        ],
    }
    return _told(path, record, rows, "methods against the generator's own frames between")


def _sheets(
    interpolator: Interpolator, choices: Choices, run: Run, factor: int
) -> Iterator[Picture]:
    shares = tuple(step / factor for step in range(1, factor))
    for gap in range(len(run) - 1):
        own = _bgr(run.frames[gap])
        yield side_by_side(dict.fromkeys(("input", "linear", "flow", "TGAN + flow"), own))
        if not shares:
            continue
        between = interpolator.between(run, gap, shares)
        for moment in range(len(shares)):
            ours = choices.ours.picture(between, moment)
            yield side_by_side(
                {
                    "input": own,
                    "linear": _bgr(_rounded(between.linear[moment])),
                    "flow": _bgr(_rounded(between.flow[moment])),
                    "TGAN + flow": _bgr(_rounded(ours)),
                }
            )
    own = _bgr(run.frames[-1])
    yield side_by_side(dict.fromkeys(("input", "linear", "flow", "TGAN + flow"), own))


def _simple(own: NDArray[np.uint8], factor: int) -> dict[str, list[Picture]]:
    """Return a clip held, blended and warped to `factor` times the frames."""
    made: dict[str, list[Picture]] = {"generated": [], "linear": [], "flow": []}
    for before, after in pairwise(own):
        pair = flow_pair(before, after)
        for step in range(factor):
            share = step / factor
            there, back = pair.warped(share)
            made["generated"].append(before)
            made["linear"].append(_rounded((1.0 - share) * before + share * after))
            made["flow"].append(_rounded((1.0 - share) * there + share * back))
    for pictures in made.values():
        pictures.append(own[-1])
    return made


def _mean(
    clips: Sequence[Sequence[Picture]],
    truths: Sequence[Sequence[Picture]],
    moments: Sequence[int],
    how: Callable[[Picture, Picture], float],
) -> float:
    pairs = [(c[at], t[at]) for c, t in zip(clips, truths, strict=True) for at in moments]
    return float(np.mean([how(one, other) for one, other in pairs])) if pairs else float("nan")


def _told(
    path: Path, record: dict[str, Any], rows: tuple[tuple[str, float, float], ...], compared: str
) -> Finer:
    figures = path.with_name("interpolation.json")
    write_json(figures, record)
    return Finer(video=path, figures=figures, rows=rows, compared=compared)


def _rounded(levels: NDArray[np.float32] | NDArray[np.float64]) -> Picture:
    return np.clip(np.rint(levels), 0.0, 255.0).astype(np.uint8)


def _bgr(picture: Picture) -> Picture:
    return picture if picture.ndim == 2 else np.ascontiguousarray(picture[..., ::-1])
