"""A checkpoint is whole, finite and the one that was asked for, or it is refused."""

import hashlib
import json
import random
import resource
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.core_recipes import same_tensors, small_recipe
from tgan_core.checkpoint import checkpoint_digest, load_checkpoint, save_checkpoint
from tgan_core.errors import CheckpointError, NonFiniteError
from tgan_core.training import load_state_tensors, new_training_state, state_tensors

MANIFEST = {"config": small_recipe().to_dict(), "camera": "搬送ライン 1"}


@pytest.fixture
def tensors():
    return {
        "weight": torch.arange(24.0).view(2, 3, 4).transpose(0, 2),
        "half": torch.ones(3, dtype=torch.bfloat16),
        "step": torch.tensor(7),
        "random": torch.arange(5, dtype=torch.uint8),
    }


def tensor_file(folder: Path) -> Path:
    (path,) = folder.glob("*.safetensors")
    return path


def test_what_was_saved_is_loaded(tmp_path, tensors):
    digest = save_checkpoint(tmp_path / "new" / "model", tensors, MANIFEST)
    loaded, manifest = load_checkpoint(tmp_path / "new" / "model", digest)
    assert same_tensors(loaded, tensors)
    assert loaded["half"].dtype == torch.bfloat16
    assert manifest == MANIFEST
    assert checkpoint_digest(tmp_path / "new" / "model") == digest


def test_equal_contents_have_equal_digests_and_others_do_not(tmp_path, tensors):
    first = save_checkpoint(tmp_path / "a", tensors, MANIFEST)
    assert save_checkpoint(tmp_path / "b", tensors, MANIFEST) == first
    assert save_checkpoint(tmp_path / "c", tensors, {}) != first
    tensors["half"][0] = 2
    assert save_checkpoint(tmp_path / "d", tensors, MANIFEST) != first


def test_a_training_state_survives_the_disk(tmp_path):
    state = new_training_state(small_recipe(), seed=0)
    digest = save_checkpoint(tmp_path, state_tensors(state), state.config.to_dict())
    other = new_training_state(small_recipe(), seed=1)
    load_state_tensors(other, load_checkpoint(tmp_path, digest)[0])
    assert same_tensors(state_tensors(other), state_tensors(state))


def test_a_newer_checkpoint_replaces_the_older_and_leaves_no_rubbish(tmp_path, tensors):
    old_digest = save_checkpoint(tmp_path, tensors, MANIFEST)
    (tmp_path / ".tensors-killed.safetensors.abc.part").write_bytes(b"half")
    tensors["weight"] = tensors["weight"] + 1
    digest = save_checkpoint(tmp_path, tensors, MANIFEST)
    assert same_tensors(load_checkpoint(tmp_path, digest)[0], tensors)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "manifest.json",
        tensor_file(tmp_path).name,
    ]
    with pytest.raises(CheckpointError, match="digest"):
        load_checkpoint(tmp_path, old_digest)


def test_every_flipped_bit_and_every_cut_is_refused(tmp_path, tensors):
    digest = save_checkpoint(tmp_path, tensors, MANIFEST)
    chance = random.Random(0)
    for path in (tensor_file(tmp_path), tmp_path / "manifest.json"):
        good = path.read_bytes()
        for trial in range(300):
            bad = bytearray(good)
            if trial % 3:
                bit = chance.randrange(len(bad) * 8)
                bad[bit // 8] ^= 1 << bit % 8
            else:
                del bad[chance.randrange(len(bad)) :]
            path.write_bytes(bad)
            with pytest.raises(CheckpointError):
                load_checkpoint(tmp_path, digest)
        path.write_bytes(good)
    assert same_tensors(load_checkpoint(tmp_path, digest)[0], tensors)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_non_finite_tensor_is_never_written(tmp_path, tensors, bad):
    digest = save_checkpoint(tmp_path, tensors, MANIFEST)
    broken = tensors | {"half": torch.tensor([1.0, bad], dtype=torch.bfloat16)}
    with pytest.raises(NonFiniteError, match="half"):
        save_checkpoint(tmp_path, broken, MANIFEST)
    assert same_tensors(load_checkpoint(tmp_path, digest)[0], tensors)


@pytest.mark.parametrize("manifest", [{"loss": float("nan")}, {"path": Path("x")}])
def test_a_manifest_that_is_not_plain_finite_json_is_never_written(tmp_path, tensors, manifest):
    with pytest.raises(CheckpointError, match="manifest"):
        save_checkpoint(tmp_path / "model", tensors, manifest)
    assert not (tmp_path / "model").exists()


def forged(folder: Path, tensors: dict[str, torch.Tensor], **changes: object) -> str:
    """A checkpoint with matching digests whose contents are nevertheless wrong."""
    save_checkpoint(folder, {"weight": torch.zeros(2)}, {})
    document = json.loads((folder / "manifest.json").read_bytes())
    save_file(tensors, folder / document["tensor_file"])
    content = (folder / document["tensor_file"]).read_bytes()
    document["tensor_sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(document | changes))
    return checkpoint_digest(folder)


def test_a_non_finite_tensor_is_never_loaded_even_with_a_matching_digest(tmp_path):
    digest = forged(tmp_path, {"weight": torch.tensor([0.0, float("nan")])})
    with pytest.raises(CheckpointError, match="weight is not finite"):
        load_checkpoint(tmp_path, digest)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "something else"}, "format"),
        ({"tensor_file": "../outside.safetensors"}, "plain name"),
        ({"tensor_file": "/etc/hostname"}, "plain name"),
        ({"tensor_file": ".."}, "plain name|cannot be read"),
        ({"tensor_file": 3}, "tensor_file"),
        ({"manifest": []}, "manifest"),
        ({"tensor_sha256": None}, "tensor_sha256"),
    ],
)
def test_a_forged_manifest_is_refused(tmp_path, changes, message):
    (tmp_path / "outside.safetensors").write_bytes(b"")
    digest = forged(tmp_path / "model", {"weight": torch.zeros(2)}, **changes)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path / "model", digest)


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[1]", b"{}", b"[" * 100_000])
def test_a_manifest_of_rubbish_is_refused(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path, checkpoint_digest(tmp_path))


def test_missing_files_are_checkpoint_errors(tmp_path, tensors):
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint_digest(tmp_path)
    digest = save_checkpoint(tmp_path, tensors, MANIFEST)
    tensor_file(tmp_path).unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(tmp_path, digest)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"weight": torch.Size([2]), "more": torch.Size([1])}, "more is missing"),
        ({}, "weight does not belong"),
        ({"weight": torch.Size([3])}, "shape"),
    ],
)
def test_missing_surplus_and_misshapen_tensors_are_refused_on_request(tmp_path, expected, message):
    digest = save_checkpoint(tmp_path, {"weight": torch.zeros(2)}, {})
    load_checkpoint(tmp_path, digest, expected_shapes={"weight": torch.Size([2])})
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path, digest, expected_shapes=expected)


def test_a_full_disk_leaves_the_older_checkpoint_and_a_clear_error(tmp_path, tensors):
    digest = save_checkpoint(tmp_path, tensors, MANIFEST)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        with pytest.raises(CheckpointError, match="cannot be written"):
            save_checkpoint(tmp_path, tensors | {"more": torch.ones(100)}, MANIFEST)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert same_tensors(load_checkpoint(tmp_path, digest)[0], tensors)
    assert not list(tmp_path.glob(".*"))
