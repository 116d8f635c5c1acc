"""Presets: how large a model is, what it looks at and how long it learns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pipeline.clips.history import HistoryShape
from pipeline.clips.tensors import plane_count
from pipeline.errors import SettingsError
from tgan_core.config import GeometryConfig, OptimisationConfig, TganConfig, paper_config

__all__ = ["PRESET_NAMES", "Preset", "preset_from_dict", "preset_named"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """Everything that decides what a model learns, except the footage and the seed."""

    name: str
    planes: tuple[str, ...]
    """What the networks see of a clip; see pipeline.clips.tensors.PLANES."""
    working_width_px: int
    """Frames are reduced to about this width; the height keeps the aspect."""
    frame_rate: float
    """Frames a second the model looks at; slower cameras are taken as they are."""
    clip_stride: int
    """Frames between the ends of two scored clips."""
    tile_stride_px: int
    """Pixels between two tiles when reconstructing: half a tile overlaps by half."""
    reservoir_tiles: int
    """Tiles of normal footage kept in memory to learn from, at most."""
    tiles_per_window: int
    """Tiles taken from one window of footage on the way to the reservoir; more of short footage."""
    moving_share: float
    """Share of them that is drawn by motion; the others are drawn evenly, so that the model also
    knows a quiet place (a stopped machine is an anomaly too)."""
    generator_steps: int
    """Steps of adversarial training."""
    encoder_steps: int
    """Steps of encoder training."""
    encoder_learning_rate: float
    pseudo_anomalies: bool
    """Whether the critic also learns to tell changed normal footage from normal footage."""
    reconstructed_tiles: int
    """Tiles of a clip that the generator looks at: those that the critic finds least normal."""
    history_seconds: float
    """How far back the histories of places go that the expert `rhythm` compares."""
    history_steps: int
    """Steps of time in them."""
    place_windows: int
    """Windows of training footage that the statistics per place are taken from, at most."""
    experts: tuple[str, ...]
    """Experts that score, in the order of pipeline.scoring.experts.EXPERTS."""
    tgan: TganConfig

    def __post_init__(self) -> None:
        if plane_count(self.planes) != self.tgan.geometry.channels:
            raise ValueError(
                f"preset {self.name}: planes {self.planes} and "
                f"{self.tgan.geometry.channels} channels do not fit"
            )
        if self.tgan.geometry.labels:
            raise ValueError(f"preset {self.name}: a camera's model has no labels")

    @property
    def grey(self) -> bool:
        """True when frames are decoded without colour."""
        return self.planes != ("colour",)

    def history_at(self, frame_rate: float) -> HistoryShape | None:
        """Return how far back histories go at so many frames a second; None when no expert asks."""
        if "rhythm" not in self.experts:
            return None
        frames = round(self.history_seconds * frame_rate / self.history_steps)
        return HistoryShape(steps=self.history_steps, frames_a_step=max(1, frames))

    def with_effort(self, effort: float) -> Preset:
        """Return the preset with its numbers of training steps multiplied by `effort`."""
        return replace(
            self,
            generator_steps=max(1, round(self.generator_steps * effort)),
            encoder_steps=max(1, round(self.encoder_steps * effort)),
        )

    def with_arithmetic(self, autocast: Literal["none", "bf16"]) -> Preset:
        """Return the preset with the arithmetic of its convolutions chosen for a device."""
        optimisation = replace(self.tgan.optimisation, autocast=autocast)
        return replace(self, tgan=replace(self.tgan, optimisation=optimisation))

    def to_dict(self) -> dict[str, Any]:
        """Return the preset as values that JSON can hold."""
        values = {key: value for key, value in asdict(self).items() if key != "tgan"}
        return {
            **values,
            "planes": list(self.planes),
            "experts": list(self.experts),
            "tgan": self.tgan.to_dict(),
        }


def preset_from_dict(values: Mapping[str, Any]) -> Preset:
    """Return the preset that `Preset.to_dict` wrote."""
    return Preset(
        **{
            **values,
            "planes": tuple(values["planes"]),
            "experts": tuple(values["experts"]),
            "tgan": TganConfig.from_dict(values["tgan"]),
        }
    )


def _compact() -> Preset:
    """Two CPU cores: 32-pixel tiles, 8 frames, narrow networks, the picture and how fast it
    moves."""
    return Preset(
        name="compact",
        planes=("grey", "speed"),
        working_width_px=192,
        frame_rate=10.0,
        clip_stride=2,
        tile_stride_px=24,
        reservoir_tiles=24_000,
        tiles_per_window=12,
        moving_share=0.75,
        generator_steps=1_440,
        encoder_steps=720,
        encoder_learning_rate=2e-4,
        pseudo_anomalies=True,
        reconstructed_tiles=4,
        history_seconds=4.0,
        history_steps=10,
        place_windows=500,
        experts=("critic", "reconstruction", "features", "motion", "continuity", "rhythm"),
        tgan=TganConfig(
            geometry=GeometryConfig(
                frames=8,
                tile_px=32,
                channels=2,
                latent=64,
                generator_width=128,
                critic_width=24,
                temporal_width=128,
                critic_norm="none",
            ),
            optimisation=OptimisationConfig(
                objective="non_saturating",
                optimiser="adam",
                generator_learning_rate=2e-4,
                critic_learning_rate=2e-4,
                batch=32,
                clip_every=1,
                r1_weight=1.0,
                r1_every=8,
                ema_decay=0.999,
                autocast="bf16",
                initialisation="lecun",
            ),
        ),
    )


def _standard() -> Preset:
    """More cores, or a small GPU: the same networks on pictures and tiles of nearly twice the size,
    which show what is thin, in 2.5 times the time."""
    compact = _compact()
    return replace(
        compact,
        name="standard",
        working_width_px=320,
        tile_stride_px=48,
        reservoir_tiles=12_000,
        tgan=replace(compact.tgan, geometry=replace(compact.tgan.geometry, tile_px=64)),
    )


def _full() -> Preset:
    """A GPU: longer, on more footage (AUC .992 on Ped2, `compact` .988). Longer clips (16 frames)
    and the paper's widths in place of the narrow networks had .974."""
    return replace(
        _standard(),
        name="full",
        reservoir_tiles=40_000,
        generator_steps=2_000,
        encoder_steps=1_000,
        place_windows=2_000,
    )


def _paper() -> Preset:
    """As published: colour pictures, the paper's networks and optimiser (Saito et al. 2017)."""
    return replace(
        _compact(),
        name="paper",
        planes=("colour",),
        working_width_px=256,
        clip_stride=1,
        tile_stride_px=32,
        reservoir_tiles=12_000,
        reconstructed_tiles=8,
        pseudo_anomalies=False,
        generator_steps=100_000,
        encoder_steps=50_000,
        encoder_learning_rate=5e-5,
        tgan=paper_config(channels=3),
    )


_PRESETS = {"compact": _compact, "standard": _standard, "full": _full, "paper": _paper}

PRESET_NAMES = tuple(_PRESETS)
"""Names that `preset_named` knows, from the smallest to the one of the paper."""


def preset_named(name: str) -> Preset:
    """Return a preset by name; SettingsError naming the choices when there is none."""
    if name not in _PRESETS:
        raise SettingsError(f"preset {name!r} is unknown; choose from {', '.join(PRESET_NAMES)}")
    return _PRESETS[name]()
