"""What a network asks of a processor, and what the processor can do at most: networks of nothing but multiplications.

Called by ``sonocue bench inference`` on the main thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from assistant.errors import ModelError
from assistant.model_contracts import ModelBundle, Precision, Preprocessing

_SIDE_PX = 224
_ALONG = 28
_LAYERS = 8


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A network whose rate is the most that an engine gets out of this processor.

    Attributes:
        precision: of its multiplications.
        kind: ``1x1`` (512 channels) or ``3x3`` (256 channels).
        bundle: for an engine; has no golden outputs.
        gmac: billions of multiplications a frame.
    """

    precision: Precision
    kind: str
    bundle: ModelBundle
    gmac: float


def gmac_of(file: Path) -> float:
    """Billions of multiply-and-adds of convolutions and matrix products, for one frame.

    Raises:
        ModelError: it is not an ONNX network.
    """
    import onnx

    try:
        network = onnx.load(str(file), load_external_data=False)
        dims = network.graph.input[0].type.tensor_type.shape.dim
        dims[0].dim_value = 1
        graph = onnx.shape_inference.infer_shapes(network, data_prop=True).graph
    except Exception as error:  # the decoder's errors share no class of their own
        raise ModelError(f"'{file}' is not an ONNX network") from error
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    total = 0
    for node in graph.node:
        out, weight = shapes.get(node.output[0], ()), shapes.get(node.input[1], ()) if len(node.input) > 1 else ()
        if node.op_type == "Conv":
            total += prod(out) * prod(weight[1:])
        elif node.op_type in ("Gemm", "MatMul"):
            transposed = any(each.name == "transB" and each.i for each in node.attribute)
            total += prod(out) * (weight[-1] if transposed else weight[-2])
    return total / 1e9


def ceilings(folder: Path) -> list[Ceiling]:
    """Networks that show what this processor can do at most.

    Float has no 3x3: engines save multiplications there (Winograd), so the rate would be above what is computed.

    Args:
        folder: for their files.
    """
    kinds: tuple[tuple[Precision, str], ...] = (("float", "1x1"), ("int8", "1x1"), ("int8", "3x3"))
    made = []
    for precision, kind in kinds:
        file = folder / f"ceiling_{precision}_{kind}.onnx"
        _write_dense(file, int8=precision == "int8", kernel=int(kind[0]), channels=512 if kind == "1x1" else 256)
        bundle = ModelBundle(
            path=folder,
            model_id=f"ceiling-{kind}",
            classes=("a", "b"),
            background="a",
            preprocessing=Preprocessing((0, 0, 1, 1), _SIDE_PX, _SIDE_PX),
            temperature=1.0,
            abstain_below=0.0,
            trained_on="phantom",
            onnx={precision: file},
            has_gaze=False,
            golden=folder / "none",
        )
        made.append(Ceiling(precision, kind, bundle, gmac_of(file)))
    return made


def _write_dense(file: Path, *, int8: bool, kernel: int, channels: int) -> None:
    """Equal dense convolutions one after the other, each with its ReLU; in INT8 with Q/DQ as our export writes it.

    Weights are as large as keeps values alive through all layers (He 2015).
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, array: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    constant("scale", np.float32(0.05))
    constant("zero", np.uint8(0))

    def quantised(value: str) -> str:
        if not int8:
            return value
        nodes.append(helper.make_node("QuantizeLinear", [value, "scale", "zero"], [f"{value}_q"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{value}_q", "scale", "zero"], [f"{value}_dq"]))
        return f"{value}_dq"

    last = "image"
    stride = _SIDE_PX // _ALONG
    for layer in range(_LAYERS + 1):
        size = kernel if layer else stride
        shape = (channels, channels if layer else 1, size, size)
        name = f"w{layer}"
        if int8:
            constant(name, rng.integers(-127, 128, shape).astype(np.int8))
            constant(f"{name}_s", np.full(channels, np.sqrt(6 / prod(shape[1:])) / 127, np.float32))
            constant(f"{name}_z", np.zeros(channels, np.int8))
            nodes.append(helper.make_node("DequantizeLinear", [name, f"{name}_s", f"{name}_z"], [f"{name}_f"], axis=0))
            name = f"{name}_f"
        else:
            constant(name, rng.normal(0, np.sqrt(2 / prod(shape[1:])), shape).astype(np.float32))
        pads = [kernel // 2 if layer else 0] * 4
        strides = [1 if layer else stride] * 2
        nodes.append(helper.make_node("Conv", [quantised(last), name], [f"c{layer}"], pads=pads, strides=strides))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]))
        last = f"r{layer}"
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["logits"]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, _SIDE_PX, _SIDE_PX])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", channels])
    graph = helper.make_graph(nodes, "dense", [image], [logits], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(file))
