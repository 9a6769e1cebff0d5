"""Networks that no engine should see: each is refused by one line, before an engine reads it."""

import dataclasses

import numpy as np
import pytest

from assistant.admission import load_engine
from assistant.errors import BackendError, ModelError
from assistant.network_check import check_network

onnx = pytest.importorskip("onnx", reason="the extra 'live' (onnx) is not installed")
pytest.importorskip("onnxruntime", reason="the extra 'live' (onnxruntime) is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


@pytest.fixture
def network(tiny_bundle):
    return onnx.load(tiny_bundle.onnx["float"])


def refusal(network, bundle, folder):
    file = folder / "hostile.onnx"
    file.write_bytes(network if isinstance(network, bytes) else network.SerializeToString())
    with pytest.raises(ModelError) as caught:
        check_network(file, bundle)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert str(file) in message
    with pytest.raises(BackendError, match="no engine can run"):
        load_engine(dataclasses.replace(bundle, onnx={"float": file}), ["openvino", "onnxruntime"], 1)
    return message


def test_our_networks_pass(tiny_bundle, network, tmp_path):
    check_network(tiny_bundle.onnx["float"], tiny_bundle)
    network.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1  # a fixed batch of one
    onnx.save(network, tmp_path / "one.onnx")
    check_network(tmp_path / "one.onnx", tiny_bundle)


@pytest.mark.parametrize("location", ["../../../../etc/passwd", "/dev/zero", "weights.bin"])
@pytest.mark.parametrize("hidden", [False, True])
def test_links_to_other_files(network, tiny_bundle, tmp_path, location, hidden):
    """Also where engines alone would look: in a constant within a node, or in a branch of one."""
    tensor = TensorProto(name="bias", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    if hidden:
        branch = helper.make_graph([helper.make_node("Constant", [], ["bias"], value=tensor)], "branch", [], [])
        network.graph.node.append(helper.make_node("If", ["yes"], ["x"], then_branch=branch, else_branch=branch))
    else:
        next(each for each in network.graph.initializer if each.name == "bias").CopyFrom(tensor)
    assert location in refusal(network, tiny_bundle, tmp_path)


def test_an_array_that_is_larger_than_its_bytes(network, tiny_bundle, tmp_path):
    weights = next(each for each in network.graph.initializer if each.name == "weights")
    weights.dims[0] = 2**40
    assert "1099511627776" in refusal(network, tiny_bundle, tmp_path)


def test_a_value_that_would_fill_the_memory(network, tiny_bundle, tmp_path):
    shape = numpy_helper.from_array(np.array([1, 300_000, 300_000], np.int64), "shape")
    network.graph.initializer.append(shape)
    network.graph.node.append(helper.make_node("ConstantOfShape", ["shape"], ["huge"]))
    assert "300000 x 300000" in refusal(network, tiny_bundle, tmp_path)


def test_a_network_that_may_never_end(network, tiny_bundle, tmp_path):
    body = helper.make_graph([helper.make_node("Identity", ["go"], ["on"])], "body", [], [])
    network.graph.node.append(helper.make_node("Loop", ["", "forever"], ["x"], body=body))
    assert "always ends, got the layer Loop" in refusal(network, tiny_bundle, tmp_path)


@pytest.mark.parametrize("what", ["colour", "size", "two", "integers", "batch of 8", "nothing"])
def test_inputs_that_a_source_cannot_give(network, tiny_bundle, tmp_path, what):
    image = network.graph.input[0]
    dims = image.type.tensor_type.shape.dim
    if what == "colour":
        dims[1].dim_value = 3
    elif what == "size":
        dims[3].dim_value = 41
    elif what == "two":
        network.graph.input.append(helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, ["N", 64, 200]))
    elif what == "integers":
        image.type.tensor_type.elem_type = TensorProto.INT64
    elif what == "batch of 8":
        dims[0].dim_value = 8
    else:
        del network.graph.input[:]
    message = refusal(network, tiny_bundle, tmp_path)
    assert "expected one input (N, 1, 32, 40) float32" in message
    assert what != "two" or "log_mel (N, 64, 200)" in message


def test_shapes_that_contradict_each_other(network, tiny_bundle, tmp_path):
    """These the engines themselves notice."""
    weights = next(each for each in network.graph.initializer if each.name == "weights")
    weights.CopyFrom(numpy_helper.from_array(np.zeros((21, 3), np.float32), "weights"))
    for node in network.graph.node:
        if node.op_type == "Flatten":
            node.op_type = "Reshape"
            node.input.append("flat_shape")
    network.graph.initializer.append(numpy_helper.from_array(np.array([1, 20], np.int64), "flat_shape"))
    onnx.save(network, tmp_path / "hostile.onnx")
    bundle = dataclasses.replace(tiny_bundle, onnx={"float": tmp_path / "hostile.onnx"})
    with pytest.raises(BackendError, match="no engine can run") as caught:
        load_engine(bundle, ["openvino", "onnxruntime"], 1)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"\xff" * 999, b"not a network", bytes(range(256)) * 9])
def test_files_that_are_no_networks(tiny_bundle, tmp_path, content):
    assert "not an ONNX network" in refusal(content, tiny_bundle, tmp_path)


def test_a_network_that_was_cut_off(tiny_bundle, tmp_path):
    whole = tiny_bundle.onnx["float"].read_bytes()
    for length in (len(whole) // 4, len(whole) // 2, len(whole) - 3):
        assert "hostile.onnx" in refusal(whole[:length], tiny_bundle, tmp_path)
