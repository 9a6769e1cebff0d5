"""Inference with TensorRT 11 on an NVIDIA graphics processor. Written against its API and never run.

No such processor was at hand; ``scripts/try_tensorrt.sh`` builds, verifies and times it where there is one.

Networks are strongly typed: FP16 is in the file (a float network is converted here), INT8 comes from Q/DQ nodes (the
symmetric twin, since TensorRT knows only zero points of 0). What was built is kept in the user's cache folder by GPU,
driver, TensorRT version and network (``engine_key``). One frame goes through page-locked buffers and a CUDA graph,
other batches through ordinary calls. ``load`` and ``infer`` belong to one thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from assistant.contracts import Float32Array
from assistant.errors import BackendError
from assistant.kept_files import file_digest, keep, key_of, read_kept
from assistant.model_contracts import ModelBundle, Precision
from assistant.plugin_loader import missing_package

LARGEST_BATCH = 32
"""An engine is built for batches of 1 to this; larger ones are cut."""

_CACHE = "tensorrt"
FloatKind = Literal["fp16", "fp32"]


class Gpu(Protocol):
    """What the backend needs of TensorRT and CUDA: ``_Nvidia`` is the real one."""

    def facts(self) -> dict[str, str]:
        """``gpu``, ``driver`` and ``tensorrt``: a built engine serves only where all three are the same."""
        ...

    def build(self, network: bytes, shape: tuple[int, int, int, int], timing: bytes) -> tuple[bytes, bytes]:
        """A serialised engine, and what was learned about the speed of kernels.

        Args:
            network: an ONNX file; its types are kept.
            shape: of the largest input ``(N, 1, H, W)``.
            timing: what was learned before, or nothing.

        Raises:
            BackendError: TensorRT refuses the network.
        """
        ...

    def load(self, engine: bytes) -> Loaded:
        """Make a serialised engine ready. Raises ``BackendError`` when it is of another GPU or version."""
        ...


class Loaded(Protocol):
    """An engine that is ready, with its buffers."""

    def infer(self, batch: Float32Array) -> dict[str, Float32Array]:
        """The outputs by name, arrays of the caller's own."""
        ...

    def close(self) -> None:
        """Release it."""
        ...


def engine_key(facts: dict[str, str], network_digest: str, kind: str, shape: tuple[int, int, int, int]) -> str:
    """Name of a built engine: it changes with the GPU, the driver, TensorRT, the network, its types and its input."""
    return key_of({**facts, "network": network_digest, "kind": kind, "input": "x".join(map(str, shape))})


def timing_key(facts: dict[str, str]) -> str:
    """Name of what was learned about kernels: of use for every network on the same GPU, driver and TensorRT."""
    return key_of({**facts, "kind": "timing"})


class TensorRtBackend:
    """One network on one graphics processor.

    Args:
        kind: what the float network computes in.
        gpu: TensorRT and CUDA; tests bring their own.
        tell: is told when an engine must be built, which takes minutes.
    """

    name = "tensorrt"

    def __init__(self, kind: FloatKind, gpu: Gpu, tell: Callable[[str], None]) -> None:
        self._kind = kind
        self._gpu = gpu
        self._tell = tell
        self._loaded: Loaded | None = None
        self._input_px = (0, 0)
        self._outputs: tuple[str, ...] = ()

    def load(self, bundle: ModelBundle, precision: Precision) -> str:
        """See ``Backend.load``."""
        self.close()
        file = bundle.symmetric_int8 if precision == "int8" else bundle.onnx.get("float")
        if file is None:
            remedy = " for TensorRT: export it with export.symmetric = true" if precision == "int8" else ""
            raise BackendError(f"TensorRT: the model {bundle.model_id} has no {precision} network{remedy}")
        self._input_px = (bundle.preprocessing.height_px, bundle.preprocessing.width_px)
        self._outputs = ("logits", "gaze_logits") if bundle.has_gaze else ("logits",)
        kind = "int8" if precision == "int8" else self._kind
        facts = self._gpu.facts()
        try:
            self._loaded = self._from_cache_or_built(file, kind, facts)
            self.infer(np.zeros((1, 1, *self._input_px), np.float32))
        except OSError as error:
            self.close()
            raise BackendError(f"TensorRT cannot load '{file}': {error.strerror}") from error
        except BackendError:
            self.close()
            raise
        return f"TensorRT {facts['tensorrt']}, {kind}, {facts['gpu']}, driver {facts['driver']}"

    def infer(self, batch: Float32Array) -> dict[str, Float32Array]:
        """See ``Backend.infer``."""
        if self._loaded is None:
            raise BackendError("TensorRT: no model is loaded")
        if batch.shape[1:] != (1, *self._input_px):
            raise BackendError(f"TensorRT: expected a batch (N, 1, {self._input_px}), got {batch.shape}")
        parts = [self._loaded.infer(batch[i : i + LARGEST_BATCH]) for i in range(0, len(batch), LARGEST_BATCH)]
        missing = set(self._outputs) - set(parts[0])
        if missing:
            raise BackendError(
                f"TensorRT: expected a network with the outputs {', '.join(self._outputs)}, got {', '.join(parts[0])}"
            )
        return {name: np.concatenate([part[name] for part in parts]) for name in self._outputs}

    def close(self) -> None:
        """See ``Backend.close``."""
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None

    def _from_cache_or_built(self, file: Path, kind: str, facts: dict[str, str]) -> Loaded:
        shape = (LARGEST_BATCH, 1, *self._input_px)
        key = engine_key(facts, file_digest(file), kind, shape)
        kept = read_kept(_CACHE, key)
        if kept is not None:
            try:
                return self._gpu.load(kept)
            except BackendError as error:
                self._tell(f"TensorRT: the engine that was kept cannot be used ({error}): it is built again")
        self._tell(f"TensorRT builds an engine of '{file}' for {facts['gpu']}: this takes minutes, once")
        network = half_precision(file) if kind == "fp16" else file.read_bytes()
        engine, timing = self._gpu.build(network, shape, read_kept(_CACHE, timing_key(facts)) or b"")
        keep(_CACHE, key, engine)
        keep(_CACHE, timing_key(facts), timing)
        return self._gpu.load(engine)


def half_precision(file: Path) -> bytes:
    """A float network with weights and arithmetic in FP16, inputs and outputs in FP32.

    Raises:
        BackendError: it cannot be converted.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    try:
        network = onnx.load(str(file), load_external_data=False)
        return bytes(convert_float_to_float16(network, keep_io_types=True).SerializeToString())
    except Exception as error:  # the converter's errors share no class of their own
        raise BackendError(f"TensorRT: '{file}' cannot be made FP16: {' '.join(str(error).split())[:200]}") from error


def create(threads: int, argument: str = "fp16") -> TensorRtBackend:  # noqa: ARG001 - a GPU needs none
    """Entry point; ``argument`` says what the float network computes in: ``fp16`` or ``fp32``."""
    if argument not in ("fp16", "fp32"):
        raise BackendError(f"tensorrt:{argument}: expected fp16 or fp32")
    try:
        gpu = _Nvidia()
    except ModuleNotFoundError as error:
        raise missing_package(error, "'tensorrt'") from error
    return TensorRtBackend("fp16" if argument == "fp16" else "fp32", gpu, _tell)


def _tell(line: str) -> None:
    sys.stderr.write(f"sonocue: {line}\n")


# --------------------------------------------------------------------------------------------------------------------
# The real one. Nothing below was ever run.
# --------------------------------------------------------------------------------------------------------------------


class _Nvidia:
    """TensorRT and CUDA by their Python packages; the first GPU that is visible.

    Raises:
        ModuleNotFoundError: a package is missing.
        BackendError: there is no such GPU.
    """

    def __init__(self) -> None:
        import tensorrt
        from cuda.bindings import runtime

        self._trt: Any = tensorrt
        self._cuda: Any = runtime
        self._log = _quiet_logger(tensorrt)
        count = _checked(runtime, runtime.cudaGetDeviceCount())
        if not count:
            raise BackendError("TensorRT: this machine has no NVIDIA graphics processor that CUDA can use")

    def facts(self) -> dict[str, str]:
        device = _checked(self._cuda, self._cuda.cudaGetDeviceProperties(0))
        name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
        return {
            "gpu": f"{name.strip(chr(0))} (sm_{device.major}{device.minor}, {device.multiProcessorCount} SM)",
            "driver": _driver_version() or str(_checked(self._cuda, self._cuda.cudaDriverGetVersion())),
            "tensorrt": str(self._trt.__version__),
        }

    def build(self, network: bytes, shape: tuple[int, int, int, int], timing: bytes) -> tuple[bytes, bytes]:
        trt = self._trt
        builder = trt.Builder(self._log)
        definition = builder.create_network(0)  # always strongly typed since TensorRT 11
        parser = trt.OnnxParser(definition, self._log)
        if not parser.parse(network):
            problems = [str(parser.get_error(index).desc()) for index in range(parser.num_errors)]
            raise BackendError(f"TensorRT cannot read the network: {' '.join('; '.join(problems).split())[:300]}")
        config = builder.create_builder_config()
        profile = builder.create_optimization_profile()
        largest, rest = shape[0], shape[1:]
        profile.set_shape(definition.get_input(0).name, (1, *rest), (1, *rest), (largest, *rest))  # fastest for one
        config.add_optimization_profile(profile)
        config.set_timing_cache(config.create_timing_cache(timing), ignore_mismatch=False)
        serialised = builder.build_serialized_network(definition, config)
        if serialised is None:
            raise BackendError(f"TensorRT cannot build the network: {self._log.last or 'no reason was given'}")
        return bytes(serialised), bytes(config.get_timing_cache().serialize())

    def load(self, engine: bytes) -> Loaded:
        runtime = self._trt.Runtime(self._log)
        deserialised = runtime.deserialize_cuda_engine(engine)
        if deserialised is None:
            raise BackendError(f"it is of another GPU, driver or TensorRT: {self._log.last or 'no reason was given'}")
        return _OnGpu(self._trt, self._cuda, runtime, deserialised)


class _OnGpu:
    """A deserialised engine with its context, its stream, its buffers, and a CUDA graph for a batch of one.

    Buffers are made once, for the largest batch: page-locked on the host, so that copies need no staging.
    """

    def __init__(self, trt: Any, cuda: Any, runtime: Any, engine: Any) -> None:
        self._cuda = cuda
        self._alive = [runtime, engine]  # the context needs both
        self._context = engine.create_execution_context()
        if self._context is None:
            raise BackendError("TensorRT: there is not enough memory on the GPU for this network")
        self._stream = _checked(cuda, cuda.cudaStreamCreate())
        self._graph: Any = None
        self._host: dict[str, tuple[int, Float32Array]] = {}
        self._device: dict[str, int] = {}
        self._row_shape: dict[str, tuple[int, ...]] = {}
        self._outputs: list[str] = []
        for index in range(engine.num_io_tensors):
            name = engine.get_tensor_name(index)
            shape = tuple(engine.get_tensor_shape(name))[1:]
            if engine.get_tensor_dtype(name) != trt.DataType.FLOAT:
                raise BackendError(f"TensorRT: expected {name} in float32, got {engine.get_tensor_dtype(name)}")
            self._row_shape[name] = shape
            count = LARGEST_BATCH * int(np.prod(shape))
            pointer = _checked(cuda, cuda.cudaHostAlloc(4 * count, cuda.cudaHostAllocDefault))
            self._host[name] = (pointer, _as_array(pointer, count).reshape(LARGEST_BATCH, *shape))
            self._device[name] = _checked(cuda, cuda.cudaMalloc(4 * count))
            self._context.set_tensor_address(name, self._device[name])
            if engine.get_tensor_mode(name) == trt.TensorIOMode.OUTPUT:
                self._outputs.append(name)
            else:
                self._input = name

    def infer(self, batch: Float32Array) -> dict[str, Float32Array]:
        count = len(batch)
        self._host[self._input][1][:count] = batch
        if count > 1:
            self._drop_graph()  # it holds for one shape only
            self._enqueue(count)
        else:
            if self._graph is None:
                self._graph = self._captured()
            _checked(self._cuda, self._cuda.cudaGraphLaunch(self._graph, self._stream))
        _checked(self._cuda, self._cuda.cudaStreamSynchronize(self._stream))
        return {name: self._host[name][1][:count].copy() for name in self._outputs}

    def close(self) -> None:
        if self._context is None:
            return
        cuda = self._cuda
        self._drop_graph()
        self._context = None
        self._alive.clear()
        for pointer, _ in self._host.values():
            cuda.cudaFreeHost(pointer)
        for pointer in self._device.values():
            cuda.cudaFree(pointer)
        cuda.cudaStreamDestroy(self._stream)
        self._host.clear()

    def _drop_graph(self) -> None:
        if self._graph is not None:
            self._cuda.cudaGraphExecDestroy(self._graph)
            self._graph = None

    def _enqueue(self, count: int) -> None:
        """Copy in, compute, copy out, on the stream; returns before it is done."""
        cuda = self._cuda
        if not self._context.set_input_shape(self._input, (count, *self._row_shape[self._input])):
            raise BackendError(f"TensorRT: the engine does not take a batch of {count}")
        self._copy(self._input, count, to_device=True)
        if not self._context.execute_async_v3(int(self._stream)):
            raise BackendError("TensorRT failed: the network could not be enqueued")
        for name in self._outputs:
            self._copy(name, count, to_device=False)
        _checked(cuda, cuda.cudaGetLastError())

    def _copy(self, name: str, count: int, *, to_device: bool) -> None:
        cuda = self._cuda
        host, device = self._host[name][0], self._device[name]
        size = 4 * count * int(np.prod(self._row_shape[name]))
        kind = cuda.cudaMemcpyKind.cudaMemcpyHostToDevice if to_device else cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        to, source = (device, host) if to_device else (host, device)
        _checked(cuda, cuda.cudaMemcpyAsync(to, source, size, kind, self._stream))

    def _captured(self) -> Any:
        """All of ``_enqueue(1)`` as one CUDA graph: one launch instead of hundreds."""
        cuda = self._cuda
        self._enqueue(1)  # TensorRT allocates on its first call, which a capture may not
        _checked(cuda, cuda.cudaStreamSynchronize(self._stream))
        mode = cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        _checked(cuda, cuda.cudaStreamBeginCapture(self._stream, mode))
        try:
            self._enqueue(1)
        finally:
            graph = _checked(cuda, cuda.cudaStreamEndCapture(self._stream))
        executable = _checked(cuda, cuda.cudaGraphInstantiate(graph, 0))
        cuda.cudaGraphDestroy(graph)
        return executable


def _as_array(pointer: int, count: int) -> Float32Array:
    """Memory of CUDA as an array, without a copy."""
    import ctypes

    return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), shape=(count,))


def _checked(cuda: Any, answer: tuple[Any, ...]) -> Any:
    """The result of a CUDA call. Raises ``BackendError`` with CUDA's own words."""
    status, *results = answer
    if status != cuda.cudaError_t.cudaSuccess:
        text = cuda.cudaGetErrorString(status)[1]
        raise BackendError(f"CUDA: {text.decode() if isinstance(text, bytes) else text}")
    return results[0] if results else None


def _driver_version() -> str:
    """The driver's own version, e.g. 580.65.06; empty where Linux does not tell."""
    try:
        words = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8").split()
    except OSError:
        return ""
    return next((word for word in words if word[0].isdigit() and "." in word), "")


def _quiet_logger(trt: Any) -> Any:
    """Keeps the last error for our one line, where TensorRT's own logger would fill standard error."""

    class Logger(trt.ILogger):  # type: ignore[misc]  # no stubs; TensorRT wants a subclass
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.last = ""

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.Severity.ERROR:
                self.last = " ".join(message.split())[:300]

    return Logger()
