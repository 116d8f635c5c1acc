"""The reference: what looks at a camera say in normal operation, learnt from training footage.

Limits follow from the middle of what is normal and from its lowest tenth, so that footage with up
to a tenth of trouble in it still gives them. None is tuned to a camera.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.footage.admission import Footage
from pipeline.health.look import Look
from pipeline.health.stillness import Still

__all__ = ["HealthReference", "ReferenceLearner", "health_from_manifest", "usual_step_seconds"]

_LOW = 0.1
_FEWEST_LOOKS = 20
_LIVELY_SECONDS = 3.0
"""A part of the picture that is the same for longer, now and then, says nothing of a frozen one."""
_RARELY = 0.1
_FAINT = 0.3
"""Grey levels: what always changes by less is noise or a clock in the picture, not a machine."""
_CHUNK_LOOKS = 20
_SHORTEST_REPEAT_SECONDS = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthReference:
    """Normal looks of one camera: the middle and the lowest tenth of each measure."""

    agreement: float
    agreement_low: float
    sharpness: float
    sharpness_low: float
    likeness: float
    brightness_low: float
    shifted_px: float
    """Of the highest tenth."""
    changed_low: float
    """Share of the pixels that change between two looks."""
    repeat_seconds: float | None
    """A picture that repeats for so long is frozen; None where that may as well be a still scene:
    the camera, or its encoder, has no noise that could tell the two apart."""
    step_seconds: float
    """Between two frames of the footage."""
    looks: int

    def to_dict(self) -> dict[str, Any]:
        """Return values that JSON can hold."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> HealthReference:
        """Return what `to_dict` was given; TypeError when something is missing or too much."""
        return HealthReference(**values)


def health_from_manifest(manifest: Mapping[str, Any]) -> HealthReference | None:
    """Return the reference that a model's manifest holds; None in models made without one."""
    values = manifest.get("health")
    return HealthReference.from_dict(values) if values else None


class ReferenceLearner:
    """Gathers the looks of normal footage; some numbers a look stay in memory."""

    def __init__(self) -> None:
        self._looks: list[Look] = []
        self._changed: list[float] = []
        self._whole_seconds: list[float] = []
        self._change_B: NDArray[np.float64] | None = None
        self._long_still_B: NDArray[np.int64] | None = None

    def add(self, look: Look, still: Still) -> None:
        """Take in one look."""
        self._looks.append(look)
        self._changed.append(still.changed)
        self._whole_seconds.append(float(still.still_seconds_B.min()))
        long_B = (still.still_seconds_B > _LIVELY_SECONDS).astype(np.int64)
        if self._change_B is None or self._long_still_B is None:
            self._change_B, self._long_still_B = still.change_B.astype(np.float64), long_B
        else:
            self._change_B += still.change_B
            self._long_still_B += long_B

    def reference(self, step_seconds: float) -> HealthReference | None:
        """Return what was learnt; None from fewer than 20 looks (ten seconds)."""
        if len(self._looks) < _FEWEST_LOOKS:
            return None
        low = self._quantiles(_LOW)
        middle = self._quantiles(0.5)
        return HealthReference(
            agreement=middle["agreement"],
            agreement_low=low["agreement"],
            sharpness=middle["sharpness"],
            sharpness_low=low["sharpness"],
            likeness=middle["likeness"],
            brightness_low=low["brightness"],
            shifted_px=self._quantiles(1.0 - _LOW)["shifted_px"],
            changed_low=float(np.quantile(self._changed, _LOW)),
            repeat_seconds=self._repeat_seconds(),
            step_seconds=step_seconds,
            looks=len(self._looks),
        )

    def _quantiles(self, share: float) -> dict[str, float]:
        names = ("agreement", "sharpness", "likeness", "brightness", "shifted_px")
        return {
            name: float(np.quantile([getattr(look, name) for look in self._looks], share))
            for name in names
        }

    def _repeat_seconds(self) -> float | None:
        """Return three times the longest that the whole picture was the same; of stretches of ten
        seconds the one in twenty with the longest is left out."""
        whole = np.array(self._whole_seconds)
        chunks = np.array_split(whole, max(1, len(whole) // _CHUNK_LOOKS))
        longest = float(np.quantile([chunk.max() for chunk in chunks], 0.95, method="lower"))
        if longest > _LIVELY_SECONDS or not self._tells_still_from_frozen():
            return None
        return max(_SHORTEST_REPEAT_SECONDS, 3.0 * longest)

    def _tells_still_from_frozen(self) -> bool:
        """Whether something changes all the time that a machine which stops does not stop: half of
        the picture, or a little of it faintly, as a clock in the picture does."""
        assert self._long_still_B is not None
        assert self._change_B is not None
        lively_B = self._long_still_B / len(self._looks) < _RARELY
        faint_B = self._change_B / len(self._looks) < _FAINT
        return bool(lively_B.mean() > 0.5 or (lively_B & faint_B).any())


def usual_step_seconds(footage: Sequence[Footage]) -> float:
    """Return the seconds between two frames of nearly all footage; 0 when it is not known."""
    steps = [1.0 / one.frame_rate for one in footage if one.frame_rate > 0]
    return float(np.quantile(steps, 0.9, method="lower")) if steps else 0.0
