"""INT8 as it is computed on processors without VNNI: sums of two products overflow 16 bits, unless weights have 7."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assistant.bundle import write_bundle
from assistant.model_contracts import Preprocessing
from assistant.processor import processor_name

onnx = pytest.importorskip("onnx", reason="the extra 'live' (onnx) is not installed")
pytest.importorskip("openvino", reason="the extra 'live' (openvino) is not installed")
pytest.importorskip("torch", reason="the extra 'train' (torch) is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from trainer.onnx_files import run_onnx  # noqa: E402
from trainer.quantise import Quantiser  # noqa: E402

SONOCUE = Path(sys.executable).with_name("sonocue")
SIDE = 16


def _network(file):
    """Each class sums bright pixels with large weights of one sign, and what decides is small beside these sums."""
    rng = np.random.default_rng(0)
    first = rng.uniform(0.9, 1.0, (32, 1, 3, 3)).astype(np.float32)
    second = rng.uniform(0.9, 1.0, (32, 32, 3, 3)).astype(np.float32) * rng.choice([-1, 1], (32, 1, 1, 1))
    head = rng.normal(0, 1e-4, (4, 32, SIDE, SIDE)).astype(np.float32)
    constants = {"first": first, "second": second.astype(np.float32), "head": head}
    nodes = [
        helper.make_node("Conv", ["image", "first"], ["a"], "a", pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"], "b"),
        helper.make_node("Conv", ["b", "second"], ["c"], "c", pads=[1] * 4),
        helper.make_node("Conv", ["c", "head"], ["d"], "d"),
        helper.make_node("Flatten", ["d"], ["logits"], "e"),
    ]
    graph = helper.make_graph(
        nodes,
        "loud",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 4])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), file)
    return file


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The same network in INT8 with weights of 8 and of 7 bits."""
    folder = tmp_path_factory.mktemp("older")
    file = _network(folder / "model.onnx")
    image = np.random.default_rng(1).uniform(0.7, 1.0, (200, 1, SIDE, SIDE)).astype(np.float32)
    golden = run_onnx(file, image, 1)["logits"]
    second, first = np.partition(golden, -2, axis=1)[:, -2:].T
    clear = np.argsort(second - first)[:16]  # frames on which float is sure
    quantiser = Quantiser(file, folder, image[:32])
    made = {}
    for bits in (8, 7):
        quantiser.write(folder / f"{bits}.onnx", weight_bits=bits)
        made[bits] = write_bundle(
            folder / f"bits{bits}",
            name=f"bits{bits}",
            classes=("a", "b", "c", "background"),
            background="background",
            preprocessing=Preprocessing((0, 0, 1, 1), SIDE, SIDE),
            temperature=1.0,
            abstain_below=0.5,
            trained_on="phantom",
            training_data="nothing",
            onnx={"int8": folder / f"{bits}.onnx"},
            golden={"image": image[clear], "logits": golden[clear]},
            card="# loud",
        )
    return made


def verified(bundle, *options):
    done = subprocess.run(
        [SONOCUE, "model", "verify", bundle.path, "--json", "--threads", "1", *options],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)["largest_difference"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86 processors have AVX2")
@pytest.mark.skipif("vnni" not in processor_name(), reason="this processor has no VNNI to compare with")
def test_weights_of_eight_bits_overflow_there_and_of_seven_do_not(models):
    _, here = verified(models[8])
    _, there = verified(models[8], "--isa", "avx2")
    assert there > 3 * here, "the sums overflow"
    _, here_with_seven = verified(models[7])
    _, there_with_seven = verified(models[7], "--isa", "avx2")
    assert there_with_seven == pytest.approx(here_with_seven, rel=0.05)
    assert there_with_seven < there / 3


def test_an_engine_that_cannot_be_told_is_one_line(models):
    done = subprocess.run(
        [SONOCUE, "model", "verify", models[8].path, "--backend", "onnxruntime", "--isa", "avx2"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip() == "sonocue: --isa is for OpenVINO, which can be told; onnxruntime cannot"
