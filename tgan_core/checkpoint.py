"""Checkpoints that are whole or not there: safetensors, a manifest and a digest.

A folder holds `manifest.json` and the tensor file that it names by digest. The manifest is
replaced last and in one piece, so a reader sees the old checkpoint or the new one, whatever
happens in between. Nothing in it is executable.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as format_tensors
from torch import Tensor

from tgan_core.errors import CheckpointError, NonFiniteError
from tgan_core.resumption import check_names_and_shapes

__all__ = ["checkpoint_digest", "checkpoint_manifest", "load_checkpoint", "save_checkpoint"]

FORMAT = "kizashi-checkpoint-1"
MANIFEST_NAME = "manifest.json"


def save_checkpoint(
    folder: Path, tensors: Mapping[str, Tensor], manifest: Mapping[str, Any]
) -> str:
    """Writes the tensors and your own manifest values (JSON), and returns the digest.

    Replaces an older checkpoint of that folder only when the new one is safely on disk. Raises
    NonFiniteError, with nothing written, for a NaN or an infinity, and CheckpointError, with the
    older checkpoint intact, when the disk is full or the folder cannot be written.
    """
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise NonFiniteError(name)
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    tensor_bytes = format_tensors(plain)
    tensor_digest = hashlib.sha256(tensor_bytes).hexdigest()
    tensor_file = f"tensors-{tensor_digest[:16]}.safetensors"
    shapes = {name: list(value.shape) for name, value in sorted(plain.items())}
    document = {
        "format": FORMAT,
        "manifest": dict(manifest),
        "tensor_file": tensor_file,
        "tensor_sha256": tensor_digest,
        "tensor_shapes": shapes,
    }
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise CheckpointError(folder, f"the manifest is not plain finite JSON: {error}") from error
    manifest_bytes = text.encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(folder / tensor_file, tensor_bytes)
        _write_whole(folder / MANIFEST_NAME, manifest_bytes)
        _remove_leftovers(folder, keep=tensor_file)
    except OSError as error:
        raise CheckpointError(folder, f"cannot be written: {error}") from error
    return hashlib.sha256(manifest_bytes).hexdigest()


def checkpoint_digest(folder: Path) -> str:
    """The digest of the checkpoint that lies in the folder now, trusted or not.

    For training that resumes from its own folder; a model in use is asked for by the digest
    that was recorded when it was made. Raises CheckpointError when there is none.
    """
    return hashlib.sha256(_read(folder / MANIFEST_NAME)).hexdigest()


def checkpoint_manifest(folder: Path) -> dict[str, Any]:
    """Your own manifest values, not checked against anything: good for choosing who loads it.

    Raises CheckpointError when there is no checkpoint in the folder.
    """
    manifest: dict[str, Any] = _parsed(folder, _read(folder / MANIFEST_NAME))["manifest"]
    return manifest


def load_checkpoint(
    folder: Path,
    expected_digest: str,
    *,
    expected_shapes: Mapping[str, torch.Size] | None = None,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, on the CPU, and your own manifest values.

    Every byte is checked against the digest before it is interpreted. Raises CheckpointError for
    another digest, a damaged file, a value that is not finite and, if `expected_shapes` is
    given, for tensors that are not exactly those.
    """
    manifest_bytes = _read(folder / MANIFEST_NAME)
    if hashlib.sha256(manifest_bytes).hexdigest() != expected_digest:
        raise CheckpointError(folder, f"{MANIFEST_NAME} does not have the digest asked for")
    document = _parsed(folder, manifest_bytes)
    tensor_path = folder / document["tensor_file"]
    # The name comes from a file: it must not lead out of the folder.
    if tensor_path.parent != folder or tensor_path.name != document["tensor_file"]:
        raise CheckpointError(folder, "the tensor file's name is not a plain name")
    tensor_bytes = _read(tensor_path)
    if hashlib.sha256(tensor_bytes).hexdigest() != document["tensor_sha256"]:
        raise CheckpointError(folder, f"{tensor_path.name} is damaged")
    try:
        tensors = parse_tensors(tensor_bytes)
    except (safetensors.SafetensorError, ValueError, RuntimeError) as error:
        raise CheckpointError(folder, f"{tensor_path.name} cannot be read: {error}") from error
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise CheckpointError(folder, f"{name} is not finite")
    if expected_shapes is not None:
        check_names_and_shapes(expected_shapes, tensors)
    return tensors, document["manifest"]


def _parsed(folder: Path, manifest_bytes: bytes) -> dict[str, Any]:
    try:
        document = json.loads(manifest_bytes)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(folder, f"{MANIFEST_NAME} is not JSON: {error}") from error
    kinds = {"format": str, "manifest": dict, "tensor_file": str, "tensor_sha256": str}
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CheckpointError(folder, f"{MANIFEST_NAME} is not of the format {FORMAT}")
    for name, kind in kinds.items():
        if not isinstance(document.get(name), kind):
            raise CheckpointError(folder, f"{MANIFEST_NAME} has no usable {name}")
    return document


def _write_whole(path: Path, content: bytes) -> None:
    """The file appears under its name complete and on disk, or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove_leftovers(folder: Path, *, keep: str) -> None:
    """Removes tensor files of older checkpoints and of writers that were killed."""
    for leftover in [*folder.glob("tensors-*.safetensors"), *folder.glob(".*.part")]:
        if leftover.name != keep:
            leftover.unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(path, f"cannot be read: {error}") from error
