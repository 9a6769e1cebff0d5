"""The published SonoNet weights name the right plane on real screens, through real engines."""

import pickle

import cv2
import numpy as np
import pytest

from assistant.admission import load_engine
from assistant.class_list import load_class_list
from assistant.decision import decide, probabilities
from assistant.errors import ModelError
from assistant.preprocess import Preprocessor
from assistant.sononet import PUBLISHED_ORDER, import_sononet

pytest.importorskip("onnx", reason="the extra 'live' (onnx) is not installed")

PLANE_OF_SCREEN = {
    "4CH": "four-chamber view",
    "ABDOMINAL": "abdomen",
    "BRAIN-TV": "transventricular brain",
    "FEMUR": "femur",
    "KIDNEYS": "kidneys",
    "LIPS": "lips",
    "SPINE-SAGITTAL": "sagittal spine",
}
ENGINES = ["openvino", "onnxruntime"]


@pytest.fixture(scope="module")
def weights(data_dir):
    folder = data_dir / "sononet"
    if not folder.is_dir():
        pytest.skip(f"real test data is missing: no folder {folder}")
    return folder


@pytest.fixture(scope="module")
def sononet16(weights, tmp_path_factory):
    return import_sononet(weights / "SonoNet16.npz", tmp_path_factory.mktemp("sononet") / "sononet16")


@pytest.fixture(scope="module")
def smallnet(weights, tmp_path_factory):
    return import_sononet(weights / "SmallNet.npz", tmp_path_factory.mktemp("smallnet") / "smallnet")


def decisions(bundle, folder, name):
    engine = load_engine(bundle, [name], threads=2)
    preprocess = Preprocessor(bundle.preprocessing)
    found = {}
    for screen in PLANE_OF_SCREEN:
        pixels = cv2.cvtColor(cv2.imread(str(folder / "example_images" / f"{screen}.png")), cv2.COLOR_BGR2RGB)
        logits = engine.backend.infer(preprocess(pixels))["logits"]
        found[screen] = decide(probabilities(logits, bundle.temperature)[0], bundle)
    engine.backend.close()
    return found


@pytest.mark.parametrize("name", ENGINES)
def test_sononet16_names_all_seven_real_screens(sononet16, weights, name):
    found = decisions(sononet16, weights, name)
    assert {screen: decision.plane for screen, decision in found.items()} == PLANE_OF_SCREEN


@pytest.mark.parametrize("name", ENGINES)
def test_smallnet_is_the_weaker_network(smallnet, weights, name):
    """6 of 7: it takes the abdomen for background. With its kernels not flipped it gets 2."""
    found = decisions(smallnet, weights, name)
    wrong = {screen: decision.top for screen, decision in found.items() if decision.top != PLANE_OF_SCREEN[screen]}
    assert wrong == {"ABDOMINAL": "background"}


def test_model_folder_says_where_it_comes_from(sononet16):
    assert sononet16.classes == load_class_list("sononet13").classes
    assert sononet16.trained_on == "real"
    assert not sononet16.has_gaze
    assert set(sononet16.onnx) == {"float"}
    card = (sononet16.path / "docs/README.md").read_text()
    assert "1612.05601" in card
    assert "not calibrated" in card


def test_golden_outputs_reach_several_classes_and_are_decided(sononet16):
    logits = np.load(sononet16.golden)["logits"]
    assert len(logits) == 8
    assert len(set(logits.argmax(axis=1))) >= 4
    best = np.sort(logits, axis=1)
    assert (best[:, -1] - best[:, -2]).min() > 0.5


def test_network_agrees_with_the_reference_implementation(sononet16):
    from onnx.reference import ReferenceEvaluator

    golden = np.load(sononet16.golden)
    (logits,) = ReferenceEvaluator(str(sononet16.onnx["float"])).run(["logits"], {"image": golden["image"][:1]})
    np.testing.assert_allclose(logits, golden["logits"][:1], atol=1e-3)


def test_published_order_has_each_class_once():
    assert sorted(PUBLISHED_ORDER) == sorted(load_class_list("sononet13").classes)


# --- files that hold no such weights --------------------------------------------------------------------------------


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("a pickle from a file of weights was run",))


def published(weights):
    with np.load(weights / "SonoNet16.npz") as archive:
        return {name: archive[name] for name in archive.files}


def refused(file, tmp_path):
    out = tmp_path / "out" / "model"
    with pytest.raises(ModelError) as caught:
        import_sononet(file, out)
    assert len(str(caught.value).splitlines()) == 1
    assert str(file) in str(caught.value)
    assert not out.parent.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.pop("arr_40"),
        lambda a: a.pop("arr_74"),
        lambda a: a.update(more=a["arr_0"]),
        lambda a: a.update(arr_0=a["arr_0"][:8]),
        lambda a: a.update(arr_5=a["arr_5"][:, :8]),
        lambda a: a.update(arr_2=a["arr_2"][:3]),
        lambda a: a.update(arr_70=a["arr_70"][:13], **{f"arr_{i}": a[f"arr_{i}"][:13] for i in range(71, 75)}),
        lambda a: a.update(arr_0=a["arr_0"].astype(np.float64)),
        lambda a: a.update(arr_0=np.float32(1)),
        lambda a: a.update(arr_0=a["arr_0"] * np.float32("nan")),
        lambda a: a.clear(),
    ],
)
def test_other_arrays_than_published(weights, tmp_path, change):
    arrays = published(weights)
    change(arrays)
    np.savez(tmp_path / "other.npz", **arrays)
    refused(tmp_path / "other.npz", tmp_path)


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "pickle", "objects", "bare npy", "folder", "cut"])
def test_other_files_than_published(weights, tmp_path, kind):
    file = tmp_path / "weights.npz"
    if kind == "objects":
        np.savez(file, **published(weights) | {"arr_0": np.array([Evil()], dtype=object)})
    elif kind == "bare npy":
        with file.open("wb") as stream:
            np.save(stream, np.zeros(3, np.float32))
    elif kind == "folder":
        file.mkdir()
    elif kind != "missing":
        whole = (weights / "SonoNet16.npz").read_bytes()
        content = {"empty": b"", "text": b"weights", "pickle": pickle.dumps(Evil()), "cut": whole[: len(whole) // 2]}
        file.write_bytes(content[kind])
    refused(file, tmp_path)
