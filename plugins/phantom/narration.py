"""Narration: what the sonographer says and when, spoken by espeak-ng. Mostly it fits the image, sometimes it does not.

Planned an utterance at a time from the seed and the probe's path. espeak-ng runs as a short process for each phrase;
the sound of a phrase is kept. Runs on the thread that asks for sound or for the truth about it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from assistant.contracts import Float32Array
from assistant.errors import SourceError
from plugins.phantom.phrases import PLANE_TALK, SMALL_TALK
from plugins.phantom.probe_path import ProbePath
from plugins.phantom.settings import Population, ScanSettings

SAMPLE_RATE_HZ = 16_000
BLOCK_SAMPLES = 320
_WAV_HEADER_BYTES = 44
_SPEECH_RMS = 0.08
_NOISE_RMS = 0.002
_VOICES = ("en-gb", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029")
_VARIANTS = ("", "+f2", "+f3", "+f4", "+m3", "+m4", "+m7")


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker: an espeak-ng voice with its speed (words a minute) and pitch (0-99)."""

    name: str
    speed: int
    pitch: int


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """Something said.

    Attributes:
        start_sample, samples: when, in samples since the scan began, and its sound, ``(N,)`` float32.
        words: what.
        relevant: it is about what is on screen or is being sought.
        plane: the plane it talks about, or None.
    """

    start_sample: int
    samples: Float32Array
    words: str
    relevant: bool
    plane: str | None

    @property
    def end_sample(self) -> int:
        return self.start_sample + len(self.samples)


def require_espeak() -> None:
    """Raises ``SourceError`` when the speech synthesiser is missing."""
    if shutil.which("espeak-ng") is None:
        raise SourceError(
            "the software scanner's narration needs espeak-ng, which is not installed: apt-get install espeak-ng"
        )


def choose_voice(rng: np.random.Generator, population: Population) -> Voice:
    """A speaker for an examination."""
    del population
    name = f"{rng.choice(_VOICES)}{rng.choice(_VARIANTS)}"
    return Voice(name, int(rng.integers(140, 190)), int(rng.integers(35, 65)))


@lru_cache(maxsize=512)
def speak(words: str, voice: Voice) -> Float32Array:
    """Words as sound, ``(N,)`` float32 at 16 kHz, without silence before and after.

    Raises:
        SourceError: espeak-ng is missing or fails.
    """
    require_espeak()
    command = ["espeak-ng", "-v", voice.name, "-s", str(voice.speed), "-p", str(voice.pitch), "--stdout", words]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30, stdin=subprocess.DEVNULL)
    if done.returncode != 0 or len(done.stdout) <= _WAV_HEADER_BYTES:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["no sound"])[-1]
        raise SourceError(f"espeak-ng could not speak with voice '{voice.name}': {reason}; is its data installed?")
    pcm = np.frombuffer(done.stdout[_WAV_HEADER_BYTES:], "<i2").astype(np.float32) / 32768.0
    sound = _resampled(pcm)
    loud = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    sound = sound[loud[0] : loud[-1] + 1]
    gain = _SPEECH_RMS / np.sqrt(np.mean(np.square(sound)))
    sound = np.asarray(np.clip(sound * gain, -1.0, 1.0), np.float32)
    sound.flags.writeable = False
    return sound


def _resampled(pcm: Float32Array) -> Float32Array:
    """From 22050 to 16000 Hz (441 to 320), by leaving out the upper part of the spectrum."""
    padded = np.pad(pcm, (0, -len(pcm) % 441))
    length = len(padded) // 441 * 320
    return np.asarray(np.fft.irfft(np.fft.rfft(padded)[: length // 2 + 1], length) * (320 / 441), np.float32)


class Narration:
    """The speech of one examination. Plans ahead as it is asked; not thread-safe."""

    def __init__(self, path: ProbePath, settings: ScanSettings) -> None:
        self._path = path
        self._seed = settings.seed
        self._share = settings.relevant_share
        self._rng = np.random.default_rng([settings.seed, 3])
        self._voice = choose_voice(self._rng, settings.population)
        self._recent: list[str] = []

    def utterances(self) -> Iterator[Utterance]:
        """All utterances in order, none overlapping another, without an end."""
        time_s = float(self._rng.uniform(0.3, 1.5))
        while True:
            visit = self._path.visit_at(time_s)
            if time_s > visit.dwell_end_s - 0.4:  # nothing is begun while the probe leaves
                time_s = visit.end_s + float(self._rng.uniform(0.1, 0.6))
                continue
            words, relevant, plane = self._choose(time_s)
            said = Utterance(round(time_s * SAMPLE_RATE_HZ), speak(words, self._voice), words, relevant, plane)
            yield said
            pause_s = self._rng.uniform(0.4, 1.6) if self._rng.random() < 0.8 else self._rng.uniform(2.0, 4.0)
            time_s = said.end_sample / SAMPLE_RATE_HZ + float(pause_s)

    def _choose(self, time_s: float) -> tuple[str, bool, str | None]:
        visit = self._path.visit_at(time_s)
        name = visit.plane.name
        if self._rng.random() < self._share:
            seeking = time_s < visit.dwell_start_s - 0.8
            talk = PLANE_TALK[name]
            return self._pick(talk.seek if seeking else talk.see), True, name
        if self._rng.random() < 0.6:
            return self._pick(SMALL_TALK), False, None
        others = [other for other in PLANE_TALK if other != name]  # too early or too late
        other = str(self._rng.choice(others))
        return self._pick(PLANE_TALK[other].see), False, other

    def _pick(self, phrases: tuple[str, ...]) -> str:
        fresh = [phrase for phrase in phrases if phrase not in self._recent] or list(phrases)
        phrase = str(self._rng.choice(fresh))
        self._recent = [*self._recent[-5:], phrase]
        return phrase

    def blocks(self) -> Iterator[Float32Array]:
        """The sound track in blocks of ``BLOCK_SAMPLES``, speech over a faint noise, without an end."""
        rng = np.random.default_rng([self._seed, 6])
        utterances = self.utterances()
        said = next(utterances)
        start = 0
        while True:
            block = (_NOISE_RMS * rng.standard_normal(BLOCK_SAMPLES)).astype(np.float32)
            while said.start_sample < start + BLOCK_SAMPLES:
                first, stop = max(said.start_sample, start), min(said.end_sample, start + BLOCK_SAMPLES)
                block[first - start : stop - start] += said.samples[
                    first - said.start_sample : stop - said.start_sample
                ]
                if said.end_sample > start + BLOCK_SAMPLES:
                    break
                said = next(utterances)
            yield np.clip(block, -1.0, 1.0)
            start += BLOCK_SAMPLES
