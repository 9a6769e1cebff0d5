"""TensorRT's cache, keys and batches, on a stand-in for GPU and TensorRT that computes with ONNX Runtime.

The real ones need an NVIDIA graphics processor: then the contract suite runs them, and ``scripts/try_tensorrt.sh``.
"""

import dataclasses
import importlib.util

import numpy as np
import pytest

from assistant.bundle import load_arrays
from assistant.errors import BackendError, PluginError
from plugins.backends.tensorrt import LARGEST_BATCH, TensorRtBackend, create, engine_key, half_precision

onnx = pytest.importorskip("onnx", reason="the extra 'live' (onnx) is not installed")
ort = pytest.importorskip("onnxruntime", reason="the extra 'live' (onnxruntime) is not installed")

FACTS = {"gpu": "NVIDIA H100 (sm_90, 132 SM)", "driver": "580.65.06", "tensorrt": "11.4.0"}


class StandIn:
    """A "serialised engine" is the ONNX file after a line that says where it was built."""

    def __init__(self, **other):
        self.own = FACTS | other
        self.built = []

    def facts(self):
        return dict(self.own)

    def build(self, network, shape, timing):
        self.built.append((onnx.load_from_string(network), shape, timing))
        return repr(self.own).encode() + b"\n" + network, timing + b"learned;"

    def load(self, engine):
        where, _, network = engine.partition(b"\n")
        if where != repr(self.own).encode():
            raise BackendError("it is of another GPU, driver or TensorRT")
        return Session(network)


class Session:
    def __init__(self, network):
        self._session = ort.InferenceSession(network, providers=["CPUExecutionProvider"])
        self.largest = 0

    def infer(self, batch):
        assert len(batch) <= LARGEST_BATCH
        names = [each.name for each in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, {"image": batch}), strict=True))

    def close(self):
        self._session = None


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SONOCUE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tensorrt"


def loaded(bundle, gpu, kind="fp32", precision="float"):
    told = []
    backend = TensorRtBackend(kind, gpu, told.append)
    description = backend.load(bundle, precision)
    return backend, description, told


def test_an_engine_is_built_once_and_then_read(tiny_bundle, cache):
    gpu = StandIn()
    backend, description, told = loaded(tiny_bundle, gpu)
    assert description == "TensorRT 11.4.0, fp32, NVIDIA H100 (sm_90, 132 SM), driver 580.65.06"
    assert len(told) == 1 and "builds an engine" in told[0] and "minutes, once" in told[0]
    golden = load_arrays(tiny_bundle.golden)
    np.testing.assert_allclose(backend.infer(golden["image"])["logits"], golden["logits"], atol=1e-4)
    backend.close()
    again, _, told = loaded(tiny_bundle, gpu)
    assert (len(gpu.built), told) == (1, [])
    np.testing.assert_allclose(again.infer(golden["image"])["gaze_logits"], golden["gaze_logits"], atol=1e-4)


def test_what_was_learned_about_kernels_serves_the_next_network(tiny_bundle, cache):
    gpu = StandIn()
    loaded(tiny_bundle, gpu, "fp32")
    loaded(tiny_bundle, gpu, "fp16")
    assert [timing for _, _, timing in gpu.built] == [b"", b"learned;"]
    assert gpu.built[0][1] == (LARGEST_BATCH, 1, 32, 40)


@pytest.mark.parametrize("changed", ["gpu", "driver", "tensorrt"])
def test_another_gpu_driver_or_version_builds_again_and_learns_anew(tiny_bundle, cache, changed):
    loaded(tiny_bundle, StandIn())
    other = StandIn(**{changed: "another"})
    _, _, told = loaded(tiny_bundle, other)
    assert len(told) == 1
    assert [timing for _, _, timing in other.built] == [b""]
    unchanged = StandIn()
    loaded(tiny_bundle, unchanged)
    assert unchanged.built == [], "both are kept side by side"


def test_keys_differ_with_everything_that_an_engine_depends_on():
    keys = {
        engine_key(facts, network, kind, shape)
        for facts in (FACTS, FACTS | {"gpu": "x"}, FACTS | {"driver": "x"}, FACTS | {"tensorrt": "x"})
        for network in ("a", "b")
        for kind in ("fp16", "int8")
        for shape in ((32, 1, 224, 224), (32, 1, 128, 128))
    }
    assert len(keys) == 4 * 2 * 2 * 2


def test_another_network_builds_again(tiny_bundle, cache, tmp_path):
    gpu = StandIn()
    loaded(tiny_bundle, gpu)
    network = onnx.load(tiny_bundle.onnx["float"])
    network.producer_name = "another"
    onnx.save(network, tmp_path / "other.onnx")
    loaded(dataclasses.replace(tiny_bundle, onnx={"float": tmp_path / "other.onnx"}), gpu)
    assert len(gpu.built) == 2


def test_an_engine_of_another_gpu_under_the_right_name_is_built_again_with_a_line(tiny_bundle, cache):
    """A cache folder that was copied, or a driver that says one thing and does another."""
    gpu = StandIn()
    loaded(tiny_bundle, gpu)
    gpu.own = dict(reversed(gpu.own.items()))  # the same facts, told otherwise: the stand-in's engines do not load
    backend, _, told = loaded(tiny_bundle, gpu)
    assert "of another GPU" in told[0] and "built again" in told[0]
    assert backend.infer(np.zeros((1, 1, 32, 40), np.float32))["logits"].shape == (1, 3)
    assert len(gpu.built) == 2


def test_a_damaged_engine_is_built_again(tiny_bundle, cache):
    gpu = StandIn()
    loaded(tiny_bundle, gpu)
    for file in cache.iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    loaded(tiny_bundle, gpu)
    assert [timing for _, _, timing in gpu.built] == [b"", b""]


def test_without_a_cache_folder_it_is_built_each_time(tiny_bundle, monkeypatch):
    monkeypatch.setenv("SONOCUE_CACHE", "")
    gpu = StandIn()
    for _ in range(2):
        loaded(tiny_bundle, gpu)
    assert len(gpu.built) == 2


def test_batches_larger_than_the_engine_are_cut(tiny_bundle, cache):
    backend, _, _ = loaded(tiny_bundle, StandIn())
    golden = load_arrays(tiny_bundle.golden)
    many = np.concatenate([golden["image"]] * 9)
    assert len(many) > 2 * LARGEST_BATCH
    np.testing.assert_allclose(backend.infer(many)["logits"], np.concatenate([golden["logits"]] * 9), atol=1e-4)


def test_fp16_is_in_the_file_since_networks_are_strongly_typed(tiny_bundle, cache):
    gpu = StandIn()
    backend, description, _ = loaded(tiny_bundle, gpu, "fp16")
    assert ", fp16, " in description
    (network, _, _) = gpu.built[0]
    kinds = {each.name: each.data_type for each in network.graph.initializer}
    assert kinds["weights"] == onnx.TensorProto.FLOAT16
    golden = load_arrays(tiny_bundle.golden)
    outputs = backend.infer(golden["image"])
    assert {array.dtype for array in outputs.values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(outputs["logits"], golden["logits"], atol=0.02)


def test_int8_wants_the_symmetric_twin(tiny_bundle, cache):
    with pytest.raises(BackendError, match=r"no int8 network for TensorRT: export it with export.symmetric = true"):
        loaded(tiny_bundle, StandIn(), precision="int8")
    twin = dataclasses.replace(tiny_bundle, symmetric_int8=tiny_bundle.onnx["float"])
    gpu = StandIn()
    _, description, _ = loaded(twin, gpu, precision="int8")
    assert ", int8, " in description
    assert gpu.built[0][0].graph.initializer[0].data_type != onnx.TensorProto.FLOAT16, "Q/DQ nodes say the types"


def test_a_file_that_is_no_network_is_one_line(tmp_path):
    (tmp_path / "no.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(BackendError, match="cannot be made FP16") as caught:
        half_precision(tmp_path / "no.onnx")
    assert len(str(caught.value).splitlines()) == 1


def test_an_unknown_kind_of_float_is_one_line():
    with pytest.raises(BackendError, match="expected fp16 or fp32"):
        create(1, "fp8")


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="tensorrt is installed here")
def test_without_its_packages_the_extra_is_named():
    with pytest.raises(PluginError, match=r"pip install 'sonocue\[tensorrt\]'"):
        create(1)


def test_on_a_real_gpu(tiny_bundle, cache):
    """Build, read back and agree, in FP16 and FP32: by TensorRT itself."""
    try:
        for kind in ("fp32", "fp16", "fp16"):
            backend = create(1, kind)
            backend.load(tiny_bundle, "float")
            golden = load_arrays(tiny_bundle.golden)
            for count in (1, 5, 1):
                found = backend.infer(golden["image"][:count])["logits"]
                np.testing.assert_allclose(found, golden["logits"][:count], atol=0.02)
            backend.close()
    except PluginError as error:
        pytest.skip(str(error))
