"""Networks of torch as ONNX files: one file each, any batch size, and nothing in it about where it was made.

Called by the command's only thread.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from assistant.contracts import Float32Array

_OPSET = 18


def to_onnx(network: nn.Module, example: torch.Tensor, file: Path, name: str, outputs: tuple[str, ...]) -> None:
    """Write a network whose batch is free: an engine fixes it to 1 when live, and leaves it free for archives.

    Args:
        network: takes ``example``, gives one tensor for each of ``outputs``.
        example: an input with a batch of at least 2 (of 1, the exporter would make a constant).
        file: where to.
        name: of the input.
        outputs: their names.
    """
    network.eval()
    # The exporter tells of its progress and of packages that it could use; none of it is for the user.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(
            network.to(memory_format=torch.contiguous_format),  # type: ignore[call-overload]
            (example,),
            file,
            input_names=[name],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("N")},),
            opset_version=_OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    _forget_where_it_was_made(file)
    onnx.checker.check_model(str(file), full_check=True)


def run_onnx(file: Path, image: Float32Array, threads: int) -> dict[str, Float32Array]:
    """The outputs of an ONNX file by name, one image after the other.

    Args:
        file: has one input.
        image: ``(N, 1, H, W)``.
        threads: that ONNX Runtime may use.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    rows = [session.run(names, {session.get_inputs()[0].name: image[i : i + 1]}) for i in range(len(image))]
    return {name: np.concatenate([row[k] for row in rows]) for k, name in enumerate(names)}


def _forget_where_it_was_made(file: Path) -> None:
    """The exporter writes the lines of code that each node comes from into it, with this machine's paths."""
    model = onnx.load(str(file))
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, model.graph):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(model, str(file))
