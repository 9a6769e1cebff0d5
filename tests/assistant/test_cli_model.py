"""``sonocue model`` as a user starts it: real processes, real files."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from assistant.bundle import load_arrays, write_bundle

pytest.importorskip("onnx", reason="the extra 'live' (onnx) is not installed")

SONOCUE = Path(sys.executable).with_name("sonocue")
SCREENS = {"4CH": "four-chamber view", "FEMUR": "femur", "KIDNEYS": "kidneys"}


def sonocue(*arguments):
    return subprocess.run(
        [SONOCUE, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False, env={"COLUMNS": "160"}
    )


def one_error_line(done):
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("sonocue: ")
    return lines[0]


@pytest.fixture(scope="module")
def screens(data_dir):
    folder = data_dir / "sononet" / "example_images"
    if not folder.is_dir():
        pytest.skip(f"real test data is missing: no folder {folder}")
    return folder


@pytest.fixture(scope="module")
def model(screens, tmp_path_factory):
    out = tmp_path_factory.mktemp("cli_model") / "sononet16"
    done = sonocue("model", "import-sononet", screens.parent / "SonoNet16.npz", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sononet16@")
    return out


@pytest.fixture(scope="module")
def video(screens, tmp_path_factory):
    """Three real screens, four frames of each, without loss in a Matroska file."""
    file = tmp_path_factory.mktemp("cli_video") / "scan.mkv"
    with av.open(file, "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 974, 734, "bgr0"
        for screen in SCREENS:
            pixels = cv2.imread(str(screens / f"{screen}.png"))[:734, :974]
            for _ in range(4):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        container.mux(stream.encode(None))
    return file


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_images_give_one_json_line_each(model, screens, backend):
    files = [screens / f"{screen}.png" for screen in SCREENS]
    done = sonocue("model", "run", model, *files, "--json", "--backend", backend)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["plane"] for line in lines] == list(SCREENS.values())
    for line, file in zip(lines, files, strict=True):
        assert list(line) == ["file", "frame", "plane", "top", "confidence", "latency_ms"]
        assert line["file"] == str(file)
        assert line["frame"] == 0
        assert line["top"] == line["plane"]
        assert 0.5 <= line["confidence"] <= 1
        assert line["latency_ms"] > 0


def test_videos_give_one_json_line_a_frame(model, video):
    done = sonocue("model", "run", model, video, "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["frame"] for line in lines] == list(range(12))
    assert [line["plane"] for line in lines] == [plane for plane in SCREENS.values() for _ in range(4)]


def test_people_get_a_table(model, screens):
    done = sonocue("model", "run", model, screens / "FEMUR.png")
    assert done.returncode == 0, done.stderr
    assert "FEMUR.png" in done.stdout
    assert "femur" in done.stdout
    assert "OpenVINO" in done.stdout


def test_below_the_threshold_the_model_abstains_and_says_what_is_likely(tiny_bundle, tmp_path):
    careful = write_bundle(
        tmp_path / "careful",
        name="careful",
        classes=tiny_bundle.classes,
        background=tiny_bundle.background,
        preprocessing=tiny_bundle.preprocessing,
        temperature=1.0,
        abstain_below=0.99,
        trained_on="phantom",
        training_data="none",
        onnx=tiny_bundle.onnx,
        golden=load_arrays(tiny_bundle.golden),
        card="# careful\n",
    )
    file = tmp_path / "bright_on_the_left.png"
    pixels = np.zeros((40, 50), np.uint8)
    pixels[:, :25] = 255
    cv2.imwrite(str(file), pixels)
    done = sonocue("model", "run", careful.path, file, "--json")
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert line["plane"] is None
    assert line["top"] == "abdomen"
    assert 0.9 < line["confidence"] < 0.99
    assert "abdomen?" in sonocue("model", "run", careful.path, file).stdout


def test_show_names_classes_and_origin(model):
    done = sonocue("model", "show", model, "--json")
    facts = json.loads(done.stdout)
    assert facts["trained_on"] == "real"
    assert len(facts["classes"]) == 14
    assert facts["precisions"] == ["float"]
    assert sonocue("model", "show", model).returncode == 0


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_verify_compares_all_golden_frames(model, backend):
    done = sonocue("model", "verify", model, "--backend", backend, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["admitted"]
    assert facts["frames"] == 8
    assert facts["same_plane"] == 1.0


# --- bad input: one line, exit status 2 -----------------------------------------------------------------------------


def test_missing_model(tmp_path):
    assert "does not exist" in one_error_line(sonocue("model", "run", tmp_path / "nothing", "x.png"))


def test_altered_model(model, tmp_path):
    altered = shutil.copytree(model, tmp_path / "altered")
    (altered / "models/model.onnx").write_bytes(b"other weights")
    assert "altered" in one_error_line(sonocue("model", "run", altered, "x.png"))


def test_unknown_engine(model, screens):
    line = one_error_line(sonocue("model", "run", model, screens / "FEMUR.png", "--backend", "abacus"))
    assert "abacus" in line


@pytest.mark.parametrize("kind", ["missing", "empty", "text"])
def test_files_that_are_no_images(model, tmp_path, kind):
    file = tmp_path / "scan.png"
    if kind != "missing":
        file.write_text("" if kind == "empty" else "no image\n" * 100)
    assert str(file) in one_error_line(sonocue("model", "run", model, file, "--json"))


def test_weights_that_are_none(tmp_path):
    file = tmp_path / "weights.npz"
    file.write_text("no weights")
    assert "weights.npz" in one_error_line(sonocue("model", "import-sononet", file, tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["weights.npz"]
