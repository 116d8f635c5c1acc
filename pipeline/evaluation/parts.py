"""What an evaluation needs from the rest of the pipeline, and the real things that provide it.

`real_parts` is the only place here that knows learning and scoring; a test gives small fakes.
Nothing of torch is imported before it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import EventPolicy
from pipeline.footage.examine import FOLDER_FRAME_RATE
from pipeline.scoring.anomaly import Anomaly

if TYPE_CHECKING:
    from pipeline.clips.reader import Stretch

__all__ = ["MEDIA_ZERO_UTC", "Frame", "Model", "Parts", "Scored", "real_parts"]

MEDIA_ZERO_UTC = datetime(2000, 1, 1, tzinfo=UTC)
"""Wall time given to media time 0 of every video: an evaluation knows no clock, and each video is
joined to events by itself."""

Progress = Callable[[str], None]


class Frame(Protocol):
    """A decoded frame."""

    @property
    def pts_us(self) -> int:
        """Presentation time, microseconds."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """uint8 (height, width) when grey, else (height, width, 3) blue, green, red."""


class Named(Protocol):
    """Something with a name."""

    @property
    def name(self) -> str:
        """The name."""


class Model(Protocol):
    """What is used of a camera model here."""

    @property
    def experts(self) -> Sequence[Named]:
        """The experts that it scores with."""

    @property
    def policy(self) -> EventPolicy:
        """How its anomalies become events and alerts."""

    @property
    def tail(self) -> EventTail:
        """How often normal operation reaches which event score."""

    @property
    def budget_per_day(self) -> float:
        """The alarm budget that its threshold was set for."""

    @property
    def figures(self) -> Mapping[str, Any]:
        """Of training; `stage_seconds` holds the wall seconds of the stage `calibration`."""

    def save(self, folder: Path) -> str:
        """Write the model; return its digest."""


class Scored(Protocol):
    """A scored clip."""

    @property
    def anomaly(self) -> Anomaly:
        """Scores of the clip."""

    @property
    def tgan_score(self) -> float:
        """Fused over the experts that look through the networks; NaN when there is none."""

    @property
    def without(self) -> Mapping[str, float]:
        """Expert -> fused over all the others; empty where that is not known."""

    @property
    def maps(self) -> Mapping[str, NDArray[np.float32]]:
        """Expert -> score map; larger is stranger."""

    @property
    def tgan_map(self) -> NDArray[np.float32]:
        """Score map over the experts that look through the networks."""

    @property
    def fused_map(self) -> NDArray[np.float32]:
        """Score map over all experts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """The outside world of an evaluation."""

    stretches: Callable[[Path, Path], list[Stretch]]
    """(video, folder it is in) -> its runs of good frames; raises FootageError when refused."""
    decode: Callable[[Path, bool, int], AbstractContextManager[Iterable[Frame]]]
    """(video, grey, start_us) -> its frames from there on, in the original size."""
    learn: Callable[[Sequence[Stretch], str, float, int, Path, Progress], Model]
    """(footage, preset, effort, seed, workspace, progress) -> model."""
    load: Callable[[Path], tuple[Model, str]]
    """Folder, or exported file -> model and digest; raises ModelDamaged."""
    score: Callable[[Model, Stretch], Iterator[Scored]]
    with_budget: Callable[[Model, float], Model]
    """(model, alarms a day) -> the same model with the threshold of that budget."""


def real_parts(
    folder_rates: Mapping[Path, float] | None = None, *, folder_rate: float = FOLDER_FRAME_RATE
) -> Parts:
    """Return the parts that train and score for real.

    `folder_rate`: frames a second of folders of pictures; `folder_rates`: those at which `decode`
    reads folders that were not given by hand.
    """
    from pipeline.clips.reader import Stretch
    from pipeline.distillation.stored_models import load_model
    from pipeline.distillation.student_model import StudentModel
    from pipeline.errors import FootageError
    from pipeline.footage.admission import Reason, Verdict
    from pipeline.footage.decoding import open_decoder
    from pipeline.footage.examine import probe_footage
    from pipeline.learning.camera_model import CameraModel
    from pipeline.learning.learn import learn
    from pipeline.learning.presets import preset_named
    from pipeline.scoring.scorer import score_stretch

    def stretches(video: Path, root: Path) -> list[Stretch]:
        footage, segments, _ = probe_footage(
            video,
            camera="evaluation",
            root=root,
            start_utc=MEDIA_ZERO_UTC,
            folder_frame_rate=folder_rate,
        )
        if footage.verdict is Verdict.REFUSED:
            reason = footage.reason or Reason.UNREADABLE
            raise FootageError(f"{video}: {footage.detail or reason}", reason=reason)
        return [Stretch(source=video, footage=footage, segment=segment) for segment in segments]

    def decode(video: Path, grey: bool, start_us: int) -> AbstractContextManager[Iterable[Frame]]:
        rate = (folder_rates or {}).get(video, folder_rate)
        return open_decoder(video, grey=grey, start_us=start_us, folder_frame_rate=rate)

    def learn_preset(
        footage: Sequence[Stretch],
        preset: str,
        effort: float,
        seed: int,
        workspace: Path,
        progress: Progress,
    ) -> Model:
        chosen = preset_named(preset).with_effort(effort)
        return learn(footage, preset=chosen, seed=seed, workspace=workspace, progress=progress)

    def load(folder: Path) -> tuple[Model, str]:
        model = load_model(folder)
        return model, model.digest

    def score(model: Model, stretch: Stretch) -> Iterator[Scored]:
        assert isinstance(model, CameraModel | StudentModel)
        return score_stretch(model, stretch, model_id="evaluation", leave_one_out=True)

    def with_budget(model: Model, per_day: float) -> Model:
        assert isinstance(model, CameraModel | StudentModel)
        return model.with_budget(per_day)

    return Parts(
        stretches=stretches,
        decode=decode,
        learn=learn_preset,
        load=load,
        score=score,
        with_budget=with_budget,
    )
