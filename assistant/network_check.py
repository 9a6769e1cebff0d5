"""Looks into an ONNX file before an engine does: engines follow links out of the folder, and allocate what is asked.

Reads the file's structure and nothing else. Runs on the thread that loads the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from assistant.errors import ModelError
from assistant.model_contracts import ModelBundle

_SHAPE_BYTES = 1024
"""Constants up to this size may be shapes that layers are told."""

LARGEST_VALUE_BYTES = 1 << 30
"""Of one array within the network for one frame; a network for images of this size has nothing near it."""


def check_network(file: Path, bundle: ModelBundle) -> None:
    """Refuse a network that is no ONNX, reaches outside its file, never ends, or asks for what a source cannot give.

    Args:
        file: the ONNX file.
        bundle: says what a frame becomes.

    Raises:
        ModelError: with the file, what was expected, and what it is.
    """
    import onnx

    try:
        network = onnx.load(str(file), load_external_data=False)
    except OSError as error:
        raise ModelError(f"'{file}' cannot be read: {error.strerror}") from error
    except Exception as error:  # the decoder's errors share no class of their own
        raise ModelError(f"'{file}' is not an ONNX network: it is damaged or cut off") from error
    if not network.graph.node:
        raise ModelError(f"'{file}' is not an ONNX network: it holds no layers")
    _check_constants(network, file)
    _check_input(network, file, bundle)
    _check_sizes(network, file)


def _check_constants(network: Any, file: Path) -> None:
    """All arrays lie in the file and are as large as they say; no loops."""
    import onnx

    for graph in _graphs(network):
        if loops := {node.op_type for node in graph.node} & {"Loop", "Scan"}:
            raise ModelError(f"'{file}': expected a network that always ends, got the layer {sorted(loops)[0]}")
        tensors = [*graph.initializer, *(a.t for node in graph.node for a in node.attribute if a.HasField("t"))]
        for tensor in tensors:
            if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
                where = next((e.value for e in tensor.external_data if e.key == "location"), "another file")
                raise ModelError(
                    f"'{file}': expected all weights within the file, got a link to {where[:80]!r} in {tensor.name!r}: "
                    "export it again as one file"
                )
            if tensor.raw_data and tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.INT8):
                size = 4 if tensor.data_type == onnx.TensorProto.FLOAT else 1
                if min(tensor.dims, default=0) < 0 or prod(tensor.dims) * size != len(tensor.raw_data):
                    raise ModelError(
                        f"'{file}': {tensor.name!r} is said to be {tuple(tensor.dims)}, but has "
                        f"{len(tensor.raw_data)} bytes"
                    )


def _check_input(network: Any, file: Path, bundle: ModelBundle) -> None:
    """One input: a frame as our preprocessing makes it."""
    import onnx

    constants = {tensor.name for tensor in network.graph.initializer}
    inputs = [each for each in network.graph.input if each.name not in constants]
    spec = bundle.preprocessing
    asked = []
    fits = len(inputs) == 1
    for each in inputs:
        tensor = each.type.tensor_type
        dims = [d.dim_value if d.HasField("dim_value") else (d.dim_param or "?") for d in tensor.shape.dim]
        asked.append(f"{each.name} ({', '.join(map(str, dims))})")
        wanted = (1, spec.height_px, spec.width_px)
        fits &= tensor.elem_type == onnx.TensorProto.FLOAT and len(dims) == 4
        fits &= all(isinstance(d, str) or d == w for d, w in zip(dims[1:], wanted, strict=False))
        fits &= not dims or isinstance(dims[0], str) or dims[0] == 1
    if not fits:
        raise ModelError(
            f"'{file}' asks for {' and '.join(asked) or 'no input'}: expected one input (N, 1, {spec.height_px}, "
            f"{spec.width_px}) float32, a grey frame, which is all that a source can give"
        )


def _check_sizes(network: Any, file: Path) -> None:
    """No value within the network is absurdly large for one frame."""
    import onnx

    for each in network.graph.input:
        dims = each.type.tensor_type.shape.dim
        if dims and not dims[0].HasField("dim_value"):
            dims[0].dim_value = 1
    for tensor in network.graph.initializer:
        if len(tensor.raw_data) > _SHAPE_BYTES:  # weights: only their shapes matter, and copies take time
            tensor.ClearField("raw_data")
    try:
        inferred = onnx.shape_inference.infer_shapes(network, data_prop=True)
    except Exception as error:  # as above
        raise ModelError(f"'{file}': the shapes of its layers cannot be told") from error
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        tensor = value.type.tensor_type
        if not tensor.HasField("shape"):
            continue
        dims = [d.dim_value for d in tensor.shape.dim if d.HasField("dim_value")]
        if prod(dims) * 4 > LARGEST_VALUE_BYTES or min(dims, default=0) < 0:
            raise ModelError(
                f"'{file}': {value.name!r} would be {' x '.join(map(str, dims))} for one frame: expected at most "
                f"{LARGEST_VALUE_BYTES >> 20} MB"
            )


def _graphs(network: Any) -> Iterator[Any]:
    """The graph, its functions, and all graphs within their nodes."""
    waiting = [network.graph, *network.functions]
    while waiting:
        graph = waiting.pop()
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    waiting.append(attribute.g)
                waiting.extend(attribute.graphs)
        # A function has no constants of its own.
        yield graph if hasattr(graph, "initializer") else _Function(graph.node)


class _Function:
    """A local function, seen as a graph."""

    initializer: tuple[Any, ...] = ()

    def __init__(self, node: Any) -> None:
        self.node = node
