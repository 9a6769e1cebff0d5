"""Speech features against their formulas, voice activity on real voices, and the stream against the whole."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.io import wavfile

from assistant.contracts import AudioBlock
from assistant.decoded import to_mono
from assistant.speech import (
    CHUNK_SAMPLES,
    HOP_SAMPLES,
    MEL_RANGE_HZ,
    N_FFT,
    N_MELS,
    POWER_FLOOR,
    SPEECH_RATE_HZ,
    WINDOW_SAMPLES,
    SpeechDetector,
    StreamResampler,
    VoiceActivity,
    log_mel,
    mel_bands,
    resampled,
    segments_of,
    speech_probabilities,
    speech_segments,
)

RATES_HZ = [8_000, 16_000, 22_050, 44_100, 48_000]


def mel(frequency_hz: float) -> float:
    return 2595 * np.log10(1 + frequency_hz / 700)


def naive_log_mel(samples: np.ndarray, frame: int) -> np.ndarray:
    """One frame by the definitions: a sum over samples for each bin, a loop over bins for each band."""
    n = np.arange(WINDOW_SAMPLES)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / WINDOW_SAMPLES)
    x = samples[frame * HOP_SAMPLES + n].astype(np.float64) * hann / hann.sum()
    power = [abs(np.sum(x * np.exp(-2j * np.pi * k * n / N_FFT))) ** 2 for k in range(N_FFT // 2 + 1)]
    edges = np.linspace(mel(MEL_RANGE_HZ[0]), mel(MEL_RANGE_HZ[1]), N_MELS + 2)
    edges_hz = [700 * (10 ** (edge / 2595) - 1) for edge in edges]
    bands = []
    for left, centre, right in zip(edges_hz, edges_hz[1:], edges_hz[2:], strict=False):
        total = 0.0
        for k, bin_power in enumerate(power):
            f = k * SPEECH_RATE_HZ / N_FFT
            if left < f <= centre:
                total += bin_power * (f - left) / (centre - left)
            elif centre < f < right:
                total += bin_power * (right - f) / (right - centre)
        bands.append(np.log(max(total, POWER_FLOOR)))
    return np.array(bands)


def tone(frequency_hz: float, rate_hz: int, seconds: float = 1.0, amplitude: float = 1.0) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype("f4")


def blocks_of(samples: np.ndarray, rate_hz: int, rng: np.random.Generator) -> list[AudioBlock]:
    """Cut into blocks of random sizes up to 60 ms."""
    blocks, start = [], 0
    while start < len(samples):
        part = samples[start : start + int(rng.integers(1, rate_hz * 6 // 100))].copy()
        blocks.append(AudioBlock(start, start * 1_000_000_000 // rate_hz, rate_hz, part))
        start += len(part)
    return blocks


def recording(file: Path) -> tuple[np.ndarray, int]:
    with av.open(file) as container:
        rate_hz = container.streams.audio[0].rate
        return np.concatenate([to_mono(piece) for piece in container.decode(audio=0)]), rate_hz


@pytest.fixture(scope="module")
def voice(data_dir) -> tuple[np.ndarray, int]:
    return recording(data_dir / "tal_tongue_speech" / "day3_sea_223.avi")


def test_log_mel_is_what_its_formula_says():
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal(SPEECH_RATE_HZ // 4)).astype(np.float32)
    features = log_mel(samples, SPEECH_RATE_HZ)
    assert features.dtype == np.float32
    assert features.shape == (N_MELS, 1 + (len(samples) - WINDOW_SAMPLES) // HOP_SAMPLES)
    for frame in (0, 7, features.shape[1] - 1):
        np.testing.assert_allclose(features[:, frame], naive_log_mel(samples, frame), rtol=1e-4)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("frequency_hz", [150.0, 440.0, 1000.0, 3500.0])
def test_a_tone_lands_in_its_band_at_any_rate(frequency_hz, rate_hz):
    features = log_mel(tone(frequency_hz, rate_hz), rate_hz)
    low, high = mel(MEL_RANGE_HZ[0]), mel(MEL_RANGE_HZ[1])
    expected = (mel(frequency_hz) - low) / (high - low) * (N_MELS + 1) - 1  # bands' centres count from 0
    assert np.all(np.abs(features[:, 5:-5].argmax(axis=0) - expected) <= 1)


def test_features_know_how_loud_and_how_long():
    quiet, loud = (log_mel(tone(1000, SPEECH_RATE_HZ, 2.0, amplitude), SPEECH_RATE_HZ) for amplitude in (0.01, 0.1))
    assert loud.shape == (N_MELS, 198)  # two seconds
    assert loud.max() - quiet.max() == pytest.approx(np.log(100), abs=1e-3)  # 20 dB
    assert log_mel(tone(1000, 48_000, 2.0), 48_000).shape == loud.shape
    np.testing.assert_allclose(log_mel(np.zeros(1600), SPEECH_RATE_HZ), np.log(POWER_FLOOR), rtol=1e-6)
    assert log_mel(np.zeros(WINDOW_SAMPLES - 1), SPEECH_RATE_HZ).shape == (N_MELS, 0)
    assert log_mel(np.zeros(0), 44_100).shape == (N_MELS, 0)


def test_every_mel_band_hears_something():
    bands = mel_bands()
    assert bands.shape == (N_MELS, N_FFT // 2 + 1)
    assert np.all(bands.max(axis=1) > 0.5)
    assert bands.max() <= 1
    assert not bands.flags.writeable


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_stream_is_resampled_as_the_whole_is(rate_hz):
    rng = np.random.default_rng(1)
    samples = rng.standard_normal(2 * rate_hz + 13).astype(np.float32)
    resampler = StreamResampler(rate_hz)
    streamed = np.concatenate([resampler.push(block.samples) for block in blocks_of(samples, rate_hz, rng)])
    whole = resampled(samples, rate_hz)
    assert 0 <= len(whole) - len(streamed) <= SPEECH_RATE_HZ // 500  # what waits for its right neighbours
    np.testing.assert_allclose(streamed, whole[: len(streamed)], atol=1e-5)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_voice_activity_of_the_stream_is_that_of_the_whole(rate_hz, voice):
    rng = np.random.default_rng(2)
    samples, from_hz = voice
    samples = np.interp(np.arange(0, len(samples) / from_hz, 1 / rate_hz) * from_hz, np.arange(len(samples)), samples)
    samples = samples.astype(np.float32)
    _, whole = speech_probabilities(samples, rate_hz)
    activity = VoiceActivity(rate_hz)
    streamed = np.concatenate([activity.push(block.samples) for block in blocks_of(samples, rate_hz, rng)])
    assert 0 <= len(whole) - len(streamed) <= 1
    np.testing.assert_allclose(streamed, whole[: len(streamed)], atol=1e-3)
    assert whole.max() > 0.9 > 0.1 > whole.min()


@pytest.mark.parametrize(
    ("name", "first_s", "last_s"),
    [("day1_she_065.avi", 1.3, 2.7), ("day3_sea_223.avi", 0.7, 2.8), ("70ms-003_cal_dark_theme.mp4", 1.6, 4.3)],
)
def test_real_voices_are_heard_where_they_are_loud(name, first_s, last_s, data_dir):
    samples, rate_hz = recording(data_dir / "tal_tongue_speech" / name)
    segments = speech_segments(samples, rate_hz)
    assert segments[0][0] == pytest.approx(first_s, abs=0.3)
    assert segments[-1][1] == pytest.approx(last_s, abs=0.3)
    # Independent of the network: nearly all of the sound's energy lies in what it calls speech.
    speech = np.zeros(len(samples), bool)
    for start_s, end_s in segments:
        speech[round(start_s * rate_hz) : round(end_s * rate_hz)] = True
    assert np.sum(samples[speech] ** 2) > 0.95 * np.sum(samples**2)
    assert 0.3 < speech.mean() < 0.75


def test_all_real_voices_speak_a_plausible_part_of_the_time(data_dir):
    """A second voice activity detector (WebRTC's) found 39 to 54 % of these recordings to be speech."""
    files = sorted((data_dir / "tal_tongue_speech").glob("*.[am][vp][i4]"))
    assert len(files) >= 6
    for file in files:
        samples, rate_hz = recording(file)
        fraction = sum(end - start for start, end in speech_segments(samples, rate_hz)) / (len(samples) / rate_hz)
        assert 0.3 < fraction < 0.75, file.name


@pytest.mark.parametrize("noise", ["silence", "hiss", "tone", "beeps", "hum"])
def test_the_machine_is_no_speech(noise):
    rng = np.random.default_rng(3)
    rate_hz, n = SPEECH_RATE_HZ, 5 * SPEECH_RATE_HZ
    beeping = (np.arange(n) // (rate_hz // 4)) % 4 == 0
    sound = {
        "silence": np.zeros(n),
        "hiss": 0.05 * rng.standard_normal(n),
        "tone": tone(1000, rate_hz, 5, 0.3),
        "beeps": tone(1000, rate_hz, 5, 0.3) * beeping,
        "hum": tone(50, rate_hz, 5, 0.3) + tone(150, rate_hz, 5, 0.1),
    }[noise]
    assert speech_segments(sound, rate_hz) == []


def test_espeak_words_are_told_from_silence(tmp_path):
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    file = tmp_path / "words.wav"
    subprocess.run(["espeak-ng", "-w", str(file), "the femur, measured twice"], check=True, timeout=30)
    rate_hz, words = wavfile.read(file)
    loud_s = np.flatnonzero(np.abs(words.astype(int)) > 600)[[0, -1]] / rate_hz
    sound = np.concatenate([np.zeros(rate_hz), words / 32_768, np.zeros(rate_hz)])
    segments = speech_segments(sound, rate_hz)
    assert segments[0][0] == pytest.approx(1 + loud_s[0], abs=0.15)
    assert segments[-1][1] == pytest.approx(1 + loud_s[1], abs=0.15)


def test_segments_have_hysteresis_bridge_pauses_and_drop_clicks():
    chunk_s = CHUNK_SAMPLES / SPEECH_RATE_HZ
    probabilities = (
        [0.0] * 5 + [0.4] * 3 + [0.6] + [0.4] * 5 + [0.1] * 4 + [0.9] * 4 + [0.0] * 20 + [0.9] * 2 + [0.0] * 9
    )
    segments = segments_of(np.array(probabilities, np.float32))
    # 0.4 does not begin speech but keeps it; the pause of four chunks is bridged; the last two chunks are a click.
    assert segments == [(pytest.approx(8 * chunk_s), pytest.approx(22 * chunk_s))]
    assert segments_of(np.zeros(0, np.float32)) == []


def test_the_detector_says_what_the_microphone_hears(voice):
    samples, rate_hz = voice
    detector = SpeechDetector()
    assert detector.level().level_dbfs == -90.0
    assert not detector.level().speech
    levels = {}
    for block in blocks_of(samples, rate_hz, np.random.default_rng(4)):
        levels[(block.first_sample + len(block.samples)) / rate_hz] = detector.feed(block)
    (start_s, end_s), *_ = speech_segments(samples, rate_hz)
    assert not any(level.speech for at_s, level in levels.items() if at_s < start_s)
    assert all(level.speech for at_s, level in levels.items() if start_s + 0.15 < at_s < end_s)
    assert not any(level.speech for at_s, level in levels.items() if at_s > end_s + 0.6)
    assert not any(level.clipped for level in levels.values())


def test_level_is_that_of_the_last_tenth_of_a_second():
    rate_hz, detector = 16_000, SpeechDetector()
    sound = np.concatenate([tone(1000, rate_hz, 1.0, 0.5), tone(1000, rate_hz, 0.1, 0.05)])
    for start in range(0, len(sound), 160):
        detector.feed(AudioBlock(start, 0, rate_hz, sound[start : start + 160].copy()))
    assert detector.level().level_dbfs == pytest.approx(20 * np.log10(0.05 / np.sqrt(2)), abs=0.1)


def test_clipping_is_shown_for_a_second():
    rate_hz, detector = 16_000, SpeechDetector()

    def feed(start: int, peak: float) -> bool:
        samples = np.zeros(1600, np.float32)
        samples[800] = peak
        return detector.feed(AudioBlock(start, 0, rate_hz, samples)).clipped

    assert not feed(0, 0.99)
    assert feed(1600, -1.0)
    assert all(feed(1600 * number, 0.0) for number in range(2, 11))
    assert not feed(1600 * 11, 0.0)


def test_after_a_gap_or_at_another_rate_it_listens_afresh(voice):
    samples, rate_hz = voice
    spoken = samples[rate_hz : rate_hz * 2]
    detector = SpeechDetector()
    assert detector.feed(AudioBlock(0, 0, rate_hz, spoken.copy())).speech
    assert detector.feed(AudioBlock(10 * rate_hz, 0, rate_hz, spoken.copy())).speech  # sound was lost before it
    other = resampled(spoken, rate_hz)
    assert detector.feed(AudioBlock(11 * rate_hz, 0, SPEECH_RATE_HZ, other.copy())).speech
    silence = np.zeros(SPEECH_RATE_HZ, np.float32)
    assert not detector.feed(AudioBlock(11 * rate_hz + len(other), 0, SPEECH_RATE_HZ, silence)).speech
