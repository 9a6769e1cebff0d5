"""``sonocue bench inference`` as a user starts it, on the tiny network; and what it counts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assistant.bench_network import ceilings, gmac_of
from plugins.backends.openvino import create

onnx = pytest.importorskip("onnx", reason="the extra 'live' (onnx) is not installed")
pytest.importorskip("openvino", reason="the extra 'live' (openvino) is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

SONOCUE = Path(sys.executable).with_name("sonocue")


def bench(*arguments):
    done = subprocess.run(
        [SONOCUE, "bench", "inference", *map(str, arguments)],
        capture_output=True, text=True, timeout=110, check=False, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_engines_take_turns_on_the_same_frames(tiny_bundle):
    done = bench(tiny_bundle.path, "--rounds", 2, "--frames", 3, "--threads", 1, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rows = {(row["network"], row["engine"], row["precision"]): row for row in found["rows"]}
    mine = str(tiny_bundle.path)
    assert {(mine, "openvino", "float"), (mine, "onnxruntime", "float"), ("ceiling 1x1", "openvino", "int8")} <= set(
        rows
    )
    for engine in ("openvino", "onnxruntime"):
        row = rows[mine, engine, "float"]
        assert 0 < row["median_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["agreement"]["same_plane"] == 1.0
        assert row["times_torch_eager"] is None, "torch has no weights of a model folder"
        assert 0 < row["start"]["warm_to_first_s"] < 60
        assert row["start"]["memory_mb"] > 1
    assert rows[mine, "onnxruntime", "float"]["times_onnxruntime_float"] == 1.0
    assert set(found["ceilings_gmac_a_second"]) == {"float", "int8"}
    assert max(row["share_of_ceiling"] for key, row in rows.items() if key[2] == "int8") == 1.0
    assert all("tensorrt" in line for line in found["not_here"])


def test_people_get_a_table(tiny_bundle):
    done = bench(tiny_bundle.path, "--rounds", 1, "--frames", 1, "--threads", 1, "--no-starts", "--backend", "openvino")
    assert done.returncode == 0, done.stderr
    assert "of ceiling" in done.stdout


def test_what_is_neither_a_folder_nor_a_reference_is_one_line(tmp_path):
    done = bench(tmp_path / "nothing", "--rounds", 1)
    assert done.returncode == 2
    assert "does not exist" in done.stderr


def test_multiplications_are_counted_as_by_hand(tmp_path):
    """A grouped convolution with stride, and a fully connected layer whose weights stand transposed."""
    shapes = {"conv": (6, 2, 3, 3), "fc": (5, 6 * 8 * 8)}
    nodes = [
        helper.make_node("Conv", ["image", "conv"], ["c"], group=2, pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("Gemm", ["f", "fc"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "counted",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 4, 16, 16])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 5])],
        [numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in shapes.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), tmp_path / "counted.onnx")
    assert gmac_of(tmp_path / "counted.onnx") * 1e9 == pytest.approx(6 * 8 * 8 * 2 * 9 + 5 * 6 * 8 * 8)


def test_ceilings_multiply_as_much_as_they_say_and_stay_numbers(tmp_path):
    for ceiling in ceilings(tmp_path):
        channels, kernel = (512, 1) if ceiling.kind == "1x1" else (256, 9)
        assert ceiling.gmac == pytest.approx(28 * 28 * channels * (8 * channels * kernel + 64) / 1e9)
        engine = create(1)
        engine.load(ceiling.bundle, ceiling.precision)
        logits = engine.infer(np.random.default_rng(0).normal(size=(1, 1, 224, 224)).astype(np.float32))["logits"]
        assert np.isfinite(logits).all()
        assert logits.std() > 0
        engine.close()
