"""A student in one file that runs without PyTorch (ONNX), or without this program's classes
(torch.export); in eight-bit integers when asked.

What the numbers mean travels with the network, in the file's metadata: view, background,
calibration, alarm policy. A file is named by its digest, as a model is.
"""

from __future__ import annotations

import base64
import json
import logging
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.clips.flow import flow_of_window
from pipeline.distillation.student_model import (
    FLOW,
    KIND,
    SayMaps,
    StudentModel,
    model_from_manifest,
)
from pipeline.errors import ModelDamaged, ModelError
from pipeline.files import replace_file, sha256_of_file
from tgan_core.student import Student

__all__ = ["export_onnx", "export_torch", "load_exported_model", "restate"]

_METADATA = "kizashi"
"""Key under which the manifest lies in the file."""
_INPUTS, _OUTPUT = ("pictures", "flow"), "surprise"
_MOST_CLIPS = 1024
_CALIBRATION_CLIPS = 8


def export_onnx(
    model: StudentModel, path: Path, *, int8_windows: Sequence[NDArray[np.uint8]] = ()
) -> str:
    """Write the model as one ONNX file and return its sha256.

    Inputs `pictures`: uint8 (clips, frames, height, width), and `flow`: float16 (clips, frames,
    height, width, 2). Output `surprise`: float32 (clips, 2,
    rows, columns). With `int8_windows` (THW each, normal and not) its convolutions count in eight
    bits, with ranges measured on these windows. Raises ModelError when onnx or onnxruntime is not
    installed or the file cannot be written.
    """
    _needed("onnx", "onnxscript", "onnxruntime")
    with replace_file(path) as fresh:
        _write_onnx(_network_of(model), fresh)
        if int8_windows:
            _quantise(fresh, int8_windows)
        _add_metadata(fresh, model)
    return sha256_of_file(path)


def restate(path: Path, model: StudentModel) -> str:
    """Write into an exported file what its numbers mean according to `model`, and return its new
    sha256."""
    content = path.read_bytes()
    with replace_file(path) as fresh:
        fresh.write_bytes(content)
        _add_metadata(fresh, model)
    return sha256_of_file(path)


def export_torch(model: StudentModel, path: Path) -> str:
    """Write the model as one torch.export file (.pt2) and return its sha256; the manifest lies in
    it as `kizashi.json`."""
    with replace_file(path) as fresh:
        program = _exported_program(_network_of(model))
        manifest = json.dumps(_with_background(model))
        torch.export.save(program, fresh, extra_files={f"{_METADATA}.json": manifest})
    return sha256_of_file(path)


def load_exported_model(path: Path, digest: str | None = None) -> StudentModel:
    """Return the model of an ONNX file, run by onnxruntime on the processor.

    Raises ModelError when onnxruntime is not installed or there is no such file, ModelDamaged when
    its sha256 is not `digest` or it is no model of ours.
    """
    _needed("onnxruntime")
    import onnxruntime

    if not path.is_file():
        raise ModelError(f"{path}: there is no such file; give what kizashi model export wrote")
    found = sha256_of_file(path)
    if digest is not None and found != digest:
        raise ModelDamaged(f"model {path}: its bytes have changed; export it again")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    # Threads that wait for work in a loop took three times the processor time of the work itself.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        manifest = json.loads(session.get_modelmeta().custom_metadata_map[_METADATA])
        if manifest["kind"] != KIND:
            raise ValueError(f"a {manifest['kind']} is no {KIND}")
        background = _unpacked(manifest["background"], manifest["geometry"])
        return model_from_manifest(
            manifest, _by_onnxruntime(session), background, digest=found, network=None
        )
    # onnxruntime's own errors share no base class but this.
    except Exception as error:
        raise ModelDamaged(
            f"model {path}: no model that kizashi model export wrote ({_first_line(error)})"
        ) from error


def _network_of(model: StudentModel) -> Student:
    if model.network is None:
        raise ModelError("this model was exported already; export the one it came from")
    return model.network.cpu()


def _exported_program(network: Student) -> torch.export.ExportedProgram:
    sizes = network.geometry
    pictures = torch.zeros(2, sizes.frames, sizes.height_px, sizes.width_px, dtype=torch.uint8)
    flow = torch.zeros(*pictures.shape, 2, dtype=torch.float16)
    clips = torch.export.Dim("clips", min=1, max=_MOST_CLIPS)
    return torch.export.export(network, (pictures, flow), dynamic_shapes=({0: clips}, {0: clips}))


def _write_onnx(network: Student, path: Path) -> None:
    with _quiet_exporter():
        program = torch.onnx.export(
            _exported_program(network),
            dynamo=True,
            input_names=list(_INPUTS),
            output_names=[_OUTPUT],
            verbose=False,
        )
        assert program is not None
        program.save(str(path))


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep to itself what torch's exporter says of its own insides; errors still come out."""
    said = logging.getLogger("torch.onnx")
    before = said.level
    said.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        said.setLevel(before)


def _quantise(path: Path, windows: Sequence[NDArray[np.uint8]]) -> None:
    """Replace the file by one that counts in eight bits where that is faster."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.calibrate import CalibrationDataReader
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Windows(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(
                np.stack(windows[first : first + _CALIBRATION_CLIPS])
                for first in range(0, len(windows), _CALIBRATION_CLIPS)
            )

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            pictures = next(self._left, None)
            if pictures is None:
                return None
            flow = np.stack([flow_of_window(window_THW, FLOW) for window_THW in pictures])
            return dict(zip(_INPUTS, (pictures, flow), strict=True))

    prepared = path.with_suffix(".prepared")
    try:
        quant_pre_process(str(path), str(prepared))
        quantize_static(
            str(prepared),
            str(path),
            Windows(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Add", "Relu"],
        )
    finally:
        prepared.unlink(missing_ok=True)


def _add_metadata(path: Path, model: StudentModel) -> None:
    import onnx

    graph = onnx.load(str(path))
    onnx.helper.set_model_props(graph, {_METADATA: json.dumps(_with_background(model))})
    onnx.save(graph, str(path))


def _with_background(model: StudentModel) -> dict[str, Any]:
    packed = base64.b64encode(zlib.compress(model.background_HW.tobytes(), 9)).decode()
    return {**model.manifest(), "student": model.digest, "background": packed}


def _unpacked(background: str, geometry: dict[str, int]) -> NDArray[np.uint8]:
    levels = np.frombuffer(zlib.decompress(base64.b64decode(background)), np.uint8)
    return levels.reshape(geometry["height_px"], geometry["width_px"]).copy()


def _by_onnxruntime(session: Any) -> SayMaps:
    def say(
        pictures_NTHW: NDArray[np.uint8], flow_NTHW2: NDArray[np.float16]
    ) -> NDArray[np.float32]:
        seen = dict(zip(_INPUTS, (pictures_NTHW, flow_NTHW2), strict=True))
        (surprise,) = session.run([_OUTPUT], seen)
        return np.asarray(surprise, dtype=np.float32)

    return say


def _needed(*names: str) -> None:
    from importlib.util import find_spec

    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise ModelError(f"{' and '.join(missing)} not installed; run: pip install 'kizashi[onnx]'")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
