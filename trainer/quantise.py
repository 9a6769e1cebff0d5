"""INT8 with explicit quantisation (Q/DQ nodes) from float ONNX, and the search for layers that must stay in float.

Activations are U8, weights S8 per channel: the one form that OpenVINO and ONNX Runtime both run fast. TensorRT knows
only zero points of 0 and no integer biases; it gets a twin with the same layers in float (``symmetric``). On processors
without VNNI, sums of two products can overflow 16 bits; with weights of 7 bits they cannot (``weight_bits``). Called by
the command's only thread.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
from onnxruntime.quantization.shape_inference import quant_pre_process

from assistant.contracts import Float32Array

_SEARCHED = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Mul")
"""Kinds of layers that may be left in float; the others only pass on what these give."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What quantisation costs, against the float network on the same frames.

    Attributes:
        same_plane: share of frames with the same most likely plane, in [0, 1].
        gaze_cc: mean correlation of the gaze maps; 1 without a gaze head.
        error: RMS of the outputs' difference as a share of the float outputs' RMS, the worst output; ranks layers.
    """

    same_plane: float
    gaze_cc: float
    error: float

    def within(self, same_plane: float, gaze_cc: float) -> bool:
        """At least so good."""
        return self.same_plane >= same_plane and self.gaze_cc >= gaze_cc


Measure = Callable[[Path], Loss]
"""Runs an ONNX file on the frames by which layers are chosen."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What the search found.

    Attributes:
        left_in_float: names of the layers that are not quantised.
        loss: of the network without them.
        tried: how many networks were measured.
    """

    left_in_float: tuple[str, ...]
    loss: Loss
    tried: int


class Quantiser:
    """Quantises one float network in several ways; the ranges of its activations are measured once.

    It does what ``onnxruntime.quantization.quantize_static`` does, which would read the network and infer its shapes
    again for each way: most of a minute for a large one.

    Args:
        float_file: the network; input ``image``.
        folder: for what lies between; of this object alone.
        image: ``(N, 1, H, W)`` recorded frames that set the ranges.
    """

    def __init__(self, float_file: Path, folder: Path, image: Float32Array) -> None:
        logging.getLogger("onnxruntime.quantization").setLevel(logging.ERROR)
        # Folds batch normalisation into convolutions, so that it costs nothing and hides nothing from the ranges.
        prepared = folder / "prepared.onnx"
        quant_pre_process(float_file, prepared, skip_symbolic_shape=True)
        self._network = load_model_with_shape_infer(prepared)
        self.layers = tuple(node.name for node in self._network.graph.node if node.op_type in _SEARCHED)
        self._kinds = sorted({*QLinearOpsRegistry, *QDQRegistry})
        calibrator = create_calibrator(
            prepared, self._kinds, folder / "calibrating.onnx", calibrate_method=CalibrationMethod.MinMax
        )
        calibrator.collect_data(_Frames(image))
        self._ranges = calibrator.compute_data()

    def write(
        self,
        out: Path,
        *,
        left_in_float: Sequence[str] = (),
        only: Sequence[str] = (),
        symmetric: bool = False,
        weight_bits: int = 8,
    ) -> None:
        """Write a quantised network.

        Args:
            out: the ONNX file to make.
            left_in_float: layers that are not quantised.
            only: layers that alone are quantised; empty: all.
            symmetric: signed activations with a zero point of 0, biases in float: for TensorRT.
            weight_bits: 8 or 7.
        """
        quantiser = QDQQuantizer(
            copy.deepcopy(self._network),
            True,  # a scale for each channel
            weight_bits == 7,
            QuantType.QInt8,
            QuantType.QInt8 if symmetric else QuantType.QUInt8,
            self._ranges,
            list(only),
            list(left_in_float),
            self._kinds,
            {"ActivationSymmetric": True, "QuantizeBias": False} if symmetric else {},
        )
        quantiser.quantize_model()
        quantiser.model.save_model_to_file(out, False)


def search(
    quantiser: Quantiser, measure: Measure, folder: Path, same_plane: float, gaze_cc: float, weight_bits: int = 8
) -> Searched:
    """Leave as few layers in float as it takes to come within the wanted loss.

    Each layer is quantised alone and measured. Those that cost most are left in float, twice as many at a time until
    the loss is as wanted; then the fewest of these that still do are found by halving. At most a quarter of the layers
    stay in float: if that does not suffice, the best network that was met is taken, and the caller judges it.

    Args:
        quantiser: of the network.
        measure: tells the loss of a file.
        folder: for the networks that are tried.
        same_plane: share of frames that is wanted.
        gaze_cc: correlation that is wanted.
        weight_bits: see ``Quantiser.write``.
    """
    file = folder / "tried.onnx"
    met: dict[int, Loss] = {}
    order: list[str] = []

    def leave(count: int) -> Loss:
        if count not in met:
            quantiser.write(file, left_in_float=order[:count], weight_bits=weight_bits)
            met[count] = measure(file)
        return met[count]

    if leave(0).within(same_plane, gaze_cc):
        return Searched((), met[0], 1)
    costs = {}
    for layer in quantiser.layers:
        quantiser.write(file, only=[layer], weight_bits=weight_bits)
        costs[layer] = measure(file).error
    order = sorted(costs, key=lambda layer: -costs[layer])

    most = max(1, len(order) // 4)
    enough = 1
    while not leave(enough).within(same_plane, gaze_cc) and enough < most:
        enough = min(2 * enough, most)
    if not met[enough].within(same_plane, gaze_cc):
        enough = min(met, key=lambda count: (met[count].error, count))
    else:
        too_few = max(count for count in met if count < enough)
        while enough - too_few > 1:
            middle = (enough + too_few) // 2
            if leave(middle).within(same_plane, gaze_cc):
                enough = middle
            else:
                too_few = middle
    return Searched(tuple(order[:enough]), met[enough], len(met) + len(order))


def relative_error(expected: Float32Array, found: Float32Array) -> float:
    """RMS of the difference as a share of the RMS of ``expected`` about its mean over each row."""
    spread = expected - expected.reshape(len(expected), -1).mean(axis=1).reshape(-1, *[1] * (expected.ndim - 1))
    return float(np.sqrt(np.mean((found - expected) ** 2) / max(float(np.mean(spread**2)), 1e-12)))


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    """Hands frames to the calibration in batches of 16."""

    def __init__(self, image: Float32Array) -> None:
        self._batches = iter([image[i : i + 16] for i in range(0, len(image), 16)])

    def get_next(self) -> dict[str, Float32Array] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}
