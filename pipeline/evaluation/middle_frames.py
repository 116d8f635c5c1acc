"""Middle frames: a real frame is left out, drawn from its neighbours, and compared with the truth.

Every second frame is left out. The methods see the frames that are left, nothing else; what they
learnt, they learnt from normal training footage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.bootstrap import mean_interval
from pipeline.evaluation.picture_quality import psnr, ssim
from pipeline.synthesis.between import Between, Interpolator, Run
from pipeline.synthesis.choosing import Choices, hidden_frames

__all__ = ["METHODS", "Quality", "levels_of_methods", "middle_figures", "middle_qualities"]

METHODS: Mapping[str, str] = {
    "linear": "linear blending",
    "flow": "optical-flow warping",
    "render": "TGAN, pure rendering",
    "drawn_only": "linear + TGAN movement",
    "without_networks": "linear + flow, no TGAN",
    "untrained": "untrained critic + flow",
    "ours": "TGAN's critic + flow",
}
"""Method -> what tables call it. `without_networks` is `ours` without the critic; `untrained`, only
there when the interpolator has a control, is `ours` with a critic that has learnt nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """How near one drawn frame is to the real one."""

    psnr_db: float
    ssim: float


def levels_of_methods(
    between: Between, choices: Choices, moment: int = 0
) -> dict[str, NDArray[np.uint8]]:
    """Return what every method draws at a moment, rounded to whole levels."""
    drawn = {
        "linear": between.linear[moment],
        "flow": between.flow[moment],
        "render": between.render[moment],
        "drawn_only": choices.drawn_only.picture(between, moment),
        "without_networks": choices.without_networks.picture(between, moment),
        "ours": choices.ours.picture(between, moment),
    }
    if choices.untrained is not None:
        drawn["untrained"] = choices.untrained.picture(between, moment)
    return {
        name: np.clip(np.rint(levels), 0.0, 255.0).astype(np.uint8)
        for name, levels in drawn.items()
    }


def middle_qualities(
    interpolator: Interpolator, choices: Choices, runs: Sequence[Run], *, every: int = 2
) -> list[dict[str, Quality]]:
    """Return the quality of every method at every `every`-th hidden frame of a video."""
    found = []
    for run in runs:
        for kept, gap, hidden in hidden_frames(run, interpolator.frames, every):
            between = interpolator.between(kept, gap, (0.5,))
            found.append(
                {
                    name: Quality(
                        psnr_db=psnr(picture, run.frames[hidden]),
                        ssim=ssim(picture, run.frames[hidden]),
                    )
                    for name, picture in levels_of_methods(between, choices).items()
                }
            )
    return found


def middle_figures(videos: Sequence[Sequence[Mapping[str, Quality]]]) -> dict[str, Any]:
    """Return the mean over videos of every method, with 95 % intervals over videos (None for fewer
    than two), and of its difference to linear blending and to the weights without the critic, and
    with one that has learnt nothing.

    Raises ValueError when there is no frame.
    """
    kept = [video for video in videos if video]
    if not kept:
        raise ValueError("no middle frame to compare")

    def means(name: str, figure: Callable[[Quality], float]) -> NDArray[np.float64]:
        return np.array([np.mean([figure(frame[name]) for frame in video]) for video in kept])

    def told(values: NDArray[np.float64]) -> dict[str, Any]:
        return {"mean": float(values.mean()), "interval": mean_interval(list(values))}

    rivals = [name for name in ("linear", "without_networks", "untrained") if name in kept[0][0]]
    methods = {}
    for name in [name for name in METHODS if name in kept[0][0]]:
        decibels = means(name, lambda quality: quality.psnr_db)
        likeness = means(name, lambda quality: quality.ssim)
        methods[name] = {"psnr_db": told(decibels), "ssim": told(likeness)}
        for rival in rivals:
            methods[name][f"psnr_over_{rival}"] = told(
                decibels - means(rival, lambda quality: quality.psnr_db)
            )
        methods[name]["ssim_over_linear"] = told(
            likeness - means("linear", lambda quality: quality.ssim)
        )
    return {
        "videos": len(kept),
        "frames": sum(len(video) for video in kept),
        "methods": methods,
    }
