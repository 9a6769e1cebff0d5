"""Inference with ONNX Runtime: the second engine, there when OpenVINO is not or disagrees.

On the processor, or by other execution providers (``onnxruntime:cuda``, ``onnxruntime:cuda+cpu``). ``load``
and ``infer`` belong to one thread.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from assistant.contracts import Float32Array
from assistant.errors import BackendError
from assistant.model_contracts import ModelBundle, Precision

_SUFFIX = "ExecutionProvider"
_CPU = "CPUExecutionProvider"

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
    """One network in one session.

    Args:
        threads: that it may use, on the processor.
        providers: execution providers by their names or the part before ``ExecutionProvider``, the preferred one first.
    """

    name = "onnxruntime"

    def __init__(self, threads: int, providers: tuple[str, ...] = ("cpu",)) -> None:
        self._threads = threads
        self._providers = providers
        self._session: onnxruntime.InferenceSession | None = None
        self._input = ""
        self._outputs: tuple[str, ...] = ()

    def load(self, bundle: ModelBundle, precision: Precision) -> str:
        """See ``Backend.load``."""
        self.close()
        file = bundle.onnx.get(precision)
        if file is None:
            raise BackendError(f"ONNX Runtime: the model {bundle.model_id} has no {precision} network")
        providers = [_full_name(provider) for provider in self._providers]
        self._outputs = ("logits", "gaze_logits") if bundle.has_gaze else ("logits",)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised; nothing but that on standard error
        # Its threads would spin between two frames and take the processor from decoding and drawing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Where the processor's sums of two INT8 products would overflow 16 bits (AVX2), take the slower, right way.
        options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            session = onnxruntime.InferenceSession(
                file,
                options,
                providers=providers,
                enable_fallback=False,  # the fallback prints on standard output, where our JSON goes
            )
            self._input = self._checked_input(session, file)
            _check_provider(session, providers[0])
            self._session = session
            spec = bundle.preprocessing
            self.infer(np.zeros((1, 1, spec.height_px, spec.width_px), np.float32))
        except BackendError:
            self.close()
            raise
        except _ENGINE_ERRORS as error:
            self.close()
            raise BackendError(f"ONNX Runtime cannot load '{file}': {_one_line(error)}") from error
        where = "processor" if providers[0] == _CPU else ", ".join(providers)
        return f"ONNX Runtime {onnxruntime.__version__}, {precision}, threads: {self._threads}, {where}"

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


def create(threads: int, argument: str = "cpu") -> OnnxRuntimeBackend:
    """Entry point: an engine that uses so many threads; ``argument`` lists execution providers with ``+`` between."""
    return OnnxRuntimeBackend(threads, tuple(argument.split("+")))


class OnnxEncoder:
    """One network with one input and one output, on one thread of the processor. Implements ``narration.Encoder``.

    Attributes:
        shape: of its input; the batch, and what else is free, is None.
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        (only,) = session.get_inputs()
        self._input = only.name
        self.shape = tuple(size if isinstance(size, int) else None for size in only.shape)

    def __call__(self, batch: Float32Array) -> Float32Array:
        """See ``narration.Encoder``."""
        try:
            embedding: Float32Array = self._session.run(None, {self._input: batch})[0]
        except _ENGINE_ERRORS as error:
            raise BackendError(f"ONNX Runtime failed: {_one_line(error)}") from error
        return embedding


def open_encoder(file: Path) -> OnnxEncoder:
    """Entry point: an encoder from its ONNX file.

    Raises:
        BackendError: it cannot be loaded, or has more than one input or output.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(file, options, providers=[_CPU], enable_fallback=False)
    except _ENGINE_ERRORS as error:
        raise BackendError(f"ONNX Runtime cannot load '{file}': {_one_line(error)}") from error
    counts = len(session.get_inputs()), len(session.get_outputs())
    if counts != (1, 1):
        raise BackendError(
            f"'{file}': expected an encoder with one input and one output, got {counts[0]} and {counts[1]}"
        )
    return OnnxEncoder(session)


def _full_name(provider: str) -> str:
    """As ONNX Runtime calls it. Raises ``BackendError`` when this package has no such provider."""
    there = onnxruntime.get_available_providers()
    for name in there:
        if provider.lower() in (name.lower(), name.removesuffix(_SUFFIX).lower()):
            return str(name)
    short = ", ".join(name.removesuffix(_SUFFIX).lower() for name in there)
    raise BackendError(
        f"ONNX Runtime has no execution provider '{provider}' here: there are {short}; another package of it "
        "(onnxruntime-gpu, onnxruntime-openvino, ...) brings others"
    )


def _check_provider(session: onnxruntime.InferenceSession, provider: str) -> None:
    """It falls back to the processor without a word where a provider's libraries are missing."""
    if session.get_providers()[0] != provider:
        raise BackendError(
            f"ONNX Runtime cannot use {provider} here, though it was built with it: what it needs is missing"
        )


def _one_line(error: Exception) -> str:
    """The message without the engine's prefix: ``[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : text``."""
    line = " ".join(str(error).split())
    return line.rpartition(" : ")[2][:200] or repr(error)[:200]
