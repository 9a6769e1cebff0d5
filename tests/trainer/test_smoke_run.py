"""The whole chain as a user runs it: recorded sessions in, a model folder out that an engine runs and that is right."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assistant import metrics
from assistant.bundle import load_arrays, read_bundle
from assistant.narration import NarrationAgreement
from assistant.plugin_loader import load_plugin
from assistant.preprocess import Preprocessor
from assistant.session.reader import SessionReader

SONOCUE = Path(sys.executable).with_name("sonocue")


def sonocue(*arguments):
    return subprocess.run([SONOCUE, "train", *arguments], capture_output=True, text=True, timeout=110)


@pytest.fixture(scope="module")
def run(bar_sessions, smoke_config_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "smoke"
    done = sonocue("all", smoke_config_file, bar_sessions, folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_run_folder_is_complete(run, smoke_config_file):
    assert (run / "config.toml").read_bytes() == smoke_config_file.read_bytes()
    circumstances = json.loads((run / "run.json").read_text())
    assert circumstances["versions"]["torch"].startswith("2.")
    for step in ("pretrain", "finetune"):
        assert (run / step / "weights.safetensors").stat().st_size > 10_000
        assert len(json.loads((run / step / "history.json").read_text())) == 3
        assert (run / step / "history.png").read_bytes().startswith(b"\x89PNG")


def test_it_learned(run):
    found = json.loads((run / "evaluation.json").read_text())
    assert found["planes"]["macro_f1"] > 0.7
    assert set(found["gaze"]) >= {"kl", "nss", "auc_judd", "cc", "sim", "information_gain"}
    assert found["centre_bias"]["nss"] > 0
    assert found["stated"]["epsilon"] == metrics.EPSILON


def test_the_model_folder_is_whole(run):
    bundle = read_bundle(run / "model")
    assert bundle.classes == ("profile", "abdomen", "femur", "background")
    assert bundle.trained_on == "phantom"
    assert set(bundle.onnx) == {"float", "int8"}
    assert bundle.preprocessing.crop == (0.0, 0.125, 1.0, 0.875)
    assert (bundle.path / "models" / "speech_encoder.onnx").exists()
    assert "Macro F1" in (bundle.path / "docs" / "README.md").read_text()


@pytest.mark.parametrize("precision", ["float", "int8"])
def test_an_engine_names_the_planes_of_a_recorded_session(run, bar_sessions, precision):
    """Live's own preprocessing on the recording's frames, one by one, not the trainer's arrays."""
    ort = pytest.importorskip("onnxruntime")
    bundle = read_bundle(run / "model")
    session = ort.InferenceSession(bundle.onnx[precision], providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == ["image"]
    assert [o.name for o in session.get_outputs()] == ["logits", "gaze_logits"]
    subject = json.loads((run / "evaluation.json").read_text())["subjects"]["test"][0]
    reader = next(r for r in map(SessionReader, sorted(bar_sessions.iterdir())) if r.header.subject == subject)
    truth = {e.data["frame_index"]: e.data["plane"] for e in reader.timeline("truth") if "frame_index" in e.data}
    preprocess = Preprocessor(bundle.preprocessing)
    right = []
    for frame in reader.frames():
        logits, gaze = session.run(None, {"image": preprocess(frame.pixels)})
        assert gaze.shape == (1, 16, 16)
        right.append(bundle.classes[int(logits.argmax())] == truth[frame.index])
    assert np.mean(right) > 0.7


def test_golden_outputs_are_those_of_the_float_network(run):
    ort = pytest.importorskip("onnxruntime")
    bundle = read_bundle(run / "model")
    golden = load_arrays(bundle.golden)
    session = ort.InferenceSession(bundle.onnx["float"], providers=["CPUExecutionProvider"])
    logits, gaze = session.run(None, {"image": golden["image"]})  # a batch, not one by one
    np.testing.assert_allclose(logits, golden["logits"], atol=1e-3)
    np.testing.assert_allclose(gaze, golden["gaze_logits"], atol=1e-3)


def test_speech_and_video_encoders_give_unit_vectors(run):
    ort = pytest.importorskip("onnxruntime")
    bundle = read_bundle(run / "model")
    rng = np.random.default_rng(0)
    for name, shape in (("speech_encoder", (3, 64, 200)), ("video_encoder", (3, 1, 64, 64))):
        session = ort.InferenceSession(bundle.path / "models" / f"{name}.onnx", providers=["CPUExecutionProvider"])
        (embedding,) = session.run(None, {session.get_inputs()[0].name: rng.normal(size=shape).astype(np.float32)})
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1.0, rtol=1e-4)


def test_align_tells_retrieval_and_how_far_a_shift_was_missed(run, bar_sessions, smoke_config_file):
    """Real sessions, real speech; after three epochs the figures mean little, so only their form is checked."""
    done = sonocue("align", smoke_config_file, bar_sessions, run, "--shift", "1.5", "--reach", "8")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["errors"]["truth_s"] == 1.5
    assert told["errors"]["recordings"] == len(told["offsets"]) >= 1
    errors_s = [abs(offset["offset_s"] - 1.5) for offset in told["offsets"]]
    assert told["errors"]["median_absolute_error_s"] == pytest.approx(np.median(errors_s))
    kept = json.loads((run / "alignment" / "alignment.json").read_text())
    assert len(kept["offsets"][0]["similarity"]) == 65
    assert (run / "alignment" / "offsets.png").read_bytes().startswith(b"\x89PNG")
    assert str(run / "alignment" / "offsets.png") in done.stderr.replace("\n", "")


def test_align_with_a_shift_beyond_its_reach_is_refused(run, bar_sessions, smoke_config_file):
    done = sonocue("align", smoke_config_file, bar_sessions, run, "--shift", "12")
    assert done.returncode == 2
    assert "name a longer reach" in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_bad_input_is_one_line_and_status_2(smoke_config_file, tmp_path):
    (tmp_path / "empty").mkdir()
    done = sonocue("all", smoke_config_file, tmp_path / "empty", tmp_path / "run")
    assert done.returncode == 2
    assert "no sessions in" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_does_not_wait_for_torch():
    code = "import sys; from trainer.cli import app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_the_model_folder_does_not_tell_where_it_was_made(run):
    here = str(Path(__file__).resolve().parents[2]).encode()
    files = [file for file in (run / "model").rglob("*") if file.is_file()]
    assert len(files) > 5
    assert [file.name for file in files if here in file.read_bytes() or b"site-packages" in file.read_bytes()] == []


def test_live_compares_narration_and_image_with_the_exported_encoders(run, bar_sessions):
    """By the engine's own plugin, on a recorded session: told while somebody speaks, in [0, 1]."""
    pytest.importorskip("onnxruntime")
    bundle = read_bundle(run / "model")
    open_encoder = load_plugin("sonocue.encoders", "onnxruntime")
    video, speech = map(open_encoder, bundle.encoders)
    assert video.shape == (None, 1, 64, 64) and speech.shape[1] == 64
    reader = SessionReader(bar_sessions / "bars-0")
    narration = NarrationAgreement(bundle, video, speech)
    blocks, told = iter(reader.sound_blocks()), []
    block = next(blocks)
    for frame in list(reader.frames())[::10]:
        while block is not None and block.captured_ns <= frame.captured_ns:
            narration.hear(block)
            block = next(blocks, None)
        told.append(narration.agreement(frame))
    known = [value for value in told if value is not None]
    assert len(known) > 5 and all(0 <= value <= 1 for value in known)
    assert None in told
