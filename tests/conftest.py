"""Fixtures that every room's tests may ask for."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from assistant.bundle import write_bundle
from assistant.model_contracts import ModelBundle, Preprocessing

# Seeds are fixed: a property that holds here today holds tomorrow.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed")


@pytest.fixture(autouse=True)
def _keeps_nothing_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on what an earlier one left there; those about the cache name a folder of their own."""
    monkeypatch.setenv("SONOCUE_CACHE", "")


class ManualClock:
    """A clock that stands still until a test moves it. Safe to read from any thread.

    Code that waits for a due time must look at the clock again now and then, so moving it wakes the waiter soon.
    """

    def __init__(self, start_ns: int = 1_000_000_000) -> None:
        self._now_ns = start_ns
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        with self._lock:
            return self._now_ns

    def advance(self, seconds: float) -> int:
        """Move forward and return the new time in nanoseconds."""
        with self._lock:
            self._now_ns += round(seconds * 1e9)
            return self._now_ns


@pytest.fixture
def manual_clock() -> ManualClock:
    """A clock that the test moves by hand: ``manual_clock.advance(seconds)``; starts at one second."""
    return ManualClock()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real test data: ``SONOCUE_TEST_DATA``, or ``../shared/data`` beside the repository."""
    named = os.environ.get("SONOCUE_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real test data is missing: no folder {folder} (set SONOCUE_TEST_DATA)")
    return folder


@dataclass(frozen=True)
class SoundServer:
    """A room with one loudspeaker and one microphone: what is played there, the default input hears.

    Attributes:
        environ: the variables that lead a program to this server; this process has them already.
    """

    environ: Mapping[str, str]

    def play(self, wav: Path) -> subprocess.Popen[bytes]:
        """Begin to play a file in the room; the process ends when it was heard."""
        return subprocess.Popen(["paplay", "--latency-msec=20", str(wav)], env={**os.environ, **self.environ})


@pytest.fixture(scope="session")
def sound_server() -> Iterator[SoundServer]:
    """A private PulseAudio, so that a real microphone device runs without a sound card."""
    if missing := [name for name in ("pulseaudio", "pactl", "paplay") if shutil.which(name) is None]:
        pytest.skip(f"no sound server: {', '.join(missing)} not installed (pulseaudio, pulseaudio-utils)")
    script = str(Path(__file__).resolve().parents[1] / "scripts" / "sound_server.sh")
    # Not pytest's own folder: the path of a socket may have only 107 characters.
    with tempfile.TemporaryDirectory(prefix="sound-") as folder, pytest.MonkeyPatch.context() as patch:
        started = subprocess.run([script, "start", folder], check=True, capture_output=True, text=True, timeout=30)
        try:
            words = shlex.split(started.stdout)
            environ = dict(word.split("=", 1) for word in words if "=" in word)
            for name, value in environ.items():
                patch.setenv(name, value)
            _look_for_sound_devices_again()
            yield SoundServer(environ)
        finally:
            subprocess.run([script, "stop", folder], check=True, timeout=30)
    _look_for_sound_devices_again()


def _look_for_sound_devices_again() -> None:
    """PortAudio lists the devices once, when ``sounddevice`` is first imported."""
    sounddevice = sys.modules.get("sounddevice")
    if sounddevice is not None:
        sounddevice._terminate()
        sounddevice._initialize()


def _tiny_onnx(file: Path) -> None:
    """A network whose answers are plain to see: bright on the left, bright on the right, or dark.

    It takes ``image`` (N, 1, 32, 40), averages blocks of 8x8 pixels, and gives four times these as ``gaze_logits``
    (N, 4, 5); ``logits`` (N, 3) are four times the mean of the left and of the right two columns, and a constant 1.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.zeros((20, 3), np.float32)
    columns = np.arange(20) % 5
    weights[columns < 2, 0] = weights[columns > 2, 1] = 0.5
    nodes = [
        helper.make_node("AveragePool", ["image"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Squeeze", ["pooled", "channel"], ["map"]),
        helper.make_node("Mul", ["map", "four"], ["gaze_logits"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
    ]
    constants = {
        "channel": np.array([1], np.int64),
        "four": np.array(4, np.float32),
        "weights": weights,
        "bias": np.array([0, 0, 1], np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 32, 40])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 3]),
            helper.make_tensor_value_info("gaze_logits", TensorProto.FLOAT, ["N", 4, 5]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, file)


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> ModelBundle:
    """A model folder of a few kilobytes with a gaze head: abdomen when the left is bright, femur when the right is.

    Float only. Its golden outputs are computed here by NumPy from the definition, not by an engine.
    """
    pytest.importorskip("onnx", reason="the extra 'live' (onnx) is not installed")
    return make_tiny_bundle(tmp_path_factory.mktemp("tiny_model"))


def make_tiny_bundle(folder: Path) -> ModelBundle:
    """The model folder ``tiny`` in ``folder``, see ``tiny_bundle``."""
    _tiny_onnx(folder / "tiny.onnx")
    rng = np.random.default_rng(0)
    image = rng.normal(0, 0.2, (8, 1, 32, 40)).astype(np.float32)
    for index, (left, right) in enumerate([(0.8, -0.5), (-0.5, 0.8), (-0.8, -0.8), (0.4, -0.9)] * 2):
        image[index, 0, :, :16] += left
        image[index, 0, :, 24:] += right
    pooled = image.reshape(8, 4, 8, 5, 8).mean(axis=(2, 4))
    sides = [4 * pooled[:, :, :2].mean(axis=(1, 2)), 4 * pooled[:, :, 3:].mean(axis=(1, 2)), np.ones(8, np.float32)]
    return write_bundle(
        folder / "tiny",
        name="tiny",
        classes=("abdomen", "femur", "background"),
        background="background",
        preprocessing=Preprocessing((0.1, 0.1, 0.9, 0.9), height_px=32, width_px=40),
        temperature=1.0,
        abstain_below=0.5,
        trained_on="phantom",
        training_data="nothing: weights written by hand for tests",
        onnx={"float": folder / "tiny.onnx"},
        golden={"image": image, "logits": np.stack(sides, axis=1), "gaze_logits": 4 * pooled},
        card="# tiny\n\nA model for tests.\n",
    )
