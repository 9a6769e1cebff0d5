"""The microphone on a real sound server: what is spoken in the room stands in the recording at the right time."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest
from scipy.io import wavfile

from assistant.clock import MonotonicClock
from assistant.contracts import AudioBlock, Device
from assistant.errors import EndOfStream, SourceError
from assistant.microphone import BLOCK_S, PREFERRED_RATE_HZ, Captured, CaptureTimes, find_input
from assistant.speech import speech_segments

PLUGINS = ["sounddevice", "pyaudio"]
Segments = list[tuple[float, float]]
TOLERANCE_S = 0.3


def plugin_of(library: str) -> ModuleType:
    """The plugin of a library, or a skip that names it. One that finds no PortAudio is not installed either."""
    try:
        pytest.importorskip(library, reason=f"the microphone's package {library} is not installed")
    except OSError as error:
        pytest.skip(f"no PortAudio library: {error}")
    return importlib.import_module(f"plugins.sources.{library}_microphone")


@pytest.fixture(params=PLUGINS)
def plugin(request: pytest.FixtureRequest) -> ModuleType:
    return plugin_of(request.param)


def spoken_words(folder: Path) -> tuple[Path, Segments]:
    """Two utterances with silence around them, and when each begins and ends, by energy."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    silence = np.zeros(22_050, np.int16)
    parts, segments, position = [silence], [], len(silence)
    for number, text in enumerate(["here is the abdomen with the stomach", "now we measure the femur"]):
        file = folder / f"{number}.wav"
        subprocess.run(["espeak-ng", "-s", "150", "-w", str(file), text], check=True, timeout=30)
        rate_hz, words = wavfile.read(file)
        assert rate_hz == len(silence)
        loud = np.flatnonzero(np.abs(words.astype(int)) > 600)
        segments.append(((position + loud[0]) / rate_hz, (position + loud[-1]) / rate_hz))
        parts += [words, silence]
        position += len(words) + len(silence)
    spoken = folder / "spoken.wav"
    wavfile.write(spoken, len(silence), np.concatenate(parts))
    return spoken, segments


def real_speaker(folder: Path, data_dir: Path) -> tuple[Path, Segments]:
    """A real recording, and when the voice activity network hears speech in the file itself."""
    with av.open(data_dir / "tal_tongue_speech" / "day3_sea_223.avi") as container:
        track = container.streams.audio[0]
        mono = av.AudioResampler(format="s16", layout="mono", rate=track.rate)
        parts = [piece.to_ndarray()[0] for frame in container.decode(track) for piece in mono.resample(frame)]
        rate_hz = track.rate
    samples = np.concatenate(parts)
    spoken = folder / "spoken.wav"
    wavfile.write(spoken, rate_hz, samples)
    return spoken, speech_segments(samples / 32_768, rate_hz)


def read_until(device: Device, done: Callable[[list[AudioBlock]], bool], seconds: float = 20.0) -> list[AudioBlock]:
    blocks: list[AudioBlock] = []
    deadline = time.monotonic() + seconds
    while not done(blocks):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain, {len(blocks)} blocks came"
        block = device.read("sound", 0.1)
        if block is not None:
            assert isinstance(block, AudioBlock)
            blocks.append(block)
    return blocks


@pytest.mark.parametrize("speaker", ["espeak", "real"])
def test_words_are_told_from_silence_at_the_right_times(speaker, plugin, sound_server, tmp_path, data_dir):
    spoken, expected = spoken_words(tmp_path) if speaker == "espeak" else real_speaker(tmp_path, data_dir)
    clock = MonotonicClock()
    microphone = plugin.create("", paced=True)
    info = microphone.open(clock)
    try:
        assert info.streams == {"sound"}
        assert info.paced
        before = read_until(microphone, lambda blocks: len(blocks) >= 10)
        spoken_at_ns = clock.now_ns()
        playing = sound_server.play(spoken)
        during = read_until(microphone, lambda _: playing.poll() is not None)
        after = read_until(microphone, lambda blocks: len(blocks) >= 15)
    finally:
        microphone.close()
    assert playing.returncode == 0
    blocks = before + during + after

    counted = np.cumsum([0] + [len(block.samples) for block in blocks])
    assert [block.first_sample for block in blocks] == counted[:-1].tolist()
    assert not any(block.overflowed for block in blocks)
    assert microphone.lost_samples == 0
    times_ns = [block.captured_ns for block in blocks]
    assert times_ns == sorted(set(times_ns))

    samples = np.concatenate([block.samples for block in blocks])
    begin_s = (blocks[0].captured_ns - spoken_at_ns) / 1e9
    heard = [(begin_s + start, begin_s + end) for start, end in speech_segments(samples, info.sample_rate_hz)]
    # One utterance may be heard as two segments; words in the silence may not be heard.
    for start_s, end_s in expected:
        inside = [segment for segment in heard if segment[0] < end_s and segment[1] > start_s]
        assert inside, f"nothing heard between {start_s:.2f} and {end_s:.2f} s: {heard}"
        assert inside[0][0] == pytest.approx(start_s, abs=TOLERANCE_S)
        assert inside[-1][1] == pytest.approx(end_s, abs=TOLERANCE_S)
        heard = [segment for segment in heard if segment not in inside]
    assert heard == []


def test_real_time_and_capture_time_run_together(plugin, sound_server):
    clock = MonotonicClock()
    microphone = plugin.create("", paced=True)
    rate_hz = microphone.open(clock).sample_rate_hz
    try:
        blocks, ages_ns = [], []
        for _ in range(60):
            blocks += read_until(microphone, lambda blocks: len(blocks) == 1)
            ages_ns.append(clock.now_ns() - blocks[-1].captured_ns)
    finally:
        microphone.close()
    assert rate_hz == PREFERRED_RATE_HZ
    assert len(blocks[0].samples) == round(BLOCK_S * rate_hz)
    assert min(ages_ns) >= 0
    assert np.median(ages_ns) < 150e6
    elapsed_ns = blocks[-1].captured_ns - blocks[0].captured_ns
    assert elapsed_ns == pytest.approx(blocks[-1].first_sample * 1e9 / rate_hz, abs=50e6)


def test_a_reader_that_falls_behind_loses_the_oldest_and_is_told(plugin, sound_server, monkeypatch):
    monkeypatch.setattr("assistant.microphone.QUEUE_S", 10 * BLOCK_S)
    microphone = plugin.create("", paced=True)
    microphone.open(MonotonicClock())
    try:
        first = read_until(microphone, lambda blocks: len(blocks) == 1)[0]
        deadline = time.monotonic() + 10
        while microphone._delivered < 30 * len(first.samples):  # the callback counts on while nobody reads
            assert time.monotonic() < deadline
            threading.Event().wait(0.02)
        late = read_until(microphone, lambda blocks: len(blocks) == 5)
    finally:
        microphone.close()
    gap = late[0].first_sample - len(first.samples)
    assert gap >= 15 * len(first.samples)
    assert late[0].overflowed
    assert microphone.lost_samples == gap
    assert not any(block.overflowed for block in late[1:])
    assert (late[0].captured_ns - first.captured_ns) / 1e9 == pytest.approx(
        late[0].first_sample / first.sample_rate_hz, abs=0.05
    )


def test_close_ends_a_read_that_waits_and_can_be_repeated(plugin, sound_server):
    microphone = plugin.create("default", paced=True)
    microphone.open(MonotonicClock())
    ended: list[Any] = []

    def read_on() -> None:
        try:
            while True:
                microphone.read("sound", 30.0)
        except EndOfStream as end:
            ended.append(end)

    reader = threading.Thread(target=read_on)
    reader.start()
    microphone.close()
    reader.join(5)
    assert not reader.is_alive()
    assert len(ended) == 1
    microphone.close()
    with pytest.raises(EndOfStream):
        microphone.read("sound", 0.0)


def test_an_unknown_microphone_names_those_there_are(plugin, sound_server):
    with pytest.raises(
        SourceError, match=r"no microphone is called 'trombone': expected one of: .*pulse, ALSA"
    ) as error:
        plugin.create("trombone", paced=True).open(MonotonicClock())
    assert "\n" not in str(error.value)


def test_inputs_are_listed_default_first(plugin, sound_server):
    inputs = plugin.create("", paced=True)._library.inputs()
    assert {"pulse", "default"} <= {device.name for device in inputs}
    assert [device.is_default for device in inputs] == [True] + [False] * (len(inputs) - 1)
    assert find_input(inputs, "").is_default
    assert find_input(inputs, "PULS").name == "pulse"  # a part of a name is enough when only one device has it
    with pytest.raises(SourceError, match="microphones are called 'ALSA'"):
        find_input(inputs, "ALSA")


@pytest.mark.parametrize("library", PLUGINS)
def test_without_any_input_it_says_so(library):
    plugin_of(library)
    program = (
        "from assistant.clock import MonotonicClock\n"
        "from assistant.errors import SourceError\n"
        f"from plugins.sources.{library}_microphone import create\n"
        "if create('', paced=True)._library.inputs():\n"
        "    print('there is a real microphone')\n"
        "else:\n"
        "    try: create('', paced=True).open(MonotonicClock())\n"
        "    except SourceError as error: print(error)\n"
    )
    environ = {**os.environ, "PULSE_SERVER": "unix:/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    if "there is a real microphone" in done.stdout:
        pytest.skip("this machine has a real sound card")
    assert done.stdout.startswith("there is no microphone")


@pytest.mark.parametrize("library", PLUGINS)
def test_a_server_that_dies_is_an_error_not_silence(library):
    """In a process of its own, with a server of its own."""
    plugin_of(library)
    if shutil.which("pulseaudio") is None:
        pytest.skip("no sound server: pulseaudio is not installed")
    script = Path(__file__).resolve().parents[2] / "scripts" / "sound_server.sh"
    program = """
import subprocess, sys, time
from assistant.clock import MonotonicClock
from assistant.errors import SourceError
from assistant.plugin_loader import load_plugin
microphone = load_plugin("sonocue.sources", sys.argv[3])("", paced=True)
microphone.open(MonotonicClock())
while microphone.read("sound", 1.0) is None:
    pass
subprocess.run([sys.argv[1], "stop", sys.argv[2]], check=True)
deadline = time.monotonic() + 20
for _ in range(2):
    try:
        while time.monotonic() < deadline:
            microphone.read("sound", 0.5)
    except SourceError as error:
        print(error)
microphone.close()
"""
    with tempfile.TemporaryDirectory(prefix="sound-") as folder:
        exports = subprocess.run(
            [script, "start", folder], capture_output=True, text=True, check=True, timeout=30
        ).stdout
        environ = {**os.environ, **dict(word.split("=", 1) for word in exports.replace("'", "").split() if "=" in word)}
        try:
            done = subprocess.run(
                [sys.executable, "-c", program, str(script), folder, library],
                env=environ,
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
        finally:
            subprocess.run([script, "stop", folder], check=True, timeout=30)
    assert done.stdout.splitlines() == ["microphone 'default input' stopped: unplugged, or its server ended"] * 2


def test_a_microphone_needs_consent_and_only_runs_live(plugin):
    assert plugin.create("", paced=True).needs_consent is True
    assert isinstance(plugin.create("", paced=True), Device)
    with pytest.raises(SourceError, match="only runs live"):
        plugin.create("", paced=False)


def test_capture_times_follow_the_sound_card_and_never_go_back():
    rng = np.random.default_rng(0)
    rate_hz, n = 16_000, 512
    times, drift = CaptureTimes(rate_hz), 1 + 100e-6
    settled, true = [], []
    for block in range(5_000):  # 160 s
        true_ns = 1_000_000_000 + block * n * 1e9 / rate_hz * drift
        true.append(true_ns)
        settled.append(times.settle(block * n, round(true_ns + rng.uniform(-8e6, 8e6)), n))
    error_ms = (np.array(settled) - np.array(true))[200:] / 1e6
    assert np.abs(error_ms).max() < 2.0  # of 8 ms jitter, and 16 ms that the clocks drift apart
    assert np.all(np.diff(settled) > 0)
    assert times.missing(5_000 * n, round(true[-1] + 2 * n * 1e9 / rate_hz)) == pytest.approx(n, abs=40)


def test_what_the_system_lost_is_a_gap_of_its_length(plugin):
    rate_hz, n = 16_000, 512
    microphone, times = plugin.create("", paced=True), CaptureTimes(rate_hz)
    microphone._rate_hz = rate_hz
    block_ns = n * 1_000_000_000 // rate_hz
    blocks = []
    for number in range(100):
        late_ns = 500_000_000 if number >= 50 else 0  # half a second is missing, and PortAudio says so once
        samples = np.zeros(n, np.float32)
        captured = Captured(number * n, number * block_ns + late_ns, samples, overflowed=number in (0, 50))
        blocks.append(microphone._block(captured, times))
    assert [number for number, block in enumerate(blocks) if block.overflowed] == [50]
    assert blocks[50].first_sample == 50 * n + rate_hz // 2
    assert blocks[99].first_sample == 99 * n + rate_hz // 2
    assert microphone.lost_samples == rate_hz // 2
    assert blocks[99].captured_ns == pytest.approx(99 * block_ns + 500_000_000, abs=1_000)
