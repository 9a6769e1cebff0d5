"""The whole run on real input: a stream from ffmpeg and a microphone on a real sound server, at the same time."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from assistant.model_contracts import ModelBundle
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from assistant.speech import speech_segments
from tests.loopback import free_port, wait_for_listener
from tests.sonocue_command import finish, start_sonocue, summary_of, wait_for_event, wait_for_frames

FRAMES = 369


def words_after_silence(folder: Path) -> tuple[Path, list[tuple[float, float]]]:
    """Three utterances with two seconds of silence around each, and when each begins and ends, by energy."""
    parts, segments, position = [], [], 0
    for number, text in enumerate(["the stomach and the liver", "now the femur", "and here is the four chamber view"]):
        file = folder / f"words{number}.wav"
        subprocess.run(["espeak-ng", "-s", "150", "-w", str(file), text], check=True, timeout=30)
        rate_hz, words = wavfile.read(file)
        silence = np.zeros(2 * rate_hz, np.int16)
        position += len(silence)
        loud = np.flatnonzero(np.abs(words.astype(int)) > 600)
        segments.append(((position + loud[0]) / rate_hz, (position + loud[-1]) / rate_hz))
        parts += [silence, words]
        position += len(words)
    spoken = folder / "spoken.wav"
    wavfile.write(spoken, rate_hz, np.concatenate([*parts, silence]))
    return spoken, segments


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_stream_with_sound_is_not_recorded_without_consent(
    data_dir: Path, tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    """Its sound may come from a microphone in the room, which is known only once it is open."""
    port = free_port()
    live = start_sonocue(
        "live", "--source", f"stream:tcp://127.0.0.1:{port}?listen=1", "--model", tiny_bundle.path, "--headless",
        folder=tmp_path,
    )  # fmt: skip
    wait_for_listener(port, process=live)
    film = data_dir / "tal_tongue_speech" / "70ms-003_cal_dark_theme.mp4"
    sender = subprocess.Popen(
        ["ffmpeg", "-nostdin", "-loglevel", "quiet", "-re", "-i", str(film), "-c:v", "copy", "-c:a", "copy",
         "-f", "mpegts", f"tcp://127.0.0.1:{port}"]
    )  # fmt: skip
    try:
        status, _, err = finish(live)
    finally:
        sender.kill()
        sender.wait()
    assert status == 2
    assert len(err.splitlines()) == 1 and "--consent" in err
    assert not (tmp_path / "recordings").exists()


def utterances(segments: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Speech with pauses of less than a second taken as one."""
    joined = segments[:1]
    for start_s, end_s in segments[1:]:
        if start_s - joined[-1][1] < 1.0:
            joined[-1] = (joined[-1][0], end_s)
        else:
            joined.append((start_s, end_s))
    return joined


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_stream_and_microphone_are_recorded_whole_and_replay(
    data_dir: Path, sound_server, tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    port = free_port()
    spoken, expected = words_after_silence(tmp_path)
    live = start_sonocue(
        "live", "--source", f"stream:tcp://127.0.0.1:{port}?listen=1", "--microphone", "sounddevice", "--consent",
        "--model", tiny_bundle.path, "--headless", "--json", folder=tmp_path, env=sound_server.environ,
    )  # fmt: skip
    wait_for_listener(port, process=live)
    film = data_dir / "us_video" / "butterfly-ocular-phantom.mp4"
    sender = subprocess.Popen(
        ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-i", str(film), "-an",
         "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p",
         "-f", "mpegts", f"tcp://127.0.0.1:{port}?connect_timeout=30"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_for_frames(tmp_path / "recordings", at_least=1)
        player = sound_server.play(spoken)
        assert player.wait(60) == 0
        _, complaints = sender.communicate(timeout=60)
        assert sender.returncode == 0, complaints
        wait_for_event(tmp_path / "recordings", "source lost")
        live.send_signal(signal.SIGINT)  # it would wait for the sender to come back
        status, out, err = finish(live)
    finally:
        sender.kill()
        live.kill()
    assert status == 0, err
    summary = json.loads(out)
    assert summary["captured"] == summary["recorded"] == FRAMES, "every frame of the file arrived and was recorded"
    assert summary["lost"] == 0
    assert summary["guided"] + summary["skipped"] == FRAMES

    session = tmp_path / summary["session"]
    assert verify_session(session) == []
    reader = SessionReader(session)
    assert reader.header.consent
    assert reader.frame_indices.tolist() == list(range(FRAMES))
    sound = reader.sound()
    assert sound is not None
    heard = np.array(utterances(speech_segments(sound.samples, sound.sample_rate_hz)))
    assert len(heard) == len(expected), heard
    spoken_at = np.array(expected)
    offset_s = (heard - spoken_at).mean()
    assert np.abs(heard - spoken_at - offset_s).max() < 0.3, "words stand where they were spoken, silence between them"

    replayed = summary_of("replay", session, "--model", tiny_bundle.path, "--headless", folder=tmp_path)
    assert replayed["guided"] == FRAMES
