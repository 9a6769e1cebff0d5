"""A clap and a flash at the same moment stay together: through a file, and through a stream over loopback from ffmpeg.

Whole runs in processes of their own; what is measured is the recorded session.
"""

import shutil
import signal
import subprocess

import av
import numpy as np
import pytest

from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from tests.loopback import free_port, wait_for_listener
from tests.sonocue_command import finish, start_sonocue, wait_for_frames

FPS, RATE_HZ, SECONDS = 25, 48_000, 8
CLAPS_S = (1.0, 2.6, 4.2, 5.8)
FRAME_S = 1 / FPS
CODING_S = 0.025
"""AAC smears a click over a frame of 21 ms."""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Grey film that is white for one frame at each clap, which is a millisecond of noise at the frame's beginning."""
    path = tmp_path_factory.mktemp("film") / "claps.mp4"
    sound = np.zeros(SECONDS * RATE_HZ, np.float32)
    for at_s in CLAPS_S:
        at = round(at_s * RATE_HZ)
        sound[at : at + 480] = np.random.default_rng(0).uniform(-0.9, 0.9, 480)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"g": "5", "bf": "0"})
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        audio = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        for index in range(SECONDS * FPS):
            lit = any(abs(index / FPS - at_s) < FRAME_S / 2 for at_s in CLAPS_S)
            picture = np.full((240, 320, 3), 230 if lit else 40 + index % 3, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        for first in range(0, len(sound), 1024):
            block = av.AudioFrame.from_ndarray(sound[None, first : first + 1024], format="fltp", layout="mono")
            block.sample_rate, block.pts = RATE_HZ, first
            container.mux(audio.encode(block))
        container.mux(audio.encode())
    return path


def offsets_s(session):
    """Of each flash, how much later its clap is heard in the recording."""
    assert verify_session(session) == []
    reader = SessionReader(session)
    flashes_s = [frame.captured_ns / 1e9 for frame in reader.frames(grey=True) if frame.pixels.mean() > 150]
    sound = reader.sound()
    loud = np.flatnonzero(np.abs(sound.samples) > 0.3)
    onsets_s = sound.start_ns / 1e9 + loud[np.diff(loud, prepend=-RATE_HZ) > RATE_HZ // 2] / sound.sample_rate_hz
    assert len(flashes_s) == len(onsets_s) == len(CLAPS_S)
    return np.array(onsets_s) - np.array(flashes_s)


def unmasked(folder):
    """The drawn film has no sector; all of it would be masked."""
    (folder / "drawn.toml").write_text('mask = "off"\n')
    return "--config", "drawn.toml"


def recorded(folder):
    (session,) = (folder / "recordings").iterdir()
    return session


def test_of_a_file(film, tmp_path):
    status, _, err = finish(
        start_sonocue("record", "recordings", "--source", f"file:{film}", *unmasked(tmp_path), folder=tmp_path)
    )
    assert status == 0, err
    assert np.abs(offsets_s(recorded(tmp_path))).max() < CODING_S


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_of_a_stream(film, tmp_path):
    """Stamped when it comes, which the network and the sender's pace make uncertain by about a frame."""
    port = free_port()
    recording = start_sonocue(
        "record", "recordings", "--source", f"stream:tcp://127.0.0.1:{port}?listen=1", "--consent",
        *unmasked(tmp_path), folder=tmp_path,
    )  # fmt: skip
    wait_for_listener(port, process=recording)
    subprocess.run(
        ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-i", str(film), "-c", "copy", "-f", "mpegts",
         f"tcp://127.0.0.1:{port}"],
        check=True, timeout=60,
    )  # fmt: skip
    wait_for_frames(tmp_path / "recordings", at_least=SECONDS * FPS)
    recording.send_signal(signal.SIGTERM)  # by itself it would wait for a sender that comes back
    status, _, err = finish(recording)
    assert status == 0, err
    found = offsets_s(recorded(tmp_path))
    assert np.abs(found - np.median(found)).max() < CODING_S + FRAME_S / 2, found
    assert np.abs(np.median(found)) < CODING_S + FRAME_S, found
