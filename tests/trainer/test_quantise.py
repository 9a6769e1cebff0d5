"""INT8 from float: which layers stay in float is measured, and each twin has the form that its engine needs."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from trainer.onnx_files import run_onnx
from trainer.quantise import Loss, Quantiser, relative_error, search

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(24, 1, 16, 16)).astype(np.float32)


def _network(file, outlier):
    """Eight convolutions; with an ``outlier``, the second has one channel that is so much louder than the others.

    The third convolution listens to the quiet ones only, so the range that the loud one sets is all that it costs.
    """
    loud = np.ones((8, 1, 1, 1), np.float32)
    loud[0] = outlier
    quiet_only = np.ones((1, 8, 1, 1), np.float32)
    quiet_only[:, 0] = 0
    shapes = {"a": (8, 1, 3, 3), **dict.fromkeys("bcdefg", (8, 8, 3, 3)), "h": (3, 8, 16, 16)}
    weights = {name: RNG.normal(0, 1 / np.sqrt(np.prod(s[1:])), s).astype(np.float32) for name, s in shapes.items()}
    weights["b"] *= loud
    weights["c"] *= quiet_only
    nodes, last = [], "image"
    for name in shapes:
        nodes.append(helper.make_node("Conv", [last, f"w_{name}"], [f"o_{name}"], name, pads=[int(name != "h")] * 4))
        last = f"o_{name}"
    nodes.append(helper.make_node("Flatten", [last], ["logits"], "flat"))
    graph = helper.make_graph(
        nodes,
        "eight",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 16, 16])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(array, f"w_{name}") for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), file)
    return file


def _searched(tmp_path, outlier, wanted=0.99):
    file = _network(tmp_path / "model.onnx", outlier)
    expected = run_onnx(file, IMAGES, 1)["logits"]

    def measure(tried):
        found = run_onnx(tried, IMAGES, 1)["logits"]
        closeness = 1 - relative_error(expected, found)
        return Loss(closeness, 1.0, 1 - closeness)

    quantiser = Quantiser(file, tmp_path, IMAGES)
    return quantiser, search(quantiser, measure, tmp_path, wanted, 0.9)


def test_layers_whose_range_one_channel_spoils_stay_in_float(tmp_path):
    quantiser, found = _searched(tmp_path, outlier=300.0, wanted=0.9)
    assert quantiser.layers == tuple("abcdefgh")
    assert set(found.left_in_float) == {"b", "c"}, "both sides of the tensor with the loud channel"
    assert found.loss.same_plane >= 0.9


def test_where_all_may_be_quantised_one_network_is_tried(tmp_path):
    _, found = _searched(tmp_path, outlier=1.0, wanted=0.9)
    assert (found.left_in_float, found.tried) == ((), 1)


def test_what_cannot_be_had_gives_the_best_and_leaves_at_most_a_quarter(tmp_path):
    _, found = _searched(tmp_path, outlier=300.0, wanted=1.1)
    assert len(found.left_in_float) <= 2
    assert found.loss.same_plane < 1.1


@pytest.mark.parametrize("symmetric", [False, True])
def test_each_twin_has_the_form_that_its_engine_needs(tmp_path, symmetric):
    quantiser = Quantiser(_network(tmp_path / "model.onnx", 1.0), tmp_path, IMAGES)
    quantiser.write(tmp_path / "q.onnx", left_in_float=["h"], symmetric=symmetric)
    graph = onnx.load(tmp_path / "q.onnx").graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    zero_points = [constants[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert zero_points
    assert {zero.dtype for zero in zero_points} == {np.dtype(np.int8 if symmetric else np.uint8)}
    assert all(not zero.any() for zero in zero_points) == symmetric
    quantised = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    fed = {node.name: node.input[1] for node in graph.node if node.op_type == "Conv"}
    assert {name for name, weight in fed.items() if weight not in quantised} == {"h"}
    scales = [constants[node.input[1]] for node in graph.node if node.op_type == "DequantizeLinear"]
    assert any(scale.shape == (8,) for scale in scales), "weights have a scale for each channel"


def test_weights_of_seven_bits_cannot_overflow(tmp_path):
    quantiser = Quantiser(_network(tmp_path / "model.onnx", 1.0), tmp_path, IMAGES)
    largest = {}
    for bits in (7, 8):
        quantiser.write(tmp_path / "q.onnx", weight_bits=bits)
        graph = onnx.load(tmp_path / "q.onnx").graph
        weights = [numpy_helper.to_array(e) for e in graph.initializer if e.data_type == TensorProto.INT8 and e.dims]
        largest[bits] = max(int(np.abs(w.astype(int)).max()) for w in weights if w.ndim == 4)
    assert largest == {7: 64, 8: 127}
    assert 2 * 255 * largest[7] < 2**15 <= 2 * 255 * largest[8]
