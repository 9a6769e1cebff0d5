"""One suite over all engines: what the contract says, each must do. A missing engine is a named skip."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assistant.admission import compare, load_engine
from assistant.bundle import load_arrays
from assistant.errors import BackendError, PluginError
from assistant.model_contracts import Backend
from assistant.plugin_loader import load_plugin, plugin_names

BACKENDS = plugin_names("sonocue.backends")


def skip_unless_there(name):
    try:
        return load_plugin("sonocue.backends", name)(threads=1)
    except PluginError as error:
        pytest.skip(str(error))


@pytest.fixture(params=BACKENDS)
def backend(request):
    created = skip_unless_there(request.param)
    yield created
    created.close()


@pytest.fixture
def loaded(backend, tiny_bundle):
    backend.load(tiny_bundle, "float")
    return backend


def test_both_engines_of_ours_are_found():
    assert {"openvino", "onnxruntime"} <= set(BACKENDS)


def test_is_a_backend_with_the_name_of_its_entry_point(backend, request):
    assert isinstance(backend, Backend)
    assert backend.name == request.node.callspec.params["backend"]


def test_load_says_engine_and_precision_on_one_line(backend, tiny_bundle):
    line = backend.load(tiny_bundle, "float")
    assert "float" in line
    assert "threads: 1" in line
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("count", [1, 5, 2])
def test_shapes_types_and_values_for_batches(loaded, tiny_bundle, count):
    golden = load_arrays(tiny_bundle.golden)
    outputs = loaded.infer(golden["image"][:count])
    assert set(outputs) == {"logits", "gaze_logits"}
    for name, array in outputs.items():
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, golden[name][:count], rtol=1e-5, atol=1e-5)


def test_changing_batch_sizes_in_turn(loaded, tiny_bundle):
    golden = load_arrays(tiny_bundle.golden)
    for count in (1, 3, 1, 8, 5):
        np.testing.assert_allclose(
            loaded.infer(golden["image"][:count])["logits"], golden["logits"][:count], rtol=1e-5, atol=1e-5
        )


def test_outputs_are_the_callers_own(loaded, tiny_bundle):
    image = load_arrays(tiny_bundle.golden)["image"]
    first = loaded.infer(image[:1])["logits"]
    kept = first.copy()
    loaded.infer(image[1:2])
    np.testing.assert_array_equal(first, kept)


def test_same_input_gives_the_same_bits(loaded, tiny_bundle):
    image = load_arrays(tiny_bundle.golden)["image"][:1]
    np.testing.assert_array_equal(loaded.infer(image)["gaze_logits"], loaded.infer(image.copy())["gaze_logits"])


def test_agrees_with_golden(loaded, tiny_bundle):
    agreement = compare(loaded, tiny_bundle)
    assert agreement.frames == 8
    assert agreement.same_plane == 1.0
    assert agreement.gaze_correlation > 0.999
    assert agreement.admitted


def test_close_is_idempotent_and_ends_inference(loaded, tiny_bundle):
    loaded.close()
    loaded.close()
    with pytest.raises(BackendError, match="no model is loaded"):
        loaded.infer(np.zeros((1, 1, 32, 40), np.float32))
    loaded.load(tiny_bundle, "float")
    assert loaded.infer(np.zeros((1, 1, 32, 40), np.float32))["logits"].shape == (1, 3)


def test_infer_before_load_is_an_error(backend):
    with pytest.raises(BackendError, match="no model is loaded"):
        backend.infer(np.zeros((1, 1, 32, 40), np.float32))


@pytest.mark.parametrize("shape", [(1, 1, 32, 41), (1, 3, 32, 40), (32, 40)])
def test_wrong_input_shape_is_one_line(loaded, shape):
    with pytest.raises(BackendError) as caught:
        loaded.infer(np.zeros(shape, np.float32))
    assert len(str(caught.value).splitlines()) == 1


def test_missing_precision_is_one_line(backend, tiny_bundle):
    with pytest.raises(BackendError, match="no int8 network"):
        backend.load(tiny_bundle, "int8")


@pytest.mark.parametrize(
    "damage", ["empty", "garbage", "text", "cut in half", "cut at the end", "name not text", "missing"]
)
def test_damaged_network_is_one_line(backend, tiny_bundle, tmp_path, damage, capfd):
    whole = tiny_bundle.onnx["float"].read_bytes()
    content = {
        "empty": b"",
        "garbage": bytes(range(256)) * 64,
        "text": b"not a network\n" * 10,
        "cut in half": whole[: len(whole) // 2],
        "cut at the end": whole[:-7],
        "name not text": whole.replace(b"gaze_logits", b"gaze_\xff\xffgits"),
        "missing": None,
    }[damage]
    file = tmp_path / "model.onnx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BackendError) as caught:
        backend.load(dataclasses.replace(tiny_bundle, onnx={"float": file}), "float")
    assert len(str(caught.value).splitlines()) == 1
    assert str(file) in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_network_without_the_outputs_is_refused_by_name(backend, tiny_bundle, tmp_path):
    import onnx

    network = onnx.load(tiny_bundle.onnx["float"])
    network.graph.node[-1].output[0] = network.graph.output[0].name = "scores"
    file = tmp_path / "model.onnx"
    onnx.save(network, file)
    with pytest.raises(BackendError, match=r"logits.*scores"):
        backend.load(dataclasses.replace(tiny_bundle, onnx={"float": file}), "float")


def test_a_compiled_network_is_kept_and_used_again(tiny_bundle, tmp_path, monkeypatch):
    """The second start reads what the first compiled; what is damaged or of another network is compiled again."""
    pytest.importorskip("openvino", reason="the extra 'live' (openvino) is not installed")
    monkeypatch.setenv("SONOCUE_CACHE", str(tmp_path / "cache"))
    golden = load_arrays(tiny_bundle.golden)

    def answers(bundle=tiny_bundle):
        engine = load_plugin("sonocue.backends", "openvino")(threads=1)
        engine.load(bundle, "float")
        logits = engine.infer(golden["image"][:1])["logits"]
        engine.close()
        return logits

    first = answers()
    (kept,) = (tmp_path / "cache" / "openvino").iterdir()
    written_ns, whole = kept.stat().st_ino, kept.read_bytes()
    np.testing.assert_array_equal(answers(), first)
    assert kept.stat().st_ino == written_ns, "not written again, so not compiled again"
    for damaged in (b"", whole[:40], whole[:-1], whole[:100] + b"x" + whole[101:], b"x" * len(whole)):
        kept.write_bytes(damaged)
        np.testing.assert_array_equal(answers(), first)
        assert kept.read_bytes()[:32] != damaged[:32] or kept.read_bytes() != damaged
    import onnx

    network = onnx.load(tiny_bundle.onnx["float"])
    for constant in network.graph.initializer:
        if constant.name == "bias":
            constant.CopyFrom(onnx.numpy_helper.from_array(np.array([0, 0, 7], np.float32), "bias"))
    onnx.save(network, tmp_path / "other.onnx")
    other = answers(dataclasses.replace(tiny_bundle, onnx={"float": tmp_path / "other.onnx"}))
    assert other[0, 2] == pytest.approx(7)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("openvino:GPU.7", r"OpenVINO has no device 'GPU.7' here: there are .*CPU"),
        ("onnxruntime:abacus", r"no execution provider 'abacus' here: there are .*cpu"),
    ],
)
def test_a_device_that_is_not_there_is_one_line(tiny_bundle, spec, says):
    name, _, argument = spec.partition(":")
    skip_unless_there(name)
    engine = load_plugin("sonocue.backends", name)(1, argument)
    with pytest.raises(BackendError, match=says) as caught:
        engine.load(tiny_bundle, "float")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("spec", ["openvino:CPU", "onnxruntime:cpu", "onnxruntime:CPUExecutionProvider"])
def test_the_processor_by_name(tiny_bundle, spec):
    engine = load_engine(tiny_bundle, [spec], threads=1)
    assert engine.refusals == ()
    engine.backend.close()


_USE_ENGINE = """
import json, sys
from pathlib import Path
from assistant.admission import load_engine
from assistant.bundle import read_bundle
engine = load_engine(read_bundle(Path(sys.argv[1])), [sys.argv[2]], threads=1)
engine.backend.close()
print(json.dumps({"description": engine.description}))
"""


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("kept", [False, True])
def test_engine_writes_nothing_into_the_home_folder_but_our_cache(name, tiny_bundle, tmp_path, kept):
    """Importing these libraries leaves an identifier there, and calls a server, unless they are kept from it."""
    skip_unless_there(name)
    kept_where = {} if kept else {"SONOCUE_CACHE": ""}
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        key: value for key, value in os.environ.items() if key not in ("CI", "ORT_DISABLE_TELEMETRY", "SONOCUE_CACHE")
    }
    done = subprocess.run(
        [sys.executable, "-c", _USE_ENGINE, str(tiny_bundle.path), name],
        env=environment | {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")} | kept_where,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["description"]
    left = [file.relative_to(home) for file in home.rglob("*") if file.is_file()]
    assert bool(left) == kept
    assert {file.parts[:2] for file in left} <= {("cache", "sonocue")}


_SIGNAL_AFTER_USE = """
import faulthandler, os, signal, sys
from pathlib import Path
import assistant
import numpy as np
from assistant.bundle import read_bundle
from assistant.plugin_loader import load_plugin
faulthandler.enable()
bundle = read_bundle(Path(sys.argv[1]))
side = bundle.preprocessing
for _ in range(2):
    engine = load_plugin("sonocue.backends", sys.argv[2])(threads=1)
    engine.load(bundle, "float")
    for count in (1, 3):
        engine.infer(np.zeros((count, 1, side.height_px, side.width_px), np.float32))
    engine.close()
    del engine
heard = []
signal.signal(signal.SIGINT, lambda *_: heard.append(True))
os.kill(os.getpid(), signal.SIGINT)
print(len(heard))
"""


@pytest.mark.parametrize("name", BACKENDS)
def test_signals_reach_the_process_after_an_engine_is_gone(name, tiny_bundle):
    """OpenVINO can leave a signal stack behind that is unmapped; then Ctrl-C ends the process at once."""
    skip_unless_there(name)
    done = subprocess.run(
        [sys.executable, "-c", _SIGNAL_AFTER_USE, str(tiny_bundle.path), name],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr
