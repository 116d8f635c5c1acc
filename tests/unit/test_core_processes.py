"""Two processes train like one on the same batch: real ones, connected by gloo on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.two_processes import CASES, CUT, STEPS, TRAINED, learnt, trained
from tgan_core.checkpoint import checkpoint_digest, load_checkpoint, save_checkpoint
from tgan_core.processes import ALONE, Processes, joined_processes, process_device

ROOT = Path(__file__).parents[2]
SECONDS = 200
EPSILON = 1e-5


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what two processes made: a checkpoint each."""
    folder = tmp_path_factory.mktemp("two")
    for name in TRAINED:
        save_checkpoint(folder / f"{name}, begun by one", trained(name, ALONE, steps=CUT), {})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.two_processes", str(folder)],
            cwd=ROOT,
            env={**os.environ, **meeting, "RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        errors = [process.communicate(timeout=SECONDS)[1] for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert [process.returncode for process in started] == [0, 0], "\n".join(errors)
    return folder


def saved(folder: Path) -> dict[str, Tensor]:
    return load_checkpoint(folder, checkpoint_digest(folder))[0]


def assert_same(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(
            found[name], value, rtol=EPSILON, atol=EPSILON, msg=lambda text, n=name: f"{n}: {text}"
        )


def but_biases(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the biases, and the means that follow from them. In front of a batch norm a bias does
    nothing: its gradient is rounding, and RMSProp makes a whole step of it."""
    inert = (".bias", "running_mean")
    return {name: value for name, value in tensors.items() if not name.endswith(inert)}


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_two_processes_are_those_of_one_with_the_same_batch(
    name: str, of_two: Path
) -> None:
    assert_same(saved(of_two / name), CASES[name](ALONE))


@pytest.mark.parametrize("name", TRAINED)
def test_training_by_two_processes_is_training_by_one_also_when_their_number_changes(
    name: str, of_two: Path
) -> None:
    wanted = but_biases(trained(name, ALONE, steps=STEPS))
    assert_same(but_biases(saved(of_two / f"{name}, trained")), wanted)
    assert_same(but_biases(saved(of_two / f"{name}, ended by two")), wanted)
    begun = saved(of_two / f"{name}, begun by two")
    assert_same(but_biases(trained(name, ALONE, steps=STEPS, begun=begun)), wanted)


def test_the_networks_of_a_camera_are_the_same_however_many_processes_learn_them(
    of_two: Path, tmp_path: Path
) -> None:
    alone = learnt(ALONE, tmp_path)
    assert_same(but_biases(saved(of_two / "learnt")), but_biases(alone))
    kept, of_one = (
        sorted(path.name.rpartition("-")[0] for path in folder.glob("job/*"))
        for folder in (of_two / "workspace", tmp_path)
    )
    assert kept == of_one == ["encoder-00000002", "generator-00000002"]


def test_one_process_meets_nobody() -> None:
    with joined_processes() as processes:
        assert processes is ALONE
    assert not torch.distributed.is_initialized()
    batch = torch.rand(3, 2)
    assert ALONE.share(batch) is batch
    assert ALONE.means([batch])[0] is batch
    assert torch.equal(ALONE.gathered(batch), batch[None])
    assert ALONE.first_word(0.1) == 0.1


def test_the_shares_of_a_batch_are_equal_parts_in_order() -> None:
    batch = torch.arange(6)
    shares = [Processes(rank=rank, size=3).share(batch).tolist() for rank in range(3)]
    assert shares == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(ValueError, match="batch of 6 cannot be shared evenly by 4 processes"):
        Processes(rank=0, size=4).share(batch)


def test_a_wished_device_is_kept() -> None:
    assert process_device("cpu") == torch.device("cpu")
