"""Inference with ONNX Runtime on the processor: the second engine, there when OpenVINO is not or disagrees.

``load`` and ``infer`` belong to one thread.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from assistant.contracts import Float32Array, ModelBundle, Precision
from assistant.errors import BackendError

# Its errors share no class of their own.
_ENGINE_ERRORS = (
    state.EPFail,
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NoModel,
    state.NoSuchFile,
    state.NotImplemented,
    state.RuntimeException,
    RuntimeError,
    ValueError,
)


class OnnxRuntimeBackend:
    """One network in one session."""

    name = "onnxruntime"

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._session: onnxruntime.InferenceSession | None = None
        self._input = ""
        self._outputs: tuple[str, ...] = ()

    def load(self, bundle: ModelBundle, precision: Precision) -> str:
        """See ``Backend.load``."""
        self.close()
        file = bundle.onnx.get(precision)
        if file is None:
            raise BackendError(f"ONNX Runtime: the model {bundle.model_id} has no {precision} network")
        self._outputs = ("logits", "gaze_logits") if bundle.has_gaze else ("logits",)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised; nothing but that on standard error
        # Its threads would spin between two frames and take the processor from decoding and drawing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(
                file,
                options,
                providers=["CPUExecutionProvider"],
                enable_fallback=False,  # the fallback prints on standard output, where our JSON goes
            )
            self._input = self._checked_input(session, file)
            self._session = session
            spec = bundle.preprocessing
            self.infer(np.zeros((1, 1, spec.height_px, spec.width_px), np.float32))
        except BackendError:
            self.close()
            raise
        except _ENGINE_ERRORS as error:
            self.close()
            raise BackendError(f"ONNX Runtime cannot load '{file}': {_one_line(error)}") from error
        return f"ONNX Runtime {onnxruntime.__version__}, {precision}, threads: {self._threads}, processor"

    def infer(self, batch: Float32Array) -> dict[str, Float32Array]:
        """See ``Backend.infer``."""
        if self._session is None:
            raise BackendError("ONNX Runtime: no model is loaded")
        try:
            results = self._session.run(self._outputs, {self._input: batch})
        except _ENGINE_ERRORS as error:
            raise BackendError(f"ONNX Runtime failed: {_one_line(error)}") from error
        return dict(zip(self._outputs, results, strict=True))

    def close(self) -> None:
        """See ``Backend.close``."""
        self._session = None

    def _checked_input(self, session: onnxruntime.InferenceSession, file: Path) -> str:
        inputs = [one.name for one in session.get_inputs()]
        found = {one.name for one in session.get_outputs()}
        if len(inputs) != 1 or set(self._outputs) - found:
            raise BackendError(
                f"ONNX Runtime: '{file}': expected a network with one input and the outputs "
                f"{', '.join(self._outputs)}, got {len(inputs)} inputs and {', '.join(sorted(found)) or 'none'}"
            )
        return str(inputs[0])


def create(threads: int) -> OnnxRuntimeBackend:
    """Entry point: an engine that uses so many threads."""
    return OnnxRuntimeBackend(threads)


def _one_line(error: Exception) -> str:
    """The message without the engine's prefix: ``[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : text``."""
    line = " ".join(str(error).split())
    return line.rpartition(" : ")[2][:200] or repr(error)[:200]
