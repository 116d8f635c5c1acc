"""The shape of the networks and the way they are trained, checked on construction."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeVar

__all__ = ["GeometryConfig", "OptimisationConfig", "TganConfig", "paper_config"]

Section = TypeVar("Section", "GeometryConfig", "OptimisationConfig")


@dataclass(frozen=True, kw_only=True, slots=True)
class GeometryConfig:
    """Sizes of generator, critic and encoder; the defaults are the paper's."""

    frames: int = 16
    """Time steps of a clip: 8, 16 or 32."""
    tile_px: int = 64
    """Height and width of a tile: 32 or 64."""
    channels: int = 3
    """Planes of a frame, 1 to 8: colours, or picture and frame difference, ..."""
    latent: int = 100
    """Numbers in the latent of a clip, and in the latent of each frame."""
    generator_width: int = 512
    """Channels of the image generator at 4x4 px, halved at each doubling of the size."""
    critic_width: int = 64
    """Channels of the critic's first layer, doubled at each layer."""
    temporal_width: int = 512
    """Channels of the temporal generator's first layer, halved twice and then kept."""
    critic_norm: Literal["batch", "none"] = "batch"
    """Batch norm without shift behind all critic layers but the first, or no norm at all."""
    generator: Literal["temporal", "one_piece", "moments"] = "temporal"
    """TGAN's, or one that it is compared with: see tgan_core.baselines."""
    labels: int = 0
    """Kinds of clips that one conditional model tells apart (section 1.6), at least 2: digits,
    cameras, states of a machine. 0: the clips are all of one kind."""

    def __post_init__(self) -> None:
        _require(self.frames in (8, 16, 32), f"frames must be 8, 16 or 32, not {self.frames}")
        _require(self.tile_px in (32, 64), f"tile_px must be 32 or 64, not {self.tile_px}")
        _require(1 <= self.channels <= 8, f"channels must be 1 to 8, not {self.channels}")
        _require(self.latent >= 1, f"latent must be at least 1, not {self.latent}")
        _require(self.critic_width >= 1, f"critic_width must be >= 1, not {self.critic_width}")
        smallest = 2 ** (self.image_doublings + 1)
        _require(
            self.generator_width >= smallest and self.generator_width % smallest == 0,
            f"generator_width must be a multiple of {smallest}, not {self.generator_width}",
        )
        _require(
            self.temporal_width >= 4 and self.temporal_width % 4 == 0,
            f"temporal_width must be a multiple of 4, not {self.temporal_width}",
        )
        _require(
            self.critic_norm in ("batch", "none"),
            f"critic_norm must be 'batch' or 'none', not {self.critic_norm!r}",
        )
        _require(
            self.generator in ("temporal", "one_piece", "moments"),
            f"generator must be 'temporal', 'one_piece' or 'moments', not {self.generator!r}",
        )
        _require(
            self.labels == 0 or self.labels >= 2,
            f"labels must be 0 or at least 2, not {self.labels}",
        )
        _require(
            self.labels == 0 or self.generator != "one_piece",
            "labels need a trajectory: generator 'one_piece' has none",
        )

    @property
    def image_doublings(self) -> int:
        """How often 4 px is doubled to reach the tile: also the critic's strided layers."""
        return int(math.log2(self.tile_px // 4))

    @property
    def temporal_doublings(self) -> int:
        """How often one time step is doubled to reach the clip."""
        return int(math.log2(self.frames))


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimisationConfig:
    """How generator and critic are trained against each other."""

    objective: Literal["wasserstein", "non_saturating"] = "wasserstein"
    """The paper's earth mover's distance, or the logistic game of TGANv2."""
    optimiser: Literal["rmsprop", "adam"] = "rmsprop"
    """RMSProp (decay .99, no momentum), or Adam with betas (0, .9)."""
    generator_learning_rate: float = 5e-5
    """Step size of both generators."""
    critic_learning_rate: float = 5e-5
    """Step size of the critic."""
    batch: int = 32
    """Clips per step, at least 2 because batch norm needs a spread."""
    constraint: Literal["singular_values", "weights", "gradient_penalty", "spectral_norm"] = (
        "singular_values"
    )
    """What keeps the critic from growing steep: singular value clipping, or what it is compared
    with."""
    constraint_level: float = 1.0
    """Weights: their largest absolute value. Gradient penalty: its weight. Else without meaning."""
    clip_every: int = 1
    """Steps between two clippings, of singular values or weights; 0 never clips. The paper has 5:
    it was slow."""
    r1_weight: float = 0.0
    """Weight of the squared critic gradient at real clips; 0 leaves it out."""
    r1_every: int = 16
    """Steps between two such penalties; each one weighs r1_every times as much."""
    ema_decay: float = 0.999
    """Decay per step of the averaged generator and critic, after a warm-up; 0 keeps no averages."""
    autocast: Literal["none", "bf16"] = "none"
    """Arithmetic of the convolutions; losses, norm statistics and clipping stay float32."""
    channels_last: bool = True
    """Keeps the channels of a pixel together in memory, which is faster nearly everywhere."""
    initialisation: Literal["lecun", "uniform"] = "lecun"
    """N(0, 1/fan_in) for temporal generator and critic, or U(-.01, .01) everywhere."""

    def __post_init__(self) -> None:
        choices = {
            "constraint": ("singular_values", "weights", "gradient_penalty", "spectral_norm"),
            "objective": ("wasserstein", "non_saturating"),
            "optimiser": ("rmsprop", "adam"),
            "autocast": ("none", "bf16"),
            "initialisation": ("lecun", "uniform"),
        }
        for name, allowed in choices.items():
            chosen = getattr(self, name)
            _require(chosen in allowed, f"{name} must be one of {allowed}, not {chosen!r}")
        for name in ("generator_learning_rate", "critic_learning_rate"):
            rate = getattr(self, name)
            _require(math.isfinite(rate) and rate > 0, f"{name} must be > 0, not {rate}")
        _require(self.batch >= 2, f"batch must be at least 2, not {self.batch}")
        _require(
            math.isfinite(self.constraint_level) and self.constraint_level > 0,
            f"constraint_level must be > 0, not {self.constraint_level}",
        )
        _require(self.clip_every >= 0, f"clip_every must be >= 0, not {self.clip_every}")
        _require(self.r1_every >= 1, f"r1_every must be >= 1, not {self.r1_every}")
        _require(
            math.isfinite(self.r1_weight) and self.r1_weight >= 0,
            f"r1_weight must be >= 0, not {self.r1_weight}",
        )
        _require(0 <= self.ema_decay < 1, f"ema_decay must be in [0, 1), not {self.ema_decay}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TganConfig:
    """One complete recipe: the networks and their training."""

    geometry: GeometryConfig = field(default_factory=GeometryConfig)
    """Sizes of the networks."""
    optimisation: OptimisationConfig = field(default_factory=OptimisationConfig)
    """How they are trained."""

    def __post_init__(self) -> None:
        # A penalty is per clip, batch norm mixes the clips of a batch (WGAN-GP, section 4).
        no_norm = self.geometry.critic_norm == "none"
        _require(
            self.optimisation.r1_weight == 0 or no_norm, "r1_weight > 0 needs critic_norm 'none'"
        )
        if self.optimisation.constraint == "gradient_penalty":
            _require(no_norm, "constraint 'gradient_penalty' needs critic_norm 'none'")
            _require(
                self.optimisation.r1_weight == 0, "constraint 'gradient_penalty' needs r1_weight 0"
            )

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """The recipe as plain JSON values, for a manifest.

        Later choices are left out where they are the default: the name of a training that began
        before there was a choice stays what it was.
        """
        return {
            "geometry": _values(self.geometry),
            "optimisation": _values(self.optimisation),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, Any]]) -> "TganConfig":
        """The recipe written by `to_dict`; raises ValueError for unknown or missing names."""
        _require(
            set(values) == {"geometry", "optimisation"},
            f"a recipe has the parts geometry and optimisation, not {sorted(values)}",
        )
        return cls(
            geometry=_section(GeometryConfig, values["geometry"]),
            optimisation=_section(OptimisationConfig, values["optimisation"]),
        )


def paper_config(channels: int = 3) -> TganConfig:
    """The published recipe: clipping every 5 steps, no averaged networks, float32."""
    return TganConfig(
        geometry=GeometryConfig(channels=channels),
        optimisation=OptimisationConfig(clip_every=5, ema_decay=0.0),
    )


def _values(section: GeometryConfig | OptimisationConfig) -> dict[str, Any]:
    defaults = {entry.name: entry.default for entry in fields(section)}
    return {
        name: value
        for name, value in asdict(section).items()
        if name not in _LATER or value != defaults[name]
    }


_LATER = frozenset({"generator", "labels", "constraint", "constraint_level"})
"""Choices that earlier recipes did not have: they mean what their defaults mean."""


def _section(kind: type[Section], values: Mapping[str, Any]) -> Section:
    names = {entry.name for entry in fields(kind)}
    unknown, missing = set(values) - names, names - set(values) - _LATER
    _require(
        not unknown and not missing,
        f"{kind.__name__}: unknown {sorted(unknown)}, missing {sorted(missing)}",
    )
    return kind(**values)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
