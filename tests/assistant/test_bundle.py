"""A model folder is whole and unaltered, or it is refused with one line."""

import hashlib
import json
import pickle
import shutil

import numpy as np
import pytest

from assistant.bundle import default_model_path, load_arrays, model_path, read_bundle, read_metadata, write_bundle
from assistant.errors import ModelError
from assistant.model_contracts import Preprocessing


@pytest.fixture
def folder(tiny_bundle, tmp_path):
    return shutil.copytree(tiny_bundle.path, tmp_path / "model")


def write_sums(folder):
    lines = []
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != "SHA256SUMS":
            lines.append(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder).as_posix()}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))


def edit_metadata(folder, change):
    file = folder / "configs/metadata.json"
    metadata = json.loads(file.read_text())
    change(metadata)
    file.write_text(json.dumps(metadata))
    write_sums(folder)


def refusal(folder):
    with pytest.raises(ModelError) as caught:
        read_bundle(folder)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert str(folder) in message
    return message


def arguments(tiny_bundle, **changes):
    golden = load_arrays(tiny_bundle.golden)
    given = {
        "name": "again",
        "classes": tiny_bundle.classes,
        "background": "background",
        "preprocessing": tiny_bundle.preprocessing,
        "temperature": 1.5,
        "abstain_below": 0.4,
        "trained_on": "phantom",
        "training_data": "none",
        "onnx": dict(tiny_bundle.onnx),
        "golden": golden,
        "card": "# again\n",
    }
    return given | changes


# --- what is written is read ----------------------------------------------------------------------------------------


def test_reads_what_was_written(tiny_bundle, tmp_path):
    extra = tmp_path / "speech"
    extra.write_bytes(b"speech encoder")
    bundle = write_bundle(tmp_path / "out", **arguments(tiny_bundle, extra_files={"models/speech.onnx": extra}))
    assert bundle == read_bundle(tmp_path / "out")
    assert bundle.classes == ("abdomen", "femur", "background")
    assert bundle.preprocessing == Preprocessing((0.1, 0.1, 0.9, 0.9), 32, 40)
    assert (bundle.temperature, bundle.abstain_below, bundle.trained_on) == (1.5, 0.4, "phantom")
    assert bundle.has_gaze
    assert set(bundle.onnx) == {"float"}
    assert (bundle.path / "models/speech.onnx").read_bytes() == b"speech encoder"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "speech"]


def test_model_id_is_name_and_hash_of_the_hashes(tiny_bundle):
    digest = hashlib.sha256((tiny_bundle.path / "SHA256SUMS").read_bytes()).hexdigest()
    assert tiny_bundle.model_id == f"tiny@{digest[:12]}"


def test_sums_are_those_of_sha256sum(tiny_bundle):
    named = dict(reversed(line.split("  ")) for line in (tiny_bundle.path / "SHA256SUMS").read_text().splitlines())
    files = {path.relative_to(tiny_bundle.path).as_posix() for path in tiny_bundle.path.rglob("*") if path.is_file()}
    assert set(named) == files - {"SHA256SUMS"}
    for name, digest in named.items():
        assert hashlib.sha256((tiny_bundle.path / name).read_bytes()).hexdigest() == digest


def test_metadata_describes_the_network_in_the_terms_of_monai(tiny_bundle):
    raw = json.loads((tiny_bundle.path / "configs/metadata.json").read_text())
    for key in ("version", "monai_version", "pytorch_version", "numpy_version", "task", "description", "authors"):
        assert isinstance(raw[key], str)
    data = raw["network_data_format"]
    tensor_keys = {"type", "format", "num_channels", "spatial_shape", "dtype", "value_range", "is_patch_data"}
    for tensor in (*data["inputs"].values(), *data["outputs"].values()):
        assert tensor_keys | {"channel_def"} <= set(tensor)
    assert data["inputs"]["image"]["spatial_shape"] == [32, 40]
    assert data["outputs"]["logits"]["channel_def"] == {"0": "abdomen", "1": "femur", "2": "background"}
    assert data["outputs"]["gaze_logits"]["spatial_shape"] == [4, 5]
    assert read_metadata(tiny_bundle.path).sonocue.name == "tiny"


def test_a_model_is_replaced_by_another(tiny_bundle, folder):
    before = read_bundle(folder).model_id
    after = write_bundle(folder, **arguments(tiny_bundle)).model_id
    assert before.startswith("tiny@")
    assert after.startswith("again@")
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


# --- what does not fit is not written -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "telling"),
    [
        ({"classes": ("abdomen", "background")}, "golden"),
        ({"classes": ("abdomen", "abdomen", "background")}, "twice"),
        ({"background": "nothing"}, "background"),
        ({"temperature": 0.0}, "temperature"),
        ({"abstain_below": 1.5}, "abstain_below"),
        ({"name": "../evil"}, "name"),
        ({"preprocessing": Preprocessing((0.5, 0.1, 0.5, 0.9), 32, 40)}, "crop"),
        ({"preprocessing": Preprocessing((0.1, 0.1, 0.9, 0.9), 32, 48)}, "image"),
        ({"onnx": {}}, "model.onnx"),
        (
            {"golden": {"image": np.zeros((0, 1, 32, 40), np.float32), "logits": np.zeros((0, 3), np.float32)}},
            "one frame",
        ),
    ],
)
def test_parts_that_do_not_fit_leave_nothing_behind(tiny_bundle, tmp_path, changes, telling):
    with pytest.raises(ModelError, match=telling) as caught:
        write_bundle(tmp_path / "out", **arguments(tiny_bundle, **changes))
    assert len(str(caught.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../speech.onnx", "/etc/x", "models/model.onnx", "SHA256SUMS", ""])
def test_extra_files_stay_in_their_place(tiny_bundle, tmp_path, name):
    with pytest.raises(ModelError, match="may not be called"):
        write_bundle(tmp_path / "out", **arguments(tiny_bundle, extra_files={name: tiny_bundle.golden}))
    assert list(tmp_path.iterdir()) == []


def test_failed_replacement_keeps_the_old_model(tiny_bundle, folder):
    before = read_bundle(folder)
    with pytest.raises(ModelError, match="cannot be written"):
        write_bundle(folder, **arguments(tiny_bundle, onnx={"float": folder / "missing.onnx"}))
    assert read_bundle(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("kind", ["file", "other folder"])
def test_what_is_no_model_is_not_overwritten(tiny_bundle, tmp_path, kind):
    out = tmp_path / "precious"
    keep = out
    if kind == "other folder":
        out.mkdir()
        keep = out / "thesis.txt"
    keep.write_text("precious")
    with pytest.raises(ModelError, match="not a model folder"):
        write_bundle(out, **arguments(tiny_bundle))
    assert keep.read_text() == "precious"


# --- damage ---------------------------------------------------------------------------------------------------------


def test_missing_folder(tmp_path):
    assert "does not exist" in refusal(tmp_path / "nothing")


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "model").write_text("hello")
    assert "does not exist" in refusal(tmp_path / "model")


def test_empty_folder(tmp_path):
    assert "SHA256SUMS" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["models/model.onnx", "golden/golden.npz", "docs/README.md", "configs/metadata.json"])
def test_missing_file(folder, name):
    (folder / name).unlink()
    assert name in refusal(folder)
    write_sums(folder)
    assert name.rpartition("/")[2] in refusal(folder)


@pytest.mark.parametrize("name", ["models/model.onnx", "golden/golden.npz", "docs/README.md", "configs/metadata.json"])
def test_one_changed_bit(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    message = refusal(folder)
    assert name in message
    assert "altered" in message


@pytest.mark.parametrize(
    "line",
    [
        "{digest}  ../outside",
        "{digest}  /etc/passwd",
        "{digest}  models/../../outside",
        "{digest}  ./models/model.onnx",
        "{digest}  models\\\\..\\\\..\\\\outside",
        "{digest}  C:outside",
        "{digest}  SHA256SUMS",
        "{digest}  docs/README.md\x1b[2J",
        "nonsense",
        "",
    ],
)
def test_hostile_sums(folder, line):
    (folder.parent / "outside").write_bytes(b"secret")
    digest = hashlib.sha256(b"secret").hexdigest()
    with (folder / "SHA256SUMS").open("a") as sums:
        sums.write(line.format(digest=digest) + "\n")
    message = refusal(folder)
    assert "SHA256SUMS line 5" in message
    assert "\x1b" not in message


def test_sums_that_name_a_file_twice(folder):
    sums = folder / "SHA256SUMS"
    sums.write_text(sums.read_text() * 2)
    assert "line 5" in refusal(folder)


def test_sums_that_are_not_text(folder):
    (folder / "SHA256SUMS").write_bytes(b"\xff\xfe\x00")
    assert "not text" in refusal(folder)


def test_link_that_leads_outside(folder):
    card = folder / "docs/README.md"
    outside = folder.parent / "outside"
    card.rename(outside)
    card.symlink_to(outside)
    assert "leads outside" in refusal(folder)


def test_bad_json(folder):
    (folder / "configs/metadata.json").write_text('{"version": ')
    write_sums(folder)
    assert "JSON" in refusal(folder)


@pytest.mark.parametrize(
    ("change", "telling"),
    [
        (lambda m: m["sonocue"].update(smooth=True), "smooth"),
        (lambda m: m["sonocue"]["preprocessing"].update(gamma=2), "gamma"),
        (lambda m: m["sonocue"].update(format=2), "format"),
        (lambda m: m["sonocue"]["classes"].append("kidneys"), "4 classes stand beside 3 logits"),
        (lambda m: m["sonocue"].update(temperature="hot"), "temperature"),
        (lambda m: m["sonocue"].update(temperature=float("nan")), "temperature"),
        (lambda m: m["sonocue"].update(has_gaze=False), "gaze"),
        (lambda m: m["sonocue"]["preprocessing"].update(height_px=10**9), "height_px"),
        (lambda m: m["network_data_format"]["inputs"]["image"].update(spatial_shape=[1, 1]), "preprocessing"),
        (lambda m: m.pop("sonocue"), "sonocue"),
        (lambda m: m.pop("network_data_format"), "network_data_format"),
    ],
)
def test_metadata_that_does_not_fit(folder, change, telling):
    edit_metadata(folder, change)
    assert telling in refusal(folder)


def test_keys_of_others_beside_our_block_are_allowed(folder):
    edit_metadata(folder, lambda m: m.update(eval_metrics={"macro_f1": 0.5}))
    assert read_bundle(folder).classes


def test_extra_class_everywhere_but_in_the_golden_outputs(folder):
    def add(metadata):
        metadata["sonocue"]["classes"].append("kidneys")
        metadata["network_data_format"]["outputs"]["logits"]["num_channels"] = 4

    edit_metadata(folder, add)
    assert "expected (8, 4), got (8, 3)" in refusal(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda g: g.pop("logits"),
        lambda g: g.pop("gaze_logits"),
        lambda g: g.update(more=g["logits"]),
        lambda g: g.update(image=g["image"][:, 0]),
        lambda g: g.update(logits=g["logits"].astype(np.float64)),
        lambda g: g.update(logits=g["logits"] * np.float32("nan")),
        lambda g: g.update(gaze_logits=g["gaze_logits"][:4]),
        lambda g: g.update(image=np.float32(1)),
    ],
)
def test_golden_arrays_that_do_not_fit(folder, change):
    golden = load_arrays(folder / "golden/golden.npz")
    change(golden)
    np.savez(folder / "golden/golden.npz", **golden)
    write_sums(folder)
    refusal(folder)


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("a pickle from a model folder was run",))


@pytest.mark.parametrize("kind", ["array of objects", "pickle", "text", "empty", "bare npy", "cut"])
def test_golden_file_that_is_no_plain_archive(folder, kind):
    file = folder / "golden/golden.npz"
    whole = file.read_bytes()
    if kind == "array of objects":
        np.savez(file, image=np.array([Evil()], dtype=object), logits=np.zeros(1, np.float32))
    elif kind == "bare npy":
        with file.open("wb") as stream:
            np.save(stream, np.zeros(3, np.float32))
    else:
        file.write_bytes({"pickle": pickle.dumps(Evil()), "text": b"hi", "empty": b"", "cut": whole[:-40]}[kind])
    write_sums(folder)
    assert "not an .npz archive" in refusal(folder)


# --- the default model ----------------------------------------------------------------------------------------------


def test_the_default_model_is_shipped_small_and_says_what_it_learned_from():
    bundle = read_bundle(default_model_path())
    assert model_path("default") == bundle.path
    assert bundle.trained_on == "phantom"
    assert bundle.has_gaze
    assert len(bundle.classes) >= 5
    assert sum(file.stat().st_size for file in bundle.path.rglob("*") if file.is_file()) <= 15 * 2**20


def test_other_models_are_paths(tiny_bundle):
    assert read_bundle(model_path(str(tiny_bundle.path))) == tiny_bundle
