"""How well narration and image agree: once a second, by the two encoders that learned from how sonographers talk.

What is said is compared with what was on screen then, and with what was on screen at other times of the last minutes.
0.5 is chance, 1 fits this moment better than any other. It is a hint for teaching, no judgement: on the software
scanner speech finds its image at R@10 0.10 where chance has 0.02 (docs/results.md).

``hear`` is called on the sound thread, ``agreement`` on a thread of its own; both for a moment only.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from typing import Final, Protocol

import numpy as np

from assistant.contracts import AudioBlock, Float32Array, Frame
from assistant.model_contracts import ModelBundle
from assistant.preprocess import Preprocessor
from assistant.speech import HOP_SAMPLES, SPEECH_BEGINS, SPEECH_RATE_HZ, WINDOW_SAMPLES, log_mel, speech_probabilities

PERIOD_S: Final = 1.0
_LEAST_SPEECH = 0.3
"""Share of the window that must be speech; as training asks (``data.min_speech``)."""
_REMEMBERED: Final = 180
_APART_NS: Final = 5_000_000_000
_FEWEST_OTHERS: Final = 10
_SMOOTHED: Final = 5


class Encoder(Protocol):
    """Entry-point group ``sonocue.encoders``: a function ``open(file) -> Encoder``.

    Attributes:
        shape: of the input; None where it is free.
    """

    @property
    def shape(self) -> tuple[int | None, ...]: ...

    def __call__(self, batch: Float32Array) -> Float32Array:
        """Embeddings ``(N, D)`` float32 of ``batch``. Raises ``BackendError``."""
        ...


class NarrationAgreement:
    """Remembers the last minutes of a run.

    Args:
        bundle: owns the preprocessing.
        video: ``(N, 1, H, W)`` float32 images to ``(N, D)`` unit vectors.
        speech: ``(N, 64, m)`` float32 log-mel to ``(N, D)`` unit vectors.
        sector_crop: see ``DeviceInfo``; None: the model's own crop.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        video: Encoder,
        speech: Encoder,
        sector_crop: tuple[float, float, float, float] | None = None,
    ) -> None:
        spec = bundle.preprocessing
        self._preprocess = Preprocessor(spec if sector_crop is None else replace(spec, crop=sector_crop))
        self._video, self._speech = video, speech
        self._columns = speech.shape[-1] or 300
        samples = (self._columns - 1) * HOP_SAMPLES + WINDOW_SAMPLES
        self._window_s = samples / SPEECH_RATE_HZ
        self._lock = threading.Lock()
        self._heard: deque[AudioBlock] = deque()
        self._heard_s = 0.0
        self._seen: deque[tuple[int, Float32Array]] = deque(maxlen=_REMEMBERED)
        self._recent: deque[float] = deque(maxlen=_SMOOTHED)

    def hear(self, block: AudioBlock) -> None:
        """Take the next block of sound; a gap before it, or another rate, begins anew."""
        with self._lock:
            last = self._heard[-1] if self._heard else None
            if last is not None and (
                last.sample_rate_hz != block.sample_rate_hz
                or last.first_sample + len(last.samples) != block.first_sample
            ):
                self._heard.clear()
                self._heard_s = 0.0
            self._heard.append(block)
            self._heard_s += len(block.samples) / block.sample_rate_hz
            while self._heard_s - len(self._heard[0].samples) / block.sample_rate_hz >= self._window_s + 0.1:
                gone = self._heard.popleft()
                self._heard_s -= len(gone.samples) / gone.sample_rate_hz

    def agreement(self, frame: Frame) -> float | None:
        """How well the last seconds of speech fit their image, in [0, 1], averaged over five; None while nobody speaks.

        Args:
            frame: the newest image; it is remembered.

        Raises:
            BackendError: an encoder failed.
        """
        self._seen.append((frame.captured_ns, self._video(self._preprocess(frame.pixels))[0]))
        spoken = self._spoken()
        if spoken is None:
            self._recent.clear()
            return None
        said_ns, mel = spoken
        z_s = self._speech(mel[None])[0]
        times_ns = np.array([time_ns for time_ns, _ in self._seen])
        cosines = np.array([float(z_v @ z_s) for _, z_v in self._seen])
        others = cosines[np.abs(times_ns - said_ns) >= _APART_NS]
        if len(others) < _FEWEST_OTHERS:
            return None
        then = cosines[int(np.abs(times_ns - said_ns).argmin())]
        self._recent.append(float((others < then).mean() + (others == then).mean() / 2))
        return float(np.mean(self._recent))

    def _spoken(self) -> tuple[int, Float32Array] | None:
        """The middle of the last window of sound on the run's clock, and its log-mel; None when it is not speech."""
        with self._lock:
            if self._heard_s < self._window_s:
                return None
            rate_hz = self._heard[-1].sample_rate_hz
            ends_ns = self._heard[-1].captured_ns + self._heard[-1].duration_ns
            sound = np.concatenate([block.samples for block in self._heard])
        sound = sound[-round((self._window_s + 0.05) * rate_hz) :]
        _, probability = speech_probabilities(sound, rate_hz)
        if (probability >= SPEECH_BEGINS).mean() < _LEAST_SPEECH:
            return None
        mel = log_mel(sound, rate_hz)
        if mel.shape[1] < self._columns:
            return None
        return ends_ns - round(self._window_s * 5e8), mel[:, -self._columns :]
