"""Only an engine that agrees with the golden outputs may work: real engines, networks that stray on purpose."""

import dataclasses

import numpy as np
import pytest

from assistant.admission import compare, load_engine
from assistant.bundle import load_arrays
from assistant.errors import BackendError

onnx = pytest.importorskip("onnx", reason="the extra 'live' (onnx) is not installed")
pytest.importorskip("openvino", reason="the extra 'live' (openvino) is not installed")
pytest.importorskip("onnxruntime", reason="the extra 'live' (onnxruntime) is not installed")

ENGINES = ["openvino", "onnxruntime"]


def with_int8(bundle, file):
    return dataclasses.replace(bundle, onnx={"float": bundle.onnx["float"], "int8": file})


def changed(bundle, folder, name, change):
    """The tiny network with one of its constants changed."""
    network = onnx.load(bundle.onnx["float"])
    for constant in network.graph.initializer:
        if constant.name == name:
            constant.CopyFrom(onnx.numpy_helper.from_array(change(onnx.numpy_helper.to_array(constant)), name))
    file = folder / "changed.onnx"
    onnx.save(network, file)
    return file


@pytest.fixture(scope="module")
def quantised(tiny_bundle, tmp_path_factory):
    """The tiny network with Q/DQ nodes, calibrated on its golden inputs."""
    from onnxruntime import quantization

    images = load_arrays(tiny_bundle.golden)["image"]

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = list(images)

        def get_next(self):
            return {"image": self.left.pop()[None]} if self.left else None

    file = tmp_path_factory.mktemp("int8") / "model_int8.onnx"
    quantization.quantize_static(
        str(tiny_bundle.onnx["float"]), str(file), Reader(), quant_format=quantization.QuantFormat.QDQ
    )
    return with_int8(tiny_bundle, file)


@pytest.mark.parametrize("name", ENGINES)
def test_int8_comes_before_float(quantised, name):
    engine = load_engine(quantised, [name], threads=1)
    assert engine.precision == "int8"
    assert engine.refusals == ()
    assert engine.agreement.frames == 8
    # Really quantised: close to the golden outputs, and not the same.
    assert 1e-4 < engine.agreement.largest_difference < 0.2
    engine.backend.close()


@pytest.mark.parametrize("name", ENGINES)
def test_float_where_there_is_no_int8(tiny_bundle, name):
    engine = load_engine(tiny_bundle, [name], threads=1)
    assert (engine.precision, engine.refusals) == ("float", ())
    assert engine.agreement.largest_difference < 1e-4
    engine.backend.close()


@pytest.mark.parametrize("name", ENGINES)
def test_a_network_that_names_other_planes_is_refused_with_the_numbers(tiny_bundle, tmp_path, name):
    bundle = with_int8(tiny_bundle, changed(tiny_bundle, tmp_path, "weights", lambda w: w[:, [1, 0, 2]]))
    engine = load_engine(bundle, [name], threads=1)
    assert engine.precision == "float"
    (refusal,) = engine.refusals
    assert f"{name} (int8): was refused" in refusal
    assert "of 8 golden frames" in refusal  # background alone stays in its place
    assert "99 %" in refusal
    engine.backend.close()


@pytest.mark.parametrize("name", ENGINES)
def test_a_network_that_looks_elsewhere_is_refused(tiny_bundle, tmp_path, name):
    bundle = with_int8(tiny_bundle, changed(tiny_bundle, tmp_path, "four", lambda four: -four))
    engine = load_engine(bundle, [name], threads=1)
    assert engine.precision == "float"
    assert "same plane on 100 %" in engine.refusals[0]
    assert "gaze CC -0." in engine.refusals[0]
    engine.backend.close()


@pytest.mark.parametrize("name", ENGINES)
def test_a_network_that_is_not_finite_is_refused(tiny_bundle, tmp_path, name):
    file = changed(tiny_bundle, tmp_path, "bias", lambda bias: bias * np.float32("nan"))
    engine = load_engine(with_int8(tiny_bundle, file), [name], threads=1)
    assert engine.precision == "float"
    assert "not finite" in engine.refusals[0]
    engine.backend.close()


def test_the_next_engine_takes_over_when_one_is_unknown(tiny_bundle):
    engine = load_engine(tiny_bundle, ["abacus", "onnxruntime"], threads=1)
    assert engine.backend.name == "onnxruntime"
    assert "no backend is called 'abacus'" in engine.refusals[0]
    engine.backend.close()


def test_the_next_engine_takes_over_when_a_file_is_damaged(tiny_bundle, tmp_path):
    file = tmp_path / "cut.onnx"
    file.write_bytes(tiny_bundle.onnx["float"].read_bytes()[:100])
    engine = load_engine(with_int8(tiny_bundle, file), ENGINES, threads=1)
    assert (engine.backend.name, engine.precision, len(engine.refusals)) == ("openvino", "float", 1)
    engine.backend.close()


def test_when_none_agrees_one_line_says_why_for_each(tiny_bundle, tmp_path):
    file = changed(tiny_bundle, tmp_path, "weights", lambda weights: -weights)
    bundle = dataclasses.replace(tiny_bundle, onnx={"float": file})
    with pytest.raises(BackendError) as caught:
        load_engine(bundle, ENGINES, threads=1)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.count("was refused") == 2


def test_other_shapes_than_golden_are_refused(tiny_bundle, tmp_path):
    network = onnx.load(tiny_bundle.onnx["float"])
    for constant in network.graph.initializer:
        if constant.name in ("weights", "bias"):
            array = onnx.numpy_helper.to_array(constant)
            constant.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(array[..., :2]), constant.name))
    network.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2
    file = tmp_path / "two.onnx"
    onnx.save(network, file)
    with pytest.raises(BackendError, match=r"expected \(1, 3\), got \(1, 2\)"):
        load_engine(dataclasses.replace(tiny_bundle, onnx={"float": file}), ["onnxruntime"], threads=1)


def test_few_frames_are_spread_over_all(tiny_bundle):
    engine = load_engine(tiny_bundle, ["onnxruntime"], threads=1)
    assert compare(engine.backend, tiny_bundle, 3).frames == 3
    assert compare(engine.backend, tiny_bundle, 100).frames == 8
    assert compare(engine.backend, tiny_bundle).frames == 8
    engine.backend.close()


@pytest.fixture
def much_golden(tiny_bundle, tmp_path, monkeypatch):
    """The tiny model with 24 golden frames, and a cache folder of its own."""
    monkeypatch.setenv("SONOCUE_CACHE", str(tmp_path / "cache"))
    golden = {name: np.concatenate([array] * 3) for name, array in load_arrays(tiny_bundle.golden).items()}
    np.savez(tmp_path / "golden.npz", **golden)
    return dataclasses.replace(tiny_bundle, golden=tmp_path / "golden.npz", digest="a")


def frames_compared(bundle, name="onnxruntime", threads=1):
    engine = load_engine(bundle, [name], threads)
    engine.backend.close()
    return engine.agreement.frames


def test_all_frames_are_compared_once_and_eight_at_each_start_after_that(much_golden, monkeypatch):
    assert [frames_compared(much_golden) for _ in range(3)] == [24, 8, 8]
    assert frames_compared(much_golden, "openvino") == 24, "another engine"
    assert frames_compared(much_golden, threads=2) == 24, "another setting"
    assert frames_compared(dataclasses.replace(much_golden, digest="b")) == 24, "another model"
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert frames_compared(much_golden) == 24, "another processor"
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    assert frames_compared(much_golden) == 8, "each is remembered beside the others"


@pytest.mark.parametrize("damage", ["{", "[]", '{"about": 1}'])
def test_a_damaged_memory_is_none(much_golden, tmp_path, damage):
    frames_compared(much_golden)
    (kept,) = (tmp_path / "cache" / "admission").iterdir()
    kept.write_text(damage)
    assert [frames_compared(much_golden) for _ in range(2)] == [24, 8]


def test_a_refusal_is_not_remembered_and_what_was_admitted_is_still_looked_at(much_golden, tmp_path):
    wrong = changed(much_golden, tmp_path, "weights", lambda w: w[:, [1, 0, 2]])
    swapped = dataclasses.replace(much_golden, onnx={"float": wrong})
    for _ in range(2):
        with pytest.raises(BackendError, match="same plane on 25 % of 24 golden frames"):
            load_engine(swapped, ["onnxruntime"], 1)
    assert frames_compared(much_golden) == 24
    with pytest.raises(BackendError, match="of 8 golden frames"):
        load_engine(swapped, ["onnxruntime"], 1)


def test_without_a_cache_folder_all_are_compared_each_time(much_golden, tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("")
    for place in ("", str(tmp_path / "a file" / "below")):
        monkeypatch.setenv("SONOCUE_CACHE", place)
        assert [frames_compared(much_golden) for _ in range(2)] == [24, 24]
