"""Narration: what the sonographer says and when, spoken by espeak-ng. Mostly it fits the image, sometimes it does not.

Planned an utterance at a time from the seed and the probe's path. espeak-ng runs as a short process for each phrase;
the sound of a phrase is kept. Runs on the thread that asks for sound or for the truth about it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from assistant.contracts import Float32Array
from assistant.errors import SourceError
from plugins.phantom.geometry import Float64Array
from plugins.phantom.phrases import PLANE_TALK, SMALL_TALK
from plugins.phantom.planes import StandardPlane
from plugins.phantom.probe_path import ProbePath
from plugins.phantom.settings import Population, ScanSettings

SAMPLE_RATE_HZ = 16_000
BLOCK_SAMPLES = 320
_WAV_HEADER_BYTES = 44
_SPEECH_RMS = 0.08
_LOUDNESS_DB = 6.0
"""Utterances differ by up to this either way; were all equally loud, a phrase's level would be its mark."""
_NOISE_RMS = (0.0008, 0.004)
_HUM_HZ = 50.0
_BEEP_SHARE = 0.5
"""Of machines beep when the image freezes."""
_BEEP_HZ, _BEEP_S, _BEEP_LEVEL = 1200.0, 0.08, 0.05
# "en" is British English: espeak-ng knows it by "en-gb" too, but then leaves out the timbre without a word.
_ACCENTS: Mapping[Population, tuple[str, ...]] = {
    "usual": ("en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-029"),
    "unseen": ("en-gb-x-gbclan", "en-gb-x-gbcwmd"),
}
_TIMBRES: Mapping[Population, tuple[str, ...]] = {
    "usual": ("", "+f2", "+f3", "+m3", "+m7"),
    "unseen": ("+f4", "+f5", "+m4", "+m2"),
}
_WORDS_A_MINUTE: Mapping[Population, tuple[int, int]] = {"usual": (145, 190), "unseen": (120, 140)}

Kind = Literal["seek", "see", "measure", "instruct", "unrelated", "early", "late"]
"""``early`` and ``late`` speak of a plane that is not sought yet, or no more."""


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
        kind: see ``Kind``.
        plane: the plane it talks about, or None.
        structure: the landmark that it names, or None.
    """

    start_sample: int
    samples: Float32Array
    words: str
    kind: Kind
    plane: str | None
    structure: str | None

    @property
    def relevant(self) -> bool:
        """It is about what is on screen or is being sought."""
        return self.kind in ("seek", "see", "measure", "instruct")

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
    """A speaker for an examination; the two populations share neither accent, timbre nor speed."""
    name = f"{rng.choice(_ACCENTS[population])}{rng.choice(_TIMBRES[population])}"
    return Voice(name, int(rng.integers(*_WORDS_A_MINUTE[population])), int(rng.integers(35, 65)))


@lru_cache(maxsize=64)
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


_SEEING: tuple[Kind, ...] = ("see", "measure", "instruct")


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
            kind, plane = self._choose(time_s)
            words = self._phrase(kind, plane)
            loudness = np.float32(10.0 ** (self._rng.uniform(-_LOUDNESS_DB, _LOUDNESS_DB) / 20.0))
            sound = np.clip(loudness * speak(words, self._voice), -1.0, 1.0)
            named = _named_structure(words, plane)
            name = None if plane is None else plane.name
            said = Utterance(round(time_s * SAMPLE_RATE_HZ), sound, words, kind, name, named)
            yield said
            pause_s = self._rng.uniform(0.4, 1.6) if self._rng.random() < 0.8 else self._rng.uniform(2.0, 4.0)
            time_s = said.end_sample / SAMPLE_RATE_HZ + float(pause_s)

    def _choose(self, time_s: float) -> tuple[Kind, StandardPlane | None]:
        """What kind of utterance begins now, and about which plane."""
        rng, number = self._rng, self._path.visit_number(time_s)
        visit = self._path.visit(number)
        if rng.random() < self._share:
            if time_s < visit.dwell_start_s - 0.8:
                return ("seek" if rng.random() < 0.7 else "instruct"), visit.plane
            return _SEEING[int(rng.choice(len(_SEEING), p=(0.5, 0.25, 0.25)))], visit.plane
        if rng.random() < 0.6:
            return "unrelated", None
        early = number == 0 or rng.random() < 0.5
        other = self._path.visit(number + 1 if early else number - 1).plane
        if other is visit.plane:
            return "unrelated", None
        return ("early" if early else "late"), other

    def _phrase(self, kind: Kind, plane: StandardPlane | None) -> str:
        if plane is None:
            return self._pick(SMALL_TALK)
        talk = PLANE_TALK[plane.name]
        if kind == "seek":
            return self._pick(talk.seek)
        if kind in ("measure", "instruct"):
            return self._pick(talk.filled(kind))
        return self._pick(talk.see if self._rng.random() < 0.5 else talk.filled("see"))

    def _pick(self, phrases: tuple[str, ...]) -> str:
        fresh = [phrase for phrase in phrases if phrase not in self._recent] or list(phrases)
        phrase = str(self._rng.choice(fresh))
        self._recent = [*self._recent[-5:], phrase]
        return phrase

    def blocks(self) -> Iterator[Float32Array]:
        """The sound track in blocks of ``BLOCK_SAMPLES``: speech, the room's noise and hum, beeps. Without an end."""
        rng = np.random.default_rng([self._seed, 6])
        noise_rms, hum = rng.uniform(*_NOISE_RMS), rng.uniform(0.0, 0.4)
        beeps = rng.random() < _BEEP_SHARE
        utterances = self.utterances()
        said = next(utterances)
        start = 0
        while True:
            seconds = (start + np.arange(BLOCK_SAMPLES)) / SAMPLE_RATE_HZ
            noise = rng.standard_normal(BLOCK_SAMPLES) + hum * np.sin(2 * np.pi * _HUM_HZ * seconds)
            block = (noise_rms * noise).astype(np.float32)
            if beeps:
                block += self._beep(seconds)
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

    def _beep(self, seconds: Float64Array) -> Float32Array:
        """The machine's beep where the image freezes; which plane it shows has no say in that."""
        since_s = seconds - self._path.visit_at(float(seconds[-1])).freeze_start_s
        tone = _BEEP_LEVEL * np.sin(2 * np.pi * _BEEP_HZ * since_s)
        return np.where((since_s >= 0) & (since_s < _BEEP_S), tone, 0.0).astype(np.float32)


def _named_structure(words: str, plane: StandardPlane | None) -> str | None:
    """The landmark of a plane of which a telling word is spoken; the longest match."""
    if plane is None:
        return None
    spoken = set(words.replace(",", "").split())
    shared = {name: len(spoken & {word for word in name.split() if len(word) > 3}) for name in plane.structures}
    best = max(shared, key=lambda name: shared[name])
    return best if shared[best] else None
