"""Learning that was stopped anywhere and called again ends in the same model, to the last bit."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.clips.reader import Stretch
from pipeline.clips.windows import Window
from pipeline.errors import ModelError
from pipeline.footage.ingest import probe_footage
from pipeline.learning.adversarial import TileSource, TrainingBatch, train_networks
from pipeline.learning.camera_model import CameraModel
from pipeline.learning.learn import learn, training_job
from pipeline.learning.origin import Origin
from pipeline.learning.presets import Preset, preset_named
from pipeline.learning.pseudo_anomalies import PseudoAnomalies
from pipeline.learning.reservoir import TileReservoir
from pipeline.learning.workspace import Workspace
from pipeline.scoring.clip_batch import Networks
from tests import footage_maker as make
from tests.core_recipes import logistic_recipe, same_tensors
from tests.promises import Promise
from tests.scoring_makers import small_networks

SEED = 3


class Stopped(Exception):
    """What a kill would do, inside one process."""


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Let sums come in one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def preset() -> Preset:
    """Return the compact preset with networks of a few channels and with few steps."""
    return replace(
        preset_named("compact"),
        working_width_px=64,
        clip_stride=1,
        generator_steps=40,
        encoder_steps=40,
        tgan=logistic_recipe(),
    )


@pytest.fixture(scope="module")
def stretches(tmp_path_factory: pytest.TempPathFactory) -> list[Stretch]:
    """Return one video, long enough that a fifth of it is enough to calibrate on."""
    folder = tmp_path_factory.mktemp("normal")
    video = make.healthy(folder / "belt.mp4", seed=1, seconds=15.0, width_px=64, height_px=64)
    start = datetime(2026, 1, 31, tzinfo=UTC)
    footage, segments, _ = probe_footage(video, camera="belt", root=folder, start_utc=start)
    return [Stretch(source=video, footage=footage, segment=segment) for segment in segments]


@dataclass(kw_only=True, slots=True)
class Told:
    """Lines of progress, and the one at which learning is stopped."""

    lines: list[str]
    stop_at: str | None = None

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        if self.stop_at is not None and line.startswith(self.stop_at):
            raise Stopped


Learn = Callable[..., tuple[CameraModel, list[str]]]


@pytest.fixture(scope="module")
def learnt(preset: Preset, stretches: list[Stretch]) -> Learn:
    """Learn; return the model and the lines of progress. Raises Stopped at `stop_at`."""

    def run(
        workspace: Path | None = None, *, stop_at: str | None = None, preset: Preset = preset
    ) -> tuple[CameraModel, list[str]]:
        told = Told(lines=[], stop_at=stop_at)
        model = learn(
            stretches, preset=preset, seed=SEED, device="cpu", workspace=workspace, progress=told
        )
        return model, told.lines

    return run


def digest_of(model: CameraModel, folder: Path) -> str:
    return model.save(folder)


def test_training_says_how_far_normal_footage_came_beside_what_alerts(learnt: Learn) -> None:
    model, lines = learnt()
    (said,) = (line for line in lines if line.startswith("calibration: "))
    numbers = re.search(r" held-out clips up to (\d+\.\d\d), alerts from (\d+\.\d\d) ", said)
    assert numbers is not None, said
    reached, alerts = map(float, numbers.groups())
    assert alerts == pytest.approx(model.policy.alert_score, abs=0.005)
    assert 0.0 < reached < alerts


@pytest.fixture(scope="module")
def calm(learnt: Learn, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the digest of the model that nobody disturbed, learnt without a workspace."""
    return digest_of(learnt()[0], tmp_path_factory.mktemp("calm"))


@pytest.mark.parametrize(
    ("stop_at", "goes_on"),
    [
        # Checkpoints lie 4 steps apart.
        pytest.param("tiles", [], id="before the first step", marks=pytest.mark.full),
        pytest.param(
            "generator: step 20",
            ["generator: going on from step 16"],
            id="generator at 20",
            marks=pytest.mark.full,
        ),
        pytest.param(
            "generator: step 40",
            ["generator: going on from step 36"],
            id="generator's last step",
            marks=pytest.mark.full,
        ),
        pytest.param(
            "encoder: step 20",
            ["generator: going on from step 40", "encoder: going on from step 16"],
            id="encoder at 20",
            marks=pytest.mark.full,
        ),
        pytest.param(
            "places",
            ["generator: going on from step 40", "encoder: going on from step 40"],
            id="after the last step",
            marks=pytest.mark.full,
        ),
    ],
)
def test_learning_that_was_stopped_ends_in_the_same_model(
    stop_at: str, goes_on: list[str], learnt: Learn, calm: str, tmp_path: Path
) -> None:
    with pytest.raises(Stopped):
        learnt(tmp_path / "work", stop_at=stop_at)
    model, lines = learnt(tmp_path / "work")
    assert [line for line in lines if "going on" in line] == goes_on
    assert digest_of(model, tmp_path / "model") == calm


def test_learning_that_was_stopped_twice_ends_in_the_same_model(
    learnt: Learn, calm: str, tmp_path: Path
) -> None:
    for stop_at in ("generator: step 20", "encoder: step 20"):
        with pytest.raises(Stopped):
            learnt(tmp_path / "work", stop_at=stop_at)
    model, lines = learnt(tmp_path / "work")
    assert "encoder: going on from step 16" in lines
    assert digest_of(model, tmp_path / "model") == calm


@pytest.mark.full
def test_an_encoder_of_a_generator_that_is_lost_is_learnt_anew(
    learnt: Learn, calm: str, tmp_path: Path
) -> None:
    with pytest.raises(Stopped):
        learnt(tmp_path / "work", stop_at="encoder: step 20")
    (weights,) = (tmp_path / "work").glob("*/generator-*/*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    model, lines = learnt(tmp_path / "work")
    assert [line for line in lines if "going on" in line] == []
    assert digest_of(model, tmp_path / "model") == calm


@pytest.mark.full
def test_a_checkpoint_of_another_version_of_the_program_is_left_aside(
    learnt: Learn, calm: str, preset: Preset, stretches: list[Stretch], tmp_path: Path
) -> None:
    job = training_job(stretches, preset, SEED, ())
    workspace = Workspace(tmp_path / "work", job)
    for phase in ("generator", "encoder"):
        workspace.save(phase, 12, {"step": torch.tensor(12), "other": torch.ones(3)}, [])
    model, lines = learnt(tmp_path / "work")
    assert [line for line in lines if "going on" in line] == []
    assert digest_of(model, tmp_path / "model") == calm


@pytest.mark.parametrize("arithmetic", ["bf16", pytest.param("none", marks=pytest.mark.full)])
def test_a_training_keeps_the_arithmetic_that_it_began_with(
    arithmetic: str, learnt: Learn, preset: Preset, stretches: list[Stretch], tmp_path: Path
) -> None:
    wished = replace(preset.with_arithmetic("bf16"), generator_steps=1, encoder_steps=1)
    job = training_job(stretches, wished, SEED, ())
    Workspace(tmp_path, job).decided("arithmetic", lambda: arithmetic)
    model, _ = learnt(tmp_path, preset=wished)
    assert model.preset.tgan.optimisation.autocast == arithmetic


@dataclass(frozen=True, slots=True)
class StoppingSource(TileSource):
    """Tiles that stop the training that asks for one batch."""

    stop_at: int | None = None

    def batches(
        self, *, skip: int, device: torch.device, pseudo: bool = True
    ) -> Iterator[TrainingBatch]:
        for number, batch in enumerate(
            TileSource.batches(self, skip=skip, device=device, pseudo=pseudo), start=skip
        ):
            if number == self.stop_at:
                raise Stopped
            yield batch


def noise_reservoir(chance: np.random.Generator) -> TileReservoir:
    reservoir = TileReservoir(
        capacity=64, tile_px=32, tiles_per_window=16, moving_share=0.5, seed=SEED
    )
    for _ in range(4):
        pictures = chance.integers(0, 256, (8, 64, 64), dtype=np.uint8)
        flow = chance.normal(size=(8, 64, 64, 2)).astype(np.float16)
        reservoir.add_window(Window(pictures=pictures, flow_THW2=flow))
    return reservoir


def trained(
    preset: Preset,
    workspace: Path | None,
    stop_at: int | None = None,
    origin: Networks | None = None,
) -> tuple[dict[str, Tensor], list[dict[str, float]]]:
    """Train on tiles of noise; return all weights and statistics, and the logged figures."""
    chance = np.random.default_rng(SEED)
    normal, fast = noise_reservoir(chance), noise_reservoir(chance)
    background = np.full((64, 64), 128, dtype=np.uint8)
    source = StoppingSource(
        normal, PseudoAnomalies(normal=normal, fast=fast), background, 4.0, preset, SEED, stop_at
    )
    kept = Workspace(workspace, "a" * 32) if workspace else None
    networks, metrics = train_networks(
        source, preset, SEED, torch.device("cpu"), kept, lambda line: None, origin=origin
    )
    tensors = {
        f"{name}.{key}": value
        for name in ("generator", "critic", "encoder")
        for key, value in getattr(networks, name).state_dict().items()
    }
    return tensors, metrics


@pytest.mark.parametrize("stops", [2, pytest.param(20, marks=pytest.mark.full)])
def test_training_stopped_at_random_steps_is_the_same_to_the_last_bit(
    stops: int, preset: Preset, tmp_path: Path, promise: Promise
) -> None:
    calm_tensors, calm_metrics = trained(preset, None)
    logged = {"largest_singular_value", "critic_loss", "pseudo_score"}
    assert {f"generator.{name}" for name in logged} <= set(calm_metrics[0])
    steps = preset.generator_steps + preset.encoder_steps
    for stop_at in random.Random(stops).sample(range(steps), stops):
        workspace = tmp_path / f"stopped-{stop_at}"
        with pytest.raises(Stopped):
            trained(preset, workspace, stop_at)
        tensors, metrics = trained(preset, workspace)
        assert metrics == calm_metrics
        assert same_tensors(tensors, calm_tensors), stop_at
    promise("K8", f"training stopped at {stops} random steps: equal bit for bit")


@pytest.mark.parametrize("stop_at", [3, 9])
def test_training_from_other_networks_that_was_stopped_ends_in_the_same(
    stop_at: int, preset: Preset, tmp_path: Path
) -> None:
    few = replace(preset, generator_steps=6, encoder_steps=6)
    origin = small_networks(seed=7)
    calm, _ = trained(few, None, origin=origin)
    anew, _ = trained(few, None)
    assert not same_tensors(calm, anew)
    with pytest.raises(Stopped):
        trained(few, tmp_path, stop_at, origin)
    assert same_tensors(trained(few, tmp_path, origin=origin)[0], calm)
    # What the other camera scores with is not touched.
    assert same_tensors(
        dict(origin.critic.state_dict()), dict(small_networks(seed=7).critic.state_dict())
    )


def test_a_training_from_other_networks_has_a_name_of_its_own(
    preset: Preset, stretches: list[Stretch]
) -> None:
    def name(origin: Origin | None) -> str:
        return training_job(stretches, preset, SEED, (), origin=origin)

    one, two = (
        Origin(camera="belt", digest=letter * 64, preset=preset, networks=small_networks())
        for letter in "ab"
    )
    assert len({name(None), name(one), name(two)}) == 3
    assert name(None) == training_job(stretches, preset, SEED, ())


def test_learning_from_networks_that_do_not_fit_is_refused(
    preset: Preset, stretches: list[Stretch]
) -> None:
    origin = Origin(
        camera="belt", digest="a" * 64, preset=preset_named("compact"), networks=small_networks()
    )
    with pytest.raises(ModelError, match=r"camera belt .* --preset compact"):
        learn(stretches, preset=preset, seed=SEED, device="cpu", origin=origin)
