"""Turns the published SonoNet weights into a model folder that any engine runs (planes only, no gaze).

SonoNet: Baumgartner et al., "SonoNet: Real-Time Detection and Localisation of Fetal Standard Scan Planes in Freehand
Ultrasound", IEEE TMI 2017, arXiv 1612.05601. The weights (github.com/baumgach/SonoNet-weights) are plain ``.npz`` lists
of arrays in the order of the layers; the network is rebuilt here from the paper's description as ONNX, without a
training framework. Any thread; needs the package ``onnx``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from assistant.bundle import load_arrays, write_bundle
from assistant.class_list import load_class_list
from assistant.contracts import Float32Array
from assistant.errors import ModelError
from assistant.model_contracts import ModelBundle, Preprocessing
from assistant.plugin_loader import missing_package

PUBLISHED_ORDER = (
    "three-vessel view",
    "four-chamber view",
    "abdomen",
    "background",
    "transcerebellar brain",
    "transventricular brain",
    "femur",
    "kidneys",
    "lips",
    "LVOT",
    "profile",
    "RVOT",
    "coronal spine",
    "sagittal spine",
)
"""The published network's outputs by our names."""

PREPROCESSING = Preprocessing(
    crop=(115 / 735, 81 / 975, 734 / 735, 874 / 975),  # of the 975x735 screens that it was trained on
    height_px=224,
    width_px=288,
    normalisation="image",
    scale=255.0,
)

ABSTAIN_BELOW = 0.5
"""The weights come without a calibration: below even odds nothing is named."""

_GOLDEN_FRAMES = 8


@dataclass(frozen=True, slots=True)
class _Layer:
    """A convolution with its bias, and what stands around it; ``weight`` is (out, in, k, k), not to be flipped."""

    weight: Float32Array
    bias: Float32Array
    stride: int = 1
    pad: int = 0
    pool_after: bool = False


def import_sononet(file: Path, out: Path) -> ModelBundle:
    """Write a model folder from published weights: ``SonoNet16/32/64.npz``, or its baseline ``SmallNet.npz``.

    Args:
        file: the published ``.npz``.
        out: the folder to make.

    Raises:
        ModelError: ``file`` does not hold such weights, or ``out`` cannot be written.
        PluginError: the package ``onnx`` is not installed.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise missing_package(error, "importing a model") from error

    layers = _layers(_read_arrays(file), file)
    classes = load_class_list("sononet13")
    model = _network(layers, [PUBLISHED_ORDER.index(name) for name in classes.classes])
    with tempfile.TemporaryDirectory() as folder:
        network = Path(folder) / "model.onnx"
        onnx.save(model, network)
        return write_bundle(
            out,
            name=file.stem.lower(),
            classes=classes.classes,
            background=classes.background,
            preprocessing=PREPROCESSING,
            temperature=1.0,
            abstain_below=ABSTAIN_BELOW,
            trained_on="real",
            training_data="Fetal mid-trimester scans, iFIND project (arXiv 1612.05601); weights as published.",
            onnx={"float": network},
            golden=_golden(model),
            card=_card(file.stem),
            authors="C. F. Baumgartner et al.",
            rights="weights: Apache-2.0, github.com/baumgach/SonoNet-weights",
        )


# --------------------------------------------------------------------------------------------------------------------
# The published file
# --------------------------------------------------------------------------------------------------------------------


def _read_arrays(file: Path) -> list[Float32Array]:
    """``arr_0``, ``arr_1``, ... of the file, in order."""
    found = load_arrays(file)
    names = [f"arr_{index}" for index in range(len(found))]
    if set(found) != set(names):
        raise ModelError(f"'{file}' does not hold published SonoNet weights: expected the arrays arr_0, arr_1, ...")
    if not all(np.isfinite(array).all() for array in found.values()):
        raise ModelError(f"'{file}' does not hold published SonoNet weights: some values are not finite")
    return [found[name] for name in names]


def _layers(arrays: Sequence[Float32Array], file: Path) -> list[_Layer]:
    """The layers of the network that has so many arrays."""
    if len(arrays) == 75:
        layers = [_folded(arrays[start : start + 5], number) for number, start in enumerate(range(0, 75, 5))]
    elif len(arrays) == 12:
        layers = [_plain(arrays[start : start + 2], number) for number, start in enumerate(range(0, 12, 2))]
    else:
        layers = [None]
    channels = 1
    for layer in layers:
        if layer is None or layer.weight.shape[1] != channels:
            channels = 0
            break
        channels = layer.weight.shape[0]
    if channels != len(PUBLISHED_ORDER):
        raise ModelError(
            f"'{file}' does not hold published SonoNet weights: expected the 75 arrays of a SonoNet or the 12 of the "
            f"SmallNet with {len(PUBLISHED_ORDER)} classes, got {len(arrays)} arrays with other shapes"
        )
    return [layer for layer in layers if layer is not None]


def _folded(arrays: Sequence[Float32Array], number: int) -> _Layer | None:
    """A SonoNet layer: kernel, then beta, gamma, mean, 1/std of the batch normalisation, folded into the kernel."""
    weight, beta, gamma, mean, inverse_std = arrays
    if weight.ndim != 4 or any(each.shape != weight.shape[:1] for each in arrays[1:]):
        return None
    factor = gamma * inverse_std
    pad = weight.shape[2] // 2
    return _Layer(
        weight * factor[:, None, None, None], beta - mean * factor, pad=pad, pool_after=number in (1, 3, 6, 9)
    )


def _plain(arrays: Sequence[Float32Array], number: int) -> _Layer | None:
    """A SmallNet layer: kernel and bias. Its kernels are stored for a true convolution, ours correlate: flip them."""
    weight, bias = arrays
    if weight.ndim != 4 or bias.shape != weight.shape[:1]:
        return None
    early = number < 2  # the two large kernels: stride 2, no padding, then pooling
    pad = 0 if early else weight.shape[2] // 2
    return _Layer(weight[:, :, ::-1, ::-1], bias, stride=2 if early else 1, pad=pad, pool_after=early)


# --------------------------------------------------------------------------------------------------------------------
# The network
# --------------------------------------------------------------------------------------------------------------------


def _network(layers: Sequence[_Layer], order: Sequence[int]) -> Any:
    """ONNX: ``image`` (N, 1, 224, 288) -> ``logits`` (N, 14), the published softmax left out.

    Args:
        layers: the last one gives one map for each class, which is averaged.
        order: published index of each of our classes.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes, constants, last = [], [], "image"
    for number, layer in enumerate(layers, start=1):
        is_last = number == len(layers)
        chosen = list(order) if is_last else slice(None)
        for kind, array in (("weight", layer.weight), ("bias", layer.bias)):
            constants.append(numpy_helper.from_array(np.ascontiguousarray(array[chosen]), f"{kind}{number}"))
        nodes.append(
            helper.make_node(
                "Conv",
                [last, f"weight{number}", f"bias{number}"],
                [f"conv{number}"],
                pads=[layer.pad] * 4,
                strides=[layer.stride] * 2,
            )
        )
        last = f"conv{number}"
        if not is_last:
            nodes.append(helper.make_node("Relu", [last], [f"relu{number}"]))
            last = f"relu{number}"
        if layer.pool_after:
            nodes.append(helper.make_node("MaxPool", [last], [f"pool{number}"], kernel_shape=[2, 2], strides=[2, 2]))
            last = f"pool{number}"
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["averaged"]))
    nodes.append(helper.make_node("Flatten", ["averaged"], ["logits"]))
    size = ["N", 1, PREPROCESSING.height_px, PREPROCESSING.width_px]
    graph = helper.make_graph(
        nodes,
        "sononet",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, size)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(order)])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model, full_check=True)
    return model


def _golden(model: Any) -> dict[str, Float32Array]:
    """Inputs and outputs to compare engines on, 8 frames.

    Real screens may not be shipped, so the inputs are blurred noise, from fine to coarse: it reaches all channels and
    several classes. Of 48 frames 8 are kept: those on which the network is most decided (rounding cannot turn the
    answer), taken from each class in turn (an engine that is stuck at one answer does not pass). The outputs are
    computed by OpenCV, which is no engine of ours: none is its own judge.
    """
    rng = np.random.default_rng(20161205)
    images = np.empty((48, 1, PREPROCESSING.height_px, PREPROCESSING.width_px), np.float32)
    for index, plane in enumerate(images[:, 0]):
        noise = rng.standard_normal(plane.shape, np.float32)
        blurred = cv2.GaussianBlur(noise, (0, 0), sigmaX=0.5 * 1.1**index)
        plane[:] = PREPROCESSING.scale * (blurred - blurred.mean()) / blurred.std()
    network = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
    logits = np.empty((len(images), len(PUBLISHED_ORDER)), np.float32)
    for index in range(len(images)):
        network.setInput(images[index : index + 1], "image")
        logits[index] = network.forward("logits")
    second, first = np.partition(logits, -2, axis=1)[:, -2:].T
    decided = np.argsort(second - first, kind="stable")
    top = logits[decided].argmax(axis=1)
    turn = [int((top[:place] == plane).sum()) for place, plane in enumerate(top)]
    kept = np.sort(decided[np.argsort(turn, kind="stable")[:_GOLDEN_FRAMES]])
    return {"image": images[kept], "logits": logits[kept]}


def _card(name: str) -> str:
    return f"""# {name}

Detects the 13 standard planes of the fetal mid-trimester scan, and background, in single B-mode images. No gaze.

- **Network and weights**: {name} as published by Baumgartner et al., arXiv 1612.05601 (please cite),
  github.com/baumgach/SonoNet-weights, Apache-2.0. Batch normalisation is folded into the convolutions; nothing was
  trained or changed here but the order of the outputs.
- **Training data**: real mid-trimester scans of the iFIND project.
- **Input**: 975x735 screens of the scanner that it was trained on. The crop is that of the published example, as
  fractions; screens with another layout are cropped wrongly and are outside what the network knows.
- **Confidence**: not calibrated. Nothing is named below {ABSTAIN_BELOW}.
- **Golden outputs**: of blurred noise, computed by OpenCV's network module.
- **Use**: research only. Not a medical device.
"""
