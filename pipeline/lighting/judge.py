"""Judging light: which lighting state a picture may be in, by its light and by what it shows.

Light alone is not enough: a room at dusk under a lamp may be as bright and as colourful as it is
under infrared in the morning. Gain and offset, which every clip has aligned, are what two pictures
of one state differ by; another state throws its light elsewhere.

Shapes: H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.clips.flow import grey_of
from pipeline.clips.tensors import lighting_of
from pipeline.footage.frames import WorkingFrame
from pipeline.lighting.light import Light, light_of
from pipeline.lighting.states import LightingStates

__all__ = ["Lighting", "misfit", "with_misfits"]

_EVERY_PX = 4
_STILL_SHARE = 0.7
"""Of the pixels: those that differ least. What moves is somewhere else."""
_REACH = 1.5
"""Times what one picture in a hundred of the training footage exceeds."""
_LEAST_MISFIT = 2.0
"""Grey levels: the noise of a camera."""
_ALIKE = 0.5
"""Grey levels below which a picture is the background itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lighting:
    """The lighting states of a camera, and what each looks like when nothing happens."""

    states: LightingStates
    backgrounds: Mapping[str, NDArray[np.uint8]]
    """By the name of a state: HW, or HWC in RGB."""

    def distances(self, frame: WorkingFrame) -> tuple[Light, dict[str, float]]:
        """Return a frame's light, and how far it is from each state: up to 1 it may be in it.

        A state in which pictures differ much reaches far. So that it takes no picture that is
        nearer to the background of another one, it is as much farther than that one as its
        background is, in grey levels.
        """
        light = light_of(frame)
        found = self.states.distances(light)
        levels = {
            state.name: max(misfit(frame.image, self.backgrounds[state.name]), _ALIKE)
            for state in self.states.states
            if state.misfit and state.name in self.backgrounds
        }
        if not levels:
            return light, found
        for state in self.states.states:
            if state.name in levels:
                found[state.name] = max(found[state.name], levels[state.name] / state.misfit)
        nearest = min(levels, key=lambda name: levels[name])
        for name, apart in levels.items():
            found[name] = max(found[name], found[nearest] * apart / levels[nearest])
        return light, found


def misfit(image: NDArray[np.uint8], background: NDArray[np.uint8]) -> float:
    """Return by how many grey levels a picture differs from a background once its light is aligned,
    on average over the seven tenths of the pixels where it differs least."""
    picture_HW, background_HW = (
        torch.from_numpy(np.ascontiguousarray(grey_of(one))) for one in (image, background)
    )
    gain, offset = lighting_of(picture_HW[None, None], background_HW)
    half = _EVERY_PX // 2
    seen, target = (
        one[half::_EVERY_PX, half::_EVERY_PX].flatten().float()
        for one in (picture_HW, background_HW)
    )
    differs = (gain[0] * seen + offset[0] - target).abs().sort().values
    return float(differs[: max(1, int(_STILL_SHARE * len(differs)))].mean())


def with_misfits(
    states: LightingStates,
    backgrounds: Mapping[str, NDArray[np.uint8]],
    pictures: Mapping[str, Iterable[NDArray[np.uint8]]],
) -> Lighting:
    """Return the lighting of a camera, with what pictures of each state (`pictures`, by name)
    differ from its background by."""
    known = []
    for state in states.states:
        differs = [misfit(p, backgrounds[state.name]) for p in pictures.get(state.name, ())]
        most = _REACH * float(np.quantile(differs, 0.99)) if differs else 0.0
        known.append(replace(state, misfit=max(most, _LEAST_MISFIT) if differs else 0.0))
    return Lighting(states=replace(states, states=tuple(known)), backgrounds=backgrounds)
