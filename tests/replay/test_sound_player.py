"""The sound of a session through a real sound server: at its pitch whatever the speed, silent when paused."""

import subprocess
import time

import numpy as np
import pytest

from assistant.errors import SourceError
from assistant.replay.sound_player import SoundPlayer
from assistant.session.reader import SessionReader
from plugins.speakers.sounddevice_speaker import create
from tests.replay.conftest import RATE_HZ


def heard(sound_server, seconds: float) -> np.ndarray:
    """What the room's microphone hears in ``seconds``."""
    command = ["parec", "--raw", "--format=s16le", f"--rate={RATE_HZ}", "--channels=1", "--latency-msec=20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        data = process.stdout.read(round(seconds * RATE_HZ) * 2)
        process.terminate()
    return np.frombuffer(data, np.int16).astype(np.float32) / 32768


def tone_hz(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(spectrum.argmax() * RATE_HZ / len(sound))


@pytest.mark.parametrize("speed", [1.0, 2.0])
def test_a_session_is_heard_at_its_pitch_and_falls_silent(sound_server, scan, speed):
    reader = SessionReader(scan)
    player = SoundPlayer(reader, lambda: create(""))
    start_ns, began_ns = int(reader.frame_times_ns[0]), time.perf_counter_ns()
    player.play(speed, lambda: start_ns + round((time.perf_counter_ns() - began_ns) * speed))
    sound = heard(sound_server, 1.5)[RATE_HZ // 2 :]
    player.stop()
    heard(sound_server, 0.3)  # what was on its way
    after = heard(sound_server, 0.3)
    player.close()
    assert player.problem == ""
    assert np.abs(sound).max() > 0.1
    assert tone_hz(sound) == pytest.approx(440, abs=8)
    assert np.abs(after).max() < 0.01


def test_a_speaker_that_refuses_is_said_and_the_rest_goes_on(scan):
    class Broken:
        def open(self, sample_rate_hz):
            raise SourceError("loudspeaker 'default' cannot be opened: none")

        def close(self):
            pass

    player = SoundPlayer(SessionReader(scan), Broken)
    player.play(1.0, lambda: 0)
    deadline = time.monotonic() + 5
    while not player.problem and time.monotonic() < deadline:
        time.sleep(0.005)
    assert "cannot be opened" in player.problem
    player.close()
