"""What a model holds of lighting states, on disk: tensors and values that JSON can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from pipeline.lighting.judge import Lighting
from pipeline.lighting.states import LightingStates
from pipeline.scoring.calibration import PlaceStatistics
from pipeline.scoring.fusion import Calibration

__all__ = ["calibrations_of", "lighting_manifest", "lighting_of", "lighting_tensors"]


def lighting_manifest(
    lighting: Lighting | None, calibrations: Mapping[str, Calibration]
) -> dict[str, Any]:
    """Return what goes into a manifest; nothing at all for a camera of one state, whose models are
    as they always were."""
    if lighting is None:
        return {}
    return {
        "lighting": {
            "states": lighting.states.to_list(),
            "tails": {name: one.to_dict() for name, one in calibrations.items()},
        }
    }


def lighting_tensors(
    lighting: Lighting | None, calibrations: Mapping[str, Calibration]
) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors by name."""
    if lighting is None:
        return
    for name, background in lighting.backgrounds.items():
        yield f"lighting.{name}.background", torch.from_numpy(background)
    for name, calibration in calibrations.items():
        for term, place in calibration.places.items():
            yield f"lighting.{name}.place.{term}.middle", torch.from_numpy(place.middle_GW)
            yield f"lighting.{name}.place.{term}.range", torch.from_numpy(place.range_GW)


def lighting_of(manifest: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Lighting | None:
    """Return what a model knows of lighting states; None for one that knows one state only."""
    values = manifest.get("lighting")
    if values is None:
        return None
    states = LightingStates.from_list(values["states"])
    return Lighting(
        states=states,
        backgrounds={
            state.name: tensors[f"lighting.{state.name}.background"].numpy()
            for state in states.states
            if f"lighting.{state.name}.background" in tensors
        },
    )


def calibrations_of(
    manifest: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> dict[str, Calibration]:
    """Return the calibrations of states by name; none for a camera of one state."""
    two_sided: Mapping[str, bool] = manifest["two_sided"]
    tails: Mapping[str, Any] = manifest.get("lighting", {}).get("tails", {})
    return {
        name: Calibration.from_dict(
            values,
            {
                term: PlaceStatistics(
                    middle_GW=tensors[f"lighting.{name}.place.{term}.middle"].numpy(),
                    range_GW=tensors[f"lighting.{name}.place.{term}.range"].numpy(),
                    two_sided=two_sided[term],
                )
                for term in values["terms"]
            },
        )
        for name, values in tails.items()
    }
