"""Narration against the image: real speech, encoders that know two words and two images, and their absence."""

import shutil
import subprocess

import numpy as np
import pytest
from scipy.io import wavfile

from assistant.contracts import AudioBlock, Frame
from assistant.narration import NarrationAgreement
from assistant.speech import log_mel, resampled

RATE_HZ = 16_000
WORDS = {"femur": "the femur, the femur, the femur", "stomach": "a stomach, a stomach, a stomach"}
S = 1_000_000_000


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """``(N,)`` samples of each word, over and over, six seconds."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    found = {}
    for word, text in WORDS.items():
        file = tmp_path_factory.mktemp("words") / f"{word}.wav"
        subprocess.run(["espeak-ng", "-s", "150", "-w", str(file), text], check=True, timeout=30)
        rate_hz, samples = wavfile.read(file)
        found[word] = np.resize(resampled(samples / np.float32(32768), rate_hz), 6 * RATE_HZ).astype(np.float32)
    return found


class ByWord:
    """The word whose mean spectrum is nearest, as a unit vector."""

    shape = (None, 64, 198)

    def __init__(self, spoken):
        self.means = [log_mel(samples, RATE_HZ).mean(axis=1) for samples in spoken.values()]

    def __call__(self, mel):
        distances = [np.abs(mel[0].mean(axis=1) - mean).mean() for mean in self.means]
        return np.eye(2, dtype=np.float32)[[int(np.argmin(distances))]]


class ByBrightness:
    """A dark image is a femur, a bright one a stomach."""

    shape = (None, 1, 32, 40)

    def __call__(self, image):
        return np.eye(2, dtype=np.float32)[[int(image.mean() > 0)]]


def scanned(tiny_bundle, spoken, says, seconds=60):
    """What is told each second of a scan that shows femur and stomach in turns of six seconds."""
    told = []
    narration = NarrationAgreement(tiny_bundle, ByBrightness(), ByWord(spoken))
    for second in range(seconds):
        shown = list(WORDS)[second // 6 % 2]
        sound = says(shown, second)
        for part in range(20):
            first = (20 * second + part) * 800
            samples = sound[part * 800 : (part + 1) * 800].copy()
            narration.hear(AudioBlock(first, first * S // RATE_HZ, RATE_HZ, samples))
        grey = 220 if shown == "stomach" else 20
        told.append(narration.agreement(Frame(second, (second + 1) * S, np.full((60, 80), grey, np.uint8))))
    return told


def part_of(samples, second):
    return samples[second % 6 * RATE_HZ : (second % 6 + 1) * RATE_HZ]


def test_what_fits_the_image_is_told_from_what_does_not(tiny_bundle, spoken):
    other = dict(zip(WORDS, reversed(WORDS), strict=True))
    fitting = scanned(tiny_bundle, spoken, lambda shown, s: part_of(spoken[shown], s))
    wrong = scanned(tiny_bundle, spoken, lambda shown, s: part_of(spoken[other[shown]], s))
    known = [(a, b) for a, b in zip(fitting, wrong, strict=True) if a is not None and b is not None]
    assert len(known) > 30
    assert fitting[:10] == [None] * 10, "with nothing to compare with, nothing is said"
    assert np.mean([a for a, _ in known]) > 0.65
    assert np.mean([b for _, b in known]) < 0.4
    assert all(0 <= value <= 1 for pair in known for value in pair)


def test_of_silence_and_noise_nothing_is_said(tiny_bundle, spoken):
    noise = np.random.default_rng(0).normal(0, 0.01, RATE_HZ).astype(np.float32)
    assert set(scanned(tiny_bundle, spoken, lambda shown, s: noise, seconds=20)) == {None}


def test_a_gap_in_the_sound_is_not_bridged(tiny_bundle, spoken):
    narration = NarrationAgreement(tiny_bundle, ByBrightness(), ByWord(spoken))
    told = []
    for second in range(30):
        first = (second + 5 * (second == 29)) * RATE_HZ
        narration.hear(AudioBlock(first, second * S, RATE_HZ, part_of(spoken["femur"], second).copy()))
        told.append(narration.agreement(Frame(second, (second + 1) * S, np.full((60, 80), 20, np.uint8))))
    assert told[27:] == [0.5, 0.5, None]
