"""Inference with OpenVINO on the processor: the default engine. ``load`` and ``infer`` belong to one thread."""

from __future__ import annotations

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

from assistant.contracts import Float32Array, ModelBundle, Precision
from assistant.errors import BackendError

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
    """One network on the processor, compiled for a batch of one; other batches are compiled when first asked for."""

    name = "openvino"

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._network: openvino.Model | None = None
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
        try:
            # Only the ONNX reader: Core.read_model would hand a damaged file to the readers of six other formats.
            reader = FrontEndManager().load_by_framework("onnx")
            network = reader.convert(reader.load(str(file)))
            self._check_names(network, file)
            self._network = network
            self.infer(np.zeros((1, 1, *self._input_px), np.float32))
        except BackendError:
            self.close()
            raise
        except _ENGINE_ERRORS as error:
            self.close()
            raise BackendError(f"OpenVINO cannot load '{file}': {_one_line(error)}") from error
        processor = str(_core().get_property("CPU", properties.device.full_name)).strip()
        release = openvino.get_version().partition("-")[0]
        return f"OpenVINO {release}, {precision}, threads: {self._threads}, {processor}"

    def infer(self, batch: Float32Array) -> dict[str, Float32Array]:
        """See ``Backend.infer``."""
        if self._network is None:
            raise BackendError("OpenVINO: no model is loaded")
        if batch.shape[1:] != (1, *self._input_px):
            raise BackendError(f"OpenVINO: expected a batch (N, 1, {self._input_px}), got {batch.shape}")
        try:
            result = self._request(self._network, len(batch)).infer([np.ascontiguousarray(batch)], share_inputs=True)
            return {name: np.array(result[name], np.float32) for name in self._outputs}
        except _ENGINE_ERRORS as error:
            raise BackendError(f"OpenVINO failed: {_one_line(error)}") from error

    def close(self) -> None:
        """See ``Backend.close``."""
        self._request_of.clear()
        self._network = None

    def _check_names(self, network: openvino.Model, file: Path) -> None:
        found = {name for output in network.outputs for name in output.names}
        missing = set(self._outputs) - found
        if missing or len(network.inputs) != 1:
            raise BackendError(
                f"OpenVINO: '{file}': expected a network with one input and the outputs {', '.join(self._outputs)}, "
                f"got {len(network.inputs)} inputs and {', '.join(sorted(found)) or 'none'}"
            )

    def _request(self, network: openvino.Model, count: int) -> openvino.InferRequest:
        """The compiled network for a batch: of fixed size for one frame (live), of any size otherwise."""
        size = 1 if count == 1 else None
        if size not in self._request_of:
            network = network.clone()
            network.reshape([-1 if size is None else size, 1, *self._input_px])
            compiled = _core().compile_model(
                network,
                "CPU",
                {
                    properties.hint.performance_mode: properties.hint.PerformanceMode.LATENCY,
                    # Newer processors would silently compute in bfloat16, and no longer agree with the others.
                    properties.hint.inference_precision: openvino.Type.f32,
                    properties.inference_num_threads: self._threads,
                    properties.num_streams: 1,
                },
            )
            self._request_of[size] = compiled.create_infer_request()
        return self._request_of[size]


def create(threads: int) -> OpenVinoBackend:
    """Entry point: an engine that uses so many threads."""
    return OpenVinoBackend(threads)


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
