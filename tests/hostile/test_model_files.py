"""Model files that were damaged, cut, exchanged or made to do harm: refused before anything of them
is used, and the model before stays."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import random
import resource
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.assembly import Site, open_site
from pipeline.distillation.stored_models import load_model
from pipeline.errors import KizashiError, ModelDamaged
from pipeline.learning.promotion import promote_model, roll_back
from pipeline.learning.train_camera import load_active_model
from tests.fakes import FakeClock
from tests.store_samples import METRICS, MORNING, camera, model
from tests.synthesis_makers import camera_model
from tgan_core.checkpoint import checkpoint_digest, load_checkpoint, save_checkpoint
from tgan_core.errors import CheckpointError

Promise = Callable[[str, str], None]

CAMERA = "press-1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the folder of a stored model and its digest."""
    folder = tmp_path_factory.mktemp("model") / "good"
    return folder, camera_model().save(folder)


@pytest.fixture
def plant(tmp_path: Path, made: tuple[Path, str]) -> Iterator[tuple[Site, list[str]]]:
    """Return a site with two models of a camera, the first one active, and their ids."""
    site = open_site(tmp_path / "site", clock=FakeClock(MORNING))
    site.store.put_camera(camera(CAMERA))
    ids = []
    for seed in (0, 1):
        fresh = tmp_path / "fresh"
        digest = camera_model(seed).save(fresh)
        path = f"models/{CAMERA}/{digest[:32]}"
        (site.folder / path).parent.mkdir(parents=True, exist_ok=True)
        fresh.rename(site.folder / path)
        record = replace(model(CAMERA), model_id=digest[:32], digest=digest, path=path)
        site.store.add_model(record, METRICS)
        ids.append(record.model_id)
    site.store.promote(ids[0], MORNING)
    yield site, ids
    site.close()


def damaged(content: bytes, chance: random.Random, *, cut: bool) -> bytes:
    if cut:
        return content[: chance.randrange(len(content))]
    changed = bytearray(content)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def refuse_damage(folder: Path, digest: str, flips: int, cuts: int, promise: Promise) -> None:
    """Fail unless every one of so many flipped bits and cuts is refused, before parsing."""
    chance, refused = random.Random(flips), 0
    files = sorted(folder.iterdir())
    assert len(files) == 2
    for path in files:
        good = path.read_bytes()
        try:
            for number in range((flips + cuts) // 2):
                path.write_bytes(damaged(good, chance, cut=number < cuts // 2))
                with pytest.raises(CheckpointError):
                    load_checkpoint(folder, digest)
                refused += 1
        finally:
            path.write_bytes(good)
    assert refused == flips + cuts
    load_checkpoint(folder, digest)
    promise("M1", f"{flips} flipped bits and {cuts} cuts of a stored model: all refused")


def a_small_one(folder: Path) -> str:
    """Store a checkpoint of two kilobytes: what is tried on it thousands of times is quick."""
    tensors = {"weight": torch.arange(400.0).view(20, 20), "step": torch.tensor(7)}
    return save_checkpoint(folder, tensors, {"camera": CAMERA, "figures": [1.5, 2.5]})


def test_flipped_bits_and_cuts_are_refused(tmp_path: Path, promise: Promise) -> None:
    refuse_damage(tmp_path / "m", a_small_one(tmp_path / "m"), 500, 50, promise)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_ten_thousand_flipped_bits_and_five_hundred_cuts_are_refused(
    tmp_path: Path, promise: Promise
) -> None:
    refuse_damage(tmp_path / "m", a_small_one(tmp_path / "m"), 10_000, 500, promise)


def test_a_damaged_model_is_not_promoted_and_the_one_before_stays(
    plant: tuple[Site, list[str]],
) -> None:
    site, (first, second) = plant
    chance = random.Random(0)
    for path in sorted((site.folder / "models" / CAMERA / second).iterdir()):
        good = path.read_bytes()
        for number in range(12):
            path.write_bytes(damaged(good, chance, cut=number % 4 == 0))
            with pytest.raises(ModelDamaged, match="roll back"):
                promote_model(site, second, who="ada")
            record, _ = load_active_model(site, site.store, CAMERA)
            assert record.model_id == first
        path.write_bytes(good)
    assert promote_model(site, second, who="ada").model_id == second
    # Rolled back to one that was damaged meanwhile: nothing changes either.
    path = next((site.folder / "models" / CAMERA / first).glob("*.safetensors"))
    path.write_bytes(damaged(path.read_bytes(), chance, cut=False))
    with pytest.raises(ModelDamaged):
        roll_back(site, CAMERA, who="ada")
    assert load_active_model(site, site.store, CAMERA)[0].model_id == second


def test_a_registry_row_that_names_another_digest_or_place_is_refused(
    plant: tuple[Site, list[str]], promise: Promise
) -> None:
    site, (_, second) = plant
    record, _ = load_active_model(site, site.store, CAMERA)
    chance, tried = random.Random(1), 0
    for _ in range(40):
        digest = bytearray(bytes.fromhex(record.digest))
        digest[chance.randrange(len(digest))] ^= 1 << chance.randrange(8)
        with pytest.raises(ModelDamaged):
            load_model(site.folder / record.path, bytes(digest).hex(), device="cpu")
        tried += 1
    # The path of the other model, of nothing, and of what lies outside.
    for path in (f"models/{CAMERA}/{second}", f"models/{CAMERA}/none", "../..", "/etc"):
        with pytest.raises(ModelDamaged):
            load_model(site.folder / path, record.digest, device="cpu")
        tried += 1
    promise("M1", f"{tried} wrong rows of the registry: all refused")


Hostile = Callable[[Path, Path], Any]
"""(folder of the model, sentinel that must never be there)."""


class Bomb:
    """Makes the sentinel when it is unpickled."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> Any:
        return Path.touch, (self.sentinel,)


def tensors_of(folder: Path) -> Path:
    return next(folder.glob("*.safetensors"))


def document_of(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    return document


def sealed(folder: Path, content: bytes | None = None, **changes: Any) -> None:
    """Write tensors and manifest so that every digest fits: nothing but their content is wrong."""
    document = document_of(folder)
    path = tensors_of(folder)
    if content is not None:
        path.write_bytes(content)
    document["tensor_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    for name, change in changes.items():
        document["manifest"][name] = change
    (folder / "manifest.json").write_text(json.dumps(document), encoding="utf-8")


def with_header(folder: Path, header: bytes, data: bytes = b"") -> None:
    sealed(folder, struct.pack("<Q", len(header)) + header + data)


def retold(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    """Write the tensors with a change; digests fit."""
    tensors = load_file(tensors_of(folder))
    change(tensors)
    save_file(tensors, tensors_of(folder))
    sealed(folder)


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(64 << 20))
    return packed.getvalue()


def spec(**tensor: Any) -> bytes:
    return json.dumps({"encoder.x": {"dtype": "F32", "shape": [1], **tensor}}).encode()


def first_weight(tensors: dict[str, torch.Tensor]) -> str:
    return next(
        name for name in sorted(tensors) if name.startswith("encoder.") and "weight" in name
    )


HOSTILE: dict[str, Hostile] = {
    "pickle for tensors": lambda f, s: sealed(f, pickle.dumps(Bomb(s))),
    "torch file for tensors": lambda f, s: _torch_file(f, s),
    "pickle for the manifest": lambda f, s: (f / "manifest.json").write_bytes(
        pickle.dumps(Bomb(s))
    ),
    "header of 100 MB": lambda f, s: sealed(f, struct.pack("<Q", 100_000_000) + b"{"),
    "header of 2**63 bytes": lambda f, s: sealed(f, struct.pack("<Q", 1 << 63) + b"{}"),
    "tensors that overlap": lambda f, s: with_header(
        f,
        json.dumps(
            {
                name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
                for name in ("encoder.x", "encoder.y")
            }
        ).encode(),
        bytes(8),
    ),
    "negative offset": lambda f, s: with_header(f, spec(data_offsets=[-4, 0]), bytes(4)),
    "offset beyond the end": lambda f, s: with_header(f, spec(data_offsets=[0, 1 << 40]), bytes(4)),
    "huge shape": lambda f, s: with_header(
        f, spec(shape=[1 << 31, 1 << 31], data_offsets=[0, 4]), bytes(4)
    ),
    "header nested ten thousand deep": lambda f, s: with_header(f, b"[" * 10_000),
    "wrong kind of number": lambda f, s: retold(
        f, lambda t: t.update({first_weight(t): t[first_weight(t)].to(torch.int8)[:1]})
    ),
    "wrong shape": lambda f, s: retold(
        f, lambda t: t.update({first_weight(t): t[first_weight(t)][:1].clone()})
    ),
    "missing tensor": lambda f, s: retold(f, lambda t: t.pop(first_weight(t))),
    "surplus tensor": lambda f, s: retold(f, lambda t: t.update({"encoder.z": torch.ones(1)})),
    "weights of NaN": lambda f, s: retold(
        f, lambda t: t.update({first_weight(t): torch.full_like(t[first_weight(t)], torch.nan)})
    ),
    "other configuration": lambda f, s: sealed(f, preset={"name": "compact"}),
    "zip bomb": lambda f, s: sealed(f, zip_bomb()),
}


def _torch_file(folder: Path, sentinel: Path) -> None:
    content = io.BytesIO()
    torch.save({"weight": Bomb(sentinel)}, content)
    sealed(folder, content.getvalue())


LOAD = """
import json, resource, sys, time
from pathlib import Path
from pipeline.distillation.stored_models import load_model
from pipeline.errors import ModelDamaged
from tgan_core.checkpoint import checkpoint_digest

for name in sys.argv[1:]:
    folder = Path(name)
    before = time.process_time()
    try:
        load_model(folder, checkpoint_digest(folder), device="cpu")
        said = "loaded"
    except ModelDamaged as error:
        said = str(error)
    spent = time.process_time() - before
    print(json.dumps([said, spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024]))
"""


def test_hostile_files_are_refused_and_run_nothing(
    tmp_path: Path, made: tuple[Path, str], promise: Promise
) -> None:
    folders = [made[0]]
    for number, make_it in enumerate(HOSTILE.values()):
        folder = Path(shutil.copytree(made[0], tmp_path / str(number)))
        make_it(folder, tmp_path / "sentinel")
        folders.append(folder)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *map(str, folders)],
        capture_output=True,
        text=True,
        check=True,
    )
    (good, *bad) = map(json.loads, done.stdout.splitlines())
    assert good[0] == "loaded"
    for name, (said, spent, _) in zip(HOSTILE, bad, strict=True):
        assert said.startswith("model "), (name, said)
        assert "\n" not in said, name
        assert spent < 2.0, (name, spent)
    assert not (tmp_path / "sentinel").exists()
    more_mib = bad[-1][2] - good[2]
    assert more_mib < 500
    promise("M2", f"{len(HOSTILE)} hostile files: refused, {more_mib} MiB more than a good one")


def test_the_bomb_of_these_tests_would_go_off(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "sentinel")))  # noqa: S301
    assert (tmp_path / "sentinel").exists()


def test_a_model_without_room_for_its_files_is_not_there(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(KizashiError, match="free some space"):
            camera_model().save(tmp_path / "model")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with pytest.raises(CheckpointError):
        checkpoint_digest(tmp_path / "model")
