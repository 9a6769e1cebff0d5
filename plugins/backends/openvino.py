"""Inference with OpenVINO: the default engine; on the processor, or another device (``openvino:GPU``).

What it compiled is kept in the user's cache folder. ``load`` and ``infer`` belong to one thread.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
import openvino
from openvino import properties
from openvino.frontend import (
    FrontEndManager,
    GeneralFailure,
    InitializationFailure,
    NotImplementedFailure,
    OpConversionFailure,
    OpValidationFailure,
)

from assistant.contracts import Float32Array
from assistant.errors import BackendError
from assistant.kept_files import file_digest, keep, key_of, read_kept
from assistant.model_contracts import ModelBundle, Precision
from assistant.processor import processor_identity

# Its readers' errors share no class of their own with the runtime's.
_ENGINE_ERRORS = (
    GeneralFailure,
    InitializationFailure,
    NotImplementedFailure,
    OpConversionFailure,
    OpValidationFailure,
    RuntimeError,
    ValueError,
)


class OpenVinoBackend:
    """One network on one device, compiled for a batch of one; other batches are compiled when first asked for.

    Args:
        threads: that it may use, on a processor.
        device: ``CPU``, or what OpenVINO calls another: ``GPU``, ``GPU.1``, ``NPU``, ``AUTO``.
    """

    name = "openvino"

    def __init__(self, threads: int, device: str = "CPU") -> None:
        self._threads = threads
        self._device = device
        self._file: Path | None = None
        self._made_from: dict[str, str | int] = {}
        self._request_of: dict[int | None, openvino.InferRequest] = {}
        self._input_px = (0, 0)
        self._outputs: tuple[str, ...] = ()

    def load(self, bundle: ModelBundle, precision: Precision) -> str:
        """See ``Backend.load``."""
        self.close()
        file = bundle.onnx.get(precision)
        if file is None:
            raise BackendError(f"OpenVINO: the model {bundle.model_id} has no {precision} network")
        self._input_px = (bundle.preprocessing.height_px, bundle.preprocessing.width_px)
        self._outputs = ("logits", "gaze_logits") if bundle.has_gaze else ("logits",)
        release = openvino.get_version()
        try:
            device = self._device_name()
            self._made_from = {
                "network": file_digest(file),
                "openvino": release,
                "device": f"{self._device}: {device}",
                "processor": processor_identity(),
                "threads": self._threads,
            }
            self._request(file, 1)
            self._file = file
            self.infer(np.zeros((1, 1, *self._input_px), np.float32))
        except BackendError:
            self.close()
            raise
        except (*_ENGINE_ERRORS, OSError) as error:
            self.close()
            raise BackendError(f"OpenVINO cannot load '{file}': {_one_line(error)}") from error
        threads = f"threads: {self._threads}, " if self._device == "CPU" else ""
        return f"OpenVINO {release.partition('-')[0]}, {precision}, {threads}{device}"

    def infer(self, batch: Float32Array) -> dict[str, Float32Array]:
        """See ``Backend.infer``."""
        if self._file is None:
            raise BackendError("OpenVINO: no model is loaded")
        if batch.shape[1:] != (1, *self._input_px):
            raise BackendError(f"OpenVINO: expected a batch (N, 1, {self._input_px}), got {batch.shape}")
        if self._device.startswith("NPU") and len(batch) > 1:  # knows no free batch
            rows = [self.infer(batch[i : i + 1]) for i in range(len(batch))]
            return {name: np.concatenate([row[name] for row in rows]) for name in self._outputs}
        try:
            result = self._request(self._file, len(batch)).infer([np.ascontiguousarray(batch)], share_inputs=True)
            return {name: np.array(result[name], np.float32) for name in self._outputs}
        except _ENGINE_ERRORS as error:
            raise BackendError(f"OpenVINO failed: {_one_line(error)}") from error

    def close(self) -> None:
        """See ``Backend.close``."""
        self._request_of.clear()
        self._file = None

    def _device_name(self) -> str:
        """The device's own name. Raises ``BackendError`` when this machine has no such device."""
        if self._device == "AUTO":
            return "whichever device OpenVINO chooses"
        there = _core().available_devices
        if self._device not in there and f"{self._device}.0" not in there:
            raise BackendError(f"OpenVINO has no device '{self._device}' here: there are {', '.join(there)}, AUTO")
        return str(_core().get_property(self._device, properties.device.full_name)).strip()

    def _check_names(self, network: openvino.Model, file: Path) -> None:
        found = {name for output in network.outputs for name in output.names}
        missing = set(self._outputs) - found
        if missing or len(network.inputs) != 1:
            raise BackendError(
                f"OpenVINO: '{file}': expected a network with one input and the outputs {', '.join(self._outputs)}, "
                f"got {len(network.inputs)} inputs and {', '.join(sorted(found)) or 'none'}"
            )

    def _request(self, file: Path, count: int) -> openvino.InferRequest:
        """The compiled network for a batch: of fixed size for one frame (live), of any size otherwise."""
        size = 1 if count == 1 else None
        if size not in self._request_of:
            key = key_of(self._made_from | {"batch": size or 0})
            compiled = self._from_cache(key)
            if compiled is None:
                compiled = self._compile(file, size)
                self._to_cache(key, compiled)
            self._request_of[size] = compiled.create_infer_request()
        return self._request_of[size]

    def _compile(self, file: Path, size: int | None) -> openvino.CompiledModel:
        # Only the ONNX reader: Core.read_model would hand a damaged file to the readers of six other formats.
        reader = FrontEndManager().load_by_framework("onnx")
        network = reader.convert(reader.load(str(file)))
        self._check_names(network, file)
        network.reshape([-1 if size is None else size, 1, *self._input_px])
        return _core().compile_model(network, self._device, self._settings())

    def _settings(self) -> dict[str, object]:
        settings: dict[str, object] = {properties.hint.performance_mode: properties.hint.PerformanceMode.LATENCY}
        if self._device == "CPU":
            settings |= {
                # Newer processors would silently compute in bfloat16, and no longer agree with the others.
                properties.hint.inference_precision: openvino.Type.f32,
                properties.inference_num_threads: self._threads,
                properties.num_streams: 1,
            }
        return settings

    def _from_cache(self, key: str) -> openvino.CompiledModel | None:
        """What was compiled before, for this network, OpenVINO, device and processor: several times faster."""
        kept = read_kept("openvino", key)
        if kept is None:
            return None
        try:
            return _core().import_model(io.BytesIO(kept), self._device, self._settings())
        except _ENGINE_ERRORS:
            return None  # a driver that changed its mind; it is compiled again

    def _to_cache(self, key: str, compiled: openvino.CompiledModel) -> None:
        try:
            keep("openvino", key, compiled.export_model().getvalue())
        except _ENGINE_ERRORS:
            return  # AUTO and some devices cannot be exported


def create(threads: int, argument: str = "CPU") -> OpenVinoBackend:
    """Entry point: an engine that uses so many threads; ``argument`` is a device of OpenVINO."""
    return OpenVinoBackend(threads, argument)


@cache
def _core() -> openvino.Core:
    """The process's one core: its processor plugin stays loaded.

    Each load of that plugin gives the calling thread an alternate signal stack, and its unloading unmaps that stack. Of
    two cores that live at the same time, the one that ends last restores the other's unmapped stack, and the next
    signal (Ctrl-C) kills the process (seen with OpenVINO 2026 on Linux).
    """
    return openvino.Core()


def _one_line(error: Exception) -> str:
    """What an OpenVINO message says, without where in its source it was raised."""
    lines = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
    noise = ("Exception from", "Check ", "FrontEnd API", "Loading input model")
    telling = [line for line in lines if not line.startswith(noise)] or lines or [repr(error)]
    return " ".join(telling)[:200]
